"""What somebody may say at a gate now; the store asks again when they say it.

Pure.
"""

from dataclasses import dataclass
from datetime import datetime

from approvals import Gate, GateState, Principal


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may do at one gate.

    Attributes:
        bar: Why they may do nothing, in a sentence; None if they may do something.
    """

    approve: bool
    reject: bool
    bar: str | None

    def __bool__(self) -> bool:
        return self.bar is None


def rights_of(person: Principal, gate: Gate, now: datetime) -> Rights:
    """What a person may say at a gate now."""
    if gate.policy.separate and person.name in gate.parties.names:
        part = gate.parties.part_of(person.name)
        return Rights(
            approve=False, reject=False, bar=f"You {part}, so that somebody else has to decide."
        )
    if person.name == gate.editor and gate.state is not GateState.APPROVED:
        made = f"You made revision {gate.revision}, so that somebody else has to decide."
        return Rights(approve=False, reject=False, bar=made)
    approve = gate.policy.may_approve(person.name, person.groups, now - gate.opened_at)
    reject = approve or gate.policy.may_veto(person.name, person.groups)
    bar = None if reject else "You are not among those who decide this."
    return Rights(approve=approve, reject=reject, bar=bar)
