"""A call that begins long after its intent could outlast what the intent says: it is not made."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sagas import Coordinator, NotExecuted, Status, decide
from sagas.ports import FaultPoints
from tests.behaviour.acting import LIMIT, kinds
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, hasty, keyed, keyless, look_up, shop
from tests.behaviour.world import World

SOON = timedelta(seconds=1)


@shop.saga
async def slowly_keyed(order: Order) -> str:
    return await keyed("it")


@shop.saga
async def slowly_keyless(order: Order) -> str:
    return await keyless("it")


@shop.saga
async def slowly_once(order: Order) -> str:
    return await hasty("it")


@shop.saga
async def slowly_read(order: Order) -> str:
    return await look_up("it")


@shop.saga
async def slowly_undone(order: Order) -> str:
    await keyed("it")
    raise NotExecuted("enough")


class SlowJournal(FaultPoints):
    """Takes too long for the first entry of a kind."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.landed = False

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == "before-append" and self._kind in path.split(",") and not self.landed:
            self.landed = True
            await asyncio.sleep(SOON.total_seconds() + 0.1)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "STARTS_WITHIN", SOON)


async def entries(coordinator: Coordinator, kind: str) -> list[Any]:
    from sagas.restoring import entries_of

    rows = (await coordinator.load("s")).rows
    return [entry for _, _, entry in entries_of(rows) if entry.kind == kind]


@pytest.mark.parametrize("saga", [slowly_keyed, slowly_keyless, slowly_once])
async def test_a_call_whose_intent_took_too_long_is_intended_anew(
    house: House, world: World, saga: Any
) -> None:
    slow = SlowJournal("Intended")
    async with house.open(fault_points=slow) as coordinator:
        outcome = await coordinator.run(saga, Order(), id="s", timeout=LIMIT)
        assert (await kinds(coordinator))[1:4] == ["Intended", "Postponed", "Intended"]
        first, second = await entries(coordinator, "Intended")
        assert second.latest_end - first.latest_end >= 1_000_000
        assert [entry.made for entry in await entries(coordinator, "Postponed")] == [False]
    assert slow.landed
    assert outcome.completed
    assert world.count("it") == 1


@pytest.mark.usefixtures("on_both")
async def test_an_undo_whose_intent_took_too_long_is_intended_anew(
    house: House, world: World
) -> None:
    slow = SlowJournal("CompensationIntended")
    async with house.open(fault_points=slow) as coordinator:
        outcome = await coordinator.run(slowly_undone, Order(), id="s", timeout=LIMIT)
        assert len(await entries(coordinator, "CompensationIntended")) == 2
    assert slow.landed
    assert outcome.status is Status.COMPENSATED
    assert world.count("undo-it") == 1


async def test_what_only_reads_may_begin_late(house: House, world: World) -> None:
    slow = SlowJournal("Intended")
    async with house.open(fault_points=slow) as coordinator:
        assert (await coordinator.run(slowly_read, Order(), id="s", timeout=LIMIT)).completed
        assert len(await entries(coordinator, "Intended")) == 1
    assert slow.landed
