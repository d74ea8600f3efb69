"""Instants and durations that users give: what is taken, and what each refusal says."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sagas.errors import TimerError
from sagas.model import instant, micros
from sagas.moments import CENTURY, LAST, given_deadline, given_duration, given_instant, past

NOW = micros(datetime(2026, 3, 1, 12, tzinfo=UTC))
SECOND = 1_000_000


class Nowhere(tzinfo):
    """A time zone that does not know how far it is from UTC."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None

    def dst(self, dt: datetime | None) -> timedelta | None:
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        return None


@pytest.mark.parametrize(
    ("moment", "utc"),
    [
        (datetime(2026, 7, 1, 12, tzinfo=UTC), "2026-07-01T12:00:00+00:00"),
        (datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Lisbon")), "2026-07-01T11:00:00+00:00"),
        (
            datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=9))),
            "2026-07-01T03:00:00+00:00",
        ),
        # The hour that comes twice, and the one that never comes.
        (
            datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
            "2026-10-25T00:30:00+00:00",
        ),
        (
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            "2026-10-25T01:30:00+00:00",
        ),
        (
            datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
            "2026-03-29T01:30:00+00:00",
        ),
        # A second after the last that fits into 32 bits; the end of a leap second.
        (datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), "2038-01-19T03:14:08+00:00"),
        (datetime(2017, 1, 1, tzinfo=UTC), "2017-01-01T00:00:00+00:00"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31T23:59:59+00:00"),
    ],
)
def test_an_instant_is_the_same_in_every_time_zone(moment: datetime, utc: str) -> None:
    assert instant(given_instant("until", moment)).isoformat() == utc


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (datetime(2026, 3, 1), "until 2026-03-01 00:00:00 has no time zone.*aware datetime"),  # noqa: DTZ001
        (datetime(2026, 3, 1, tzinfo=Nowhere()), "has no time zone"),
        (date(2026, 3, 1), "until is an aware datetime, not datetime.date"),
        (1_772_366_400, "until is an aware datetime, not 1772366400"),
        (
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
            "until lies beyond the year 9999",
        ),
    ],
)
def test_what_is_no_instant_is_refused(given: Any, words: str) -> None:
    with pytest.raises(TimerError, match=words):
        given_instant("until", given)


@pytest.mark.parametrize("given", [timedelta(microseconds=1), timedelta(hours=2), CENTURY])
def test_a_duration_is_taken_to_the_microsecond(given: timedelta) -> None:
    assert timedelta(microseconds=given_duration("a deadline", given)) == given


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (timedelta(0), "not 0 s"),
        (timedelta(seconds=-1.5), "not -1.5 s"),
        (timedelta.max, "at most a century"),
        (5, "not 5"),
        (None, "not None"),
    ],
)
def test_what_is_no_duration_is_refused(given: Any, shown: str) -> None:
    with pytest.raises(TimerError, match=f"a deadline is a timedelta, above zero .*{shown}"):
        given_duration("a deadline", given)


def test_a_duration_of_zero_is_taken_where_that_makes_sense() -> None:
    assert given_duration("sleep", timedelta(0), zero=True) == 0
    with pytest.raises(
        TimerError, match="sleep is a timedelta, not negative and at most a century"
    ):
        given_duration("sleep", timedelta(microseconds=-1), zero=True)


def test_a_deadline_counts_from_now() -> None:
    assert given_deadline(timedelta(seconds=3), NOW) == NOW + 3 * SECOND


def test_a_deadline_may_be_an_instant() -> None:
    assert given_deadline(instant(NOW + 1), NOW) == NOW + 1


def test_whether_a_deadline_has_passed_is_for_the_caller_to_say() -> None:
    assert given_deadline(instant(NOW - SECOND), NOW) == NOW - SECOND


@pytest.mark.parametrize("given", [5, 2.5, "PT1H", date(2026, 3, 1)])
def test_what_is_no_deadline_is_refused(given: Any) -> None:
    with pytest.raises(TimerError, match=r"a deadline is a timedelta, such as .* aware datetime"):
        given_deadline(given, NOW)


def test_a_deadline_beyond_the_last_instant_is_refused() -> None:
    with pytest.raises(TimerError, match="the deadline lies beyond the year 9999: give one before"):
        given_deadline(timedelta(days=2), LAST - SECOND)


def test_the_refusal_of_a_past_instant_says_since_when() -> None:
    message = "the deadline 2026-03-01T12:00:00+00:00 had passed before the start: give an instant"
    assert str(past("the deadline", NOW, "before the start")).startswith(message)
