"""Steps of which nobody knows whether they took effect: forward, and in an unwind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from sagas import Catalog, Coordinator, Handle, Reversibility, Status, StepFailed, parallel
from tests.behaviour.acting import LIMIT, answer, kinds, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    Order,
    blind,
    both,
    delayed,
    gated,
    hasty,
    in_thread,
    in_thread_keyless,
    keyed,
    keyless,
    labelled,
    lagging,
    look_up,
    probed,
    shop,
    strange,
    undo_keyed,
    wire,
)
from tests.behaviour.world import (
    Behaviour,
    Refusal,
    World,
    hang,
    hang_before,
    ignore_cancellation,
    lose_answer,
    lose_request,
    raising,
    refuse,
    wait_for_release,
)

ACTIONS: dict[str, Any] = {
    "keyed": keyed,
    "hasty": hasty,
    "keyless": keyless,
    "blind": blind,
    "probed": probed,
    "lagging": lagging,
    "both": both,
    "wire": wire,
    "in_thread": in_thread,
    "in_thread_keyless": in_thread_keyless,
    "look_up": look_up,
    "strange": strange,
    "delayed": delayed,
}


@shop.saga
async def one(order: Order) -> str:
    return str(await ACTIONS[order.choice]("it"))


@shop.saga
async def one_then_refused(order: Order) -> str:
    """The first step may be in doubt when the second one is refused."""

    async def first() -> None:
        await ACTIONS[order.choice]("it")

    await keyed("before")
    await parallel(first(), keyed("bad"))
    return "never"


@shop.saga
async def caught(order: Order) -> str:
    try:
        await ACTIONS[order.choice]("it")
    except StepFailed as error:
        return f"failed: {error.kind}"
    except Refusal as error:
        return f"refused: {error}"
    return "succeeded"


@asynccontextmanager
async def started(
    house: House, saga: Any, choice: str, **options: Any
) -> AsyncGenerator[tuple[Coordinator, Handle[Any]]]:
    async with house.open(**options) as coordinator:
        handle: Handle[Any] = await coordinator.start(saga, Order(choice=choice), id="s")
        yield coordinator, handle


# --- going forward -----------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("lost", [lose_answer, lose_request])
@pytest.mark.parametrize("choice", ["keyed", "both", "probed"])
async def test_doubt_that_can_be_settled_ends_in_one_effect(
    house: House, world: World, choice: str, lost: Behaviour
) -> None:
    world.plan("it", lost)
    async with started(house, one, choice) as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "it-done"
    assert world.done == ["it"]


async def test_a_probe_is_asked_before_a_keyed_call_is_repeated(house: House, world: World) -> None:
    world.plan("it", lose_answer)
    async with started(house, one, "both") as (_, handle):
        await handle.outcome(timeout=LIMIT)
    assert world.probes == ["it"]
    assert world.count("it") == 1


async def test_a_probed_call_is_repeated_only_when_absent(house: House, world: World) -> None:
    world.plan("it", lose_request)
    async with started(house, one, "probed") as (_, handle):
        await handle.outcome(timeout=LIMIT)
    assert world.count("it") == 2


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("choice", ["keyless", "blind"])
async def test_an_unobservable_call_is_never_repeated_without_a_person(
    house: House, world: World, choice: str
) -> None:
    world.plan("it", lose_answer)
    async with started(house, one, choice) as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.count("it") == 1
        outcome = await answer(coordinator, handle, "happened", result="as I found it")
    assert outcome.result == "as I found it"


async def test_a_person_says_that_it_did_not_happen_and_the_body_hears_it(
    house: House, world: World
) -> None:
    world.plan("it", lose_request)
    async with started(house, caught, "keyless") as (coordinator, handle):
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "not-happened")
    assert outcome.result == "failed: NotExecuted"


async def test_a_person_may_have_it_called_again(house: House, world: World) -> None:
    world.plan("it", lose_request)
    async with started(house, one, "keyless") as (coordinator, handle):
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "retry")
    assert outcome.result == "it-done"
    assert world.count("it") == 2


async def test_a_person_may_have_it_unwound_and_is_asked_what_happened(
    house: House, world: World
) -> None:
    world.plan("it", lose_answer)
    async with started(house, one, "keyless") as (coordinator, handle):
        await handle.outcome(timeout=LIMIT)
        assert (await answer(coordinator, handle, "unwind")).status is Status.STUCK
        question = await only_question(coordinator)
        assert [str(choice) for choice in question.choices] == [
            "happened",
            "not-happened",
            "waive",
        ]
        outcome = await answer(coordinator, handle, "happened", result="R")
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["it"]


async def test_a_cancel_after_a_retry_was_asked_for_forgets_no_doubt(
    house: House, world: World
) -> None:
    world.plan("it", lose_answer)
    async with started(house, one, "keyless") as (coordinator, handle):
        await handle.outcome(timeout=LIMIT)
        question = await only_question(coordinator)
    async with house.open() as coordinator:  # nobody drives it while both are asked for
        await coordinator.resolve(question.id, "retry", reason="try again")
        await coordinator.cancel("s", reason="no, do not")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        outcome = await answer(coordinator, handle, "happened", result="R")
    assert outcome.status is Status.COMPENSATED
    assert world.count("it") == 1
    assert world.undone == ["it"]


async def test_a_cancel_makes_the_questions_of_a_stuck_saga_moot(
    house: House, world: World
) -> None:
    world.plan("it", lose_answer)
    async with started(house, one, "blind") as (coordinator, handle):
        await handle.outcome(timeout=LIMIT)
        await coordinator.cancel("s", reason="enough")
        outcome = await handle.outcome(timeout=LIMIT)
        assert await coordinator.store.waiting_questions() == []
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["it"]


async def test_an_irreversible_step_in_doubt_is_put_before_a_person(
    house: House, world: World
) -> None:
    world.plan("it", lose_answer)
    async with started(house, one, "wire") as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        await coordinator.cancel("s", reason="enough")
        outcome = await answer(coordinator, handle, "unwind")
        assert outcome.status is Status.STUCK
        outcome = await answer(coordinator, handle, "happened", result="W")
    assert outcome.status is Status.RESIDUAL
    assert world.count("it") == 1


async def test_keyed_attempts_that_run_out_unwind_the_saga(house: House, world: World) -> None:
    world.plan("it", lose_request, lose_request, lose_answer)
    async with started(house, one, "keyed") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert "in doubt" in (outcome.reason or "")
    assert world.done == world.undone == ["it"]


async def test_a_refusal_under_a_live_key_settles_earlier_doubt(house: House, world: World) -> None:
    world.plan("it", lose_request, refuse)
    async with started(house, caught, "keyed") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "refused: no it"


async def test_a_refusal_ends_a_step_at_once(house: House, world: World) -> None:
    world.plan("it", refuse)
    async with started(house, caught, "keyed") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "refused: no it"
    assert world.count("it") == 1


async def test_a_postponed_call_is_made_again(house: House, world: World) -> None:
    world.plan("it", refuse, refuse)
    async with started(house, one, "delayed") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "it-done"


async def test_reading_is_repeated_and_then_fails(house: House, world: World) -> None:
    world.plan("it", lose_request, lose_request, lose_request)
    async with started(house, caught, "look_up") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result is not None
    assert outcome.result.startswith("failed")
    assert world.count("it") == 3


# --- what an action may do to its caller -------------------------------------------------------


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Enormous(Exception):
    def __str__(self) -> str:
        return "x" * 5_000_000


ODD: list[BaseException] = [
    Exception("plain"),
    BaseException("base"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    StopIteration("stopped"),
    StopAsyncIteration(),
    ExceptionGroup("group", [ValueError("one")]),
    Mute(),
    Enormous(),
    ValueError("\ud800 \x00"),
    RecursionError("deep"),
    MemoryError(),
    TimeoutError(),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
async def test_whatever_an_action_raises_leaves_doubt_and_the_worker_alive(
    house: House, world: World, error: BaseException, after: bool
) -> None:
    world.plan("it", raising(error, after=after))
    async with started(house, one, "keyed") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "it-done"
    assert world.count("it") == 2


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
async def test_whatever_a_compensation_raises_it_is_repeated(
    house: House, world: World, error: BaseException
) -> None:
    world.plan("bad", refuse)
    world.plan("undo-it", raising(error))
    async with started(house, one_then_refused, "keyed") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["it", "before"]


async def test_a_call_without_an_answer_is_given_up_in_time(house: House, world: World) -> None:
    world.plan("it", hang)
    async with started(house, one, "hasty") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.RESIDUAL
    assert world.done == world.undone == ["it"]


async def test_an_action_that_swallows_its_cancellation_is_abandoned(
    house: House, world: World
) -> None:
    world.plan("it", ignore_cancellation)
    async with started(house, one, "keyless") as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        other: Handle[Any] = await coordinator.start(one, Order(choice="keyed"), id="t")
        assert (await other.outcome(timeout=LIMIT)).completed


@pytest.mark.usefixtures("on_both")
async def test_a_late_success_answers_the_question_about_it(house: House, world: World) -> None:
    world.plan("it", ignore_cancellation)
    async with started(house, one, "keyless") as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        world.released.set()

        async def answered() -> bool:
            return await coordinator.store.waiting_questions() == []

        await until(answered)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "it-done"


async def test_a_late_success_in_a_thread_is_heard(house: House, world: World) -> None:
    async with started(house, one, "in_thread_keyless") as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        world.let_go.set()

        async def answered() -> bool:
            return await coordinator.store.waiting_questions() == []

        await until(answered)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "it-done"


@shop.saga
async def one_then_asked(order: Order) -> str:
    try:
        await ACTIONS[order.choice]("it")
    except StepFailed:
        await keyed("instead")
    return await gated("asked")


@pytest.mark.usefixtures("on_both")
async def test_a_late_success_during_the_unwind_is_undone(house: House, world: World) -> None:
    world.plan("it", ignore_cancellation)
    world.plan("undo-before", wait_for_release)
    async with started(house, one_then_refused, "keyless") as (coordinator, handle):
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")

        async def asked() -> bool:
            return bool(await coordinator.store.waiting_questions())

        await until(asked)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
        while outcome.status is Status.STUCK:
            outcome = await handle.outcome(timeout=LIMIT)
            await asyncio.sleep(0.02)
    assert outcome.status is Status.COMPENSATED
    assert "it" in world.undone


async def test_a_late_success_that_a_person_denied_is_undone_while_the_saga_unwinds(
    house: House, world: World
) -> None:
    hold = asyncio.Event()

    async def held(world: World, call: Any) -> str:
        await hold.wait()
        return world.happen(call)

    world.plan("it", ignore_cancellation)
    world.plan("undo-before", held)
    async with started(house, one_then_refused, "keyless") as (coordinator, handle):
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")

        async def asked() -> bool:
            return bool(await coordinator.store.waiting_questions())

        await until(asked)
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        await asyncio.sleep(0.1)
        world.released.set()
        await asyncio.sleep(0.1)
        hold.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert sorted(world.undone) == sorted(world.done)
    assert "it" in world.undone


async def test_a_function_that_hangs_in_its_thread_holds_nothing_up(
    house: House, world: World
) -> None:
    async with started(house, one, "in_thread_keyless") as (_coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
    assert world.done == []


# --- results that cannot be stored -------------------------------------------------------------


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __hash__(self) -> int:
        return 1


CYCLE: list[Any] = []
CYCLE.append(CYCLE)

UNSTORABLE: list[Any] = [
    float("nan"),
    "\ud800",
    "a\x00b",
    object(),
    Incomparable(),
    {1: "one", "1": "uno"},
    {1, 2},
    b"\xff",
    CYCLE,
    "x" * 1_000_000,
]


@pytest.mark.parametrize("value", UNSTORABLE, ids=lambda value: type(value).__name__)
async def test_an_effect_is_not_forgotten_when_its_result_cannot_be_stored(
    house: House, world: World, value: Any
) -> None:
    world.results.append(value)
    async with started(house, one, "strange") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.done == world.undone == ["it"]


@shop.saga
async def strange_past_the_pivot(order: Order) -> str:
    await wire("pivot")
    return str(await strange("it"))


async def test_past_the_pivot_an_unstorable_result_is_put_before_a_person(
    house: House, world: World
) -> None:
    world.results.append(object())
    async with started(house, strange_past_the_pivot, "") as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        outcome = await answer(coordinator, handle, "keep")
    assert outcome.status is Status.RESIDUAL
    assert world.undone == []


@shop.saga
async def unstorable_itself(order: Order) -> Any:
    await keyed("it")
    return object()


async def test_a_result_of_the_saga_that_cannot_be_stored_is_no_failure(
    house: House, world: World
) -> None:
    async with started(house, unstorable_itself, "") as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.undone == []
        outcome = await answer(coordinator, handle, "keep")
    assert outcome.status is Status.RESIDUAL


# --- time --------------------------------------------------------------------------------------


async def test_absent_counts_only_after_the_lag(house: House, world: World) -> None:
    world.plan("it", lose_answer)
    world.hidden.add("it")
    with freeze_time(tick=True, real_asyncio=True) as frozen:
        async with started(house, one, "lagging", clock=None) as (_coordinator, handle):
            assert (await handle.settled()).status is Status.WAITING
            assert world.count("it") == 1
            world.hidden.clear()
            frozen.tick(timedelta(minutes=2))
            outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "it-done"
    assert world.count("it") == 1


async def test_after_the_lag_what_is_absent_is_called_again(house: House, world: World) -> None:
    world.plan("it", lose_request)
    async with started(house, one, "lagging") as (_coordinator, handle):
        assert (await handle.settled()).status is Status.WAITING
        house.clock.forward(timedelta(minutes=2))
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "it-done"
    assert world.count("it") == 2


@shop.saga
async def asked_and_one(order: Order) -> str:
    both_ = await parallel(ACTIONS[order.choice]("it"), gated("asked"))
    return str(both_[0])


async def test_a_key_that_has_expired_is_no_longer_trusted(house: House, world: World) -> None:
    world.plan("it", hang_before)
    async with started(house, one, "keyed", grace=0.1) as (coordinator, _handle):
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        house.clock.forward(timedelta(hours=25))
        await coordinator.close()
    async with house.open() as coordinator:
        again = await coordinator.resume("s")
        assert (await again.outcome(timeout=LIMIT)).status is Status.STUCK
    assert world.count("it") == 1


async def test_a_probe_that_fails_counts_as_no_probe(house: House, world: World) -> None:
    world.plan("it", lose_answer)
    world.blind = 9
    async with started(house, one, "probed") as (_, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
    assert world.count("it") == 1


# --- in an unwind ------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("lost", [lose_answer, lose_request])
@pytest.mark.parametrize("choice", ["keyed", "both", "probed", "blind"])
async def test_an_unwind_settles_doubt_by_itself(
    house: House, world: World, choice: str, lost: Behaviour
) -> None:
    async def lost_late(world: World, call: Any) -> str:
        world.under_way.set()
        await asyncio.sleep(0.1)
        return await lost(world, call)

    world.plan("it", lost_late)
    async with started(house, one_then_refused, choice) as (coordinator, handle):
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status.is_end
    assert world.undone[-1:] == ["before"]


async def test_an_unobservable_step_does_not_hold_up_what_came_before(
    house: House, world: World
) -> None:
    async def lost_late(world: World, call: Any) -> str:
        world.under_way.set()
        await asyncio.sleep(0.05)
        return await lose_answer(world, call)

    world.plan("it", lost_late)
    async with started(house, one_then_refused, "keyless") as (coordinator, handle):
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert "before" in world.undone
        outcome = await answer(coordinator, handle, "waive")
    assert outcome.status is Status.RESIDUAL
    assert outcome.residue


async def test_a_compensation_in_doubt_without_key_asks(house: House, world: World) -> None:
    loose = Catalog("loose")

    @loose.action(reversibility=Reversibility.COMPENSATABLE)
    async def act(what: str) -> str:
        return await world.do(what)

    @act.compensation()
    async def undo_act(what: str, result: str) -> None:
        await world.do(f"undo-{what}")

    @loose.saga
    async def acting(order: Order) -> str:
        await act("it")
        raise ValueError("no")

    world.plan("undo-it", lose_answer)
    async with house.open(loose) as coordinator:
        handle = await coordinator.start(acting, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.count("undo-it") == 1
        outcome = await answer(coordinator, handle, "done")
    assert outcome.status is Status.COMPENSATED


# --- the before-image --------------------------------------------------------------------------


@shop.saga
async def labelling(order: Order) -> str:
    try:
        await labelled("box", "new")
    except StepFailed as error:
        await gated("asked")
        return error.kind
    if order.choice == "fail":
        raise ValueError("no")
    return "labelled"


async def test_a_compensation_puts_back_what_was_read_before(house: House, world: World) -> None:
    async with started(house, labelling, "fail") as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["box=old-box"]


async def test_a_before_image_that_cannot_be_read_fails_the_step_the_same_when_replayed(
    house: House, world: World
) -> None:
    world.plan("before-box", raising(OSError("unreadable")))
    async with started(house, labelling, "") as (coordinator, handle):
        await handle.settled()
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        for gate in await coordinator.store.waiting_gates():
            await coordinator.approve(gate.id, by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "BeforeImageUnread"
    assert world.done == ["asked"]


async def test_calling_a_compensation_in_a_body_is_refused() -> None:
    with pytest.raises(Exception, match="savepoint"):
        undo_keyed("it", "it-done")


async def test_every_answer_of_a_probe_is_journaled(house: House, world: World) -> None:
    world.plan("it", lose_request)
    async with started(house, one, "probed") as (coordinator, handle):
        await handle.outcome(timeout=LIMIT)
        assert "Probed" in await kinds(coordinator)
