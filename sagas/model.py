"""The words of a saga's life: status, direction, outcome.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Generic, TypeVar

from compensations import Residue

O = TypeVar("O")  # noqa: E741

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Status(StrEnum):
    """Where a saga is. The last three are ends; `stuck` means that a person must act."""

    RUNNING = "running"
    WAITING = "waiting"
    UNWINDING = "unwinding"
    STUCK = "stuck"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    RESIDUAL = "residual"

    @property
    def is_end(self) -> bool:
        """Whether nothing more will happen."""
        return self in _ENDS


_ENDS = frozenset({Status.COMPLETED, Status.COMPENSATED, Status.RESIDUAL})


class Direction(StrEnum):
    """Whether a call goes forward or undoes."""

    DO = "do"
    UNDO = "undo"


class AfterPivot(StrEnum):
    """What a failure past the pivot leads to."""

    ASK = "ask"
    UNWIND = "unwind"


@dataclass(frozen=True)  # with slots, Python 3.11 cannot make an `Outcome[int](...)`
class Outcome(Generic[O]):
    """How a saga ended, or that it is stuck.

    Attributes:
        status: One of the ends, or `stuck`.
        result: What the body returned; only when `completed`.
        reason: Why it was undone or is stuck.
        residue: What remains although it was undone.
    """

    saga_id: str
    status: Status
    result: O | None = None
    reason: str | None = None
    residue: Sequence[Residue] = ()

    @property
    def completed(self) -> bool:
        """Whether everything the body asked for was done."""
        return self.status is Status.COMPLETED


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime: how the journal stores instants."""
    return (moment - EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """The aware UTC datetime of stored microseconds."""
    return EPOCH + timedelta(microseconds=value)


def span(value: timedelta) -> int:
    """A duration in microseconds."""
    return value // _MICROSECOND


def idempotency_key(
    journal_id: str, saga_id: str, path: str, direction: Direction, generation: int
) -> str:
    """The key of a call: the same for every attempt and recovery, 64 ASCII characters.

    It holds nothing of a worker, a clock or an attempt. A new generation (after a rollback) gives
    a new key, because a partner would answer the old one with the old, undone result.
    """
    text = "\x1f".join((journal_id, saga_id, path, direction.value, str(generation)))
    return sha256(text.encode()).hexdigest()


def short_id(prefix: str, *parts: str) -> str:
    """A short, stable id for people to type, such as `g-3kq0v7m2hx`."""
    number = int.from_bytes(sha256("\x1f".join(parts).encode()).digest()[:8])
    letters = ""
    for _ in range(12):
        number, index = divmod(number, 32)
        letters += _ALPHABET[index]
    return f"{prefix}-{letters}"


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
