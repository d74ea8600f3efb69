"""Calls that were given up and take effect after all: always heard, never silently."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from sagas import (
    Catalog,
    Coordinator,
    Handle,
    Residue,
    Retry,
    Reversibility,
    Status,
    StepFailed,
    savepoint,
)
from sagas import entries as e
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, answer, approve_all, kinds, only_question
from tests.behaviour.acting import until as until_soon
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    QUICK,
    Order,
    blind,
    gated,
    in_thread_keyless,
    keyed,
    keyless,
    mail,
    probed,
    resource,
    shop,
    wire,
)
from tests.behaviour.world import Behaviour, Effect, Refusal, World, ignore_cancellation, refuse
from tests.behaviour.world import world as partner

until = partial(until_soon, tries=2_000)

ACTIONS: dict[str, Any] = {
    "keyless": keyless,
    "blind": blind,
    "in_thread_keyless": in_thread_keyless,
    "wire": wire,
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a call that ignores its cancellation."""
    monkeypatch.setattr("sagas.driving.calling.GRACE_SECONDS", 0.02)


@shop.saga
async def detour(order: Order) -> str:
    """Another way is taken where the first one fails; items are done after it."""
    await keyed("before")
    try:
        return str(await ACTIONS[order.choice]("it"))
    except StepFailed:
        await keyed("instead")
    for item in order.items:
        await (gated if item.startswith("ask") else keyed)(item)
    return "by another way"


@asynccontextmanager
async def given_up(
    house: House, world: World, choice: str = "keyless", *items: str, **options: Any
) -> AsyncGenerator[tuple[Coordinator, Handle[str]]]:
    """`it` goes on although its time was up, and a person is asked what became of it."""
    world.plan("it", ignore_cancellation)
    async with house.open(**options) as coordinator:
        order = Order(choice=choice, items=list(items))
        handle = await coordinator.start(detour, order, id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.done == ["before"]
        yield coordinator, handle


async def deny_and_wait(coordinator: Coordinator, handle: Handle[str]) -> None:
    """A person says that it did not happen; the body goes on to the gate."""
    question = await only_question(coordinator)
    await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")

    async def waits() -> bool:
        return (await handle.settled()).status is Status.WAITING

    await until(waits)


def let_it_happen(world: World) -> None:
    """The call that was given up takes effect and answers."""
    world.released.set()
    world.let_go.set()


async def ended_again(coordinator: Coordinator, status: Status, *, times: int = 1) -> None:
    """Wait until the saga was reopened so many times, and has ended each time."""

    async def ended() -> bool:
        found = await kinds(coordinator)
        return found.count("Reopened") == times and found[-1] == "Ended"

    await until(ended)
    assert (await coordinator.get("s")).status is status


async def until_called(world: World, what: str) -> None:
    """Wait until the partner was called for it."""

    async def called() -> bool:
        return world.count(what) == 1

    await until(called)


async def until_heard(coordinator: Coordinator) -> None:
    """Wait until the late success is in the journal."""

    async def heard() -> bool:
        return "late" in [getattr(entry, "via", "") for entry in await entries(coordinator)]

    await until(heard)


async def until_asked(coordinator: Coordinator) -> None:
    """Wait until a person is asked something."""

    async def asked() -> bool:
        return bool(await coordinator.store.waiting_questions())

    await until(asked)


async def until_undone(world: World, *what: str) -> None:
    """Wait until exactly this was undone."""

    async def undone() -> bool:
        return world.undone == list(what)

    await until(undone)


async def entries(coordinator: Coordinator) -> list[e.Entry]:
    return [entry for _, _, entry in entries_of((await coordinator.load("s")).rows)]


def held(event: asyncio.Event) -> Behaviour:
    """It works once the event is set."""

    async def behave(world: World, call: Effect) -> str:
        world.under_way.set()
        await event.wait()
        return world.happen(call)

    return behave


# --- the saga runs -----------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_a_late_effect_is_undone_while_the_saga_waits_and_the_body_goes_its_way(
    house: House, world: World
) -> None:
    async with given_up(house, world, "keyless", "ask") as (coordinator, handle):
        await deny_and_wait(coordinator, handle)
        let_it_happen(world)
        await until_undone(world, "it")
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        assert "Reopened" not in await kinds(coordinator)
    assert outcome.result == "by another way"
    assert world.done == ["before", "instead", "it", "ask"]


