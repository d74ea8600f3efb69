"""Instants are the same wherever a process or a server believes to be, and after 2038."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest

import sagas
from sagas import Status
from sagas.model import instant, micros
from tests.behaviour.acting import LIMIT, approve_all, kinds, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import HOUR, Order, gated, keyed, shop
from tests.behaviour.world import World, wait_for_release

SetZone = Callable[[str], None]

CLOCKS_CHANGE = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""Half an hour before the clocks go back in Berlin."""

END_OF_32_BITS = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)


@shop.saga
async def timed(order: Order) -> list[str]:
    """A recorded instant, a sleep, a gate and a step."""
    first = sagas.now()
    await sagas.sleep(HOUR)
    await gated("asked")
    await keyed("after")
    return [first.isoformat(), sagas.now().isoformat()]


@shop.saga
async def holding(order: Order) -> str:
    return await keyed("held")


async def _has_slept(coordinator: sagas.Coordinator) -> bool:
    return "TimerFired" in await kinds(coordinator)


@pytest.fixture
def set_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetZone]:
    """Sets the time zone of this process, until the test is over."""

    def set_to(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "right/UTC"]
)
async def test_the_time_zone_of_a_process_changes_no_instant(
    house: House, world: World, set_zone: SetZone, zone: str
) -> None:
    set_zone(zone)
    house.clock.set(CLOCKS_CHANGE)
    deadline = CLOCKS_CHANGE + 5 * HOUR
    async with house.open() as coordinator:
        handle = await coordinator.start(timed, Order(), id="s", deadline=deadline)
        await handle.settled()
        state = await coordinator.state("s")
        [timer] = state.timers.values()
        assert state.deadline == micros(deadline)
        assert timer.until is not None
        slept = instant(timer.until) - CLOCKS_CHANGE
        assert HOUR <= slept < HOUR + timedelta(minutes=1)
        house.clock.forward(HOUR - timedelta(minutes=2))
        await coordinator.resume("s")
        assert "TimerFired" not in await kinds(coordinator)
        house.clock.forward(timedelta(minutes=2))
        await coordinator.resume("s")
        await until(lambda: _has_slept(coordinator))


@pytest.mark.usefixtures("on_both")
async def test_a_saga_lives_through_the_end_of_32_bits(house: House, world: World) -> None:
    house.clock.set(END_OF_32_BITS - timedelta(minutes=1))
    never = datetime(9999, 12, 31, tzinfo=UTC)
    async with house.open() as coordinator:
        handle = await coordinator.start(timed, Order(), id="s", deadline=never)
        await handle.settled()
    house.clock.forward(HOUR)
    async with house.open() as coordinator:
        handle = await coordinator.start(timed, Order(), id="s")
        await handle.settled()
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result is not None
    first, last = map(datetime.fromisoformat, outcome.result)
    assert first < END_OF_32_BITS < last


@pytest.mark.postgres
async def test_the_time_zone_of_a_server_ends_no_lease_and_fires_no_timer(
    copied_postgres_url: str, world: World
) -> None:
    name = urlsplit(copied_postgres_url).path.lstrip("/")
    connection = await asyncpg.connect(copied_postgres_url)
    try:
        await connection.execute(f"alter database \"{name}\" set timezone to 'Pacific/Kiritimati'")
    finally:
        await connection.close()
    house = House(copied_postgres_url, world)
    world.plan("held", wait_for_release)
    async with house.open() as coordinator, house.open() as other:
        handle = await coordinator.start(holding, Order(), id="s")
        asleep = await coordinator.start(timed, Order(), id="asleep")
        await world.under_way.wait()
        await asleep.settled()
        owner = (await coordinator.get("s")).owner
        await other.resume("s")
        await other.resume("asleep")
        assert (await coordinator.get("s")).owner == owner
        assert "TimerFired" not in await kinds(coordinator, "asleep")
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPLETED
    await house.check()
