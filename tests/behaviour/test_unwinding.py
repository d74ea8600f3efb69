"""Undoing: order, what holds it up, savepoints, cancels, and what a person may choose."""

import asyncio
from typing import Any

import pytest

import sagas
from sagas import Catalog, Handle, Reversibility, Status, StepFailed, parallel, savepoint
from tests.behaviour.acting import LIMIT, answer, approve_all, kinds, only_gate, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    DAY,
    Order,
    costly,
    gated,
    hasty,
    keyed,
    look_up,
    mail,
    publish,
    sharing,
    shop,
)
from tests.behaviour.world import Refusal, World, lose_request, refuse, wait_for_release


@shop.saga
async def straight(order: Order) -> str:
    for item in order.items:
        await keyed(item)
    raise ValueError("in the end, no")


@shop.saga
async def branching(order: Order) -> str:
    async def branch(name: str) -> None:
        await keyed(f"{name}1")
        await keyed(f"{name}2")

    await keyed("first")
    await parallel(branch("a"), branch("b"))
    await keyed("last")
    raise ValueError("in the end, no")


@shop.saga
async def shared(order: Order) -> str:
    await sharing("room-1")
    await sharing("car-1")
    await sharing("room-2")
    raise ValueError("in the end, no")


@shop.saga
async def past_the_pivot(order: Order) -> str:
    await keyed("before")
    await mail("pivot")
    await keyed("after")
    return "done"


@shop.saga(name="past_the_pivot_unwinding", after_pivot="unwind")
async def past_the_pivot_unwinding(order: Order) -> str:
    await keyed("before")
    await mail("pivot")
    await keyed("after")
    return "done"


@shop.saga
async def branch_fails_past_the_pivot(order: Order) -> list[str]:
    await mail("pivot")

    async def long() -> str:
        await keyed("long-1")
        await gated("long-gate")
        return await keyed("long-2")

    return list(await parallel(long(), keyed("after")))


@shop.saga
async def paying(order: Order) -> str:
    await keyed("before")
    await costly("it")
    raise ValueError("in the end, no")


@shop.saga
async def lodging(order: Order) -> str:
    await keyed("flight")
    try:
        async with savepoint("lodging"):
            await keyed("hotel")
            await keyed("car")
    except Refusal:
        if order.choice == "again":
            async with savepoint("lodging"):
                await keyed("hotel")
                await keyed("bus")
        elif order.choice == "gate":
            await gated("asked")
        elif order.choice == "fail":
            raise
    return "there"


@shop.saga
async def uncaught_block(order: Order) -> str:
    await keyed("flight")
    async with savepoint("lodging"):
        await keyed("hotel")
        await keyed("car")
    return "there"


def _fail() -> None:
    raise ValueError("outer")


@shop.saga
async def nested_blocks(order: Order) -> str:
    try:
        async with savepoint("outer"):
            await keyed("one")
            try:
                async with savepoint("inner"):
                    await keyed("two")
                    await keyed("car")
            except Refusal:
                await keyed("three")
            _fail()
    except ValueError:
        await keyed("four")
    return "done"


@shop.saga
async def blocks_in_branches(order: Order) -> list[str]:
    async def branch(name: str) -> str:
        try:
            async with savepoint("block"):
                await keyed(f"{name}-hotel")
                await keyed(f"{name}-car")
        except Refusal:
            return await keyed(f"{name}-bus")
        return name

    return list(await parallel(branch("a"), branch("b"), keyed("c")))


@shop.saga
async def block_with_a_pivot(order: Order) -> str:
    try:
        async with savepoint("block"):
            await keyed("one")
            await mail("pivot")
            await keyed("car")
    except Refusal:
        await keyed("never")
    return "done"


@shop.saga
async def block_beside_a_failure(order: Order) -> str:
    async def block() -> None:
        async with savepoint("block"):
            await keyed("a-hotel")
            await keyed("car")

    async def failing() -> None:
        await keyed("slow")
        await keyed("bad")

    try:
        await parallel(block(), failing())
    except Exception:  # noqa: BLE001
        await keyed("otherwise")
    return "done"


async def run_to_end(house: House, saga: Any, order: Order | None = None) -> Any:
    async with house.open() as coordinator:
        return await coordinator.run(saga, order or Order(), id="s", timeout=LIMIT)


