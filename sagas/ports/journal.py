"""The durable record: what the interpreter needs.

Pure.
"""

from collections.abc import Sequence
from typing import Protocol

from approvals import Gate, Vote
from sagas.ports.appending import Applied, Unit
from sagas.ports.ownership import Lease
from sagas.ports.rows import Loaded, Request

__all__ = ["Journal"]


class Journal(Protocol):
    """The durable record: what the interpreter needs."""

    journal_id: str

    async def commit(
        self, lease: Lease, units: Sequence[Unit], *, again: bool = False
    ) -> list[Applied]:
        """Apply units in one transaction, as one of them or none each.

        Args:
            again: They were handed over before, and it is not known whether they were applied.

        Raises:
            JournalUnavailable: The database does not do it now; it may have been done.
        """
        ...

    async def load(self, saga_id: str) -> Loaded | None:
        """Everything there is to know of a saga, from one snapshot."""
        ...

    async def requests(self, saga_id: str) -> tuple[int, list[Request]]:
        """The value of `control`, and the requests that are not folded yet."""
        ...

    async def gate(self, gate_id: str) -> Gate | None:
        """A gate's row."""
        ...

    async def votes(self, gate_id: str) -> list[Vote]:
        """The votes on a gate, in order, with those that were refused."""
        ...
