"""Frozen clocks: a saga runs under one that leaves asyncio alone, and says so under any other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

import sagas
from sagas import Catalog, NotExecuted, Retry, Reversibility, SagaError, Status, connect, run_sync
from tests.behaviour.acting import LIMIT, kinds, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import HOUR, Order, keyed, shop
from tests.behaviour.world import World, lose_answer, refuse, wait_for_release

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
REFUSED = r"clock was replaced.*freeze_time\(\.\.\., real_asyncio=True\)"
LONG = timedelta(seconds=1.2)
"""Longer than what is waited for in place."""

bank = Catalog("bank")
answers: list[Exception] = []


@bank.action(reversibility=Reversibility.COMPENSATABLE, retry=Retry(attempts=5))
async def pay(amount: int) -> str:
    if answers:
        raise answers.pop()
    return "paid"


@pay.compensation(retry=Retry(attempts=5))
async def refund(amount: int) -> None:
    if answers:
        raise answers.pop()


@bank.saga
async def paying(amount: int) -> str:
    return await pay(amount)


@bank.saga
async def paying_in_vain(amount: int) -> str:
    await pay(amount)
    answers.append(NotExecuted("busy", retry_after=LONG))
    raise RuntimeError("and now this")


@shop.saga
async def frozen_pair(order: Order) -> str:
    await keyed("first")
    return await keyed("second")


@shop.saga
async def frozen_sleep(order: Order) -> str:
    await sagas.sleep(HOUR)
    return await keyed("after")


async def _is_postponed(coordinator: sagas.Coordinator) -> bool:
    return "Postponed" in await kinds(coordinator)


@pytest.fixture(autouse=True)
def no_answers() -> None:
    answers.clear()


# --- asyncio keeps its clock ------------------------------------------------------------------


@pytest.mark.parametrize("tick", [False, True])
async def test_a_saga_runs_under_a_frozen_clock(house: House, world: World, tick: bool) -> None:
    world.plan("first", lose_answer)
    with freeze_time(NEW_YEAR, tick=tick, real_asyncio=True):
        async with house.open(clock=None) as coordinator:
            outcome = await coordinator.run(frozen_pair, Order(), id="s", timeout=LIMIT)
            started = (await coordinator.state("s")).started_at
    assert outcome.completed
    assert 0 <= started - sagas.model.micros(NEW_YEAR) < LIMIT * 1_000_000


@pytest.mark.usefixtures("on_both")
async def test_a_saga_runs_under_a_clock_that_is_frozen_after_connect(
    house: House, world: World
) -> None:
    async with house.open(clock=None) as coordinator:
        with freeze_time(NEW_YEAR, real_asyncio=True):
            outcome = await coordinator.run(frozen_pair, Order(), id="s", timeout=LIMIT)
    assert outcome.completed


@freeze_time(NEW_YEAR, real_asyncio=True)
async def test_a_saga_runs_in_a_decorated_test(house: House, world: World) -> None:
    async with house.open(clock=None) as coordinator:
        assert (await coordinator.run(frozen_pair, Order(), id="s", timeout=LIMIT)).completed


async def test_a_long_wait_between_attempts_ends_although_the_clock_stands_still(
    house: House,
) -> None:
    answers.append(NotExecuted("busy", retry_after=LONG))
    with freeze_time(NEW_YEAR, real_asyncio=True):
        async with house.open(bank, clock=None) as coordinator:
            outcome = await coordinator.run(paying, 5, id="s", timeout=LIMIT)
            state = await coordinator.state("s")
    assert outcome.completed
    assert state.steps["paying/pay#1"].forward.attempts == 2


async def test_a_long_wait_in_an_unwind_ends_too(house: House) -> None:
    with freeze_time(NEW_YEAR, real_asyncio=True):
        async with house.open(bank, clock=None) as coordinator:
            outcome = await coordinator.run(paying_in_vain, 5, id="s", timeout=LIMIT)
            state = await coordinator.state("s")
    assert outcome.status is Status.COMPENSATED
    assert state.steps["paying_in_vain/pay#1"].undo.attempts == 2


async def test_a_saga_that_waits_under_a_frozen_clock_can_be_cancelled(house: House) -> None:
    answers.append(NotExecuted("busy", retry_after=HOUR))
    with freeze_time(NEW_YEAR, real_asyncio=True):
        async with house.open(bank, clock=None) as coordinator:
            handle = await coordinator.start(paying, 5, id="s")
            await until(lambda: _is_postponed(coordinator))
            await coordinator.cancel("s", reason="enough")
            outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


@pytest.mark.usefixtures("on_both")
async def test_a_durable_sleep_goes_by_the_frozen_clock(house: House, world: World) -> None:
    with freeze_time(NEW_YEAR, real_asyncio=True) as frozen:
        async with house.open(clock=None) as coordinator:
            handle = await coordinator.start(frozen_sleep, Order(), id="s")
            await handle.settled()
            frozen.tick(HOUR - timedelta(seconds=1))
            await coordinator.resume("s")
            assert "TimerFired" not in await kinds(coordinator)
            frozen.tick(timedelta(seconds=1))
            assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_deadline_goes_by_the_frozen_clock(house: House, world: World) -> None:
    with freeze_time(NEW_YEAR, real_asyncio=True) as frozen:
        async with house.open(clock=None) as coordinator:
            deadline = NEW_YEAR + timedelta(minutes=30)
            handle = await coordinator.start(frozen_sleep, Order(), id="s", deadline=deadline)
            await handle.settled()
            frozen.move_to(deadline)
            assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED


# --- asyncio is frozen too --------------------------------------------------------------------


@pytest.mark.parametrize("tick", [False, True])
async def test_connect_refuses_a_loop_that_stands_still(house: House, tick: bool) -> None:
    with freeze_time(NEW_YEAR, tick=tick), pytest.raises(SagaError, match=REFUSED):
        async with house.open(clock=None):
            raise AssertionError


async def test_a_decorated_test_is_told_how_to_freeze(house: House) -> None:
    @freeze_time(NEW_YEAR)
    async def decorated() -> None:
        async with house.open(clock=None):
            raise AssertionError

    with pytest.raises(SagaError, match=REFUSED):
        await decorated()


async def test_a_loop_that_was_frozen_before_it_began_is_found(tmp_path: Path) -> None:
    with freeze_time(NEW_YEAR), pytest.raises(SagaError, match=REFUSED):
        await asyncio.to_thread(
            run_sync, paying, 5, id="s", url=f"sqlite:///{tmp_path}/s.db", catalog=bank
        )
    assert not (tmp_path / "s.db").exists()


Asking = Callable[[sagas.Coordinator, sagas.Handle[Any]], Awaitable[object]]

ASKED: dict[str, Asking] = {
    "start": lambda coordinator, _: coordinator.start(frozen_pair, Order(), id="other"),
    "run": lambda coordinator, _: coordinator.run(frozen_pair, Order(), id="other"),
    "resume": lambda coordinator, _: coordinator.resume("s"),
    "work": lambda coordinator, _: coordinator.work(),
    "outcome": lambda _, handle: handle.outcome(),
    "settled": lambda _, handle: handle.settled(),
}


@pytest.mark.parametrize("what", ASKED)
async def test_whoever_would_wait_for_ever_is_told(house: House, world: World, what: str) -> None:
    world.plan("first", wait_for_release)
    async with house.open(clock=None) as coordinator:
        handle = await coordinator.start(frozen_pair, Order(), id="s")
        with freeze_time(NEW_YEAR), pytest.raises(SagaError, match=REFUSED):
            await ASKED[what](coordinator, handle)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).completed
        assert [row.id for row in await coordinator.list()] == ["s"]


async def test_whoever_waits_when_the_loop_is_frozen_is_told(house: House, world: World) -> None:
    world.plan("first", wait_for_release)
    async with house.open(clock=None) as coordinator:
        handle = await coordinator.start(frozen_pair, Order(), id="s")
        waiting = asyncio.create_task(handle.outcome())
        await world.under_way.wait()
        with freeze_time(NEW_YEAR), pytest.raises(SagaError, match=REFUSED):
            await waiting
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_process_goes_on_after_its_loop_was_frozen_for_a_while(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(frozen_sleep, Order(), id="s")
        await handle.settled()
        with freeze_time(NEW_YEAR):
            for _ in range(100):
                await asyncio.sleep(0)  # what waits by the loop's clock is woken, and waits again
            with pytest.raises(SagaError, match=REFUSED):
                await handle.outcome()
        house.clock.forward(HOUR)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_saga_that_failed_is_undone_under_a_frozen_clock(
    house: House, world: World
) -> None:
    world.plan("second", refuse)
    with freeze_time(NEW_YEAR, real_asyncio=True):
        async with connect(house.url, shop, directory=house.people, user="ana") as coordinator:
            outcome = await coordinator.run(frozen_pair, Order(), id="s", timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["first"]
