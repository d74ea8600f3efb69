"""What a call needs before it may run: its author's word, the policies, and what was asked before.

A gate once opened is tightened and never dropped: whatever an earlier gate in front of the same
call asked for stays asked for, until the saga is unwound past it.
"""

from dataclasses import dataclass, replace

from approvals import Approval
from approvals.intents import intent_key
from approvals.policies import Call, stricter
from approvals.stakes import Stakes
from sagas.driving.drive import Drive
from sagas.model import Direction
from sagas.state import Gate

__all__ = ["Site", "asked_for", "needed", "rejected_before"]


@dataclass(frozen=True, slots=True)
class Site:
    """A call in front of which a gate stands, or may have to.

    Attributes:
        arguments: Those of the call.
        revised: The arguments that people revised those to; None if they did not.
    """

    path: str
    ordinal: int
    direction: Direction
    action: str
    version: int
    arguments: bytes
    stakes: Stakes
    because: str | None = None
    revised: bytes | None = None


def needed(drive: Drive, site: Site, own: Approval | None) -> Approval | None:
    """What a call needs now, with what an earlier gate of its generation asked for."""
    wanted = _by_policies(drive, site, own) or _as_when_rejected(drive, site)
    earlier = drive.state.gate(site.path, site.direction)
    if earlier is None or (
        site.direction is Direction.DO and earlier.generation != drive.state.generation
    ):
        return wanted
    asked = asked_for(earlier)
    return wanted if asked is None else stricter(asked, wanted)


def asked_for(gate: Gate) -> Approval | None:
    """What a gate asks for, as it was when it opened; None where the journal does not say.

    Raises:
        PolicyUnreadable: Another version wrote it.
    """
    return Approval.from_json(gate.policy) if gate.policy else None


def rejected_before(drive: Drive, site: Site, asked: Approval) -> Gate | None:
    """The gate of this saga at which the same request was rejected, in whatever shape."""
    key = intent_key(site.action, site.arguments, asked.intent)
    return next(
        (
            gate
            for gate in _rejected(drive, site)
            if key
            in (
                intent_key(gate.action, gate.asked, asked.intent),
                intent_key(gate.action, gate.arguments, asked.intent),
            )
        ),
        None,
    )


def _as_when_rejected(drive: Drive, site: Site) -> Approval | None:
    """What was asked for when the same request was rejected.

    That nobody would be asked about it now does not allow what somebody has refused.
    """
    asked = (asked_for(gate) for gate in _rejected(drive, site))
    return next((one for one in asked if one and rejected_before(drive, site, one)), None)


def _rejected(drive: Drive, site: Site) -> list[Gate]:
    """The gates at which this action was rejected elsewhere in the saga.

    At its own place a rejection is asked about again only because a person wants it so. And each
    undo is about a fact of its own.
    """
    if site.direction is Direction.UNDO:
        return []
    return [
        gate
        for gate in drive.state.gates.values()
        if (gate.state, gate.direction, gate.action) == ("rejected", site.direction, site.action)
        and gate.path != site.path
    ]


def _by_policies(drive: Drive, site: Site, own: Approval | None) -> Approval | None:
    """Policies are about what a saga sets out to do; an undo asks for what its author says."""
    policies = drive.environment.policies
    if not policies or site.direction is Direction.UNDO:
        return own
    call = Call(
        action=site.action,
        reversibility=site.stakes.reversibility,
        arguments=site.arguments,
        parties=drive.state.parties,
    )
    wanted = policies.requirement(own, call)
    if site.revised is None:
        return wanted
    revised = policies.requirement(own, replace(call, arguments=site.revised))
    return revised if wanted is None else stricter(wanted, revised)