@pytest.mark.usefixtures("on_both")
async def test_a_late_effect_is_undone_before_the_saga_completes(
    house: House, world: World
) -> None:
    hold = asyncio.Event()
    world.plan("slow", held(hold))
    async with given_up(house, world, "keyless", "slow") as (coordinator, handle):
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        await until_called(world, "slow")
        let_it_happen(world)
        await until_heard(coordinator)
        hold.set()
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await kinds(coordinator))[-2:] == ["Compensated", "Ended"]
    assert outcome.result == "by another way"
    assert world.undone == ["it"]


@pytest.mark.usefixtures("on_both")
async def test_a_late_effect_is_heard_by_the_process_that_owns_the_saga_by_then(
    house: House, world: World
) -> None:
    busy, hold = asyncio.Event(), asyncio.Event()
    world.plan("slow", held(hold))
    world.plan("busy", held(busy))
    async with given_up(house, world, "keyless", "slow", concurrency=1) as (first, _):
        other = Order(choice="keyless", items=[])
        await first.start(occupied, other, id="t")  # it has no room for anything else now
        async with house.open() as second:
            question = next(q for q in await second.store.waiting_questions() if q.saga_id == "s")
            await second.resolve(question.id, "not-happened", reason="I saw nothing")
            handle = await second.resume("s")
            await until_called(world, "slow")
            let_it_happen(world)
            await until_heard(second)
            hold.set()
            outcome = await handle.outcome(timeout=LIMIT)
        busy.set()
    assert outcome.result == "by another way"
    assert world.undone == ["it"]


@shop.saga
async def occupied(order: Order) -> str:
    return await keyed("busy")


async def test_a_failure_after_a_late_effect_undoes_it_with_the_rest(
    house: House, world: World
) -> None:
    async with given_up(house, world, "keyless", "ask") as (coordinator, handle):
        await deny_and_wait(coordinator, handle)
        world.plan("undo-it", held(hold := asyncio.Event()))
        let_it_happen(world)
        await until_called(world, "undo-it")
        await coordinator.cancel("s", reason="enough")
        hold.set()
        outcome = await handle.outcome(timeout=LIMIT)
        while not outcome.status.is_end:
            outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert sorted(world.undone) == ["before", "instead", "it"]


# --- the saga has ended ------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("choice", ["keyless", "in_thread_keyless"])
async def test_a_completed_saga_is_reopened_and_completes_again(
    house: House, world: World, choice: str
) -> None:
    async with given_up(house, world, choice) as (coordinator, handle):
        assert (await answer(coordinator, handle, "not-happened")).completed
        let_it_happen(world)
        await ended_again(coordinator, Status.COMPLETED)
        assert (await handle.outcome(timeout=LIMIT)).result == "by another way"
    assert world.undone == ["it"]


@pytest.mark.usefixtures("on_both")
async def test_a_compensated_saga_is_reopened_and_compensates_the_late_effect(
    house: House, world: World
) -> None:
    async with given_up(house, world) as (coordinator, handle):
        await coordinator.cancel("s", reason="enough")
        await asked_again(coordinator)
        outcome = await answer(coordinator, handle, "not-happened")
        assert outcome.status is Status.COMPENSATED
        let_it_happen(world)
        await ended_again(coordinator, Status.COMPENSATED)
    assert world.undone == ["before", "it"]


@pytest.mark.usefixtures("on_both")
async def test_what_was_waived_in_doubt_and_happened_is_compensated(
    house: House, world: World
) -> None:
    async with given_up(house, world) as (coordinator, handle):
        await coordinator.cancel("s", reason="enough")
        await asked_again(coordinator)
        assert (await answer(coordinator, handle, "waive")).status is Status.RESIDUAL
        let_it_happen(world)
        await ended_again(coordinator, Status.COMPENSATED)
        assert (await handle.outcome(timeout=LIMIT)).residue == ()
    assert world.undone == ["before", "it"]


