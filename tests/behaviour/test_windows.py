"""Windows: what could be undone yesterday and cannot be today, told by the journal alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sagas
from sagas import Coordinator, Status, connect, parallel, savepoint
from sagas.entries import WindowClosed
from sagas.model import instant
from sagas.state import SagaState
from sagas.testing.history import read_history
from tests.behaviour.acting import LIMIT, answer, kinds, only_gate, only_question, states
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    WEEK,
    Order,
    Terms,
    gated,
    held,
    held_at_a_price,
    held_blindly,
    keyed,
    offered,
    ordered,
    shop,
    slowly,
    upon_offered,
)
from tests.behaviour.world import Refusal, World, lose_answer, refuse

DAY = timedelta(days=1)
NAIVE = datetime(2126, 1, 1)  # noqa: DTZ001  an instant that nobody can place


@shop.saga
async def capturing(order: Order) -> str:
    """Holds, waits for a word, and goes on."""
    await held("it")
    await sagas.event("go")
    return await keyed("capture")


@shop.saga(after_pivot="unwind")
async def capturing_or_unwinding(order: Order) -> str:
    await keyed("first")
    await held("it")
    await sagas.event("go")
    return await keyed("capture")


@shop.saga
async def offering(order: Order) -> str:
    await offered("it")
    await sagas.event("go")
    return await keyed("capture")


@shop.saga
async def ordering(order: Order) -> str:
    await sagas.event("begin")
    await ordered("it")
    await sagas.event("go")
    return await keyed("capture")


@shop.saga
async def held_at_a_price_first(order: Order) -> str:
    await keyed("first")
    await held_at_a_price("it")
    return await keyed("capture")


@shop.saga(after_pivot="unwind")
async def holding_blindly(order: Order) -> str:
    await held_blindly("it")
    return "done"


@shop.saga
async def holding_in_a_block(order: Order) -> str:
    await keyed("first")
    try:
        async with savepoint("block"):
            await held("it")
            await slowly("later")
            await keyed("capture")
    except Refusal:
        return "left"
    return "stayed"


@shop.saga
async def holding_several(order: Order) -> str:
    await keyed("first")
    await held("next week")
    await offered("the day after")
    await offered("tomorrow")
    await keyed("last")
    await sagas.event("go")
    return await keyed("capture")


@shop.saga
async def building_on_what_closes(order: Order) -> str:
    await offered("it")
    await upon_offered("upon it")
    await keyed("last")
    await sagas.event("go")
    return await keyed("capture")


@shop.saga
async def holding_for_the_desk(order: Order) -> str:
    await held("it")
    return await gated("asked")


@shop.saga
async def holding_beside(order: Order) -> str:
    await parallel(held("it"), ordered("that"))
    await sagas.event("go")
    return await keyed("capture")


async def closed(coordinator: Coordinator) -> list[WindowClosed]:
    """What the journal says of windows that closed."""
    history = await read_history(coordinator.store, "s")
    return [entry for _, entry in history.entries if isinstance(entry, WindowClosed)]


async def begin(house: House, saga: Any = capturing) -> SagaState:
    """Start the saga `s`, let it come to its wait, and let go of it."""
    async with house.open() as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).settled()
        return await coordinator.state("s")


async def go_on(house: House, coordinator: Coordinator, *, name: str = "go") -> Any:
    """Send the word that the saga waits for, and take the saga up."""
    await coordinator.send("s", name, {}, key=name)
    return await coordinator.resume("s")


# --- a duration -------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_what_was_approved_on_day_8_is_not_unwound_as_if_it_were_day_7(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    state = await begin(house)
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        handle = await go_on(house, coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        question = await only_question(coordinator)
        [entry] = await closed(coordinator)
    assert (outcome.status, question.kind) == (Status.STUCK, "past-pivot")
    assert "leave capturing/" in question.evidence or "leave" in question.evidence
    assert instant(entry.closed_at) == instant(state.steps[entry.path].forward.at) + WEEK
    assert world.undone == []


async def test_within_its_window_an_effect_is_undone(house: House, world: World) -> None:
    world.plan("capture", refuse)
    await begin(house)
    house.clock.forward(6 * DAY)
    async with house.open() as coordinator:
        outcome = await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
        assert await closed(coordinator) == []
    assert (outcome.status, world.undone) == (Status.COMPENSATED, ["it"])


async def test_a_window_is_told_closed_before_the_failure_is_judged(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    await begin(house)
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
        found = await kinds(coordinator)
    assert found.index("WindowClosed") < found.index("InterventionOpened")


async def test_a_window_is_told_closed_once(house: House) -> None:
    await begin(house)
    house.clock.forward(8 * DAY)
    for _ in range(3):
        async with house.open() as coordinator:
            await (await coordinator.resume("s")).settled()
            assert len(await closed(coordinator)) == 1


async def test_a_cancel_after_the_window_comes_too_late(house: House, world: World) -> None:
    await begin(house)
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        await coordinator.cancel("s", reason="enough")
        await (await coordinator.resume("s")).settled()
        state = await coordinator.state("s")
    assert state.cancel is not None
    assert state.cancel.too_late
    assert world.undone == []


async def test_what_an_unwind_finds_closed_remains(house: House, world: World) -> None:
    world.plan("capture", refuse)
    await begin(house, capturing_or_unwinding)
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        outcome = await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
    assert (outcome.status, world.undone) == (Status.RESIDUAL, ["first"])


async def test_a_saga_that_waits_is_woken_when_a_window_closes(house: House) -> None:
    state = await begin(house)
    async with house.open() as coordinator:
        row = await coordinator.store.saga("s")
    [step] = state.steps.values()
    assert row is not None
    assert row.wake_at == step.closes_at


async def test_an_undo_that_was_called_in_time_is_carried_through(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    world.plan("undo-it", refuse, refuse, refuse)
    await begin(house)
    async with house.open() as coordinator:
        await (await go_on(house, coordinator)).settled()
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        assert await closed(coordinator) == []
        outcome = await answer(coordinator, handle, "retry")
    assert (outcome.status, world.undone) == (Status.COMPENSATED, ["it"])


async def test_the_gate_of_an_undo_is_cancelled_when_the_window_closes(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    await begin(house, held_at_a_price_first)
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        assert await states(coordinator) == ["cancelled"]
    assert (outcome.status, world.undone) == (Status.RESIDUAL, ["first"])


@pytest.mark.parametrize(("days", "undone"), [(6, ["it"]), (8, [])])
async def test_doubt_whose_window_closed_is_doubt_about_the_irreversible(
    house: House, world: World, days: int, undone: list[str]
) -> None:
    world.plan("it", lose_answer)
    await begin(house, holding_blindly)
    house.clock.forward(days * DAY)
    async with house.open() as coordinator:
        await coordinator.cancel("s", reason="enough")
        handle = await coordinator.resume("s")
        await handle.settled()
        asked = [question.kind for question in await coordinator.store.waiting_questions()]
    assert (asked, world.undone) == (["in-doubt"] if days > 7 else [], undone)


async def test_a_gate_says_until_when_what_was_done_can_be_undone(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    state = await begin(house, holding_for_the_desk)
    [held_step, _] = state.steps.values()
    async with house.open() as coordinator:
        shown = await coordinator.presentation(await only_gate(coordinator))
    until = instant(held_step.closes_at or 0)
    assert shown.undoable_until == f"{until:%Y-%m-%d %H:%M} UTC: held"


# --- what closes next goes first --------------------------------------------------------------


async def test_what_closes_next_is_undone_first(house: House, world: World) -> None:
    world.plan("capture", refuse)
    for days in (2, 1):
        world.results.append(Terms(free_until=datetime.now(UTC) + days * DAY))
    await begin(house, holding_several)
    async with house.open() as coordinator:
        await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
    assert world.undone == ["tomorrow", "the day after", "next week", "last", "first"]


async def test_what_builds_on_it_is_undone_before_it(house: House, world: World) -> None:
    world.plan("capture", refuse)
    world.results.append(Terms(free_until=datetime.now(UTC) + DAY))
    await begin(house, building_on_what_closes)
    async with house.open() as coordinator:
        await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
    assert world.undone == ["upon it", "it", "last"]


# --- an instant in the result -----------------------------------------------------------------


async def test_an_instant_in_the_result_closes_the_window(house: House, world: World) -> None:
    world.plan("capture", refuse)
    until = datetime.now(UTC).replace(microsecond=0) + 2 * DAY
    world.results.append(Terms(free_until=until))
    await begin(house, offering)
    house.clock.forward(3 * DAY)
    async with house.open() as coordinator:
        outcome = await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
        [entry] = await closed(coordinator)
    assert instant(entry.closed_at) == until
    assert (outcome.status, world.undone) == (Status.STUCK, [])


async def test_before_the_instant_in_the_result_it_is_undone(house: House, world: World) -> None:
    world.plan("capture", refuse)
    world.results.append(Terms(free_until=datetime.now(UTC) + 2 * DAY))
    await begin(house, offering)
    house.clock.forward(DAY)
    async with house.open() as coordinator:
        outcome = await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
    assert (outcome.status, world.undone) == (Status.COMPENSATED, ["it"])


@pytest.mark.parametrize(
    "terms", [None, Terms(), Terms(free_until=NAIVE)], ids=["no", "empty", "naive"]
)
async def test_a_result_without_the_instant_closes_the_window_at_once(
    house: House, world: World, terms: Terms | None
) -> None:
    world.results.append(terms)
    state = await begin(house, offering)
    [step] = state.steps.values()
    assert step.closed_at == step.forward.ended


# --- an event ---------------------------------------------------------------------------------


async def test_an_event_closes_the_window_though_nobody_takes_it(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    await begin(house, ordering)
    async with house.open() as coordinator:
        await (await go_on(house, coordinator, name="begin")).settled()
        await coordinator.send("s", "shipped", {}, key="shipped")
        outcome = await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
        assert len(await closed(coordinator)) == 1
    assert (outcome.status, world.undone) == (Status.STUCK, [])


async def test_an_event_that_came_before_the_intent_closes_nothing(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    await begin(house, ordering)
    async with house.open() as coordinator:
        await coordinator.send("s", "shipped", {}, key="shipped")
        await (await coordinator.resume("s")).settled()
        await (await go_on(house, coordinator, name="begin")).settled()
        outcome = await (await go_on(house, coordinator)).outcome(timeout=LIMIT)
    assert (outcome.status, world.undone) == (Status.COMPENSATED, ["it"])


# --- blocks and branches ----------------------------------------------------------------------


async def test_a_block_whose_effect_is_past_undoing_is_put_before_a_person(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    await begin(house, holding_in_a_block)
    house.clock.forward(8 * DAY)  # the gate of the undo of what came later stood open meanwhile
    async with house.open() as coordinator:
        await coordinator.approve(await only_gate(coordinator), by="ben")
        handle = await coordinator.resume("s")
        await handle.settled()
        question = await only_question(coordinator)
        assert "closed before it was undone" in question.question
        outcome = await answer(coordinator, handle, "waive")
    assert (outcome.status, outcome.result) == (Status.COMPLETED, "left")
    assert world.undone == ["later"]


async def test_the_window_of_one_branch_closes_for_that_branch_alone(
    house: House, world: World
) -> None:
    world.plan("capture", refuse)
    await begin(house, holding_beside)
    house.clock.forward(8 * DAY)
    async with house.open() as coordinator:
        await (await go_on(house, coordinator)).settled()
        handle = await coordinator.resume("s")
        outcome = await answer(coordinator, handle, "unwind")
        [entry] = await closed(coordinator)
    assert (outcome.status, world.undone) == (Status.RESIDUAL, ["that"])
    assert entry.path.endswith("held#1")


async def test_a_preview_knows_of_windows_that_nobody_has_closed_yet(house: House) -> None:
    await begin(house)
    house.clock.forward(8 * DAY)
    async with connect(house.url, shop, clock=house.clock) as coordinator:
        found = await coordinator.preview("s")
        assert await closed(coordinator) == []
    [left] = found.remains
    assert (left.path, found.undone) == ("capturing/held#1", ())
    assert found.pivot == left.path
