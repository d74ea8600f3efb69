"""Starting, waiting, resuming, closing, taking over: what a process promises."""

import asyncio
import gc
import logging
from datetime import timedelta
from typing import Any

import pytest

from sagas import Coordinator, Status, run_sync
from sagas.errors import DifferentInput, JournalUnavailable, PayloadError, SagaError, UnknownSaga
from sagas.ports import FaultPoints
from tests.behaviour.acting import LIMIT, answer, approve_all, kinds, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, keyed, keyless, shop
from tests.behaviour.world import World, lose_answer, wait_for_release


@shop.saga
async def errand(order: Order) -> str:
    for item in order.items:
        await keyed(item)
    return "done"


@shop.saga
async def errand_with_gate(order: Order) -> str:
    await keyed("before")
    await gated("asked")
    return await keyed("after")


@shop.saga
async def doubtful_errand(order: Order) -> str:
    return await keyless("it")


@shop.saga
async def quick(order: Order) -> str:
    return "at once"


# --- starting ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_a_second_start_with_the_same_input_is_the_same_saga(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        first = await coordinator.start(errand, Order(items=["a"]), id="s")
        second = await coordinator.start(errand, Order(items=["a"]), id="s")
        await first.outcome(timeout=LIMIT)
        third = await coordinator.start(errand, Order(items=["a"]), id="s")
        assert (await second.outcome(timeout=LIMIT)).completed
        assert (await third.outcome(timeout=LIMIT)).completed
    assert world.count("a") == 1


@pytest.mark.usefixtures("on_both")
async def test_starts_at_one_instant_make_one_saga(house: House, world: World) -> None:
    async with house.open() as one, house.open() as other:
        handles = await asyncio.gather(
            *(c.start(errand, Order(items=["a", "b"]), id="s") for c in (one, other, one, other))
        )
        outcomes = [await handle.outcome(timeout=LIMIT) for handle in handles]
    assert all(outcome.completed for outcome in outcomes)
    assert world.done == ["a", "b"]
    assert len(world.calls) == 2