async def asked_again(coordinator: Coordinator) -> None:
    """Wait until the unwind asks what became of it."""

    async def asked() -> bool:
        questions = await coordinator.store.waiting_questions()
        return [str(choice) for q in questions for choice in q.choices][-1:] == ["waive"]

    await until(asked)


@pytest.mark.usefixtures("on_both")
async def test_an_undo_that_came_before_its_effect_is_made_again(
    house: House, world: World
) -> None:
    async with given_up(house, world, "blind") as (coordinator, handle):
        await coordinator.cancel("s", reason="enough")

        async def compensated() -> bool:
            return (await coordinator.get("s")).status is Status.COMPENSATED

        await until(compensated)
        assert world.undone == ["it", "before"]
        let_it_happen(world)
        await ended_again(coordinator, Status.COMPENSATED)
        await handle.outcome(timeout=LIMIT)
    assert world.undone == ["it", "before", "it"]


async def test_a_cancel_of_a_saga_that_had_completed_comes_too_late(
    house: House, world: World
) -> None:
    world.plan("undo-it", held(hold := asyncio.Event()))
    async with given_up(house, world) as (coordinator, handle):
        await answer(coordinator, handle, "not-happened")
        let_it_happen(world)
        await until_called(world, "undo-it")
        await coordinator.cancel("s", reason="all of it")
        hold.set()
        await ended_again(coordinator, Status.COMPLETED)
        state = await coordinator.state("s")
    assert state.cancel is not None
    assert state.cancel.too_late
    assert world.undone == ["it"]


# --- what cannot be undone ---------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_a_late_irreversible_effect_reopens_the_saga_and_is_put_before_a_person(
    house: House, world: World
) -> None:
    async with given_up(house, world, "wire") as (coordinator, handle):
        assert (await answer(coordinator, handle, "not-happened")).completed
        let_it_happen(world)
        await until_asked(coordinator)
        question = await only_question(coordinator)
        assert question.kind == "late-effect"
        assert [str(choice) for choice in question.choices] == ["done", "waive"]
        outcome = await answer(coordinator, handle, "waive")
    assert outcome.status is Status.RESIDUAL
    assert [str(item) for item in outcome.residue] == ["left as it is: I looked"]
    assert world.undone == []


async def test_while_the_saga_runs_a_late_irreversible_effect_may_be_answered_by_unwinding(
    house: House, world: World
) -> None:
    async with given_up(house, world, "wire", "ask") as (coordinator, handle):
        await deny_and_wait(coordinator, handle)
        let_it_happen(world)
        await until_asked(coordinator)
        assert "unwind" in (await only_question(coordinator)).choices
        outcome = await answer(coordinator, handle, "unwind")
    assert outcome.status is Status.RESIDUAL
    assert world.undone == ["instead", "before"]


async def test_a_person_may_say_that_a_late_effect_was_undone_by_other_means(
    house: House, world: World
) -> None:
    async with given_up(house, world, "wire") as (coordinator, handle):
        await answer(coordinator, handle, "not-happened")
        let_it_happen(world)
        await until_asked(coordinator)
        assert (await answer(coordinator, handle, "done")).completed


# --- undoing -----------------------------------------------------------------------------------

loose = Catalog("loose")


@loose.action(reversibility=Reversibility.COMPENSATABLE)
async def act(what: str) -> str:
    """It works at once."""
    return await partner.do(what)


@act.compensation(timeout=QUICK)
async def undo_act(what: str, result: str) -> Residue | None:
    """The undo takes its time, and may cost something."""
    await partner.do(f"undo-{what}")
    return Residue("a fee") if what == "costly" else None


@loose.saga
async def acting(order: Order) -> str:
    for item in order.items:
        await act(item)
    raise ValueError("no")


