"""A gate: where one step of a saga waits for people, and the states it passes through.

::

    pending ──> approved ──> consumed      the step's intent was written
       │           ├───────> lapsed        nobody used it in time
       │           ├───────> revoked       somebody took it back
       │           └───────> invalidated   what it approved is not what would run
       ├──────> rejected
       ├──────> expired                    nobody decided in time
       ├──────> cancelled                  the saga needs it no more
       └──────> superseded                 a newer gate asks instead

A state is left once; whoever comes second finds it gone. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from approvals.aftermath import Aftermath
from approvals.errors import GateMismatch
from approvals.parties import Parties
from approvals.requirement import Approval
from approvals.stakes import UNKNOWN_STAKES, Stakes
from approvals.subject import GateSubject

__all__ = [
    "TRANSITIONS",
    "Gate",
    "GateState",
    "Unusable",
    "Usability",
    "expire",
    "is_intact",
    "is_usable",
    "may_move",
    "open_gate",
    "subject_of",
]


class GateState(StrEnum):
    """Where a gate stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    CONSUMED = "consumed"
    LAPSED = "lapsed"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"

    @property
    def is_open(self) -> bool:
        """Whether people can still decide."""
        return self is GateState.PENDING

    @property
    def is_final(self) -> bool:
        """Whether the gate stays as it is for ever."""
        return not TRANSITIONS[self]


_NONE: frozenset[GateState] = frozenset()

TRANSITIONS: Mapping[GateState, frozenset[GateState]] = MappingProxyType(
    {
        GateState.PENDING: frozenset(
            {
                GateState.APPROVED,
                GateState.REJECTED,
                GateState.EXPIRED,
                GateState.CANCELLED,
                GateState.SUPERSEDED,
            }
        ),
        GateState.APPROVED: frozenset(
            {
                GateState.CONSUMED,
                GateState.LAPSED,
                GateState.REVOKED,
                GateState.INVALIDATED,
            }
        ),
        GateState.REJECTED: _NONE,
        GateState.EXPIRED: _NONE,
        GateState.CANCELLED: _NONE,
        GateState.SUPERSEDED: _NONE,
        GateState.CONSUMED: _NONE,
        GateState.LAPSED: _NONE,
        GateState.REVOKED: _NONE,
        GateState.INVALIDATED: _NONE,
    }
)
"""Which states may follow a state; there are no other moves."""


def may_move(old: GateState, new: GateState) -> bool:
    """Whether a gate in state `old` may go to state `new`."""
    return new in TRANSITIONS[old]


