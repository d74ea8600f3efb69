"""A stretch of time, from one instant up to another.

Pure.
"""

from dataclasses import dataclass
from datetime import datetime

from sagas.errors import TimerError
from sagas.model import instant
from sagas.moments import given_instant

FIRST, LAST = 0, 2**62


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, and before `until` (microseconds since 1970)."""

    since: int = FIRST
    until: int = LAST

    def holds(self, at: int) -> bool:
        """Whether an instant lies in it."""
        return self.since <= at < self.until


def given_period(since: datetime | None, until: datetime | None) -> Period:
    """The period that somebody gave; None leaves an end open.

    Raises:
        TimerError: One is no aware datetime, or nothing lies between them.
    """
    first = FIRST if since is None else given_instant("since", since)
    last = LAST if until is None else given_instant("until", until)
    if first >= last:
        raise TimerError(
            f"nothing lies between since {instant(first).isoformat()} and until "
            f"{instant(last).isoformat()}: give an until that is later"
        )
    return Period(first, last)