strict = Catalog("strict")


@strict.action(reversibility=Reversibility.COMPENSATABLE)
async def strict_act(what: str) -> str:
    """It works at once."""
    return await partner.do(what)


@strict_act.compensation(timeout=QUICK, sign_off=True)
async def undo_strict_act(what: str, result: str) -> Residue:
    """The undo takes its time, and costs something that a person has to accept."""
    await partner.do(f"undo-{what}")
    return Residue("a fee")


@strict.saga
async def acting_strictly(order: Order) -> str:
    await strict_act("it")
    raise ValueError("no")


async def test_what_a_late_undo_left_has_to_be_accepted_too(house: House, world: World) -> None:
    world.plan("undo-it", ignore_cancellation)
    async with house.open(strict) as coordinator:
        handle = await coordinator.start(acting_strictly, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "waive")).status is Status.RESIDUAL
        let_it_happen(world)
        await until_asked(coordinator)
        assert (await only_question(coordinator)).kind == "residue"
        outcome = await answer(coordinator, handle, "accept")
    assert (outcome.status, [str(item) for item in outcome.residue]) == (
        Status.RESIDUAL,
        ["a fee"],
    )


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize(
    ("what", "status", "left"),
    [("free", Status.COMPENSATED, []), ("costly", Status.RESIDUAL, ["a fee"])],
)
async def test_what_a_late_undo_left_replaces_what_a_person_waived(
    house: House, world: World, what: str, status: Status, left: list[str]
) -> None:
    world.plan(f"undo-{what}", ignore_cancellation)
    async with house.open(loose) as coordinator:
        handle = await coordinator.start(acting, Order(items=[what]), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "waive")).status is Status.RESIDUAL
        let_it_happen(world)
        await ended_again(coordinator, status)
        outcome = await handle.outcome(timeout=LIMIT)
    assert [str(item) for item in outcome.residue] == left
    assert world.undone == [what]


async def test_a_late_undo_answers_the_question_about_it(house: House, world: World) -> None:
    world.plan("undo-free", ignore_cancellation)
    async with house.open(loose) as coordinator:
        handle = await coordinator.start(acting, Order(items=["free"]), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        let_it_happen(world)

        async def compensated() -> bool:
            return (await coordinator.get("s")).status is Status.COMPENSATED

        await until(compensated)
        assert await coordinator.store.waiting_questions() == []
        assert "Reopened" not in await kinds(coordinator)


# --- several, and at odd moments ---------------------------------------------------------------


@shop.saga
async def two_denied(order: Order) -> str:
    """Two steps go on after their time; a person denies both."""
    for what in ("one", "other"):
        with suppress(StepFailed):
            await keyless(what)
    return "done without them"


async def test_two_late_effects_after_the_end_are_both_undone(house: House, world: World) -> None:
    world.plan("one", ignore_cancellation)
    world.plan("other", ignore_cancellation)
    async with house.open() as coordinator:
        handle = await coordinator.start(two_denied, Order(), id="s")
        for _ in range(2):
            assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
            await answer(coordinator, handle, "not-happened")
        let_it_happen(world)

        async def undone() -> bool:
            ended = (await coordinator.get("s")).status is Status.COMPLETED
            return ended and sorted(world.undone) == ["one", "other"]

        await until(undone)
        assert (await handle.outcome(timeout=LIMIT)).result == "done without them"


async def test_late_answers_under_a_key_that_answered_are_no_news(
    house: House, world: World
) -> None:
    """The same effect is told three times; the saga has taken note of it once."""
    world.plan("it", ignore_cancellation, ignore_cancellation)
    async with house.open(swift) as coordinator:
        handle = await coordinator.start(swiftly, Order(), id="s")
        outcome = await handle.outcome(timeout=LIMIT)
        assert outcome.result == "it-done"
        before = await kinds(coordinator)
        let_it_happen(world)
        await coordinator.close()
    async with house.open(swift) as coordinator:
        assert await kinds(coordinator) == before
        assert (await coordinator.get("s")).status is Status.COMPLETED
    assert world.count("it") == 3
    assert world.done == ["it"]


async def test_a_late_answer_during_the_next_attempt_is_the_result(
    house: House, world: World
) -> None:
    hold = asyncio.Event()
    world.plan("it", ignore_cancellation, held(hold))
    async with house.open(swift) as coordinator:
        handle = await coordinator.start(swiftly, Order(choice="patient"), id="s")

        async def tried_again() -> bool:
            return world.count("it") == 2

        await until(tried_again)
        let_it_happen(world)

        async def heard() -> bool:
            return "Succeeded" in await kinds(coordinator)

        await until(heard)
        hold.set()
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await kinds(coordinator)).count("Succeeded") == 1
    assert outcome.result == "it-done"
    assert world.done == ["it"]


