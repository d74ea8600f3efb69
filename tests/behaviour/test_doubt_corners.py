"""Corners of doubt: what comes at the instant of an end, and what a rolled-back block leaves."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from sagas import (
    Catalog,
    Coordinator,
    Reversibility,
    Status,
    StepFailed,
    StepInterrupted,
    approval,
    parallel,
    savepoint,
)
from sagas import event as wait_for_event
from sagas.model import Direction, micros
from sagas.ports import FaultPoints, LateAnswer
from sagas.state import Phase
from tests.behaviour.acting import LIMIT, answer, kinds, only_gate, only_question
from tests.behaviour.acting import until as until_soon
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    DAY,
    QUICK,
    SOON,
    Order,
    gated,
    keyed,
    keyless,
    labelled,
    mail,
    shop,
)
from tests.behaviour.world import (
    Behaviour,
    Effect,
    Refusal,
    World,
    hang_before,
    ignore_cancellation,
    lose_answer,
    refuse,
    succeed,
)
from tests.behaviour.world import world as partner

until = partial(until_soon, tries=2_000)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a call that ignores its cancellation."""
    monkeypatch.setattr("sagas.driving.calling.GRACE_SECONDS", 0.02)


class AnswersMeanwhile(FaultPoints):
    """The call that was given up answers while a kind of entry is written; that takes a while."""

    def __init__(self, world: World, kind: str, *, then: asyncio.Event | None = None) -> None:
        self._world = world
        self._kind = kind
        self._then = then
        self.armed = False
        self.landed = False

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        kinds = path.split(",")
        if point != "before-append":
            return
        if self.armed and self._kind in kinds:
            self._world.released.set()
            await asyncio.sleep(0.05)
            self.armed, self.landed = False, True
        if self.landed and "Succeeded" in kinds:
            if self._then is not None:
                self._then.set()
            await asyncio.sleep(0.05)


def after(event: asyncio.Event, then: Behaviour) -> Behaviour:
    """It behaves like that once the event is set."""

    async def behave(world: World, call: Effect) -> str:
        await event.wait()
        return await then(world, call)

    return behave


async def until_asked(coordinator: Coordinator) -> None:
    """Wait until a person is asked something."""

    async def asked() -> bool:
        return bool(await coordinator.store.waiting_questions())

    await until(asked)


async def until_called(world: World, what: str) -> None:
    """Wait until the partner was called for it."""

    async def called() -> bool:
        return world.count(what) > 0

    await until(called)


async def until_undone(world: World, what: str) -> None:
    """Wait until the partner has undone it."""

    async def undone() -> bool:
        return what in world.undone

    await until(undone)


async def until_failed(coordinator: Coordinator, path: str) -> None:
    """Wait until the journal says that it did not happen."""

    async def failed() -> bool:
        return (await coordinator.state("s")).steps[path].forward.phase is Phase.FAILED

    await until(failed)


# --- at the instant of an end ------------------------------------------------------------------


@shop.saga
async def denied_then_slow(order: Order) -> str:
    with suppress(StepFailed):
        await keyless("it")
    return await keyed("slow")


