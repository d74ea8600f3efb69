"""What an audit tells of one saga that was undone, as a whole or in part.

Instants are aware, in UTC. Texts are as they were recorded, without secrets; whoever shows them makes
them safe for the medium.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from compensations import Residue, Total
from reversibility import Reversibility
from sagas.model import Direction, Status
from sagas.story import Lasting, StepState


class Cause(StrEnum):
    """Where a rollback came from, beside what the entry of an unwind names as its cause."""

    LEFT = "exception"
    """An exception left a savepoint."""
    LATE = "late"
    """A call took effect after the saga had ended."""


class Proof(StrEnum):
    """How it is known that a step was undone."""

    ATTEMPTED = "attempted"
    """It is not: it was tried, or is being tried."""
    ACKNOWLEDGED = "acknowledged"
    """The call that undoes it answered."""
    VERIFIED = "verified"
    """The destination was asked, and said so."""
    STATED = "stated"
    """A person said so."""
    WAIVED = "waived"
    """It is not: a person left it as it is."""


class Matter(StrEnum):
    """What was decided about."""

    GATE = "gate"
    EDIT = "edit"
    INTERVENTION = "intervention"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """One unwinding: of the saga, of a savepoint's block, or of what took effect after the end.

    Attributes:
        scope: The savepoint's label; None for the saga.
        cause: Why, in a word: `failure`, `cancel`, `exception`, `late`, ...
        ended: When nothing was left to do; None if it is not over.
    """

    scope: str | None
    cause: str
    reason: str
    began: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that is known not to have happened."""

    path: str
    label: str
    direction: Direction
    error: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """A step that was undone, or was tried to be.

    Attributes:
        order: Its place in the order in which undoing began, from 1.
        attempts: How often its undo was called.
        began: When it was called first; None if a person undid it by other means.
        ended: When it was known to be undone; None if it is not.
        key: The idempotency key of the undo.
        left: What it left behind, in one line; None if nothing.
    """

    order: int
    path: str
    label: str
    action: str
    version: int
    reversibility: Reversibility
    state: StepState
    proof: Proof
    attempts: int
    began: datetime | None
    ended: datetime | None
    key: str
    left: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided, or what became of a question that nobody decided.

    Attributes:
        ref: The id of the gate or intervention; empty for a cancel.
        label: The step that it is about; empty for the saga.
        asked: For an intervention, what kind it is.
        choice: `approved`, `rejected`, `expired`, `retry`, `waive`, ...
        by: Who decided; None where nobody did. Several votes stand in one line.
        rule: The standing rule that approved.
        identified_by: How they were identified, where the entry says so.
    """

    at: datetime
    matter: Matter
    ref: str
    path: str | None
    label: str
    direction: Direction | None
    asked: str
    choice: str
    by: str | None
    reason: str | None
    rule: str | None = None
    identified_by: str | None = None
    channel: str | None = None

    @property
    def people(self) -> frozenset[str]:
        """Whoever had a part in it, those too for whom somebody decided."""
        voters = (self.by or "").split(", ")
        return frozenset(name for voter in voters for name in voter.split(" for ") if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A time during which nobody knew whether a call had taken effect.

    Attributes:
        settled: When it was over; None if it is not.
        outcome: `happened`, `not happened` or `waived`; None if it is not known.
        via: How that is known: `call`, `late`, `probe`, `person`, ...
        by: The person who said so.
    """

    path: str
    label: str
    direction: Direction
    reason: str
    found: datetime
    settled: datetime | None = None
    outcome: str | None = None
    via: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """Something that is still in the world.

    Attributes:
        residue: The same with its measures, if it was recorded as residue.
        at: When it was recorded as residue; None for what is there because it was not undone.
        waived_by: Who left it as it is.
        accepted_by: Who accepted what was left by the undo.
    """

    path: str
    label: str
    action: str
    version: int
    reversibility: Reversibility
    why: Lasting
    text: str
    residue: Residue | None = None
    at: datetime | None = None
    waived_by: str | None = None
    accepted_by: str | None = None

    @property
    def amount(self) -> Decimal | None:
        """What it costs, if that was stated."""
        return None if self.residue is None else self.residue.amount

    @property
    def currency(self) -> str | None:
        """The ISO 4217 code of the amount."""
        return None if self.residue is None else self.residue.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A saga that was undone, as a whole or in part, or is being undone: told by its entries alone.

    Attributes:
        end: How it ended or where it stands, by the entries.
        ended: When; None if it has not.
        undone: In the order in which undoing began.
        head: How many entries it was told from.
        head_hash: The hash of the last of them: it stands for all.
    """

    id: str
    saga: str
    version: int
    starter: str
    requester: str | None
    agent: str | None
    owner: str | None
    end: Status
    started: datetime
    ended: datetime | None
    rollbacks: tuple[Rollback, ...]
    failures: tuple[Failure, ...]
    undone: tuple[Undone, ...]
    decisions: tuple[Decision, ...]
    doubts: tuple[Doubt, ...]
    remains: tuple[Remaining, ...]
    head: int
    head_hash: str

    @property
    def actions(self) -> frozenset[str]:
        """The actions of which a step was undone, or remains."""
        undone = {step.action for step in self.undone}
        return frozenset(undone | {item.action for item in self.remains})

    @property
    def money(self) -> Mapping[str, Decimal]:
        """What remains in money, by currency; without one under the empty text."""
        return self.left.money

    @property
    def left(self) -> Total:
        """What remains, measure by measure; what has no measure is counted."""
        total = Total()
        for item in self.remains:
            add_remaining(total, item)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Unaudited:
    """A saga of which nothing can be told: its entries do not read or were changed, or its row is gone."""

    id: str
    reason: str


def add_remaining(total: Total, item: Remaining) -> None:
    """Add one thing that remains. What was never recorded as residue is known in words alone."""
    if item.residue is None:
        total.in_words += 1
    else:
        total.add(item.residue)
