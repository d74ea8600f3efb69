"""The clock of decisions: set once, steady from there on, and obedient to tests."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from sagas.clock import SteadyClock, ticks
from sagas.model import instant, micros

HOUR = 3_600_000_000


def test_it_starts_with_the_host() -> None:
    assert abs(SteadyClock().now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_it_goes_on_from_what_it_was_told() -> None:
    clock = SteadyClock()
    clock.set(HOUR, asked=ticks())
    assert timedelta(0) <= clock.now() - instant(HOUR) < timedelta(minutes=1)


def test_it_never_goes_back_between_two_looks() -> None:
    clock = SteadyClock()
    looks = [clock.now() for _ in range(1000)]
    assert looks == sorted(looks)


def test_a_step_of_the_hosts_clock_moves_it_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real = SteadyClock(), time.clock_gettime_ns
    before = clock.now()

    def stepped(which: int) -> int:
        return real(which) + (HOUR * 24 * 1000 if which == time.CLOCK_REALTIME else 0)

    monkeypatch.setattr(time, "clock_gettime_ns", stepped)
    assert clock.now() - before < timedelta(minutes=1)
    assert 86_000 < clock.ahead() < 87_000


def test_the_answer_to_a_question_holds_for_the_middle_of_its_journey() -> None:
    clock = SteadyClock()
    clock.set(HOUR, asked=ticks() - 2_000_000)
    assert timedelta(seconds=1) <= clock.now() - instant(HOUR) < timedelta(minutes=1)


def test_a_frozen_time_of_day_is_obeyed() -> None:
    clock = SteadyClock()
    with freeze_time("2026-11-23 10:00:00", real_asyncio=True) as frozen:
        assert clock.now() == datetime(2026, 11, 23, 10, tzinfo=UTC)
        frozen.tick(timedelta(days=1))
        assert micros(clock.now()) == micros(datetime(2026, 11, 24, 10, tzinfo=UTC))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
