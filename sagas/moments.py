"""Instants and durations as users give them: which can be waited for, and which cannot.

Pure.
"""

from datetime import UTC, datetime, timedelta

from sagas.errors import TimerError
from sagas.model import instant, micros, span

LAST = micros(datetime.max.replace(tzinfo=UTC))
"""The last instant that there is (microseconds): the end of the year 9999."""

CENTURY = timedelta(days=36_525)


def given_instant(what: str, given: object) -> int:
    """An aware datetime, in microseconds.

    Raises:
        TimerError: It is none, has no time zone, or lies beyond the year 9999.
    """
    if not isinstance(given, datetime):
        raise TimerError(f"{what} is an aware datetime, not {given!r}")
    if given.utcoffset() is None:
        raise TimerError(
            f"{what} {given} has no time zone, so it is no instant: give an aware datetime, "
            "for example sagas.now() + timedelta(...) in a body, or one with tzinfo=UTC"
        )
    return _reachable(what, micros(given))


def given_duration(what: str, given: object, *, zero: bool = False) -> int:
    """A duration, in microseconds.

    Args:
        zero: Whether it may be zero.

    Raises:
        TimerError: It is no timedelta, negative, or longer than a century.
    """
    lowest = timedelta(0) if zero else timedelta(microseconds=1)
    if not isinstance(given, timedelta) or not lowest <= given <= CENTURY:
        bounds = "not negative" if zero else "above zero"
        shown = repr(given) if not isinstance(given, timedelta) else f"{given.total_seconds():g} s"
        raise TimerError(
            f"{what} is a timedelta, {bounds} and at most a century, such as timedelta(minutes=5), "
            f"not {shown}"
        )
    return span(given)


def given_deadline(given: object, now: int) -> int:
    """A deadline in microseconds, from a duration or an instant; it may have passed.

    Raises:
        TimerError: It is neither, has no time zone, or lies beyond the year 9999.
    """
    if isinstance(given, timedelta):
        return _reachable("the deadline", now + given_duration("a deadline", given))
    if not isinstance(given, datetime):
        raise TimerError(
            "a deadline is a timedelta, such as timedelta(hours=2), or an aware datetime, "
            f"not {given!r}"
        )
    return given_instant("the deadline", given)


def past(what: str, until: int, since: str) -> TimerError:
    """The refusal of an instant that nothing can wait for any more."""
    return TimerError(
        f"{what} {instant(until).isoformat()} had passed {since}: give an instant that lies ahead"
    )


def _reachable(what: str, value: int) -> int:
    if value > LAST:
        raise TimerError(f"{what} lies beyond the year 9999: give one before")
    return value
