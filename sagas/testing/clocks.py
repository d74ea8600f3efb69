"""Clocks that a test moves.

`VirtualClock` is handed to `connect(clock=...)`, and moves the time of decisions alone: sleeps,
gates and deadlines. `frozen_time` puts the whole process's time of day into the test's hands, the
user's own code included, and leaves the event loop its own clock.

Touches: with `frozen_time`, the process's clocks.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sagas.testing.errors import NotInstalled

START = datetime(2030, 1, 1, tzinfo=UTC)
"""When a test's time begins if it does not say: later than any clock that set a real deadline."""


class VirtualClock:
    """A clock that stands still until it is moved.

    A saga that waits looks at it about once a second, in true time: after a jump it goes on by
    itself, and at once if the test asks for it with `coordinator.resume(saga_id)`.

    Args:
        start: The first instant that it tells, aware.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Go on, and tell the new instant.

        Raises:
            ValueError: The duration is negative; `set(..., back=True)` goes back.
        """
        if by < timedelta(0):
            raise ValueError(f"a clock does not advance by {by}: set(..., back=True) goes back")
        self._now += by
        return self._now

    def set(self, instant: datetime, *, back: bool = False) -> datetime:
        """Jump to an instant.

        Args:
            instant: When it is to be, aware.
            back: Whether it may be earlier than the present.

        Raises:
            ValueError: It has no time zone, or it is earlier and `back` is not given.
        """
        wanted = _aware(instant)
        if wanted < self._now and not back:
            raise ValueError(f"{wanted} is before {self._now}: set(..., back=True) goes back")
        self._now = wanted
        return self._now


class FrozenClock:
    """The time of day of the whole process, in the hands of a test; see `frozen_time`."""

    def __init__(self, freezer: Any) -> None:
        self._freezer = freezer

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        frozen: datetime = self._freezer()
        return datetime(*frozen.timetuple()[:6], frozen.microsecond, tzinfo=UTC)

    def tick(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """Go on, and tell the new instant."""
        self._freezer.tick(by)
        return self.now()

    def move_to(self, instant: datetime) -> datetime:
        """Jump to an instant.

        Raises:
            ValueError: It has no time zone.
        """
        self._freezer.move_to(_aware(instant).replace(tzinfo=None))
        return self.now()


@contextmanager
def frozen_time(start: datetime = START) -> Generator[FrozenClock]:
    """Freeze the time of day of this process, and leave asyncio its own clock.

    Args:
        start: The instant at which it stands still, aware.

    Raises:
        NotInstalled: freezegun is not there.
        ValueError: The instant has no time zone.
    """
    try:
        from freezegun import freeze_time
    except ModuleNotFoundError as error:
        raise NotInstalled(
            "freezing the time of day needs freezegun: pip install freezegun; "
            "a VirtualClock needs nothing"
        ) from error
    with freeze_time(_aware(start), real_asyncio=True) as freezer:
        yield FrozenClock(freezer)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone: give it one, such as tzinfo=UTC")
    return instant.astimezone(UTC)
