"""Locks of sagas on keys.

Pure.
"""

from typing import Protocol

from sagas.locking import LockAnswer, LockRow, Need
from sagas.ports.library import PAGE
from sagas.ports.ownership import Lease

__all__ = ["Locking"]


class Locking(Protocol):
    """Who holds which key, and who waits for it."""

    async def take_locks(self, lease: Lease, need: Need) -> LockAnswer:
        """Give a step all of its keys, or a place in line for each that it lacks, or nothing.

        What its saga holds already is its own. Asked again, it keeps its places.

        Raises:
            LeaseLost: This worker was declared dead.
        """
        ...

    async def locks(
        self, *, saga_id: str | None = None, key: str | None = None, limit: int = PAGE
    ) -> list[LockRow]:
        """Holders and lines by key; with `saga_id` of the keys that it holds or waits for."""
        ...

    async def release_lock(
        self,
        key: str,
        *,
        by: str,
        reason: str,
        at: int,
        identified_by: str | None = None,
        channel: str | None = None,
    ) -> LockRow:
        """Take a key from the saga that holds it, on the record; the next in line may have it.

        Raises:
            Refused: Nobody holds it.
        """
        ...
