"""Workers that are stopped until others have replaced them, and then go on as if nothing was."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import pytest

from examples.travel.partner import Mood
from examples.travel.world import World
from sagas.entries import Ended, FoundInDoubt
from sagas.journal import migrate
from sagas.testing.history import read_history
from tests.crash.orders import Blow, Ending, Order
from tests.crash.stages import SEED, SOAK, SOAK_SECONDS, Count, Open, trials
from tests.crash.stopping import asleep_at_a_boundary, stopped
from tests.crash.sweep import Stage
from tests.crash.test_killed_from_outside import seen

pytestmark = pytest.mark.crash

LEASE_SECONDS = 0.5
LONG_AGO_SECONDS = 0.8
"""By then a stopped worker's lease is over."""

PACE_SECONDS = 0.15
"""Four calls, one after the other, keep a worker alive until it is stopped."""

BOUNDARIES = [
    "before-append Started 1",
    "before-append Intended 1",
    "before-append Succeeded 3",
    "before-append GateConsumed 1",
    "after-append GateConsumed 1",
    "before-append Ended 1",
]
"""Where a worker relies on a lease that it may have lost; after the fifth it would send the mail."""

LEAK = 2
"""As many calls as a trip ever makes at a time: what had passed the check of the lease before."""


def order(stage: Stage, saga_id: str, *, pace: float = 0.0) -> Order:
    changes = {"lease": LEASE_SECONDS, "pace": pace}
    return stage.order(saga_id).model_copy(update=changes)


@dataclass(slots=True)
class Sleep:
    """How long a process was stopped.

    Attributes:
        until: When it was let go on, in seconds of the monotonic clock.
    """

    until: float = 0.0


@asynccontextmanager
async def declared_dead(stage: Stage, pid: int) -> AsyncGenerator[Sleep]:
    """Stop a process until the block ends, which begins when its lease is over."""
    sleep = Sleep()
    async with stopped(pid, stage.url):
        await asyncio.sleep(LONG_AGO_SECONDS)
        yield sleep
        sleep.until = time.monotonic()


async def ended(stage: Stage, nursery: int) -> Ending:
    ending = await asyncio.to_thread(stage.nurseries[nursery].end)
    assert ending.code == 0, ending.said
    return ending


def leaked(zombie: Ending, sleep: Sleep, *, pace: float = 0.0) -> int:
    """How many calls a zombie began after it was replaced; no more than were on their way."""
    leak = zombie.calls_since(sleep.until - pace)
    assert leak <= LEAK, zombie.reached
    return leak


def was_replaced(zombie: Ending) -> bool:
    return "was declared dead" in zombie.said


async def waking_when_all_is_over(stage: Stage, world: World) -> None:
    """Stop a worker in a call; have another bring the saga to its end; let the first go on."""
    saga_id = stage.name("over")
    world.set_mood("hotels", Mood(slow=1))
    pid = stage.nurseries[0].begin(order(stage, saga_id))
    await seen(stage, saga_id, "hotels", "book")
    async with declared_dead(stage, pid) as sleep:
        world.set_mood("hotels")
        stage.nurseries[1].begin(order(stage, saga_id))
        await ended(stage, 1)
        before = await read_history(stage.reader.store, saga_id)
    zombie = await ended(stage, 0)
    after = await read_history(stage.reader.store, saga_id)
    assert was_replaced(zombie)
    leaked(zombie, sleep)
    assert after.rows == before.rows
    assert await stage.wrong_in_the_end(saga_id) == []


async def waking_beside_the_heir(stage: Stage, world: World) -> None:
    """Stop a worker in a call; when another has taken the saga over, let both go on."""
    saga_id = stage.name("beside")
    world.set_mood("hotels", Mood(slow=1))
    pid = stage.nurseries[0].begin(order(stage, saga_id))
    await seen(stage, saga_id, "hotels", "book")
    async with declared_dead(stage, pid):
        world.set_mood("hotels")
        stage.nurseries[1].begin(order(stage, saga_id, pace=0.2))
        await taken_over(stage, saga_id)
    zombie, _ = await ended(stage, 0), await ended(stage, 1)
    assert was_replaced(zombie)
    assert await stage.wrong_in_the_end(saga_id) == []


async def taken_over(stage: Stage, saga_id: str) -> None:
    """Wait until the heir has found the doubt that its predecessor left."""
    async with asyncio.timeout(20):
        while True:
            history = await read_history(stage.reader.store, saga_id)
            if any(history.of(FoundInDoubt)):
                return
            await asyncio.sleep(0.01)


async def waking_at(stage: Stage, boundary: str, number: int) -> None:
    """Stop a worker at a boundary; have another bring the saga to its end; let the first go on."""
    saga_id = stage.name(f"{boundary.replace(' ', '-')}-{number}")
    leave = stage.world / f"{saga_id}may-go-on"
    changes = {"kill_at": boundary, "blow": Blow.STOP, "leave": str(leave)}
    pid = stage.nurseries[0].begin(order(stage, saga_id).model_copy(update=changes))
    async with asleep_at_a_boundary(pid, stage.url, leave):
        await asyncio.sleep(LONG_AGO_SECONDS)
        stage.nurseries[1].begin(order(stage, saga_id))
        await ended(stage, 1)
        before = await read_history(stage.reader.store, saga_id)
        sleep = Sleep(time.monotonic())
    leaked(await ended(stage, 0), sleep)
    after = await read_history(stage.reader.store, saga_id)
    assert after.rows == before.rows
    assert await stage.wrong_in_the_end(saga_id) == []


