"""Whose right a vote uses: the voter's own, or that of somebody who has asked them to decide.

Touches: the journal, by its port.
"""

from dataclasses import replace
from datetime import datetime

from approvals import Directory, Gate, Principal, Vote, VoteKind
from approvals.delegation import Delegation
from sagas.chance import random_uuid
from sagas.errors import Refused
from sagas.model import micros
from sagas.ports import Delegations, Journal

__all__ = ["create", "new_id", "on_behalf", "revoke"]

_ID_LENGTH = 12


def new_id() -> str:
    """An id for a delegation."""
    return f"d-{random_uuid().hex[:_ID_LENGTH]}"


async def create(
    known: Delegations, made: Delegation, directory: Directory, *, by: Principal, now: datetime
) -> Delegation:
    """Let somebody else decide, as the word of whoever was identified.

    Raises:
        Refused: The directory does not know the other person; or it would close a circle.
        ApprovalDefinitionError: It is over, or lasts too long.
    """
    made = replace(
        made,
        id=made.id or new_id(),
        delegator=by.name,
        evidence=by.evidence,
        made_at=now,
        begins=max(made.begins, now),
    )
    if directory.groups_of(made.delegate) is None:
        raise Refused(f"{made.delegate} is not known in {directory.source}: name somebody who is")
    await known.create_delegation(made)
    return made


async def revoke(
    known: Delegations, delegation_id: str, *, by: Principal, now: datetime
) -> Delegation:
    """Take a delegation back; whoever it is to may give it back.

    Raises:
        Refused: They have none of that id, or it was revoked before.
    """
    return await known.revoke_delegation(delegation_id, by=by.name, at=micros(now))


async def on_behalf(
    known: Delegations,
    journal: Journal,
    vote: Vote,
    gate: Gate,
    directory: Directory,
    *,
    acting_for: str | None,
) -> Vote:
    """The vote, with the right that it uses.

    It is the voter's own where they have one, or said nothing and have none; else that of somebody
    who has asked them to decide, and who could decide themselves.

    Args:
        acting_for: For whom the voter wants to decide; None leaves it to be found.

    Raises:
        Refused: That person has not asked them to.
    """
    if vote.kind is VoteKind.WITHDRAW or (acting_for is None and may(gate, vote)):
        return vote
    found = [
        _acting(vote, each, directory)
        for each in await known.delegated_to(vote.principal, at=micros(vote.at))
        if each.gives(vote.at, gate.action) and acting_for in (None, each.delegator)
    ]
    able = [acting for acting in found if acting is not None and may(gate, acting)]
    if able:
        used = {cast.right for cast in await journal.votes(gate.id) if cast.refusal is None}
        return next((acting for acting in able if acting.right not in used), able[0])
    if acting_for is not None:
        raise Refused(f"{acting_for} has not asked {vote.principal} to decide about {gate.action}")
    return vote


def _acting(vote: Vote, delegation: Delegation, directory: Directory) -> Vote | None:
    groups = directory.groups_of(delegation.delegator)
    if groups is None:
        return None
    return replace(
        vote,
        acting_for=delegation.delegator,
        acting_groups=groups,
        delegation=delegation.id,
    )


def may(gate: Gate, vote: Vote) -> bool:
    """Whether the requirement gives this word to whoever's right is used."""
    waited = vote.at - gate.opened_at
    if gate.policy.may_approve(vote.right, vote.right_groups, waited):
        return True
    return vote.kind is not VoteKind.APPROVE and gate.policy.may_veto(vote.right, vote.right_groups)