swift = Catalog("swift")


@swift.action(
    reversibility=Reversibility.COMPENSATABLE,
    repeatable=True,
    timeout=QUICK,
    retry=Retry(attempts=3, first=timedelta(milliseconds=5)),
)
async def swift_step(what: str) -> str:
    """Repeated soon, under a key that does not expire."""
    return await partner.do(what)


@swift_step.compensation()
async def undo_swift_step(what: str, result: str) -> None:
    """Undo it."""
    await partner.do(f"undo-{what}")


@swift.saga
async def swiftly(order: Order) -> str:
    return await swift_step("it")


async def test_a_late_effect_in_a_block_is_undone_with_the_block(
    house: House, world: World
) -> None:
    hold = asyncio.Event()
    world.plan("it", ignore_cancellation)
    world.plan("slow", held(hold))
    world.plan("bad", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(in_a_block, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        await until_called(world, "slow")
        let_it_happen(world)
        await until_heard(coordinator)
        hold.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "after the block"
    assert world.undone == ["slow", "it"]


@shop.saga
async def in_a_block(order: Order) -> str:
    with suppress(Refusal):
        async with savepoint("block"):
            with suppress(StepFailed):
                await keyless("it")
            await keyed("slow")
            await keyed("bad")
    return "after the block"


@shop.saga
async def left_past_the_pivot(order: Order) -> str:
    await mail("out")
    await keyless("it")
    return "never"


async def test_a_late_effect_in_a_saga_that_was_left_as_it_is_is_recorded_and_left(
    house: House, world: World
) -> None:
    world.plan("it", ignore_cancellation)
    async with house.open() as coordinator:
        handle = await coordinator.start(left_past_the_pivot, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        await answer(coordinator, handle, "not-happened")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "keep")).status is Status.RESIDUAL
        let_it_happen(world)
        await ended_again(coordinator, Status.RESIDUAL)
        assert (await coordinator.state("s")).steps["left_past_the_pivot/keyless#1"].late
    assert world.undone == []


async def test_a_late_result_that_cannot_be_stored_is_undone_without_it(
    house: House, world: World
) -> None:
    world.plan("it", ignore_cancellation)
    world.results.append(object())
    async with house.open(odd) as coordinator:
        handle = await coordinator.start(oddly, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "not-happened")).completed
        let_it_happen(world)
        await ended_again(coordinator, Status.COMPLETED)
    assert world.undone == ["it"]


async def test_a_late_result_that_cannot_be_stored_but_is_needed_is_put_before_a_person(
    house: House, world: World
) -> None:
    world.plan("it", ignore_cancellation)
    world.results.append(object())
    async with house.open(odd) as coordinator:
        handle = await coordinator.start(oddly, Order(choice="needed"), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "not-happened")).completed
        let_it_happen(world)
        await until_asked(coordinator)
        assert (await answer(coordinator, handle, "waive")).status is Status.RESIDUAL
    assert world.undone == []


odd = Catalog("odd")


@odd.action(reversibility=Reversibility.COMPENSATABLE, timeout=QUICK)
async def odd_step(what: str) -> Any:
    """Returns whatever the scenario says."""
    await partner.do(what)
    return partner.results.popleft()


