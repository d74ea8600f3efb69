"""Processes killed while a partner has done what it was asked, and has not said so."""

import asyncio
import os
import signal
from collections.abc import Sequence

import pytest

from examples.travel.partner import Mood
from examples.travel.world import World
from sagas.entries import CompensationIntended, Probed
from sagas.testing.history import read_history
from tests.crash.books import Effect, read_books
from tests.crash.stages import Open
from tests.crash.sweep import Stage

pytestmark = pytest.mark.crash

SILENT = Mood(slow=60, drop_next=1)
PATIENCE_SECONDS = 20.0
PACE_SECONDS = 0.2


async def seen(stage: Stage, saga_id: str, service: str, what: str) -> Sequence[Effect]:
    """Wait until a partner has done something for a saga."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            books = await asyncio.to_thread(read_books, stage.world, saga_id)
            found = [effect for effect in books.of(what) if effect.service == service]
            if found:
                return found
            await asyncio.sleep(0.01)


async def killed(stage: Stage, pid: int) -> None:
    """Kill the living child of the first nursery."""
    os.kill(pid, signal.SIGKILL)
    ending = await asyncio.to_thread(stage.nurseries[0].end)
    assert ending.signal == signal.SIGKILL


async def recovered(stage: Stage, saga_id: str) -> None:
    """Let another life go on to the end."""
    ending = await asyncio.to_thread(stage.nurseries[0].run, stage.order(saga_id, life=1))
    assert (ending.code, ending.complaint) == (0, "")
    assert await stage.wrong_in_the_end(saga_id) == []


@pytest.mark.parametrize("partner", ["flights", "hotels", "cars"])
async def test_a_booking_whose_answer_died_with_the_process_is_found_and_not_made_again(
    partner: str, stage: Open, sqlite_url: str, crash_moods: World
) -> None:
    async with stage("forward", sqlite_url) as opened:
        saga_id = opened.name(partner)
        crash_moods.set_mood(partner, SILENT)
        pid = opened.nurseries[0].begin(opened.order(saga_id))
        await seen(opened, saga_id, partner, "book")
        await killed(opened, pid)
        crash_moods.set_mood(partner)
        assert await opened.wrong_now(saga_id) == []
        await recovered(opened, saga_id)
        history = await read_history(opened.reader.store, saga_id)
        assert "found" in {entry.answer for _, entry in history.of(Probed)}


@pytest.mark.parametrize("partner", ["flights", "hotels", "cars"])
async def test_a_cancellation_whose_answer_died_with_the_process_is_made_once(
    partner: str, stage: Open, sqlite_url: str, crash_moods: World
) -> None:
    async with stage("rejected", sqlite_url) as opened:
        saga_id = opened.name(partner)
        order = opened.order(saga_id).model_copy(update={"pace": PACE_SECONDS})
        pid = opened.nurseries[0].begin(order)
        await seen(opened, saga_id, partner, "book")
        crash_moods.set_mood(partner, SILENT)
        await seen(opened, saga_id, partner, "cancel")
        await killed(opened, pid)
        crash_moods.set_mood(partner)
        assert await opened.wrong_now(saga_id) == []
        await recovered(opened, saga_id)
        history = await read_history(opened.reader.store, saga_id)
        attempts = [entry for _, entry in history.of(CompensationIntended) if entry.attempt > 1]
        assert len({entry.path for entry in attempts}) >= 1
