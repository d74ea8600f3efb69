"""Alarms: what is done shortly before something cannot be undone any more."""

from datetime import timedelta
from typing import Any

import pytest

import sagas
from sagas import Coordinator, Status, connect
from sagas.entries import WindowAlarmed
from sagas.ports import FaultPoints
from sagas.testing.history import read_history
from tests.behaviour.acting import LIMIT, answer, kinds, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    Order,
    held_and_asked,
    held_anyway,
    held_or_undone,
    keyed,
    mail,
    shop,
)
from tests.behaviour.world import World

DAY = timedelta(days=1)
LAST_DAY = 6 * DAY + timedelta(hours=1)


@shop.saga
async def asking_in_time(order: Order) -> str:
    await held_and_asked("it")
    await sagas.event("go")
    return await keyed("last")


@shop.saga
async def undoing(order: Order) -> str:
    await held_or_undone("it")
    await sagas.event("go")
    return await keyed("last")


@shop.saga
async def undoing_past_the_pivot(order: Order) -> str:
    await held_or_undone("it")
    await mail("letter")
    await sagas.event("go")
    return await keyed("last")


@shop.saga
async def accepting(order: Order) -> str:
    await held_anyway("it")
    await sagas.event("go")
    return await keyed("last")


async def begin(house: House, saga: Any) -> None:
    """Start the saga `s`, let it come to its wait, and let go of it."""
    async with house.open() as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).settled()


async def alarms(coordinator: Coordinator) -> list[str]:
    """What was wanted at each alarm."""
    history = await read_history(coordinator.store, "s")
    return [entry.response for _, entry in history.entries if isinstance(entry, WindowAlarmed)]


async def test_a_saga_that_waits_is_woken_for_the_alarm(house: House) -> None:
    await begin(house, asking_in_time)
    async with house.open() as coordinator:
        state = await coordinator.state("s")
        row = await coordinator.store.saga("s")
    [step] = state.steps.values()
    assert row is not None
    assert step.closes_at is not None
    assert row.wake_at == step.closes_at - DAY // timedelta(microseconds=1)


async def test_no_alarm_is_raised_before_its_time(house: House) -> None:
    await begin(house, asking_in_time)
    house.clock.forward(5 * DAY)
    async with house.open() as coordinator:
        await (await coordinator.resume("s")).settled()
        assert await alarms(coordinator) == []


@pytest.mark.usefixtures("on_both")
async def test_a_person_is_asked_before_the_window_closes(house: House, world: World) -> None:
    await begin(house, asking_in_time)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        question = await only_question(coordinator)
        assert (question.kind, list(question.choices)) == ("window-closing", ["unwind", "wait"])
        outcome = await answer(coordinator, handle, "unwind")
    assert (outcome.status, world.undone) == (Status.COMPENSATED, ["it"])


async def test_a_person_is_asked_once(house: House) -> None:
    await begin(house, asking_in_time)
    house.clock.forward(LAST_DAY)
    for _ in range(3):
        async with house.open() as coordinator:
            await (await coordinator.resume("s")).settled()
            assert await alarms(coordinator) == ["escalate"]
            await only_question(coordinator)


async def test_whoever_waits_on_goes_on(house: House) -> None:
    await begin(house, asking_in_time)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "wait", reason="it will be paid")
        await coordinator.send("s", "go", {}, key="go")
        outcome = await handle.outcome(timeout=LIMIT)
        assert await alarms(coordinator) == ["escalate"]
    assert outcome.status is Status.COMPLETED


async def test_what_the_saga_waits_for_may_come_while_a_person_is_asked(house: House) -> None:
    await begin(house, asking_in_time)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        await coordinator.send("s", "go", {}, key="go")
        await (await coordinator.resume("s")).settled()
        assert (await coordinator.state("s")).ended is not None
        assert await coordinator.store.waiting_questions() == []


async def test_nobody_is_asked_any_more_once_the_window_has_closed(house: House) -> None:
    await begin(house, asking_in_time)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        await (await coordinator.resume("s")).settled()
    house.clock.forward(DAY)
    async with house.open() as coordinator:
        await (await coordinator.resume("s")).settled()
        assert await coordinator.store.waiting_questions() == []
        assert "WindowClosed" in await kinds(coordinator)


async def test_it_is_undone_before_the_window_closes(house: House, world: World) -> None:
    await begin(house, undoing)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        state = await coordinator.state("s")
    assert (outcome.status, world.undone) == (Status.COMPENSATED, ["it"])
    assert state.unwind is not None
    assert state.unwind.cause == "window"
    assert "can be undone until" in state.unwind.reason


async def test_past_the_pivot_a_person_is_asked_instead(house: House, world: World) -> None:
    await begin(house, undoing_past_the_pivot)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        await (await coordinator.resume("s")).settled()
        question = await only_question(coordinator)
    assert (question.kind, world.undone) == ("window-closing", [])


async def test_what_came_before_the_alarm_was_seen_goes_first(house: House, world: World) -> None:
    await begin(house, undoing)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        await coordinator.send("s", "go", {}, key="go")
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert (outcome.status, world.undone) == (Status.COMPLETED, [])


class Overtaken(FaultPoints):
    """What the saga waits for comes as its alarm is on its way to the journal."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.landed = False

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == "before-append" and "WindowAlarmed" in path and not self.landed:
            self.landed = True
            async with connect(self._house.url, clock=self._house.clock) as elsewhere:
                await elsewhere.send("s", "go", {}, key="go")


async def test_what_comes_before_the_alarm_is_on_the_record_goes_first(
    house: House, world: World
) -> None:
    await begin(house, undoing)
    house.clock.forward(LAST_DAY)
    overtaken = Overtaken(house)
    async with house.open(fault_points=overtaken) as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        assert overtaken.landed
        assert await alarms(coordinator) == []
    assert (outcome.status, world.undone) == (Status.COMPLETED, [])


async def test_that_it_closes_may_be_accepted_on_the_record(house: House, world: World) -> None:
    await begin(house, accepting)
    house.clock.forward(LAST_DAY)
    async with house.open() as coordinator:
        await (await coordinator.resume("s")).settled()
        assert await alarms(coordinator) == ["accept"]
        assert await coordinator.store.waiting_questions() == []
    assert world.undone == []


async def test_a_window_that_closed_while_nobody_looked_raises_no_alarm(house: House) -> None:
    await begin(house, undoing)
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        await (await coordinator.resume("s")).settled()
        assert await alarms(coordinator) == []
        assert "WindowClosed" in await kinds(coordinator)