@odd_step.compensation()
async def undo_odd_step(what: str) -> None:
    """Undo it, without its result."""
    await partner.do(f"undo-{what}")


@odd.action(reversibility=Reversibility.COMPENSATABLE, timeout=QUICK)
async def odd_and_needed(what: str) -> Any:
    """Returns whatever the scenario says."""
    await partner.do(what)
    return partner.results.popleft()


@odd_and_needed.compensation()
async def undo_odd_and_needed(what: str, result: Any) -> None:
    """Undo it, with its result."""
    await partner.do(f"undo-{what}")


@odd.saga
async def oddly(order: Order) -> str:
    with suppress(StepFailed):
        await (odd_and_needed if order.choice else odd_step)("it")
    return "went on"


async def test_what_later_steps_build_upon_is_put_before_a_person(
    house: House, world: World
) -> None:
    world.plan("room-first", ignore_cancellation)
    async with house.open(tied) as coordinator:
        handle = await coordinator.start(tied_up, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "not-happened")).completed
        let_it_happen(world)
        await until_asked(coordinator)
        assert "later steps build upon it" in (await only_question(coordinator)).evidence
        assert (await answer(coordinator, handle, "waive")).status is Status.RESIDUAL
    assert world.undone == []


tied = Catalog("tied")


@tied.action(reversibility=Reversibility.COMPENSATABLE, timeout=QUICK, conflicts=resource)
async def tie(what: str) -> str:
    """Touches what stands before the dash."""
    return await partner.do(what)


@tie.compensation()
async def untie(what: str, result: str) -> None:
    """Undo it."""
    await partner.do(f"undo-{what}")


@tied.saga
async def tied_up(order: Order) -> str:
    with suppress(StepFailed):
        await tie("room-first")
    return await tie("room-second")


async def test_a_process_that_ends_reports_what_was_answered_before(
    house: House, world: World
) -> None:
    async with given_up(house, world) as (coordinator, handle):
        assert (await answer(coordinator, handle, "not-happened")).completed
        let_it_happen(world)
        for _ in range(10):  # it answers, and nothing more
            await asyncio.sleep(0)
    assert world.done[-1] == "it"
    async with house.open() as coordinator:
        if (await coordinator.get("s")).status is not Status.COMPLETED:
            await coordinator.resume("s")
        await ended_again(coordinator, Status.COMPLETED)
    assert world.undone == ["it"]


# --- called again while the first call goes on -------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "status"), [("waive", Status.RESIDUAL), ("done", Status.COMPLETED)]
)
async def test_an_effect_that_may_have_happened_twice_is_put_before_a_person(
    house: House, world: World, choice: str, status: Status
) -> None:
    world.plan("it", ignore_cancellation)
    async with house.open() as coordinator:
        handle = await coordinator.start(once, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "retry")).completed
        let_it_happen(world)
        await until_asked(coordinator)
        assert (await only_question(coordinator)).kind == "second-effect"
        assert (await answer(coordinator, handle, choice)).status is status
    assert world.count("it") == 2
    assert world.undone == []


@shop.saga
async def once(order: Order) -> str:
    return await keyless("it")


@pytest.mark.usefixtures("on_both")
async def test_once_a_call_that_went_on_is_over_absent_counts_and_nobody_need_answer(
    house: House, world: World
) -> None:
    world.plan("it", fail_late)
    async with house.open() as coordinator:
        handle = await coordinator.start(once_probed, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.probes
        let_it_happen(world)

        async def completed() -> bool:
            return (await coordinator.get("s")).status is Status.COMPLETED

        await until(completed)
        assert await coordinator.store.waiting_questions() == []
    assert world.done == ["it"]
    assert world.count("it") == 2


@shop.saga
async def once_probed(order: Order) -> str:
    return await probed("it")


async def fail_late(world: World, call: Effect) -> str:
    """It goes on for as long as it likes, and nothing comes of it."""
    while not world.released.is_set():
        with suppress(asyncio.CancelledError):
            await world.released.wait()
    raise Refusal("too late")
