"""Answers that come to a worker that was declared dead meanwhile, and does not know it yet."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from sagas import Catalog, Coordinator, Handle, Outcome, Residue, Reversibility, Status
from sagas.errors import LeaseLost
from sagas.ports import FaultPoints
from tests.behaviour.acting import LIMIT, answer, bury, kinds, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order
from tests.behaviour.world import Refusal, World, lose_request, refuse, wait_for_release
from tests.behaviour.world import world as partner

slow = Catalog("slow")


@slow.action(reversibility=Reversibility.COMPENSATABLE, definite=(Refusal,))
async def act(what: str) -> str:
    """The partner knows no keys and cannot be asked."""
    return await partner.do(what)


@act.compensation()
async def undo_act(what: str, result: str | None) -> Residue | None:
    """Undo it, whether it happened or not; to undo what is costly costs something."""
    await partner.do(f"undo-{what}")
    return Residue("a fee") if what == "costly" else None


@slow.saga
async def trip(order: Order) -> str:
    for item in order.items:
        await act(item)
    return "done"


@asynccontextmanager
async def replaced(
    house: House, world: World, *items: str, during: str, **options: Any
) -> AsyncGenerator[tuple[Coordinator, Coordinator, Handle[Any]]]:
    """A worker is declared dead during a call and goes on; another one has taken its saga over.

    Gives both, the one that is dead first, and the saga in the hands of the other.
    """
    world.plan(during, wait_for_release)
    async with (
        house.open(slow, lease=60.0, **options) as zombie,
        house.open(slow, lease=60.0) as heir,
    ):
        await zombie.start(trip, Order(items=list(items)), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await bury(zombie)
        heir._worker.follow_all()  # the other cannot even drive what it reports
        handle = await heir.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        yield zombie, heir, handle


async def reopened(coordinator: Coordinator, status: Status) -> None:
    """Wait until the saga has ended a second time."""

    async def again() -> bool:
        return (await kinds(coordinator)).count("Ended") == 2

    await until(again, tries=2_000)
    assert (await coordinator.get("s")).status is status
    assert (await kinds(coordinator)).count("Reopened") == 1


@pytest.mark.usefixtures("on_both")
async def test_an_effect_that_comes_after_another_worker_undid_it_on_suspicion_is_undone(
    house: House, world: World
) -> None:
    async with replaced(house, world, "it", during="it") as (_, heir, handle):
        assert (await answer(heir, handle, "unwind")).status is Status.COMPENSATED
        assert (world.done, world.undone) == ([], ["it"])
        world.released.set()
        await reopened(heir, Status.COMPENSATED)
        assert (await kinds(heir)).count("Succeeded") == 1
    assert (world.done, world.undone) == (["it"], ["it", "it"])


@pytest.mark.usefixtures("on_both")
async def test_an_effect_that_comes_after_a_person_told_another_worker_of_none_is_undone(
    house: House, world: World
) -> None:
    async with replaced(house, world, "before", "it", during="it") as (_, heir, handle):
        assert (await answer(heir, handle, "not-happened")).status is Status.COMPENSATED
        assert world.undone == ["before"]
        world.released.set()
        await reopened(heir, Status.COMPENSATED)
        assert (await kinds(heir)).count("Succeeded") == 2
    assert world.undone == ["before", "it"]


class Held(FaultPoints):
    """The journal takes its time for the success of a call."""

    def __init__(self, point: str) -> None:
        self._point = point
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == self._point and path == "Succeeded":
            self.begun.set()
            await self.go_on.wait()


async def test_an_answer_is_told_although_its_worker_hears_of_its_end_while_it_is_written(
    house: House, world: World
) -> None:
    held = Held("before-append")
    async with replaced(house, world, "it", during="it", fault_points=held) as found:
        zombie, heir, handle = found
        world.released.set()
        await asyncio.wait_for(held.begun.wait(), LIMIT)
        zombie._worker._tenure._was_lost(LeaseLost("so it is said"))
        assert (await ended(handle)).result == "done"
        held.go_on.set()
        assert (await kinds(heir)).count("Succeeded") == 1
    assert (world.done, world.undone) == (["it"], [])


async def test_a_repeated_call_is_no_second_effect_because_its_worker_was_lost_as_it_was_written(
    house: House, world: World
) -> None:
    world.plan("it", lose_request)
    held = Held("after-append")
    async with house.open(slow, fault_points=held) as coordinator:
        handle = await coordinator.start(trip, Order(items=["it"]), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "retry", reason="I looked")
        await asyncio.wait_for(held.begun.wait(), LIMIT)
        await bury(coordinator)
        coordinator._worker._tenure._was_lost(LeaseLost("so it is said"))
        held.go_on.set()
        assert (await ended(handle)).result == "done"
        await coordinator._worker._reports.settle(LIMIT)
        assert (await coordinator.get("s")).status is Status.COMPLETED
        assert await coordinator.store.waiting_questions() == []


async def test_a_repeated_call_whose_worker_was_lost_is_no_second_effect_beside_itself(
    house: House, world: World
) -> None:
    world.plan("it", lose_request, wait_for_release)
    async with house.open(slow, lease=60.0) as zombie:
        handle = await zombie.start(trip, Order(items=["it"]), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(zombie)
        await zombie.resolve(question.id, "retry", reason="I looked")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await bury(zombie)
        world.released.set()
        await until(partial(reported, zombie))
        async with house.open(slow) as heir:
            assert (await ended(await heir.resume("s"))).result == "done"
            assert await heir.store.waiting_questions() == []
            assert (await kinds(heir)).count("Succeeded") == 1


async def reported(coordinator: Coordinator) -> bool:
    row = await coordinator.get("s")
    return row.control > row.folded


async def ended(handle: Handle[Any]) -> Outcome[Any]:
    """The outcome at the end of a saga that was stuck."""
    async with asyncio.timeout(LIMIT):
        while not (outcome := await handle.outcome()).status.is_end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return outcome


async def test_an_answer_answers_what_another_worker_asks_about_it(
    house: House, world: World
) -> None:
    async with replaced(house, world, "it", during="it") as (_, heir, handle):
        world.released.set()
        assert (await ended(handle)).result == "done"
        assert await heir.store.waiting_questions() == []
    assert (world.done, world.undone) == (["it"], [])


@pytest.mark.usefixtures("on_both")
async def test_a_second_effect_that_another_worker_called_for_is_put_before_a_person(
    house: House, world: World
) -> None:
    async with replaced(house, world, "it", during="it") as (_, heir, handle):
        assert (await answer(heir, handle, "retry")).completed
        world.released.set()
        await until(partial(asked, heir))
        assert (await only_question(heir)).kind == "second-effect"
        await heir.resolve((await only_question(heir)).id, "waive", reason="I looked")
        await reopened(heir, Status.RESIDUAL)
    assert world.count("it") == 2


async def asked(coordinator: Coordinator) -> bool:
    return bool(await coordinator.store.waiting_questions())


@pytest.mark.usefixtures("on_both")
async def test_an_undo_that_is_over_after_another_worker_had_it_waived_is_heard(
    house: House, world: World
) -> None:
    world.plan("bad", refuse)
    async with replaced(house, world, "costly", "bad", during="undo-costly") as (_, heir, handle):
        assert (await answer(heir, handle, "waive")).status is Status.RESIDUAL
        world.released.set()
        await reopened(heir, Status.RESIDUAL)
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await kinds(heir)).count("Compensated") == 1
    assert [str(item) for item in outcome.residue] == ["a fee"]
    assert world.undone == ["costly"]
