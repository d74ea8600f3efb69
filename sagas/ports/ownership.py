"""Leases: who drives what, and until when.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["ANY_NUMBER", "Lease", "Ownership", "Suspects"]


@dataclass(frozen=True, slots=True)
class Lease:
    """One worker incarnation: its number is the fencing token.

    Attributes:
        at: The database's clock when it was granted or renewed, in microseconds since 1970.
    """

    worker: int
    control: int
    seconds: float
    at: int = 0


@dataclass(frozen=True, slots=True)
class Suspects:
    """Sagas that may kill whoever drives them.

    Attributes:
        deaths: From this many deaths on a saga is one.
        limit: How many of them may be taken.
    """

    deaths: int
    limit: int


ANY_NUMBER = Suspects(deaths=2**31 - 1, limit=0)


class Ownership(Protocol):
    """Who drives what."""

    async def register(self, name: str, seconds: float) -> Lease:
        """A new incarnation, with a lease of that many seconds."""
        ...

    async def renew(self, lease: Lease) -> Lease:
        """Extend the lease.

        Raises:
            LeaseLost: This worker was declared dead.
        """
        ...

    async def retire(self, lease: Lease) -> None:
        """Give up the lease and every saga held under it."""
        ...

    async def claim(
        self,
        lease: Lease,
        *,
        now: int,
        only: Sequence[str] | None,
        limit: int,
        known: Sequence[tuple[str, int]] | None = None,
        suspects: Suspects = ANY_NUMBER,
    ) -> list[str]:
        """Take sagas that are due and that no living worker holds.

        Args:
            only: Candidates; None for every saga.
            known: Names and versions whose code this process has; None for every code.
            suspects: How many of those may be taken that workers have died of.
        """
        ...

    async def due(self, *, now: int, limit: int) -> list[str]:
        """Some of the sagas that are due and that nobody holds."""
        ...

    async def held(self, lease: Lease) -> list[str]:
        """The sagas that this worker holds."""
        ...

    async def raised(self, lease: Lease) -> tuple[int, list[str]]:
        """The worker's `control`, and its sagas with requests that are not folded yet."""
        ...

    async def changed(self, seconds: float) -> None:
        """Return when something may have changed, at the latest after that many seconds."""
        ...