async def stopped_at_random(stage: Stage, count: Count, where: str) -> int:
    """Stop workers at random moments, and wake them at random moments; how many were replaced.

    Nothing here is asked whether it is absent, since such an answer counts only when the stopped
    call's time is up; and no mail is sent, which a worker that wakes in the middle of it sends.
    """
    chance, replaced = Random(SEED), 0  # noqa: S311  seeded, to be had again
    for number in trials(3, 200):
        saga_id = stage.name(number)
        pid = stage.nurseries[0].begin(order(stage, saga_id, pace=PACE_SECONDS))
        await more_than(stage, saga_id, 1)
        await asyncio.sleep(chance.uniform(0.0, 2 * PACE_SECONDS))
        async with declared_dead(stage, pid) as sleep:
            begun = await more_than(stage, saga_id, 1)
            stage.nurseries[1].begin(order(stage, saga_id, pace=PACE_SECONDS))
            if number % 2:
                await asyncio.sleep(chance.uniform(0.0, 0.6))
            else:
                await more_than(stage, saga_id, begun)
        zombie, _ = await ended(stage, 0), await ended(stage, 1)
        count(f"zombies on {where}", 1)
        if was_replaced(zombie):
            replaced += 1
            count(f"calls begun by replaced zombies on {where}", leaked_at(zombie, sleep))
        assert await stage.wrong_in_the_end(saga_id) == [], f"trial {number}, seed {SEED}"
    return replaced


async def more_than(stage: Stage, saga_id: str, entries: int) -> int:
    """Wait until a saga has more entries than so many, or has ended; how many it has then."""
    async with asyncio.timeout(60):
        while True:
            history = await read_history(stage.reader.store, saga_id)
            if len(history.rows) > entries or any(history.of(Ended)):
                return len(history.rows)
            await asyncio.sleep(0.01)


def leaked_at(zombie: Ending, sleep: Sleep) -> int:
    """The leak of a zombie that began each call some time after it was told of it."""
    return leaked(zombie, sleep, pace=PACE_SECONDS)


@pytest.mark.parametrize("boundary", BOUNDARIES)
async def test_on_sqlite_a_worker_that_wakes_too_late_neither_writes_nor_sends(
    boundary: str, stage: Open, sqlite_url: str, count: Count
) -> None:
    async with stage("forward", sqlite_url) as opened:
        for number in trials(1, 20):
            await waking_at(opened, boundary, number)
            count("zombies at chosen points", 1)


@pytest.mark.parametrize("boundary", BOUNDARIES if SOAK else BOUNDARIES[2:5])
async def test_on_postgres_a_worker_that_wakes_too_late_neither_writes_nor_sends(
    boundary: str, stage: Open, postgres_url: str, count: Count
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage("forward", postgres_url) as opened:
        for number in trials(1, 20):
            await waking_at(opened, boundary, number)
            count("zombies at chosen points", 1)


async def test_on_sqlite_a_worker_that_wakes_when_all_is_over_writes_nothing(
    stage: Open, sqlite_url: str, crash_moods: World
) -> None:
    async with stage("forward", sqlite_url) as opened:
        await waking_when_all_is_over(opened, crash_moods)


async def test_on_postgres_a_worker_that_wakes_when_all_is_over_writes_nothing(
    stage: Open, postgres_url: str, crash_moods: World
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage("forward", postgres_url) as opened:
        await waking_when_all_is_over(opened, crash_moods)


async def test_on_sqlite_a_worker_that_wakes_beside_its_heir_does_no_harm(
    stage: Open, sqlite_url: str, crash_moods: World
) -> None:
    async with stage("forward", sqlite_url) as opened:
        await waking_beside_the_heir(opened, crash_moods)


async def test_on_postgres_a_worker_that_wakes_beside_its_heir_does_no_harm(
    stage: Open, postgres_url: str, crash_moods: World
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage("forward", postgres_url) as opened:
        await waking_beside_the_heir(opened, crash_moods)


@pytest.mark.timeout(SOAK_SECONDS if SOAK else 120)
async def test_on_sqlite_workers_that_are_stopped_at_random_do_no_harm(
    stage: Open, sqlite_url: str, count: Count
) -> None:
    async with stage("rejected", sqlite_url) as opened:
        replaced = await stopped_at_random(opened, count, "SQLite")
    assert replaced > 0


@pytest.mark.timeout(SOAK_SECONDS if SOAK else 120)
async def test_on_postgres_workers_that_are_stopped_at_random_do_no_harm(
    stage: Open, postgres_url: str, count: Count
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage("rejected", postgres_url) as opened:
        replaced = await stopped_at_random(opened, count, "PostgreSQL")
    assert replaced > 0