@pytest.mark.usefixtures("on_both")
async def test_a_late_effect_that_is_being_written_as_a_body_returns_is_undone(
    house: House, world: World
) -> None:
    hold = asyncio.Event()
    world.plan("it", ignore_cancellation)
    world.plan("slow", after(hold, succeed))
    fault = AnswersMeanwhile(world, "Succeeded", then=hold)
    async with house.open(fault_points=fault) as coordinator:
        handle = await coordinator.start(denied_then_slow, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        await until_called(world, "slow")
        fault.armed = True
        world.released.set()  # its success is still being written when the body returns
        await until_undone(world, "it")  # before the end, or after it
        outcome = await handle.outcome(timeout=LIMIT)
    assert fault.landed
    assert outcome.result == "slow-done"
    assert world.undone == ["it"]


@shop.saga
async def denied_in_an_unwind(order: Order) -> str:
    await keyed("before")
    await parallel(keyless("it"), keyed("bad"))
    return "never"


@pytest.mark.usefixtures("on_both")
async def test_a_late_effect_that_is_being_written_as_an_unwind_ends_is_undone(
    house: House, world: World
) -> None:
    asked, denied = asyncio.Event(), asyncio.Event()
    world.plan("it", ignore_cancellation)
    world.plan("bad", after(asked, refuse))
    world.plan("undo-before", after(denied, succeed))
    fault = AnswersMeanwhile(world, "Compensated")
    async with house.open(fault_points=fault) as coordinator:
        handle = await coordinator.start(denied_in_an_unwind, Order(), id="s")
        await until_asked(coordinator)
        asked.set()
        await until_called(world, "undo-before")
        await until_asked(coordinator)
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        await until_failed(coordinator, question.path or "")
        fault.armed = True
        denied.set()
        await until_undone(world, "it")
        outcome = await handle.outcome(timeout=LIMIT)
    assert fault.landed
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["before", "it"]


@shop.saga
async def denied_then_asked(order: Order) -> str:
    async def first() -> str:
        with suppress(StepFailed):
            await keyless("it")
        return await gated("asked")

    await parallel(first(), keyed("slow"))
    return "approved"


@pytest.mark.usefixtures("on_both")
async def test_a_late_effect_that_is_being_written_is_undone_before_the_saga_waits(
    house: House, world: World
) -> None:
    hold = asyncio.Event()
    world.plan("it", ignore_cancellation)
    world.plan("slow", after(hold, succeed))
    fault = AnswersMeanwhile(world, "GateOpened")
    async with house.open(fault_points=fault) as coordinator:
        await coordinator.start(denied_then_asked, Order(), id="s")
        await until_asked(coordinator)
        question = await only_question(coordinator)
        fault.armed = True
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        await until_failed(coordinator, question.path or "")
        hold.set()

        await until_undone(world, "it")
    assert fault.landed
    assert world.undone == ["it"]


# --- two answers at once -----------------------------------------------------------------------


@shop.saga
async def denied_alone(order: Order) -> str:
    return await keyless("it")


PATH = "denied_alone/keyless#1"


async def tell(house: House, world: World, coordinator: Coordinator, *attempts: int) -> None:
    """Other processes, which made these attempts, tell that they took effect."""
    call = next(call for call in world.calls if call.what == "it")
    world.happen(call)
    for attempt in attempts:
        late = LateAnswer(
            "s", PATH, Direction.DO, call.key, attempt, b'"it-done"', unprotected=True
        )
        await coordinator.store.report(late, by="sagas", at=micros(house.clock.now()))


@pytest.mark.usefixtures("on_both")
async def test_two_late_effects_of_one_keyless_call_that_are_told_at_once_are_two(
    house: House, world: World
) -> None:
    world.plan("it", hang_before, hang_before)
    async with house.open() as coordinator:
        handle = await coordinator.start(denied_alone, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "retry")).status is Status.STUCK
        assert (await answer(coordinator, handle, "not-happened")).status is Status.COMPENSATED
    async with house.open() as coordinator:
        await tell(house, world, coordinator, 1, 2)
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await only_question(coordinator)).kind == "second-effect"
        assert (await answer(coordinator, handle, "waive")).status is Status.RESIDUAL
    assert world.count("it") == 2


@pytest.mark.usefixtures("on_both")
async def test_an_answer_to_unwind_holds_although_the_call_answered_its_question(
    house: House, world: World
) -> None:
    world.plan("it", hang_before)
    async with house.open() as coordinator:
        handle = await coordinator.start(denied_alone, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
    async with house.open() as coordinator:
        await tell(house, world, coordinator, 1)
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "unwind", reason="enough")
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["it"]


class ReportedMeanwhile(FaultPoints):
    """A late success is reported while a saga is let go of of which nothing new was known."""

    def __init__(self) -> None:
        self.report: Callable[[], Awaitable[None]] | None = None
        self.landed = False

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == "before-append" and not path and self.report is not None:
            report, self.report = self.report, None
            await report()
            self.landed = True


@pytest.mark.usefixtures("on_both")
async def test_a_late_effect_that_is_reported_while_an_ended_saga_is_let_go_of_is_undone(
    house: House, world: World
) -> None:
    world.plan("it", hang_before)
    async with house.open() as coordinator:
        handle = await coordinator.start(denied_alone, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await answer(coordinator, handle, "not-happened")).status is Status.COMPENSATED
    fault = ReportedMeanwhile()
    async with house.open(fault_points=fault) as coordinator:
        fault.report = partial(tell, house, world, coordinator, 1)
        known = LateAnswer("s", PATH, Direction.DO, "another-key", 9, b"null")
        await coordinator.store.report(known, by="sagas", at=micros(house.clock.now()))
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        assert (await kinds(coordinator)).count("Reopened") == 1
    assert fault.landed
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["it"]


# --- a block that was rolled back --------------------------------------------------------------


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    timeout=QUICK,
    definite=(Refusal,),
)
async def harmless(what: str) -> str:
    """Under a key, and undoing it never does harm."""
    return await partner.do(what)


@harmless.compensation()
async def undo_harmless(what: str, result: str | None) -> None:
    """Undo it, if it happened."""
    await partner.do(f"undo-{what}")


limits: list[asyncio.Timeout] = []
"""How long the bodies wait: until somebody says that their time is up."""


async def hang_and_be_given_up(world: World, call: Effect) -> str:
    """No answer comes, and whoever waits has no more time."""
    limits[-1].reschedule(asyncio.get_running_loop().time())
    return await hang_before(world, call)


@shop.saga
async def interrupted_in_a_block(order: Order) -> str:
    with suppress(Refusal):
        async with savepoint("block"):
            with suppress(StepInterrupted, TimeoutError):
                async with asyncio.timeout(None) as limit:
                    limits.append(limit)
                    await harmless("it")
            await keyed("bad")
    return "after the block"