def closed_as(old: GateState) -> GateState:
    """What becomes of an open gate in state `old` that nobody is to decide or to use any more."""
    return GateState.CANCELLED if old is GateState.PENDING else GateState.INVALIDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One question to people, as it was asked. Instants are aware and in UTC."""

    id: str
    saga_id: str
    path: str
    direction: str
    generation: int
    revision: int
    action: str
    action_version: int
    arguments: bytes
    """The canonical bytes of the arguments that are asked about."""
    policy: Approval
    """The requirement as it was when the gate opened."""
    digest: str
    """The digest of the subject: what the decision is about."""
    parties: Parties
    """For whom the saga acts."""
    state: GateState
    opened_at: datetime
    deadline: datetime
    """From this instant on nobody can decide any more."""
    decided_at: datetime | None = None
    decided_by: str | None = None
    """Whoever decided; several names where several were needed."""
    reason: str | None = None
    valid_until: datetime | None = None
    """From this instant on an approval cannot be used any more."""
    eligible: tuple[str, ...] = ()
    """Who could have decided when the gate opened; empty where anyone could."""

    @property
    def requester(self) -> str:
        """Who started the saga."""
        return self.parties.starter

    stakes: Stakes = UNKNOWN_STAKES
    """What is known of the call beside its arguments: its class, its size, its secrets."""
    because: str | None = None
    """Why it is to run, in the words of whoever wrote or drives the saga; nobody vouches for them."""
    editor: str | None = None
    """Who made this revision of the arguments, and so does not vote on it; None as it was asked."""
    vetoers: tuple[str, ...] = ()
    """Who could have rejected it alone, and not approved it, when the gate opened; ``anyone`` alone
    where everybody could."""
    voted: int = 0
    """How many votes on this revision were counted without deciding it."""
    aftermath: Aftermath | None = None
    """What became of the action or its saga since; None while there is nothing to tell."""


def open_gate(
    subject: GateSubject,
    policy: Approval,
    *,
    gate_id: str,
    parties: Parties,
    eligible: tuple[str, ...],
    vetoers: tuple[str, ...] = (),
    now: datetime,
    stakes: Stakes = UNKNOWN_STAKES,
    because: str | None = None,
) -> Gate:
    """Open a gate about `subject`, to be decided as `policy` asks.

    Raises:
        GateMismatch: The subject names another version of the policy.
    """
    if subject.policy_version != policy.version:
        raise GateMismatch(
            f"the subject is bound to policy {subject.policy_version}, and this is "
            f"{policy.version}; build the subject with policy_version=policy.version"
        )
    return Gate(
        id=gate_id,
        saga_id=subject.saga_id,
        path=subject.path,
        direction=subject.direction,
        generation=subject.generation,
        revision=subject.revision,
        action=subject.action,
        action_version=subject.action_version,
        arguments=subject.arguments,
        policy=policy,
        digest=subject.digest(),
        parties=parties,
        state=GateState.PENDING,
        opened_at=now,
        deadline=now + policy.within,
        eligible=eligible,
        vetoers=vetoers,
        stakes=stakes,
        because=because,
    )


def is_intact(gate: Gate, *, journal_id: str) -> bool:
    """Whether everything the gate shows is what its digest stands for.

    A store asks this of each gate it reads: what people are shown is then what they decide on.
    """
    return subject_of(gate, journal_id=journal_id).digest() == gate.digest


def subject_of(gate: Gate, *, journal_id: str) -> GateSubject:
    """What the gate is about, by what it shows."""
    return GateSubject(
        journal_id=journal_id,
        saga_id=gate.saga_id,
        path=gate.path,
        direction=gate.direction,
        generation=gate.generation,
        revision=gate.revision,
        action=gate.action,
        action_version=gate.action_version,
        arguments=gate.arguments,
        policy_version=gate.policy.version,
    )


def expire(gate: Gate, now: datetime) -> Gate:
    """Let time pass: a gate nobody decided expires, an approval nobody used lapses.

    The instant of the decision is the deadline itself, whenever somebody comes to look.
    """
    if gate.state is GateState.PENDING and now >= gate.deadline:
        return replace(gate, state=GateState.EXPIRED, decided_at=gate.deadline)
    if gate.state is GateState.APPROVED and _has_lapsed(gate, now):
        return replace(gate, state=GateState.LAPSED)
    return gate


class Unusable(StrEnum):
    """Why a gate does not let its step run."""

    NOT_APPROVED = "not-approved"
    LAPSED = "lapsed"
    DIGEST_DIFFERS = "digest-differs"
    GENERATION_DIFFERS = "generation-differs"

    @property
    def becomes(self) -> GateState | None:
        """The state an approved gate goes to when it is refused for this reason."""
        return _BECOMES[self]


_BECOMES = {
    Unusable.NOT_APPROVED: None,
    Unusable.LAPSED: GateState.LAPSED,
    Unusable.DIGEST_DIFFERS: GateState.INVALIDATED,
    Unusable.GENERATION_DIFFERS: GateState.INVALIDATED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usability:
    """Whether a gate lets its step run; true where it does."""

    reason: Unusable | None
    """Why not, or None."""
    message: str
    """The same for people."""

    def __bool__(self) -> bool:
        return self.reason is None


def is_usable(gate: Gate, now: datetime, *, digest: str, generation: int) -> Usability:
    """Whether the gate allows, now, the step with this digest in this generation of its saga."""
    if gate.state is not GateState.APPROVED:
        return _no(Unusable.NOT_APPROVED, f"it is {gate.state}, not approved")
    if _has_lapsed(gate, now):
        return _no(Unusable.LAPSED, "it was not used in time")
    if gate.digest != digest:
        return _no(Unusable.DIGEST_DIFFERS, "it approved something else than what would run now")
    if gate.generation != generation:
        return _no(
            Unusable.GENERATION_DIFFERS,
            f"it was given in generation {gate.generation}, and the saga is now in {generation}",
        )
    return Usability(reason=None, message=f"gate {gate.id} can be used")


def _no(reason: Unusable, why: str) -> Usability:
    return Usability(reason=reason, message=f"the approval cannot be used: {why}")


def _has_lapsed(gate: Gate, now: datetime) -> bool:
    # An approval that does not say how long it holds does not hold.
    return gate.valid_until is None or now >= gate.valid_until
