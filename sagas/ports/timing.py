"""The time that decisions go by, and what the database knows of it.

Pure.
"""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock", "Timekeeper"]


class Clock(Protocol):
    """The one source of time for decisions; leases use the database's own clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class Timekeeper(Protocol):
    """What the database knows of the time.

    Attributes:
        keeps_time: Whether it has a clock of its own, to go by.
    """

    keeps_time: bool

    async def time(self) -> int:
        """The database's clock, in microseconds since 1970."""
        ...

    async def next_due(self, *, after: int, before: int) -> int | None:
        """The first instant between these two at which a parked saga is due, if there is one."""
        ...
