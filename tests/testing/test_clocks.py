"""Clocks that a test moves, and sagas that notice."""

import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

import sagas
from sagas import connect
from sagas.testing import FrozenClock, NotInstalled, VirtualClock, frozen_time
from tests.behaviour.acting import LIMIT
from tests.behaviour.shop import HOUR, Order, shop
from tests.behaviour.world import renew
from tests.testing.trails import journal_in

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@shop.saga
async def sleep_for_an_hour(order: Order) -> str:
    """A body that sleeps."""
    await sagas.sleep(HOUR)
    return f"{sagas.now():%H:%M}"


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    renew()
    return journal_in(tmp_path_factory.mktemp("journal"))


# --- a virtual clock --------------------------------------------------------------------------


def test_a_virtual_clock_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(NEW_YEAR)
    assert clock.now() == clock.now() == NEW_YEAR
    assert clock.advance(HOUR) == clock.now() == NEW_YEAR + HOUR
    assert clock.set(NEW_YEAR + 2 * HOUR) == clock.now() == NEW_YEAR + 2 * HOUR


def test_a_virtual_clock_tells_utc_whatever_it_was_given() -> None:
    there = NEW_YEAR.astimezone(timezone(timedelta(hours=9)))
    assert VirtualClock(there).now().tzinfo is UTC


def test_a_virtual_clock_goes_back_only_if_asked() -> None:
    clock = VirtualClock(NEW_YEAR)
    with pytest.raises(ValueError, match="back=True"):
        clock.set(NEW_YEAR - HOUR)
    with pytest.raises(ValueError, match="back=True"):
        clock.advance(-HOUR)
    assert clock.now() == NEW_YEAR
    assert clock.set(NEW_YEAR - HOUR, back=True) == NEW_YEAR - HOUR


def test_an_instant_without_a_time_zone_is_refused() -> None:
    naive = NEW_YEAR.replace(tzinfo=None)
    for refused in (VirtualClock, VirtualClock().set):
        with pytest.raises(ValueError, match="tzinfo=UTC"):
            refused(naive)


async def test_a_waiting_saga_notices_that_the_virtual_clock_was_moved(url: str) -> None:
    clock = VirtualClock(NEW_YEAR)
    async with connect(url, shop, clock=clock) as coordinator:
        handle = await coordinator.start(sleep_for_an_hour, Order(), id="s")
        await handle.settled()
        clock.advance(HOUR)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "01:00"


async def test_a_saga_that_is_resumed_after_a_jump_goes_on_at_once(url: str) -> None:
    clock = VirtualClock(NEW_YEAR)
    async with connect(url, shop, clock=clock) as coordinator:
        await (await coordinator.start(sleep_for_an_hour, Order(), id="s")).settled()
        clock.set(NEW_YEAR + HOUR - timedelta(microseconds=1))
        assert not (await (await coordinator.resume("s")).settled()).completed
        clock.advance(timedelta(microseconds=1))
        outcome = await (await coordinator.resume("s")).settled()
    assert outcome.completed


# --- the whole process's time of day ----------------------------------------------------------


async def test_a_saga_sleeps_by_frozen_time(url: str) -> None:
    with frozen_time(NEW_YEAR) as clock:
        async with connect(url, shop) as coordinator:
            handle = await coordinator.start(sleep_for_an_hour, Order(), id="s")
            await handle.settled()
            assert clock.tick(HOUR) == clock.now() == NEW_YEAR + HOUR
            outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "01:00"


def test_frozen_time_is_the_time_of_day_of_all_code() -> None:
    with frozen_time(NEW_YEAR) as clock:
        assert isinstance(clock, FrozenClock)
        assert time.time() == NEW_YEAR.timestamp()
        assert clock.move_to(NEW_YEAR + HOUR) == NEW_YEAR + HOUR
        assert time.time() == (NEW_YEAR + HOUR).timestamp()
        assert clock.tick() == NEW_YEAR + HOUR + timedelta(seconds=1)
    assert time.time() != NEW_YEAR.timestamp()


def test_frozen_time_moves_to_an_instant_of_any_zone() -> None:
    there = (NEW_YEAR + HOUR).astimezone(timezone(timedelta(hours=9)))
    with frozen_time(NEW_YEAR) as clock:
        assert clock.move_to(there) == NEW_YEAR + HOUR


def test_without_freezegun_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "freezegun", None)
    with pytest.raises(NotInstalled, match="pip install freezegun"), frozen_time():
        raise AssertionError
