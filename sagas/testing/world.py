"""The outside world as a test sees it: what it holds, and what was done to it in which order.

Pure.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

Snapshot: TypeAlias = Any
"""JSON-able data: it is compared, and shown."""


class Effect(NamedTuple):
    """One effect, as the world itself recorded it; any tuple of three texts will do.

    Attributes:
        name: What was done, in the world's words: the name of an action, or of an operation.
        direction: `do`, or `undo` if it took something back.
        key: The idempotency key that it was asked for under.
    """

    name: str
    direction: str
    key: str


class World(Protocol):
    """What the actions of a saga act on. Each method may be async.

    An effect that the world refused, or knew already under its key, is not in the ledger: the
    ledger is what happened, not what was asked.
    """

    def reset(self) -> Awaitable[None] | None:
        """Forget everything: the ledger is empty from here on, and every run begins alike."""
        ...

    def snapshot(self) -> Snapshot:
        """What it holds now, as JSON-able data: bookings that stand, money, rows."""
        ...

    def ledger(
        self,
    ) -> Sequence[tuple[str, str, str]] | Awaitable[Sequence[tuple[str, str, str]]]:
        """Every effect since the last `reset`, in the order in which they happened."""
        ...