@pytest.mark.usefixtures("on_both")
async def test_steps_are_undone_in_reverse_order(house: House, world: World) -> None:
    outcome = await run_to_end(house, straight, Order(items=["a", "b", "c"]))
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["c", "b", "a"]


@pytest.mark.usefixtures("on_both")
async def test_branches_are_undone_independently_of_each_other(house: House, world: World) -> None:
    world.plan("undo-a2", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(branching, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        for _ in range(200):
            if "b1" in world.undone:
                break
            await asyncio.sleep(0.01)
        assert world.undone == ["last", "b2", "b1"]
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone[-3:] == ["a2", "a1", "first"]


async def test_a_stuck_compensation_holds_up_only_what_it_depends_on(
    house: House, world: World
) -> None:
    world.plan("undo-room-2", refuse, refuse, refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(shared, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.undone == ["car-1"]
        outcome = await answer(coordinator, handle, "retry")
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["car-1", "room-2", "room-1"]


async def test_a_compensation_is_repeated_before_a_person_is_asked(
    house: House, world: World
) -> None:
    world.plan("undo-b", refuse, lose_request)
    outcome = await run_to_end(house, straight, Order(items=["a", "b"]))
    assert outcome.status is Status.COMPENSATED
    assert world.count("undo-b") == 3


async def test_a_waived_compensation_is_residue(house: House, world: World) -> None:
    world.plan("undo-b", refuse, refuse, refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(straight, Order(items=["a", "b"]), id="s")
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "waive")
    assert outcome.status is Status.RESIDUAL
    assert [item.text for item in outcome.residue] == ["left as it is: I looked"]
    assert world.undone == ["a"]


async def test_a_declared_residue_makes_the_end_residual(house: House, world: World) -> None:
    @shop.saga(name="with_a_fee")
    async def with_a_fee(order: Order) -> str:
        await hasty("it")
        raise ValueError("no")

    outcome = await run_to_end(house, with_a_fee)
    assert outcome.status is Status.RESIDUAL
    assert [item.text for item in outcome.residue] == ["a fee"]


# --- the pivot ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_past_the_pivot_retry_really_goes_forward(house: House, world: World) -> None:
    world.plan("after", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(past_the_pivot, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        outcome = await answer(coordinator, handle, "retry")
    assert outcome.result == "done"
    assert world.done == ["before", "pivot", "after"]


async def test_past_the_pivot_a_person_may_unwind(house: House, world: World) -> None:
    world.plan("after", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(past_the_pivot, Order(), id="s")
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "unwind")
    assert outcome.status is Status.RESIDUAL
    assert world.undone == ["before"]


async def test_past_the_pivot_a_person_may_keep_everything(house: House, world: World) -> None:
    world.plan("after", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(past_the_pivot, Order(), id="s")
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "keep")
    assert outcome.status is Status.RESIDUAL
    assert world.undone == []


async def test_a_saga_may_say_that_it_unwinds_past_the_pivot(house: House, world: World) -> None:
    world.plan("after", refuse)
    outcome = await run_to_end(house, past_the_pivot_unwinding)
    assert outcome.status is Status.RESIDUAL
    assert world.undone == ["before"]


async def test_a_retry_opens_the_branches_that_its_failure_had_closed(
    house: House, world: World
) -> None:
    world.plan("after", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(branch_fails_past_the_pivot, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "retry", reason="again")
        assert (await handle.settled()).status is Status.WAITING
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == ["long-2-done", "after-done"]
    assert world.done.count("long-1") == 1


async def test_a_kept_saga_closes_its_gates(house: House, world: World) -> None:
    world.plan("after", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(branch_fails_past_the_pivot, Order(), id="s")
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "keep")
        assert await coordinator.store.waiting_gates() == []
    assert outcome.status is Status.RESIDUAL


async def test_a_retry_of_a_rejected_step_asks_again(house: House, world: World) -> None:
    @shop.saga(name="rejected_past_the_pivot")
    async def rejected_past_the_pivot(order: Order) -> str:
        await mail("pivot")
        return await gated("asked")

    async with house.open() as coordinator:
        handle = await coordinator.start(rejected_past_the_pivot, Order(), id="s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), reason="no", by="ben")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "retry", reason="ask again")
        assert (await handle.settled()).status is Status.WAITING
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "asked-done"


# --- handlers ----------------------------------------------------------------------------------


def two_versions(world: World) -> tuple[Catalog, Catalog]:
    """A catalog with a saga, and a later one that has lost the action."""
    old, new = Catalog("kept"), Catalog("kept")

    @old.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
    async def act(what: str) -> str:
        return await world.do(what)

    @act.compensation()
    async def undo_act(what: str, result: str) -> None:
        await world.do(f"undo-{what}")

    @old.saga
    async def acting(order: Order) -> str:
        await act("it")
        await sagas.event("go")
        return "done"

    @new.saga(name="acting")
    async def acting_again(order: Order) -> str:
        return "never"

    return old, new


@pytest.mark.usefixtures("on_both")
async def test_a_missing_handler_is_put_before_a_person_and_never_skipped(
    house: House, world: World
) -> None:
    old, new = two_versions(world)
    async with house.open(old) as coordinator:
        handle = await coordinator.start(next(old.sagas), Order(), id="s")
        await handle.settled()
    async with house.open(new) as coordinator:
        await coordinator.cancel("s", reason="enough")
        resumed = await coordinator.resume("s")
        outcome = await resumed.outcome(timeout=LIMIT)
        assert outcome.status is Status.STUCK
        assert "kept.act" in (outcome.reason or "")
        question = await only_question(coordinator)
    async with house.open(old) as coordinator:
        await coordinator.resolve(question.id, "retry", reason="the code is back")
        resumed = await coordinator.resume("s")
        outcome = await resumed.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["it"]


# --- savepoints --------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize(
    ("choice", "done", "undone"),
    [
        ("", ["flight", "hotel"], ["hotel"]),
        ("again", ["flight", "hotel", "hotel", "bus"], ["hotel"]),
        ("fail", ["flight", "hotel"], ["hotel", "flight"]),
    ],
)
async def test_a_block_that_fails_is_undone_alone(
    house: House, world: World, choice: str, done: list[str], undone: list[str]
) -> None:
    world.plan("car", refuse)
    await run_to_end(house, lodging, Order(choice=choice))
    assert world.done == done
    assert world.undone == undone


async def test_a_rolled_back_block_replays(house: House, world: World) -> None:
    world.plan("car", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(lodging, Order(choice="gate"), id="s")
        await handle.settled()
        await approve_all(coordinator)
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "there"
    assert world.undone == ["hotel"]


async def test_an_exception_that_nobody_catches_unwinds_the_rest(
    house: House, world: World
) -> None:
    world.plan("car", refuse)
    outcome = await run_to_end(house, uncaught_block)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["hotel", "flight"]


async def test_nested_blocks_are_undone_from_the_inside(house: House, world: World) -> None:
    world.plan("car", refuse)
    outcome = await run_to_end(house, nested_blocks)
    assert outcome.result == "done"
    assert world.undone == ["two", "three", "one"]


async def test_blocks_in_branches_are_undone_each_for_itself(house: House, world: World) -> None:
    world.plan("a-car", refuse)
    world.plan("b-car", refuse)
    outcome = await run_to_end(house, blocks_in_branches)
    assert outcome.result == ["a-bus-done", "b-bus-done", "c-done"]
    assert sorted(world.undone) == ["a-hotel", "b-hotel"]


async def test_a_pivot_in_a_block_is_put_before_a_person(house: House, world: World) -> None:
    world.plan("car", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(block_with_a_pivot, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.undone == []
        outcome = await answer(coordinator, handle, "retry")
    assert outcome.result == "done"


async def test_a_rollback_begun_beside_a_failure_is_finished_before_the_end(
    house: House, world: World
) -> None:
    world.plan("car", refuse)
    world.plan("bad", refuse)
    world.plan("slow", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(block_beside_a_failure, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await asyncio.sleep(0.1)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "done"
    assert world.undone == ["a-hotel"]
    assert world.done == ["a-hotel", "slow", "otherwise"]


async def test_a_rolled_back_step_gets_a_new_key(house: House, world: World) -> None:
    world.plan("car", refuse)
    await run_to_end(house, lodging, Order(choice="again"))
    hotels = [effect.key for effect in world.effects if effect.what == "hotel"]
    assert len(set(hotels)) == 2


# --- cancelling --------------------------------------------------------------------------------


@shop.saga
async def cancelled(order: Order) -> str:
    await keyed("one")
    await keyed("two")
    await gated("asked")
    return "done"


async def test_a_cancel_before_the_start_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        with pytest.raises(Exception, match="there is no saga"):
            await coordinator.cancel("s", reason="early")


@pytest.mark.usefixtures("on_both")
async def test_a_cancel_during_a_long_action_waits_for_it_and_undoes_it(
    house: House, world: World
) -> None:
    world.plan("one", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(cancelled, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")
        await asyncio.sleep(0.1)
        assert world.undone == []
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.done == world.undone == ["one"]


async def test_a_cancel_stops_what_only_reads_at_once(house: House, world: World) -> None:
    @shop.saga(name="reading_for_long")
    async def reading_for_long(order: Order) -> str:
        await keyed("one")
        return await look_up("slow")

    world.plan("slow", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(reading_for_long, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


@pytest.mark.usefixtures("on_both")
async def test_a_cancel_at_a_gate_closes_the_gate(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(cancelled, Order(), id="s")
        await handle.settled()
        await coordinator.cancel("s", reason="enough")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["two", "one"]
    assert "enough" in (outcome.reason or "")


async def test_a_cancel_and_an_approval_at_one_instant_lead_to_one_of_the_two(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(cancelled, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        await asyncio.gather(
            coordinator.approve(gate, by="ben"),
            coordinator.cancel("s", reason="enough"),
            return_exceptions=True,
        )
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status in (Status.COMPENSATED, Status.COMPLETED)


async def test_a_cancel_during_the_unwind_changes_nothing(house: House, world: World) -> None:
    world.plan("undo-b", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(straight, Order(items=["a", "b"]), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")
        await asyncio.sleep(0.05)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert "in the end, no" in (outcome.reason or "")


async def test_a_cancel_after_the_end_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        await coordinator.run(straight, Order(items=["a"]), id="s", timeout=LIMIT)
        with pytest.raises(Exception, match="ended"):
            await coordinator.cancel("s", reason="late")


async def test_a_second_cancel_changes_nothing(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(cancelled, Order(), id="s")
        await handle.settled()
        await asyncio.gather(
            *(coordinator.cancel("s", reason=f"{number}") for number in range(5)),
            return_exceptions=True,
        )
        await handle.outcome(timeout=LIMIT)
        assert (await kinds(coordinator)).count("CancelRequested") == 1


async def test_a_cancel_past_the_pivot_is_answered_too_late(house: House, world: World) -> None:
    world.plan("after", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(past_the_pivot, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")
        await asyncio.sleep(0.05)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
        state = await coordinator.state("s")
    assert outcome.completed
    assert state.cancel is not None
    assert state.cancel.too_late


# --- compensations that a person must allow ----------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_a_compensation_waits_for_its_approval(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(paying, Order(), id="s")
        assert (await handle.settled()).status in (Status.WAITING, Status.UNWINDING)
        assert world.undone == []
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["it", "before"]


async def test_a_refused_compensation_can_be_asked_for_again(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(paying, Order(), id="s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), reason="too dear", by="ben")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "retry", reason="think again")
        await handle.settled()
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


@shop.saga
async def paying_in_branches(order: Order) -> str:
    await parallel(costly("it"), keyed("beside"))
    raise ValueError("in the end, no")


async def test_an_approval_during_another_compensation_is_not_missed(
    house: House, world: World
) -> None:
    world.plan("undo-beside", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(paying_in_branches, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await asyncio.sleep(0.1)
        await approve_all(coordinator)
        await asyncio.sleep(0.1)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


@shop.saga
async def published_then_failed(order: Order) -> str:
    await keyed("one")
    try:
        await publish("it")
    except StepFailed:
        await keyed("instead")
    raise ValueError("no")


async def test_a_rejected_step_was_never_done_and_is_not_undone(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle: Handle[Any] = await coordinator.start(published_then_failed, Order(), id="s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), reason="no", by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["instead", "one"]
