"""What lets a call through has to hold when the intent is written, however slow the journal is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from sagas import Coordinator, NotExecuted, decide
from sagas.model import Direction
from sagas.ports import FaultPoints
from tests.behaviour.acting import LIMIT, kinds, states
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, costly, gated, shop
from tests.behaviour.test_rules import bought, buying, given
from tests.behaviour.world import World

SOON = timedelta(milliseconds=200)
LAPSING = timedelta(hours=3)


@shop.saga
async def lately_asking(order: Order) -> str:
    return await gated("it")


@shop.saga
async def lately_undone(order: Order) -> str:
    await costly("it")
    raise NotExecuted("enough")


class Outage(FaultPoints):
    """The journal is away while the use of an approval is written; then something has changed."""

    def __init__(
        self, point: str, meanwhile: Callable[[], Awaitable[None]], lasts: timedelta
    ) -> None:
        self._point = point
        self._meanwhile = meanwhile
        self._lasts = lasts
        self.landed = False

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == self._point and "GateConsumed" in path.split(",") and not self.landed:
            self.landed = True
            await self._meanwhile()
            await asyncio.sleep(self._lasts.total_seconds())


def passing(house: House, time: timedelta) -> Callable[[], Awaitable[None]]:
    """Nothing but time goes by."""

    async def pass_() -> None:
        house.clock.forward(time)

    return pass_


async def approved(coordinator: Coordinator) -> str:
    """The one gate that is open, approved."""
    [gate] = await coordinator.store.waiting_gates()
    await coordinator.approve(gate.id, by="ben")
    return gate.id


@pytest.mark.usefixtures("on_both")
async def test_an_approval_that_lapses_before_its_use_is_written_is_not_used(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(lately_asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await approved(coordinator)
    outage = Outage("before-append", passing(house, LAPSING), timedelta())
    async with house.open(fault_points=outage) as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        assert outage.landed
        assert await states(coordinator) == ["lapsed", "pending"]
        assert world.done == []
        await approved(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_an_approval_of_an_undo_that_lapses_before_its_use_is_written_is_not_used(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(lately_undone, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await approved(coordinator)
    outage = Outage("before-append", passing(house, timedelta(days=2)), timedelta())
    async with house.open(fault_points=outage) as coordinator:
        await (await coordinator.resume("s")).settled()
        assert outage.landed
        assert await states(coordinator) == ["lapsed", "pending"]
        assert world.done == ["it"]


@pytest.fixture
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "STARTS_WITHIN", SOON)


@pytest.mark.usefixtures("_hurry")
@pytest.mark.parametrize("why", ["lapsed", "left"])
async def test_an_approval_whose_call_was_not_made_in_time_has_to_hold_when_it_is_made(
    house: House, world: World, why: str
) -> None:
    async def meanwhile() -> None:
        if why == "left":
            house.people.desk.discard("ben")
        else:
            house.clock.forward(LAPSING)

    async with house.open() as coordinator:
        await (await coordinator.start(lately_asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await approved(coordinator)
    outage = Outage("after-append", meanwhile, SOON * 1.5)
    async with house.open(fault_points=outage) as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        assert outage.landed
        assert await states(coordinator) == ["consumed", "pending"]
        assert world.done == []
        house.people.desk.add("ben")
        await approved(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed
        assert world.done == ["it"]


@pytest.mark.usefixtures("_hurry")
async def test_what_is_asked_again_is_the_call_and_no_edit_of_an_approval_that_lapsed(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(lately_asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        [gate] = await coordinator.store.waiting_gates()
        await coordinator.edit(gate.id, '{"what":"other"}', reason="cheaper", by="eve")
        await approved(coordinator)
    outage = Outage("after-append", passing(house, LAPSING), SOON * 1.5)
    async with house.open(fault_points=outage) as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        assert await states(coordinator) == ["consumed", "pending"]
        await approved(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed
        assert world.done == ["it"]
        step = (await coordinator.state("s")).steps["lately_asking/gated#1"]
        assert step.given(Direction.DO) == b'{"what":"it"}'


@pytest.mark.usefixtures("_hurry")
async def test_a_rule_that_was_revoked_before_the_call_was_made_asks_people(
    house: House, world: World
) -> None:
    async def revoke() -> None:
        eve = house.people.principal("eve")
        assert eve is not None
        await coordinator.revoke_rule("r-1", by=eve, reason="not any more")

    outage = Outage("after-append", revoke, SOON * 1.5)
    outage.landed = True  # until the rule is there
    async with house.open(fault_points=outage) as coordinator:
        await bought(coordinator)
        await given(house, coordinator)
        outage.landed = False
        handle = await coordinator.start(buying, Order(choice="40"), id="s")
        await handle.settled()
        assert await states(coordinator) == ["consumed", "pending"]
        assert world.done == ["40"]  # the first, by hand
        await coordinator.cancel("s", reason="enough")
        await handle.outcome(timeout=LIMIT)


@pytest.mark.usefixtures("_hurry")
async def test_an_approval_that_holds_still_is_not_asked_for_twice(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(lately_asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await approved(coordinator)
    outage = Outage("after-append", passing(house, timedelta()), SOON * 1.5)
    async with house.open(fault_points=outage) as coordinator:
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed
        assert "Postponed" in await kinds(coordinator)
        assert await states(coordinator) == ["consumed"]
    assert outage.landed
    assert world.done == ["it"]
