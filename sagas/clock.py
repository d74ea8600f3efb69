"""The clock of decisions: steady while a process lives, whatever is done to the host's clock.

It starts from an instant that somebody vouches for (the host, or the database) and goes on by the
machine's uptime. A test that puts the time of day into its own hands (as freezegun does) is obeyed.

Touches: the host's clocks.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from sagas.frozen import is_wall_clock_replaced
from sagas.model import instant

_TICKING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_made_up: ContextVar[Callable[[], int] | None] = ContextVar("sagas_ticks", default=None)


class SteadyClock:
    """Tells the time that it was last set to, plus what has passed since then."""

    _datetime = datetime  # kept aside, so that a frozen clock gives real `datetime` objects

    def __init__(self) -> None:
        self._offset = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000 - ticks()

    def set(self, told: int, *, asked: int) -> None:
        """Somebody who knows the time (microseconds since 1970) was asked at `asked` ticks.

        The answer holds for the middle of the journey there and back.
        """
        self._offset = told - (asked + ticks()) // 2

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        if is_wall_clock_replaced():
            return self._datetime.fromtimestamp(time.time(), UTC)
        return instant(self._offset + ticks())

    def ahead(self) -> float:
        """By how many seconds the host's clock is ahead of this one."""
        host = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000
        return (host - self._offset - ticks()) / 1_000_000


def ticks() -> int:
    """Microseconds of a clock that only goes on, through a suspended machine too."""
    told = _made_up.get()
    return time.clock_gettime_ns(_TICKING) // 1000 if told is None else told()


@contextmanager
def ticking(told: Callable[[], int]) -> Generator[None]:
    """Have `ticks` told by something else in this context, and in the tasks that begin in it."""
    before = _made_up.set(told)
    try:
        yield
    finally:
        _made_up.reset(before)
