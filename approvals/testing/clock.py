"""The time as the local Slack has it, which a test moves.

Touches: the clock.
"""

from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """Stands where it was made until it is moved, so that a slow machine lets nothing expire.

    Args:
        running: Go on with the time of the machine, as for a demonstration.
    """

    def __init__(self, *, running: bool = False) -> None:
        self._running = running
        self._start = datetime.now(UTC)
        self._moved = timedelta(0)

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        base = datetime.now(UTC) if self._running else self._start
        return base + self._moved

    def dated(self) -> datetime:
        """The instant that an answer bears: it goes on with the machine's, and moves when moved."""
        return datetime.now(UTC) + self._moved

    def advance(self, by: timedelta) -> None:
        """Move it forward."""
        self._moved += by
