"""What one saga appends, and what becomes of it.

Pure.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeGuard

from approvals import Gate, GateState
from approvals.aftermath import Aftermath
from compensations import Choice
from sagas.chain import Row
from sagas.model import Status

__all__ = [
    "Applied",
    "CloseQuestion",
    "CreateSaga",
    "FoldRequests",
    "KeepPlaces",
    "MoveGate",
    "NoteAftermath",
    "Op",
    "OpenGate",
    "OpenQuestion",
    "Project",
    "ReleaseLocks",
    "SpendRule",
    "Survived",
    "Unit",
]


@dataclass(frozen=True, slots=True)
class CreateSaga:
    """Create the saga's row; the unit is refused if the id is taken."""

    saga: str
    version: int
    input_digest: str
    starter: str
    at: int


@dataclass(frozen=True, slots=True)
class Project:
    """Record the status that people and workers see, and when to look at the saga again.

    With `release` the saga is no longer owned by this worker, which has survived driving it.
    """

    status: Status
    reason: str | None
    wake_at: int | None
    release: bool


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Store a new gate, pending."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class MoveGate:
    """Compare and set a gate's state; the unit is refused if the gate is not in `old`."""

    gate_id: str
    old: GateState
    new: GateState
    at: int


@dataclass(frozen=True, slots=True)
class NoteAftermath:
    """Note what is to be told of gates after their decision, and have them announced anew."""

    gate_ids: tuple[str, ...]
    became: Aftermath
    at: int


@dataclass(frozen=True, slots=True)
class SpendRule:
    """Use a standing rule for a gate; the unit is refused if the rule is over, revoked or used up.

    Attributes:
        units: How much of the rule's budget it takes, in millionths.
    """

    rule_id: str
    gate_id: str
    units: int | None
    at: int


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Store a new intervention, open."""

    intervention_id: str
    path: str | None
    kind: str
    question: str
    evidence: str
    choices: tuple[Choice, ...]
    wants_result: bool
    at: int


@dataclass(frozen=True, slots=True)
class CloseQuestion:
    """Close an intervention that became moot."""

    intervention_id: str
    at: int


@dataclass(frozen=True, slots=True)
class FoldRequests:
    """Mark requests as folded into entries, up to the value of `control` at which they were read."""

    request_ids: tuple[int, ...]
    control: int


@dataclass(frozen=True, slots=True)
class Survived:
    """Forget the workers that died while they drove the saga: it has come further since."""


@dataclass(frozen=True, slots=True)
class KeepPlaces:
    """Wait for keys with these steps only, and leave every other line.

    The unit is refused if the saga was told to look again since it looked.
    """

    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseLocks:
    """Wait for no key any more; with `held` the saga also gives back all that it holds."""

    held: bool


Op = (
    CreateSaga
    | Project
    | OpenGate
    | MoveGate
    | NoteAftermath
    | SpendRule
    | OpenQuestion
    | CloseQuestion
    | FoldRequests
    | Survived
    | KeepPlaces
    | ReleaseLocks
)


@dataclass(slots=True)
class Unit:
    """What one saga appends: applied wholly or not at all.

    Attributes:
        rows: Entries, in order, ready to be stored.
        ops: Changes of other rows that belong to them.
        guarded: Refuse it if somebody has made a request that is not folded yet.
        before: The number and hash of the saga's last entry before these, where it is known.
    """

    saga_id: str
    rows: list[Row]
    ops: list[Op] = field(default_factory=list[Op])
    guarded: bool = False
    before: tuple[int, str] | None = None

    @property
    def head(self) -> tuple[int, str] | None:
        """The saga's last entry once these are written: a cut-off tail shows against it."""
        return (self.rows[-1].seq, self.rows[-1].hash) if self.rows else self.before

    def used_at(self, at: int) -> "Unit":
        """The unit with that instant for what it uses up: an approval, or a standing rule."""
        if not any(map(_uses_up, self.ops)):
            return self
        return replace(self, ops=[replace(op, at=at) if _uses_up(op) else op for op in self.ops])


def _uses_up(op: Op) -> TypeGuard[MoveGate | SpendRule]:
    return isinstance(op, SpendRule) or (isinstance(op, MoveGate) and op.new is GateState.CONSUMED)


class Applied(Enum):
    """What became of a unit."""

    YES = "yes"
    REQUESTED = "requested"
    """Refused: it is guarded, and a request waits."""
    MOVED = "moved"
    """Refused: a gate, a standing rule, or a line for a key was not as the unit expects."""
    TAKEN = "taken"
    """Refused: the saga's id is taken."""
    FENCED = "fenced"
    """Refused: this worker was declared dead."""
    CONFLICT = "conflict"
    """Refused: the entries' numbers are taken."""
