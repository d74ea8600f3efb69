"""Instants and durations as this package accepts them: aware, in UTC, positive, finite.

Pure.
"""

from datetime import UTC, datetime, timedelta

from reversibility.errors import InvalidDeclaration, NaiveInstant

__all__ = ["as_utc", "check_duration"]

LONGEST = timedelta(days=36_525)
"""A century. Anything longer means "for ever", and would run past the end of the calendar."""


def as_utc(name: str, instant: datetime) -> datetime:
    """Return `instant` in UTC.

    Two datetimes of one daylight-saving zone are subtracted by their wall clocks, which is an
    hour wrong twice a year; in UTC they are not.

    Raises:
        NaiveInstant: `instant` has no time zone.
    """
    if instant.utcoffset() is None:
        raise NaiveInstant(
            f"{name} is {instant.isoformat()}, without a time zone: "
            "pass an aware datetime, such as datetime.now(UTC)"
        )
    return instant.astimezone(UTC)


def check_duration(name: str, duration: timedelta, *, instead: str) -> None:
    """Refuse a duration that is not positive or longer than a century.

    `instead` tells the user how to say "for ever".

    Raises:
        InvalidDeclaration: `duration` is out of range.
    """
    if duration <= timedelta(0):
        raise InvalidDeclaration(
            f"{name} is {duration!r}: give a positive duration, or leave it out"
        )
    if duration > LONGEST:
        raise InvalidDeclaration(f"{name} is {duration!r}, more than a century: {instead}")
