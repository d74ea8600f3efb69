"""Ends that are not written, because somebody asks for something at that instant."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from sagas import Coordinator, Outcome, Status
from sagas.entries import GateDecided
from sagas.ports import FaultPoints, Request
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, kinds, only_gate, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, keyed, mail, shop
from tests.behaviour.world import World, refuse


class Overtaken(FaultPoints):
    """Something is asked as a kind of entry is written, and is read before an end is written.

    Args:
        kind: The kind of entry.
        waits: Whether an end waits until it is read.
    """

    def __init__(self, kind: str, *, waits: bool = True) -> None:
        self._kind = kind
        self._waits = waits
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
        if self.asked and self._waits and "Ended" in written:
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


@shop.saga
async def asked_for(order: Order) -> str:
    await keyed("before")
    return await gated("asked")


@pytest.mark.usefixtures("on_both")
async def test_an_approval_that_is_folded_while_its_gate_is_being_closed_is_not_lost_on_the_record(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Overtaken("GateDecided", waits=False)
    async with house.open(fault_points=fault) as coordinator:
        handle = await coordinator.start(asked_for, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        look = coordinator.store.gate

        async def looked_late(gate_id: str) -> Any:
            coordinator._worker._requested(["s"])  # as when the worker next looks
            await until(partial(is_approved, coordinator))
            monkeypatch.setattr(coordinator.store, "gate", look)
            return await look(gate_id)

        async def approve() -> None:
            await coordinator.approve(gate, by="ben")
            monkeypatch.setattr(coordinator.store, "gate", looked_late)

        fault.ask = approve
        await coordinator.cancel("s", reason="no longer wanted")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert fault.asked
        assert await decided(coordinator) == ["approved", "invalidated"]
        assert (await coordinator.store.gates_of("s"))[0].state == "invalidated"
    assert not world.count("asked")


async def decided(coordinator: Coordinator) -> list[str]:
    rows = entries_of((await coordinator.load("s")).rows)
    return [entry.state for _, _, entry in rows if isinstance(entry, GateDecided)]


async def is_approved(coordinator: Coordinator) -> bool:
    return await decided(coordinator) == ["approved"]
