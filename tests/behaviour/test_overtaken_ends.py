"""Ends that are not written, because somebody asks for something at that instant."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from sagas import Coordinator, Outcome, Status
from sagas.ports import FaultPoints, Request
from tests.behaviour.acting import LIMIT, kinds, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, keyed, mail, shop
from tests.behaviour.world import World, refuse


class Overtaken(FaultPoints):
    """Something is asked as a kind of entry is written, and is read before an end is written.

    Args:
        kind: The kind of entry.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._read = asyncio.Event()
        self.asked = False
        self.ask: Callable[[], Awaitable[Any]] | None = None

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        written = path.split(",")
        if point != "before-append":
            return
        if self.ask is not None and self._kind in written:
            ask, self.ask, self.asked = self.ask, None, True
            await ask()
        if self.asked and "Ended" in written:
            await asyncio.wait_for(self._read.wait(), LIMIT)

    def watch(self, coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
        """Notice when what was asked is read."""
        requests = coordinator.store.requests

        async def watched(saga_id: str) -> tuple[int, list[Request]]:
            control, found = await requests(saga_id)
            if self.asked and found:
                self._read.set()
            return control, found

        monkeypatch.setattr(coordinator.store, "requests", watched)


async def stuck(coordinator: Coordinator, saga: Any) -> tuple[str, Callable[[], Any]]:
    """A saga that asks a person: the question's id, and what waits for the saga's outcome."""
    handle = await coordinator.start(saga, Order(), id="s")
    outcome: Outcome[Any] = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.STUCK
    return (await only_question(coordinator)).id, partial(handle.outcome, timeout=LIMIT)


@shop.saga
async def defective(order: Order) -> str:
    raise TypeError("a mistake")


@pytest.mark.usefixtures("on_both")
async def test_a_cancelled_saga_ends_although_a_question_is_answered_that_was_being_closed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Overtaken("UnwindBegan")
    async with house.open(fault_points=fault) as coordinator:
        fault.watch(coordinator, monkeypatch)
        question, outcome = await stuck(coordinator, defective)
        fault.ask = partial(coordinator.resolve, question, "resume", reason="I looked")
        await coordinator.cancel("s", reason="no longer wanted")
        assert (await outcome()).status is Status.COMPENSATED
        assert fault.asked
        assert (await kinds(coordinator)).count("Ended") == 1


@shop.saga
async def sent_too_soon(order: Order) -> str:
    await mail("pivot")
    return await keyed("after")


@pytest.mark.usefixtures("on_both")
async def test_a_saga_that_is_left_as_it_is_ends_although_it_is_cancelled_at_that_instant(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plan("after", refuse)
    fault = Overtaken("Ended")
    async with house.open(fault_points=fault) as coordinator:
        fault.watch(coordinator, monkeypatch)
        question, outcome = await stuck(coordinator, sent_too_soon)
        fault.ask = partial(coordinator.cancel, "s", reason="no longer wanted")
        await coordinator.resolve(question, "keep", reason="so be it")
        assert (await outcome()).status is Status.RESIDUAL
        assert fault.asked
        assert (await kinds(coordinator)).count("Ended") == 1
