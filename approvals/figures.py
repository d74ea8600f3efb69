"""How people decide: how fast, how often yes, how many at once, with reasons or without.

Whoever says yes to everything within seconds, or to many in a minute, is tired of being asked. A
percentile is the nearest rank: a value that was measured. Pure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TypeVar

from approvals.gate import GateState
from approvals.quorum import VoteKind

__all__ = [
    "BURST",
    "ActionFigures",
    "AskedGate",
    "CastVote",
    "PersonFigures",
    "figures_by_action",
    "figures_by_person",
]

BURST = 5
"""So many decisions of one person within a minute are a burst."""
_MINUTE = timedelta(minutes=1)

T = TypeVar("T")

_APPROVED = frozenset(
    {
        GateState.APPROVED,
        GateState.CONSUMED,
        GateState.LAPSED,
        GateState.REVOKED,
        GateState.INVALIDATED,
    }
)
"""States of gates that were approved, whatever became of the approval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedGate:
    """A gate, as far as it counts here."""

    action: str
    state: GateState
    opened_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    """A vote, as far as it counts here."""

    principal: str
    kind: VoteKind
    opened_at: datetime
    """When the gate had opened."""
    cast_at: datetime
    has_reason: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFigures:
    """What became of the gates of one action."""

    action: str
    opened: int
    waiting: int
    approved: int
    """How many were approved, whether or not the approval was used."""
    rejected: int
    expired: int
    lapsed: int
    """How many of the approved were not used in time."""
    withdrawn: int
    """How many were cancelled or superseded before they were decided."""
    approve_rate: float | None
    """The approved among those that people decided; None if they decided none."""
    median: timedelta | None
    """Half of the decisions came within this time."""
    p90: timedelta | None
    """Nine of ten decisions came within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFigures:
    """How one person voted."""

    person: str
    votes: int
    approved: int
    rejected: int
    approve_rate: float
    median: timedelta
    """Half of the votes came within this time of the gate's opening."""
    p90: timedelta
    """Nine of ten votes came within this time of the gate's opening."""
    with_reason: int
    bursts: int
    """How often `BURST` votes or more came within a minute."""
    most_in_a_minute: int


def figures_by_action(gates: Iterable[AskedGate]) -> list[ActionFigures]:
    """Count what became of gates, by action, those with the most gates first."""
    found = [_of_action(action, own) for action, own in _by(gates, lambda gate: gate.action)]
    return sorted(found, key=lambda figures: (-figures.opened, figures.action))


def figures_by_person(votes: Iterable[CastVote]) -> list[PersonFigures]:
    """Count how people voted, those with the most votes first."""
    found = [_of_person(person, own) for person, own in _by(votes, lambda vote: vote.principal)]
    return sorted(found, key=lambda figures: (-figures.votes, figures.person))


def _by(items: Iterable[T], key: Callable[[T], str]) -> Iterable[tuple[str, list[T]]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups.items()


def _of_action(action: str, gates: Sequence[AskedGate]) -> ActionFigures:
    def count(*states: GateState) -> int:
        return sum(gate.state in states for gate in gates)

    approved, rejected = count(*_APPROVED), count(GateState.REJECTED)
    times = [
        gate.decided_at - gate.opened_at
        for gate in gates
        if gate.decided_at is not None and (gate.state in _APPROVED or gate.state == "rejected")
    ]
    return ActionFigures(
        action=action,
        opened=len(gates),
        waiting=count(GateState.PENDING),
        approved=approved,
        rejected=rejected,
        expired=count(GateState.EXPIRED),
        lapsed=count(GateState.LAPSED),
        withdrawn=count(GateState.CANCELLED, GateState.SUPERSEDED),
        approve_rate=approved / (approved + rejected) if approved or rejected else None,
        median=_rank(times, 0.5) if times else None,
        p90=_rank(times, 0.9) if times else None,
    )


def _of_person(person: str, votes: Sequence[CastVote]) -> PersonFigures:
    approved = sum(vote.kind is VoteKind.APPROVE for vote in votes)
    times = [vote.cast_at - vote.opened_at for vote in votes]
    bursts, most = _bursts(sorted(vote.cast_at for vote in votes))
    return PersonFigures(
        person=person,
        votes=len(votes),
        approved=approved,
        rejected=len(votes) - approved,
        approve_rate=approved / len(votes),
        median=_rank(times, 0.5),
        p90=_rank(times, 0.9),
        with_reason=sum(vote.has_reason for vote in votes),
        bursts=bursts,
        most_in_a_minute=most,
    )


def _rank(times: Sequence[timedelta], share: float) -> timedelta:
    ordered = sorted(times)
    return ordered[ceil(share * len(ordered)) - 1]


def _bursts(instants: Sequence[datetime]) -> tuple[int, int]:
    """How many bursts there are, none sharing a vote with another, and the most in a minute."""
    bursts, most, counted, first = 0, 0, 0, 0
    for last, at in enumerate(instants):
        while at - instants[first] >= _MINUTE:
            first += 1
        most = max(most, last - first + 1)
        if last - max(first, counted) + 1 >= BURST:
            bursts += 1
            counted = last + 1
    return bursts, most
