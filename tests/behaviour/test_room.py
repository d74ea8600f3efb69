"""A worker drives as many sagas as it may; what is started beyond that waits for its turn."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from sagas import Catalog, Coordinator, Reversibility, SagaError, Status, connect
from sagas.clock import SteadyClock, ticks
from tests.behaviour.acting import until
from tests.behaviour.conftest import House

LIMIT = 30.0
ROOM = 3
MANY = 20

busy = Catalog("busy")
order: list[int] = []
inside: set[int] = set()
most: list[int] = [0]
doors: dict[str, asyncio.Event] = {}


@busy.action(reversibility=Reversibility.READ_ONLY, timeout=timedelta(seconds=20))
async def work(number: int) -> int:
    inside.add(number)
    most[0] = max(most[0], len(inside))
    order.append(number)
    if "open" in doors:
        await doors["open"].wait()
    inside.discard(number)
    return number


@busy.saga
async def job(number: int) -> int:
    return await work(number)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    order.clear()
    inside.clear()
    doors.clear()
    most[0] = 0


async def start(coordinator: Coordinator, count: int) -> list[str]:
    ids = [f"job-{number:02}" for number in range(count)]
    for number, saga_id in enumerate(ids):
        await coordinator.start(job, number, id=saga_id)
    return ids


async def ended(coordinator: Coordinator, saga_id: str) -> bool:
    return (await coordinator.get(saga_id)).status is Status.COMPLETED


@pytest.mark.usefixtures("on_both")
async def test_no_more_sagas_are_driven_at_once_than_there_is_room_for(house: House) -> None:
    doors["open"] = asyncio.Event()
    async with house.open(busy, concurrency=ROOM) as coordinator:
        ids = await start(coordinator, MANY)
        doors["open"].set()
        for saga_id in ids:
            await until(partial(ended, coordinator, saga_id), tries=1500)
    assert most[0] == ROOM
    assert sorted(order) == list(range(MANY))


async def test_whoever_came_first_has_the_first_turn(house: House) -> None:
    doors["open"] = asyncio.Event()
    async with house.open(busy, concurrency=1) as coordinator:
        ids = await start(coordinator, 6)
        doors["open"].set()
        for saga_id in ids:
            await until(partial(ended, coordinator, saga_id), tries=1500)
    assert order == list(range(6))


async def test_a_saga_that_waits_for_its_turn_is_durable_and_says_so(house: House) -> None:
    doors["open"] = asyncio.Event()
    async with house.open(busy, concurrency=1) as coordinator:
        _, second = await start(coordinator, 2)
        row = await coordinator.get(second)
        assert (row.status, row.owner, row.reason) == (Status.RUNNING, None, "waits for its turn")
        doors["open"].set()
    async with house.open(busy) as coordinator:
        handle = await coordinator.resume(second)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_saga_that_waits_for_its_turn_cannot_be_started_again(house: House) -> None:
    doors["open"] = asyncio.Event()
    async with house.open(busy, concurrency=1) as coordinator:
        await start(coordinator, 2)
        again = await coordinator.start(job, 1, id="job-01")
        doors["open"].set()
        assert (await again.outcome(timeout=LIMIT)).result == 1
    assert order == [0, 1]


@pytest.mark.parametrize("bad", [{"concurrency": 0}, {"grace": -1.0}, {"max_deaths": 0}])
async def test_numbers_with_which_nothing_would_run_are_refused(
    sqlite_url: str, bad: dict[str, float]
) -> None:
    with pytest.raises(SagaError, match=next(iter(bad))):
        async with connect(sqlite_url, busy, **bad):  # type: ignore[arg-type]
            pass


async def test_a_worker_whose_clock_is_far_from_the_databases_is_refused(
    postgres_url: str,
) -> None:
    from sagas.journal import migrate

    await asyncio.to_thread(migrate, postgres_url)
    clock = SteadyClock()
    async with connect(postgres_url, busy, clock=clock) as coordinator:
        told = await coordinator.store.time()
        clock.set(told - 3_600_000_000, asked=ticks())
        with pytest.raises(SagaError, match="3,600 s ahead of the database's"):
            await coordinator.start(job, 1, id="job-1")
        assert await coordinator.list() == []


async def _is_anybody_inside() -> bool:
    return bool(inside)


@pytest.mark.usefixtures("on_both")
async def test_those_that_others_have_driven_keep_nobody_from_a_turn(house: House) -> None:
    door = doors["open"] = asyncio.Event()
    async with house.open(busy, concurrency=1) as coordinator:
        ids = await start(coordinator, 3)
        await until(_is_anybody_inside, tries=1500)
        del doors["open"]
        async with house.open(busy) as other:
            for saga_id in ids[1:]:
                assert (await (await other.resume(saga_id)).outcome(timeout=LIMIT)).completed
        last = await coordinator.start(job, 3, id="job-03")
        door.set()
        assert (await last.outcome(timeout=LIMIT)).completed
