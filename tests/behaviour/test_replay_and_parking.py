"""Bodies that are left and run again: what they see, and what they may not do."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import sagas
from sagas import Coordinator, Handle, Status, StepInterrupted, parallel, savepoint
from sagas.ports import FaultPoints
from tests.behaviour.acting import LIMIT, approve_all, kinds, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, keyed, keyless, look_up, publish, shop
from tests.behaviour.world import World, hang, lose_request, refuse, refuse_beside, wait_for_release


@shop.saga
async def loop(order: Order) -> list[str]:
    return [await keyed(item) for item in order.items]


@shop.saga
async def gathered(order: Order) -> list[str]:
    return list(await asyncio.gather(*(keyed(item) for item in order.items), gated("last")))


@shop.saga
async def in_task_group(order: Order) -> list[str]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(keyed(item)) for item in order.items]
        tasks.append(group.create_task(gated("last")))
    return [task.result() for task in tasks]


async def helper(item: str) -> str:
    first = await keyed(f"{item}-1")
    second = await keyed(f"{item}-2")
    return f"{first}+{second}"


@shop.saga
async def helpers(order: Order) -> list[str]:
    results = await parallel(*(helper(item) for item in order.items))
    await gated("last")
    return list(results)


@shop.saga
async def nested(order: Order) -> list[Any]:
    async def pair(item: str) -> tuple[str, str]:
        return await parallel(keyed(f"{item}-left"), helper(f"{item}-right"))

    async def guarded(item: str) -> str:
        await gated(f"{item}-gate")
        return await keyed(f"{item}-after")

    a, b, c = await parallel(pair("a"), pair("b"), guarded("c"))
    return [*a, *b, c]


@shop.saga
async def early_and_late(order: Order) -> list[str]:
    first, second = keyed("first"), keyed("second")
    await gated("between")
    return [await second, await first]


@shop.saga
async def forgetful(order: Order) -> str:
    await keyed("kept")
    keyed("forgotten")  # type: ignore[unused-coroutine]
    return "done"


@shop.saga
async def from_a_foreign_task(order: Order) -> str:
    await keyed("own")
    try:
        await asyncio.gather(helper("foreign"))
    except sagas.SagaError as error:
        await keyed("after")
        return str(error)
    return "no error"


@shop.saga
async def cautious(order: Order) -> str:
    try:
        return await gated("asked")
    except Exception:  # noqa: BLE001
        await keyed("otherwise")
        return "otherwise"


@shop.saga
async def greedy(order: Order) -> str:
    try:
        answer = await gated("asked")
    except BaseException:  # noqa: BLE001
        await keyed("otherwise")
        answer = "otherwise"
    return answer


@shop.saga
async def converting(order: Order) -> str:
    try:
        return await gated("asked")
    except BaseException as error:
        raise ValueError("converted") from error


@shop.saga
async def tidying(order: Order) -> str:
    try:
        return await gated("asked")
    finally:
        await keyed("tidied")


@shop.saga
async def insatiable(order: Order) -> str:
    while True:
        try:
            return await gated("asked")
        except BaseException:  # noqa: BLE001, S112
            continue


@shop.saga
async def insatiable_branches(order: Order) -> list[str]:
    async def branch(name: str) -> str:
        while True:
            try:
                return await gated(name)
            except BaseException:  # noqa: BLE001, S112
                continue

    return list(await parallel(branch("one"), branch("two"), keyed("three")))


@shop.saga
async def swallowing_in_blocks(order: Order) -> str:
    async with savepoint("outer"):
        try:
            async with savepoint("inner"):
                await gated("asked")
        except BaseException:  # noqa: BLE001, S110
            pass
        await keyed("after")
    return "done"


@shop.saga
async def converting_in_a_block(order: Order) -> str:
    await keyed("before")
    async with savepoint("block"):
        await keyed("inside")
        try:
            await gated("asked")
        except BaseException as error:
            raise ValueError("converted") from error
    return "done"


@shop.saga
async def group_in_a_block(order: Order) -> str:
    async with savepoint("block"), asyncio.TaskGroup() as group:
        group.create_task(keyed("inside"))
        group.create_task(gated("asked"))
    return "done"


@shop.saga
async def group_in_a_branch(order: Order) -> str:
    async def branch() -> str:
        async with asyncio.TaskGroup() as group:
            group.create_task(keyed("inside"))
            task = group.create_task(gated("asked"))
        return task.result()

    results = await parallel(keyed("beside"), branch())
    return results[1]


@shop.saga
async def bounded(order: Order) -> str:
    try:
        async with asyncio.timeout(0.2):
            await keyed("slow")
    except StepInterrupted:
        return await keyed(f"otherwise-{await gated('asked')}")
    return "in time"


@shop.saga
async def waited_for(order: Order) -> str:
    try:
        await asyncio.wait_for(keyed("slow"), 0.2)
    except StepInterrupted:
        await gated("asked")
        return "interrupted"
    return "in time"


@shop.saga
async def bounded_branches(order: Order) -> str:
    try:
        async with asyncio.timeout(0.2):
            await parallel(keyed("slow"), keyed("quick"))
    except StepInterrupted:
        await gated("asked")
        return "interrupted"
    return "in time"


@shop.saga
async def bounded_retries(order: Order) -> str:
    try:
        async with asyncio.timeout(0.1):
            await keyless("doubtful")
    except StepInterrupted:
        return "interrupted"
    return "in time"


async def gate_and_decide(house: House, saga: Any, order: Order) -> sagas.Outcome[Any]:
    """Run to the gate in one process, approve it, and go on in another."""
    async with house.open() as coordinator:
        handle = await coordinator.start(saga, order, id="s")
        assert (await handle.settled()).status is Status.WAITING
        await approve_all(coordinator)
    async with house.open() as coordinator:
        resumed: Handle[Any] = await coordinator.resume("s")
        return await resumed.outcome(timeout=LIMIT)


@pytest.mark.usefixtures("on_both")
async def test_a_loop_of_steps_completes(house: House) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(loop, Order(items=["a", "b", "a"]), id="s", timeout=LIMIT)
    assert outcome.result == ["a-done", "b-done", "a-done"]


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("saga", [gathered, in_task_group])
async def test_steps_that_are_gathered_with_a_gate_are_done_once(
    house: House, world: World, saga: Any
) -> None:
    outcome = await gate_and_decide(house, saga, Order(items=["a", "b"]))
    assert outcome.result == ["a-done", "b-done", "last-done"]
    assert sorted(world.done) == ["a", "b", "last"]


@pytest.mark.parametrize("saga", [gathered, in_task_group])
async def test_a_slow_step_beside_a_gate_is_not_interrupted_by_the_wait(
    house: House, world: World, saga: Any
) -> None:
    world.plan("a", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(saga, Order(items=["a", "b"]), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await asyncio.sleep(0.05)
        world.released.set()
        assert (await handle.settled()).status is Status.WAITING
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == ["a-done", "b-done", "last-done"]


async def test_helpers_under_parallel_replay(house: House, world: World) -> None:
    outcome = await gate_and_decide(house, helpers, Order(items=["a", "b", "c"]))
    assert outcome.result == [f"{item}-1-done+{item}-2-done" for item in "abc"]
    assert len(world.done) == 7


@pytest.mark.usefixtures("on_both")
async def test_nested_parallels_replay(house: House, world: World) -> None:
    outcome = await gate_and_decide(house, nested, Order())
    assert outcome.completed
    assert len(world.done) == 8


async def test_steps_called_early_and_awaited_late_replay(house: House, world: World) -> None:
    outcome = await gate_and_decide(house, early_and_late, Order())
    assert outcome.result == ["second-done", "first-done"]
    assert world.done == ["between", "second", "first"]


async def test_a_forgotten_await_is_put_before_a_person(house: House, world: World) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(forgetful, Order(), id="s", timeout=LIMIT)
        assert outcome.status is Status.STUCK
        assert "keyed#2" in (outcome.reason or "")
        [question] = await coordinator.store.waiting_questions()
        await coordinator.resolve(question.id, "unwind", reason="enough")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.done == world.undone == ["kept"]


async def test_a_step_called_from_a_foreign_task_names_parallel(house: House, world: World) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(from_a_foreign_task, Order(), id="s", timeout=LIMIT)
    assert "parallel(" in (outcome.result or "")
    assert world.done == ["own", "after"]


@pytest.mark.parametrize("saga", [cautious, greedy, converting, insatiable])
async def test_a_body_that_catches_is_left_all_the_same(
    house: House, world: World, saga: Any
) -> None:
    outcome = await gate_and_decide(house, saga, Order())
    assert outcome.result == "asked-done"
    assert world.done == ["asked"]


async def test_branches_that_catch_everything_are_left_all_the_same(
    house: House, world: World
) -> None:
    outcome = await gate_and_decide(house, insatiable_branches, Order())
    assert outcome.result == ["one-done", "two-done", "three-done"]


async def test_a_step_in_finally_runs_only_when_the_body_really_ends(
    house: House, world: World
) -> None:
    outcome = await gate_and_decide(house, tidying, Order())
    assert outcome.completed
    assert world.done == ["asked", "tidied"]


async def test_a_rejected_gate_lets_a_body_go_another_way(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(cautious, Order(), id="s")
        await handle.settled()
        [gate] = await coordinator.store.waiting_gates()
        await coordinator.reject(gate.id, reason="no", by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "otherwise"
    assert world.done == ["otherwise"]


async def test_leaving_an_inner_block_leaves_the_outer_one(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(swallowing_in_blocks, Order(), id="s")
        await handle.settled()
        assert world.done == []
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.completed
    assert world.done == ["asked", "after"]


@pytest.mark.parametrize("saga", [converting_in_a_block, group_in_a_block])
async def test_a_wait_in_a_block_does_not_roll_it_back(
    house: House, world: World, saga: Any
) -> None:
    outcome = await gate_and_decide(house, saga, Order())
    assert outcome.result == "done"
    assert world.undone == []


async def test_a_wait_in_a_group_in_a_branch_is_no_failure(house: House, world: World) -> None:
    outcome = await gate_and_decide(house, group_in_a_branch, Order())
    assert outcome.result == "asked-done"


@pytest.mark.parametrize("saga", [bounded, waited_for, bounded_branches])
async def test_an_interruption_is_recorded_and_seen_again(
    house: House, world: World, saga: Any
) -> None:
    world.plan("slow", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(saga, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await asyncio.sleep(0.3)
        world.released.set()
        assert (await handle.settled()).status is Status.WAITING
        await approve_all(coordinator)
    async with house.open() as coordinator:
        resumed = await coordinator.resume("s")
        outcome = await resumed.outcome(timeout=LIMIT)
    assert outcome.completed
    assert "slow" in world.done
    assert outcome.result != "in time"


async def test_an_interrupted_step_is_undone_when_the_saga_is(house: House, world: World) -> None:
    world.plan("slow", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(bounded, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await asyncio.sleep(0.3)
        world.released.set()
        await handle.settled()
        [gate] = await coordinator.store.waiting_gates()
        await coordinator.reject(gate.id, reason="no", by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["slow"]


async def test_an_interrupted_step_in_doubt_is_settled_before_the_end(
    house: House, world: World
) -> None:
    world.plan("doubtful", hang)
    async with house.open() as coordinator:
        outcome = await coordinator.run(bounded_retries, Order(), id="s", timeout=LIMIT)
        assert outcome.status is Status.STUCK
        [question] = await coordinator.store.waiting_questions()
        await coordinator.resolve(question.id, "happened", result="found", reason="I looked")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).result == "interrupted"


class Pausing(FaultPoints):
    """Fault points that hold back the first append of a kind until a test lets it go."""

    def __init__(self, kind: str, *, skip: int = 0) -> None:
        self.kind = kind
        self.skip = skip
        self.reached_it = asyncio.Event()
        self.go = asyncio.Event()

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point != "before-append" or self.kind not in path.split(","):
            return
        self.skip -= 1
        if self.skip == -1:
            self.reached_it.set()
            await self.go.wait()


@shop.saga
async def interrupted_before_the_call(order: Order) -> str:
    try:
        async with asyncio.timeout(0.1):
            await keyed("never")
    except StepInterrupted:
        await gated("asked")
        return "interrupted"
    return "in time"


async def test_a_cancellation_during_the_commit_of_an_intent_leaves_no_doubt(
    house: House, world: World
) -> None:
    pause = Pausing("Intended")
    async with house.open(fault_points=pause) as coordinator:
        handle = await coordinator.start(interrupted_before_the_call, Order(), id="s")
        await asyncio.wait_for(pause.reached_it.wait(), LIMIT)
        await asyncio.sleep(0.15)
        pause.go.set()
        await handle.settled()
        await approve_all(coordinator)
    async with house.open() as coordinator:
        resumed = await coordinator.resume("s")
        outcome = await resumed.outcome(timeout=LIMIT)
    assert outcome.result == "interrupted"
    assert world.count("never") == 0


@shop.saga
async def interrupted_before_the_repetition(order: Order) -> str:
    try:
        async with asyncio.timeout(0.2):
            await keyed("lost")
    except StepInterrupted:
        return "interrupted"
    return "in time"


async def test_a_cancellation_during_the_commit_of_a_repetition_keeps_the_doubt(
    house: House, world: World
) -> None:
    world.plan("lost", lose_request)
    pause = Pausing("Intended", skip=1)
    async with house.open(fault_points=pause) as coordinator:
        handle = await coordinator.start(interrupted_before_the_repetition, Order(), id="s")
        await asyncio.wait_for(pause.reached_it.wait(), LIMIT)
        await asyncio.sleep(0.25)
        pause.go.set()
        outcome = await handle.outcome(timeout=LIMIT)
        step = (await coordinator.state("s")).steps["interrupted_before_the_repetition/keyed#1"]
    assert outcome.result == "interrupted"
    assert step.forward.phase == "succeeded"
    assert world.done == ["lost"]


@shop.saga
async def several(order: Order) -> list[str]:
    return list(await parallel(*(keyed(item) for item in order.items)))


@pytest.mark.usefixtures("on_both")
async def test_a_request_while_an_intent_is_being_written_hangs_nothing(
    house: House, world: World
) -> None:
    pause = Pausing("Intended", skip=1)
    async with house.open(fault_points=pause) as coordinator:
        handle = await coordinator.start(loop, Order(items=["a", "b", "c"]), id="s")
        await asyncio.wait_for(pause.reached_it.wait(), LIMIT)
        await coordinator.send("s", "hello", 1, key="k1")
        await asyncio.sleep(0.15)
        pause.go.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == ["a-done", "b-done", "c-done"]


@pytest.mark.usefixtures("on_both")
async def test_events_during_parallel_steps_disturb_none_of_them(
    house: House, world: World
) -> None:
    items = [f"i{number}" for number in range(20)]
    world.plan("i7", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(several, Order(items=items), id="s")
        for number in range(10):
            await coordinator.send("s", "hello", number, key=f"k{number}")
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == [f"{item}-done" for item in items]


@shop.saga
async def exiting(order: Order) -> str:
    await keyed("before")
    raise SystemExit(3)


async def test_a_body_that_exits_ends_its_saga_and_not_the_worker(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(exiting, Order(), id="s", timeout=LIMIT)
        other = await coordinator.run(loop, Order(items=["a"]), id="t", timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert other.completed


@shop.saga
async def quitting_in_a_branch(order: Order) -> str:
    async def branch() -> str:
        raise SystemExit(3)

    await parallel(keyed("beside"), branch())
    return "never"


async def test_a_branch_that_exits_fails_its_saga_only(house: House, world: World) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(quitting_in_a_branch, Order(), id="s", timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


@shop.saga
async def cancelling_itself(order: Order) -> str:
    await keyed("before")
    raise asyncio.CancelledError


async def test_a_body_that_raises_a_cancellation_is_unwound(house: House, world: World) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(cancelling_itself, Order(), id="s", timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@shop.saga
async def mute(order: Order) -> str:
    async with savepoint("block"):
        await keyed("inside")
        raise Mute


async def test_an_error_without_a_text_rolls_back_and_unwinds(house: House, world: World) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(mute, Order(), id="s", timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert "Mute" in (outcome.reason or "")


@shop.saga
async def mute_branches(order: Order) -> str:
    async def branch() -> str:
        raise Mute

    await parallel(branch(), branch())
    return "never"


async def test_errors_without_texts_in_two_branches_unwind(house: House) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(mute_branches, Order(), id="s", timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


# --- branches that fail while others wait ------------------------------------------------------


@shop.saga
async def one_fails_one_waits(order: Order) -> str:
    async def waiting() -> str:
        return await gated("asked")

    async def failing() -> str:
        return await keyed("bad")

    pair = (waiting(), failing()) if order.choice == "first" else (failing(), waiting())
    try:
        await parallel(*pair)
    except Exception as error:  # noqa: BLE001
        await keyed(f"instead of {type(error).__name__}")
        return "caught"
    return "never"


@pytest.mark.parametrize("choice", ["first", "last"])
async def test_a_failed_branch_beats_one_that_waits(
    house: House, world: World, choice: str
) -> None:
    world.plan("bad", refuse)
    async with house.open() as coordinator:
        outcome = await coordinator.run(
            one_fails_one_waits, Order(choice=choice), id="s", timeout=LIMIT
        )
    assert outcome.result == "caught"
    assert world.done == ["instead of Refusal"]


@shop.saga
async def one_fails_one_goes_on(order: Order) -> str:
    async def long() -> str:
        for number in range(4):
            await keyed(f"long-{number}")
        return "long"

    async def failing() -> str:
        await keyed("good")
        return await keyed("bad")

    await parallel(long(), failing())
    return "never"


async def closed(coordinator: Coordinator) -> None:
    """Wait until the branches beside one that failed are closed."""

    async def is_recorded() -> bool:
        return "ParallelClosed" in await kinds(coordinator)

    await until(is_recorded)


async def test_a_failed_branch_closes_the_others_and_unwinds(house: House, world: World) -> None:
    world.plan("bad", refuse_beside)
    world.plan("long-1", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(one_fails_one_goes_on, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await closed(coordinator)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert "long-2" not in world.done
    assert sorted(world.undone) == ["good", "long-0", "long-1"]


@shop.saga
async def caught_and_on(order: Order) -> str:
    async def long() -> str:
        for number in range(4):
            await keyed(f"long-{number}")
        return "long"

    async def failing() -> str:
        return await keyed("bad")

    try:
        await parallel(long(), failing())
    except Exception:  # noqa: BLE001
        await gated("asked")
    return await keyed("after")


@pytest.mark.usefixtures("on_both")
async def test_a_body_that_catches_a_failed_branch_replays(house: House, world: World) -> None:
    world.plan("bad", refuse_beside)
    world.plan("long-1", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(caught_and_on, Order(), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await closed(coordinator)
        world.released.set()
        await handle.settled()
        await approve_all(coordinator)
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "after-done"
    assert world.done == ["long-0", "long-1", "asked", "after"]


@shop.saga
async def two_gates(order: Order) -> list[str]:
    return list(await parallel(gated("one"), publish("two"), look_up("three")))


@pytest.mark.usefixtures("on_both")
async def test_branches_at_two_gates_go_on_one_by_one(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(two_gates, Order(), id="s")
        assert (await handle.settled()).status is Status.WAITING
        first, second = await coordinator.store.waiting_gates()
        await coordinator.approve(first.id, by="ben")
        assert (await handle.settled()).status is Status.WAITING
        await coordinator.approve(second.id, by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == ["one-done", "two-done", "three-done"]
    assert world.count("three") == 1


@shop.saga
async def short_sleep_beside_a_gate(order: Order) -> str:
    await asyncio.gather(sagas.sleep(timedelta(milliseconds=300)), gated("asked"))
    return "done"


async def test_a_sleep_beside_a_gate_fires_once(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(short_sleep_beside_a_gate, Order(), id="s")
        await handle.settled()
        await asyncio.sleep(0.5)
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        rows = (await coordinator.load("s")).rows
    assert outcome.completed
    assert [row.kind for row in rows].count("TimerFired") == 1