@pytest.mark.usefixtures("on_both")
async def test_what_a_rollback_undid_in_doubt_is_not_called_again_afterwards(
    house: House, world: World
) -> None:
    world.plan("it", hang_and_be_given_up)
    world.plan("bad", refuse)
    async with house.open() as coordinator:
        outcome = await coordinator.run(interrupted_in_a_block, Order(), id="s", timeout=LIMIT)
    assert outcome.result == "after the block"
    assert world.count("it") == 1
    assert world.undone == ["it"]


@shop.saga
async def gathered_in_a_block(order: Order) -> str:
    with suppress(Refusal):
        async with savepoint("block"):
            await asyncio.gather(labelled("it", "new"), keyed("bad"))
    return "after the block"


async def test_nothing_is_done_in_a_block_once_its_rollback_began(
    house: House, world: World
) -> None:
    async def read_until_then(world: World, call: Effect) -> str:
        async def began() -> bool:
            return "RollbackBegan" in await kinds(coordinator)

        await until(began)
        return "read"

    world.plan("before-it", read_until_then)
    world.plan("bad", refuse)
    async with house.open() as coordinator:
        outcome = await coordinator.run(gathered_in_a_block, Order(), id="s", timeout=LIMIT)
        assert "RolledBackTo" in await kinds(coordinator)
    assert outcome.result == "after the block"
    assert not world.done


@shop.saga
async def paid_then_block(order: Order) -> str:
    await mail("paid")
    async with savepoint("delivery"):
        await keyed("packed")
        await keyed("bad")
    return "never"


async def test_a_retry_past_the_pivot_does_nothing_in_a_block_that_was_rolled_back(
    house: House, world: World
) -> None:
    world.plan("bad", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(paid_then_block, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await only_question(coordinator)).kind == "past-pivot"
        assert (await answer(coordinator, handle, "retry")).status is Status.STUCK
        question = await only_question(coordinator)
        assert question.kind == "past-pivot"
        assert "in a block that was undone" in question.question
    assert world.done == ["paid", "packed"]
    assert world.undone == ["packed"]


# --- branches ----------------------------------------------------------------------------------


@shop.saga
async def doubtful_beside_refused(order: Order) -> str:
    try:
        await parallel(keyless("it"), keyed("bad"))
    except Refusal:
        await keyed("instead")
        await gated("asked")
    return "by another way"


@pytest.mark.usefixtures("on_both")
async def test_a_branch_that_fails_after_another_one_was_raised_changes_no_way(
    house: House, world: World
) -> None:
    async def fail_after_it(world: World, call: Effect) -> str:
        async def asked() -> bool:
            return bool(await coordinator.store.waiting_questions())

        await until(asked)
        raise Refusal("bad")

    world.plan("it", hang_before)
    world.plan("bad", fail_after_it)
    async with house.open() as coordinator:
        handle = await coordinator.start(doubtful_beside_refused, Order(), id="s")

        async def waits() -> bool:
            return bool(await coordinator.store.waiting_gates())

        await until(waits)
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        await coordinator.approve((await coordinator.store.waiting_gates())[0].id, by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "by another way"


@shop.saga
async def listener_beside_refused(order: Order) -> str:
    async def listens() -> None:
        await wait_for_event("go")

    async def fails() -> None:
        await keyed("good")
        await keyed("bad")

    with suppress(Refusal):
        await parallel(listens(), fails())
    return str(await wait_for_event("go"))


async def test_a_closed_branch_takes_no_event_from_those_who_still_wait(
    house: House, world: World
) -> None:
    world.plan("bad", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(listener_beside_refused, Order(), id="s")

        async def waits() -> bool:
            return (await coordinator.get("s")).status is Status.WAITING

        await until(waits)
        await coordinator.send("s", "go", "went", key="1")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "went"


# --- gates -------------------------------------------------------------------------------------


def later(**options: Any) -> Catalog:
    """A catalog as it was deployed, and as it is deployed again with a gate."""
    catalog = Catalog("later")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, timeout=QUICK, **options)
    async def step(what: str) -> str:
        return await partner.do(what)

    @step.compensation(repeatable=True)
    async def undo_step(what: str, result: str) -> None:
        await partner.do(f"undo-{what}")

    @catalog.saga
    async def gated_later(order: Order) -> str:
        return await step("it")

    return catalog


async def test_a_refused_repetition_does_not_settle_an_earlier_call_that_is_in_doubt(
    house: House, world: World
) -> None:
    world.plan("it", lose_answer)
    before = later()
    async with house.open(before) as coordinator:
        handle = await coordinator.start(next(before.sagas), Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
    after_it = later(approval=approval(by="@desk", within=timedelta(hours=1)))
    async with house.open(after_it) as coordinator:
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "retry", reason="I looked")
        handle = await coordinator.resume("s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), reason="no", by="ben")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        outcome = await answer(coordinator, handle, "happened", result="it-done")
    assert outcome.result == "it-done"
    assert world.count("it") == 1
