"""Deadlines of sagas: durable, acted upon once, and never later than the next intent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sagas
from sagas import Status, parallel
from sagas.errors import DefinitionError, TimerError
from tests.behaviour.acting import LIMIT, approve_all, kinds, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import HOUR, Order, gated, keyed, look_up, mail, shop
from tests.behaviour.world import Refusal, World, hang_before, lose_answer, refuse, wait_for_release

MOMENT = timedelta(milliseconds=500)
HALF = timedelta(minutes=30)


@shop.saga(deadline=HOUR)
async def promised(order: Order) -> str:
    """A step, a gate, a step."""
    await keyed("first")
    await gated("asked")
    return await keyed("last")


@shop.saga
async def stepping(order: Order) -> str:
    for item in order.items:
        await keyed(item)
    return "done"


@shop.saga
async def overnight(order: Order) -> str:
    await keyed("first")
    await sagas.sleep(timedelta(days=1))
    return await keyed("last")


@shop.saga
async def reading_slowly(order: Order) -> str:
    await keyed("first")
    return await look_up("slow")


@shop.saga
async def mailing_in_time(order: Order) -> str:
    await keyed("first")
    await mail("letter")
    await gated("asked")
    return await keyed("last")


@shop.saga(after_pivot="unwind")
async def mailing_or_unwinding(order: Order) -> str:
    await keyed("first")
    await mail("letter")
    await gated("asked")
    return await keyed("last")


@shop.saga
async def broken_in_time(order: Order) -> str:
    await keyed("first")
    raise TypeError("a defect")


@shop.saga
async def rolling_back(order: Order) -> str:
    await keyed("outside")
    try:
        async with sagas.savepoint("block"):
            await keyed("first")
            await keyed("second")
    except Refusal:
        return await keyed("instead")
    return "done"


@shop.saga
async def branching_in_time(order: Order) -> str:
    await parallel(keyed("slow"), gated("asked"))
    return await keyed("last")


async def deadlines(coordinator: sagas.Coordinator) -> list[bool]:
    """Whether each deadline that was recorded came too late."""
    rows = (await coordinator.load("s")).rows
    return ['"too_late":true' in row.body for row in rows if row.kind == "DeadlinePassed"]


# --- while it is driven -----------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_a_saga_that_is_driven_is_undone_at_its_deadline(house: House, world: World) -> None:
    world.plan("second", wait_for_release)
    async with house.open() as coordinator:
        order = Order(items=["first", "second", "third"])
        handle = await coordinator.start(stepping, order, id="s", deadline=MOMENT)
        await until(lambda: _has(coordinator, "UnwindBegan"))
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert outcome.reason is not None
    assert "deadline" in outcome.reason
    assert "third" not in world.done
    assert world.undone == world.done[::-1]


async def test_what_only_reads_is_given_up_at_the_deadline(house: House, world: World) -> None:
    world.plan("slow", hang_before)
    async with house.open() as coordinator:
        handle = await coordinator.start(reading_slowly, Order(), id="s", deadline=MOMENT)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == world.done


async def test_no_intent_is_made_once_the_deadline_has_passed(house: House, world: World) -> None:
    world.plan("first", wait_for_release)
    async with house.open() as coordinator:
        order = Order(items=["first", "second"])
        handle = await coordinator.start(stepping, order, id="s", deadline=HOUR)
        await world.under_way.wait()
        house.clock.forward(HOUR)  # the timer of the drive knows nothing of that
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert (world.count("first"), world.count("second")) == (1, 0)


async def test_a_saga_that_returned_too_late_is_undone(house: House, world: World) -> None:
    world.plan("first", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(stepping, Order(items=["first"]), id="s", deadline=HOUR)
        await world.under_way.wait()
        house.clock.forward(HOUR)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.undone == ["first"]


async def test_no_further_attempt_is_made_after_the_deadline(house: House, world: World) -> None:
    world.plan("first", lose_answer, wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(stepping, Order(items=["first"]), id="s", deadline=HOUR)
        await world.under_way.wait()
        house.clock.forward(HOUR)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.undone == ["first"]


async def test_a_saga_that_ends_in_time_has_no_deadline_any_more(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        order = Order(items=["first"])
        assert (await coordinator.run(stepping, order, id="s", deadline=HOUR)).completed
        house.clock.forward(2 * HOUR)
        again = await coordinator.run(stepping, order, id="s", deadline=HOUR)
        assert again.completed
        assert "DeadlinePassed" not in await kinds(coordinator)


# --- while it is parked, and while nobody runs ------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_a_parked_saga_is_looked_at_when_its_deadline_comes(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(promised, Order(), id="s")
        await handle.settled()
        row = await coordinator.get("s")
        assert row.wake_at == (await coordinator.state("s")).deadline
        house.clock.forward(HOUR)
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        [gate] = await coordinator.store.gates_of("s")
        assert gate.state == "cancelled"
        assert await deadlines(coordinator) == [False]


@pytest.mark.usefixtures("on_both")
async def test_a_deadline_that_passed_while_nobody_ran_comes_before_any_intent(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(promised, Order(), id="s")).settled()
        await approve_all(coordinator)
        house.clock.forward(timedelta(hours=3))
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        assert await deadlines(coordinator) == [False]
    assert outcome.status is Status.COMPENSATED
    assert world.undone[-1:] == ["first"]
    assert "last" not in world.done


async def test_a_sleeping_saga_is_woken_by_its_deadline(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(overnight, Order(), id="s", deadline=HOUR)
        await handle.settled()
        house.clock.forward(HOUR)
        await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert "TimerFired" not in await kinds(coordinator)


async def test_a_saga_with_a_defect_is_undone_at_its_deadline(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(broken_in_time, Order(), id="s", deadline=HOUR)
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        house.clock.forward(HOUR)
        await coordinator.resume("s")
        await until(lambda: _has(coordinator, "Ended"))
        assert await coordinator.store.waiting_questions() == []
    assert world.undone == ["first"]


async def test_a_deadline_leaves_no_branch_behind(house: House, world: World) -> None:
    world.plan("slow", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(branching_in_time, Order(), id="s", deadline=MOMENT)
        await until(lambda: _has(coordinator, "UnwindBegan"))
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert "last" not in world.done
    assert world.undone == world.done


# --- too late, once, and not in an unwind -----------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_past_the_pivot_a_deadline_is_too_late(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(mailing_in_time, Order(), id="s", deadline=HALF)
        await handle.settled()
        house.clock.forward(HALF)
        await coordinator.resume("s")
        await until(lambda: _has(coordinator, "DeadlinePassed"))
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed
        assert await deadlines(coordinator) == [True]


async def test_a_saga_that_unwinds_past_its_pivot_does_so_at_its_deadline(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(mailing_or_unwinding, Order(), id="s", deadline=HALF)
        await handle.settled()
        house.clock.forward(HALF)
        await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.RESIDUAL
        assert await deadlines(coordinator) == [False]
    assert world.undone == ["first"]


async def test_a_deadline_does_not_interrupt_an_unwind(house: House, world: World) -> None:
    world.plan("second", refuse)
    world.plan("undo-first", wait_for_release)
    async with house.open() as coordinator:
        order = Order(items=["first", "second"])
        handle = await coordinator.start(stepping, order, id="s", deadline=HOUR)
        await world.under_way.wait()
        house.clock.forward(HOUR)
        await coordinator.resume("s")
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert (await kinds(coordinator)).count("UnwindBegan") == 1
        assert await deadlines(coordinator) == []


async def test_a_cancel_and_a_deadline_at_once_unwind_once(house: House, world: World) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(promised, Order(), id="s")).settled()
    house.clock.forward(HOUR)
    async with house.open() as coordinator:
        await coordinator.cancel("s", reason="no more")
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        assert (await kinds(coordinator)).count("UnwindBegan") == 1
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["first"]


async def test_a_deadline_during_a_rollback_undoes_the_rest_once(
    house: House, world: World
) -> None:
    world.plan("second", refuse)
    world.plan("undo-first", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(rolling_back, Order(), id="s", deadline=HOUR)
        await world.under_way.wait()
        house.clock.forward(HOUR)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert await deadlines(coordinator) == [False]
    assert world.undone == ["first", "outside"]
    assert "instead" not in world.done


async def test_nothing_is_done_in_a_saga_whose_deadline_passes_at_once(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        order = Order(items=["first"])
        at_once = timedelta(microseconds=1)
        outcome = await coordinator.run(stepping, order, id="s", deadline=at_once, timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.calls == []


# --- how it is given --------------------------------------------------------------------------


async def test_the_first_deadline_holds(house: House, world: World) -> None:
    async with house.open() as coordinator:
        first = await coordinator.start(promised, Order(), id="s", deadline=2 * HOUR)
        await first.settled()
        given = (await coordinator.state("s")).deadline
        await coordinator.start(promised, Order(), id="s", deadline=timedelta(seconds=1))
        await coordinator.start(
            promised, Order(), id="s", deadline=datetime(2020, 1, 1, tzinfo=UTC)
        )
        assert (await coordinator.state("s")).deadline == given


async def test_a_deadline_may_be_an_instant(house: House, world: World) -> None:
    at = datetime.now(UTC) + HOUR
    async with house.open() as coordinator:
        await coordinator.start(promised, Order(), id="s", deadline=at)
        assert (await coordinator.state("s")).deadline == sagas.model.micros(at)


BAD: list[Any] = [
    timedelta(0),
    timedelta(seconds=-1),
    timedelta.max,
    datetime(2100, 1, 1),  # noqa: DTZ001  that is the point
    datetime(2020, 1, 1, tzinfo=UTC),
    60,
    "tomorrow",
]


@pytest.mark.parametrize("deadline", BAD, ids=str)
async def test_a_deadline_that_cannot_be_is_refused(house: House, deadline: Any) -> None:
    async with house.open() as coordinator:
        with pytest.raises(TimerError, match=r"deadline .*(give|such as)"):
            await coordinator.start(promised, Order(), id="s", deadline=deadline)
        assert await coordinator.list() == []


@pytest.mark.parametrize("deadline", [timedelta(0), timedelta(days=-1), timedelta.max, 60])
def test_a_saga_cannot_be_defined_with_such_a_deadline(deadline: Any) -> None:
    with pytest.raises(DefinitionError, match="deadline is a timedelta, above zero"):
        shop.saga(deadline=deadline, name="never")(_body)


async def _body(order: Order) -> None: ...


async def _has(coordinator: sagas.Coordinator, kind: str) -> bool:
    return kind in await kinds(coordinator)
