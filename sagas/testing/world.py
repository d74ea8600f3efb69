"""The outside world as a test sees it: what it holds, and what was done to it in which order.

Pure.
"""

from collections.abc import Awaitable, Sequence
from inspect import iscoroutinefunction
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

    @property
    def source(self) -> int:
        """Which of several worlds recorded it; of two of them, nobody knows what came first."""
        return 0


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
        """Every effect since the last `reset`, in the order in which they happened.

        A ledger that is merged of several has to be sorted by time; if that cannot be, let each be
        a world of its own, in `Worlds`.
        """
        ...


def is_async(world: World) -> bool:
    """Whether a world has to be waited for."""
    told: object = getattr(world, "is_async", None)
    methods = (world.reset, world.snapshot, world.ledger)
    return told if isinstance(told, bool) else any(map(iscoroutinefunction, methods))