async def test_a_start_with_another_input_is_refused_and_disturbs_nothing(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(errand_with_gate, Order(), id="s")
        await handle.settled()
        with pytest.raises(DifferentInput, match="another input"):
            await coordinator.start(errand_with_gate, Order(items=["x"]), id="s")
        with pytest.raises(DifferentInput):
            await coordinator.start(errand, Order(), id="s")
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_start_with_another_input_while_it_is_driven_is_refused(
    house: House, world: World
) -> None:
    world.plan("a", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(errand, Order(items=["a"]), id="s")
        with pytest.raises(DifferentInput):
            await coordinator.start(errand, Order(items=["b"]), id="s")
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).completed


@pytest.mark.parametrize("bad", ["", " x", "a\nb", "x" * 201])
async def test_an_unusable_id_is_refused(house: House, bad: str) -> None:
    async with house.open() as coordinator:
        with pytest.raises(SagaError):
            await coordinator.start(quick, Order(), id=bad)
        assert list(await coordinator.list()) == []


async def test_an_input_that_cannot_be_stored_starts_nothing(house: House) -> None:
    async with house.open() as coordinator:
        with pytest.raises(PayloadError):
            await coordinator.start(quick, Order(choice="\ud800"), id="s")
        assert list(await coordinator.list()) == []


async def test_resuming_what_does_not_exist_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        with pytest.raises(UnknownSaga):
            await coordinator.resume("nobody")


# --- waiting -----------------------------------------------------------------------------------


async def test_an_outcome_that_is_not_there_in_time_leaves_the_saga_running(
    house: House, world: World
) -> None:
    world.plan("a", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(errand, Order(items=["a"]), id="s")
        with pytest.raises(TimeoutError):
            await handle.outcome(timeout=0.05)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_many_may_wait_for_one_outcome(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(errand_with_gate, Order(), id="s")
        again = await coordinator.resume("s")
        waiting = [asyncio.create_task(h.outcome()) for h in (handle, again, handle)]
        await handle.settled()
        await approve_all(coordinator)
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting), LIMIT)
    assert all(outcome.completed for outcome in outcomes)


@pytest.mark.usefixtures("on_both")
async def test_an_outcome_after_an_answer_is_not_the_one_before_it(
    house: House, world: World
) -> None:
    world.plan("it", lose_answer)
    async with house.open() as coordinator, house.open() as elsewhere:
        handle = await coordinator.start(doubtful_errand, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(elsewhere)
        await elsewhere.resolve(question.id, "happened", result="R", reason="I looked")
        assert (await handle.outcome(timeout=LIMIT)).result == "R"


async def test_an_outcome_can_be_asked_for_again_and_again(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(quick, Order(), id="s")
        first = await handle.outcome(timeout=LIMIT)
        assert await handle.outcome(timeout=LIMIT) == first


def test_run_sync_works_without_a_loop(house_url: str, world: World) -> None:
    outcome = run_sync(quick, Order(), id="s", url=house_url, catalog=shop, timeout=LIMIT)
    assert outcome.result == "at once"


async def test_run_sync_works_in_a_running_loop(house: House, world: World) -> None:
    outcome = run_sync(quick, Order(), id="s", url=house.url, catalog=shop, timeout=LIMIT)
    assert outcome.result == "at once"


@pytest.fixture
def house_url(url: str) -> str:
    return url


# --- closing and taking over -------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_closing_lets_the_running_action_finish_and_begins_no_other(
    house: House, world: World
) -> None:
    world.plan("a", wait_for_release)
    async with house.open() as coordinator:
        await coordinator.start(errand, Order(items=["a", "b"]), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        closing = asyncio.create_task(coordinator.close())
        await asyncio.sleep(0.1)
        world.released.set()
        await closing
    assert world.done == ["a"]
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert world.count("a") == 1


async def test_a_lease_is_kept_while_a_running_action_is_waited_for(
    house: House, world: World
) -> None:
    world.plan("a", wait_for_release)
    async with house.open(lease=0.5) as coordinator, house.open() as other:
        await coordinator.start(errand, Order(items=["a"]), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        closing = asyncio.create_task(coordinator.close())
        await asyncio.sleep(1.2)
        await other.resume("s")
        world.released.set()
        await closing
        handle = await other.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert world.count("a") == 1


async def test_an_action_that_outlasts_the_grace_is_resolved_by_the_next_process(
    house: House, world: World
) -> None:
    world.plan("a", wait_for_release)
    async with house.open(grace=0.05) as coordinator:
        await coordinator.start(errand, Order(items=["a", "b"]), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert world.done == ["a", "b"]


async def test_a_closed_coordinator_may_be_closed_again(house: House) -> None:
    async with house.open() as coordinator:
        await coordinator.close()
        await coordinator.close()


async def test_waiting_at_a_closed_coordinator_ends(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(errand_with_gate, Order(), id="s")
        waiting = asyncio.create_task(handle.outcome())
        await handle.settled()
        await coordinator.close()
        with pytest.raises(JournalUnavailable):
            await asyncio.wait_for(waiting, LIMIT)


@pytest.mark.usefixtures("on_both")
async def test_a_worker_drives_what_others_started(house: House, world: World) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(errand_with_gate, Order(), id="s")).settled()
    async with house.open() as worker, house.open() as decider:
        task = asyncio.create_task(worker.work())
        await approve_all(decider)

        async def ended() -> bool:
            return (await decider.get("s")).status.is_end

        await until(ended)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert world.done == ["before", "asked", "after"]


async def test_a_worker_leaves_what_it_does_not_know(
    house: House, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    from sagas import Catalog

    async with house.open() as coordinator:
        await (await coordinator.start(errand_with_gate, Order(), id="s")).settled()
        await approve_all(coordinator)
        await coordinator.close()
    with caplog.at_level(logging.ERROR, logger="sagas"):
        async with house.open(Catalog("shop")) as worker:
            task = asyncio.create_task(worker.work())
            await asyncio.sleep(0.2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    house.clock.forward(timedelta(minutes=5))
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed


class Failing(FaultPoints):
    """Fault points that break some appends, as a database that is away does."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = set(numbers)
        self.count = 0

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == "before-append":
            self.count += 1
            if self.count in self.numbers:
                raise JournalUnavailable("the database is away")


@pytest.mark.parametrize("number", [2, 3, 4, 5])
async def test_a_saga_whose_append_failed_goes_on_by_itself(
    house: House, world: World, number: int
) -> None:
    async with house.open(fault_points=Failing(number)) as coordinator:
        handle = await coordinator.start(errand, Order(items=["a", "b", "c"]), id="s")
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert world.done == ["a", "b", "c"]


@pytest.mark.usefixtures("on_both")
async def test_a_worker_that_was_declared_dead_goes_on_as_another(
    house: House, world: World
) -> None:
    world.plan("a", wait_for_release)
    async with house.open(lease=0.4) as coordinator, house.open() as other:
        handle = await coordinator.start(errand, Order(items=["a", "b"]), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        holder = coordinator._worker._tenure.environment
        assert holder is not None
        await other.store.retire(holder.holder.lease)
        await asyncio.sleep(0.3)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).completed
        again = await coordinator.run(errand, Order(items=["c"]), id="t", timeout=LIMIT)
    assert again.completed
    assert world.done == ["a", "b", "c"]


# --- many --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_five_hundred_sagas_at_once_complete(house: House, world: World) -> None:
    world.witness = None
    async with house.open() as coordinator:
        world.witness = None
        handles = await asyncio.gather(
            *(
                coordinator.start(errand, Order(items=["a", "b"]), id=f"s{number}")
                for number in range(500)
            )
        )
        outcomes = [await handle.outcome(timeout=60) for handle in handles]
    assert all(outcome.completed for outcome in outcomes)
    assert len(world.effects) == 1000


async def test_a_thousand_parked_sagas_keep_no_tasks(house: House, world: World) -> None:
    async with house.open() as coordinator:
        world.witness = None
        before = len(asyncio.all_tasks())
        handles = await asyncio.gather(
            *(
                coordinator.start(errand_with_gate, Order(), id=f"s{number}")
                for number in range(1000)
            )
        )
        await asyncio.gather(*(handle.settled() for handle in handles))
        del handles
        gc.collect()
        assert len(asyncio.all_tasks()) <= before + 5
        assert not coordinator._worker._drives
        assert not coordinator._following


async def test_ended_sagas_are_forgotten_by_the_process(house: House, world: World) -> None:
    async with house.open() as coordinator:
        for number in range(10):
            await coordinator.run(quick, Order(), id=f"s{number}", timeout=LIMIT)
        gc.collect()
        assert not coordinator._worker._wanted._followed
        assert not coordinator._following


async def test_a_journal_shows_each_entry_once(house: House, world: World) -> None:
    async with house.open() as coordinator:
        await coordinator.run(errand, Order(items=["a"]), id="s", timeout=LIMIT)
        assert await kinds(coordinator) == ["Started", "Intended", "Succeeded", "Ended"]


async def test_answering_twice_is_refused(house: House, world: World) -> None:
    world.plan("it", lose_answer)

    async def ask_twice(coordinator: Coordinator, handle: Any) -> None:
        question = await only_question(coordinator)
        await answer(coordinator, handle, "happened", result="R")
        with pytest.raises(SagaError, match="already answered"):
            await coordinator.resolve(question.id, "not-happened", reason="no")

    async with house.open() as coordinator:
        handle = await coordinator.start(doubtful_errand, Order(), id="s")
        await handle.outcome(timeout=LIMIT)
        await ask_twice(coordinator, handle)
