"""What somebody may say at a gate now; the store asks again when they say it.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals import Gate, GateState, Principal
from approvals.delegation import Delegation


@dataclass(frozen=True, slots=True)
class Acting:
    """A delegation to somebody, and whose right they may use by it."""

    delegation: Delegation
    right: Principal


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may do at one gate.

    Attributes:
        bar: Why they may do nothing, in a sentence; None if they may do something.
        acting_for: Whose right they use; None for their own.
    """

    approve: bool
    reject: bool
    bar: str | None
    acting_for: str | None = None

    def __bool__(self) -> bool:
        return self.bar is None


def rights_of(
    person: Principal, gate: Gate, now: datetime, acting: Sequence[Acting] = ()
) -> Rights:
    """What a person may say at a gate now.

    Args:
        acting: Whose rights they may use besides their own.
    """
    own = _rights(person, person, gate, now)
    if own.reject:
        return own
    lent = [
        _rights(person, each.right, gate, now)
        for each in acting
        if each.delegation.gives(now, gate.action)
    ]
    return next((rights for rights in lent if rights.reject), own)


def _rights(person: Principal, right: Principal, gate: Gate, now: datetime) -> Rights:
    """What a person may say with a right, which is their own or somebody else's."""
    bar = _bar(person, gate) or _bar(right, gate)
    if bar is not None:
        return Rights(approve=False, reject=False, bar=bar)
    approve = gate.policy.may_approve(right.name, right.groups, now - gate.opened_at)
    reject = approve or gate.policy.may_veto(right.name, right.groups)
    if not reject:
        bar = "You are not among those who decide this."
    acting_for = None if right.name == person.name else right.name
    return Rights(approve=approve, reject=reject, bar=bar, acting_for=acting_for)


def _bar(person: Principal, gate: Gate) -> str | None:
    """Why somebody has no say here, whatever they may."""
    if gate.policy.separate and person.name in gate.parties.names:
        return f"You {gate.parties.part_of(person.name)}, so that somebody else has to decide."
    if person.name == gate.editor and gate.state is not GateState.APPROVED:
        return f"You made revision {gate.revision}, so that somebody else has to decide."
    return None
