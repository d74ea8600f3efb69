"""An edit: other arguments for an open gate, proposed by a person, and decided by others.

What a gate asks is never overwritten: each wording of its arguments is a *revision*, the first as it
was asked. A new one has a digest of its own, so that every earlier vote is void. Whoever may approve
by now may edit; what the requirement pins stays as it is; the class does not get worse, nor the
requirement stricter than the gate's. Whoever made a revision does not vote on it. An edit that is
refused is on the record with its refusal, without its arguments: a keyed hash stands for them. Pure.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from approvals.conditions import values_at
from approvals.gate import Gate, GateState, expire, subject_of
from approvals.principal import Principal
from approvals.requirement import Approval
from approvals.stakes import Stakes
from approvals.standing import standing
from reversibility import is_worse

__all__ = [
    "Edit",
    "EditRefusal",
    "Fault",
    "Proposal",
    "RefusedEdit",
    "Revision",
    "bar_to_edit",
    "hash_of",
    "refused_edit",
    "revise",
]

_DOMAIN = b"agent-sagas/refused-edit/1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One wording of a gate's arguments."""

    number: int
    """The first, as it was asked, is 1."""
    arguments: bytes
    """The canonical bytes."""
    digest: str
    """The digest of the gate's subject with them."""
    stakes: Stakes
    """What they put at stake."""
    by: str | None
    """Who made it; None for the first."""
    reason: str | None
    at: datetime
    """When it was made, or asked; aware, UTC."""


class EditRefusal(StrEnum):
    """Why an edit was not accepted."""

    NOT_ENTITLED = "not-entitled"
    NOT_SEPARATE = "not-separate"
    EXPIRED = "expired"
    ALREADY_DECIDED = "already-decided"
    OTHER_REVISION = "other-revision"
    WRONG_DIGEST = "wrong-digest"
    REASON_MISSING = "reason-missing"
    INVALID = "invalid"
    """These are no arguments of the action."""
    NOT_EDITABLE = "not-editable"
    """Nothing here can check the arguments, or the call was made before."""
    NOBODY_LEFT = "nobody-left"
    """Nobody but the editor could decide about it."""
    UNCHANGED = "unchanged"
    PINNED = "pinned"
    WORSE_CLASS = "worse-class"
    STRICTER_POLICY = "stricter-policy"


@dataclass(frozen=True, slots=True)
class Fault:
    """What whoever looked at the arguments found wrong with them.

    Attributes:
        message: For the editor; it is not recorded.
    """

    refusal: EditRefusal
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Other arguments for a gate, in the canonical form that the action's own types give them."""

    editor: Principal
    """Who proposes them."""
    revision: int
    """The revision that they had before them."""
    arguments: bytes
    """With a fault they are as they were given."""
    stakes: Stakes
    """What the new arguments put at stake."""
    needed: Approval | None
    """What would be asked for before a call with them; None if nothing."""
    reason: str
    at: datetime
    """Aware, UTC."""
    channel: str = "program"
    """Where it came in: ``cli``, ``web``."""
    digest: str | None = None
    """The digest of the gate that the editor was shown; None says nothing."""
    fault: Fault | None = None
    """What is wrong with the arguments, if they do not pass for some of the action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEdit:
    """An edit that changed nothing."""

    principal: str
    """Who wanted it."""
    reason: str
    channel: str
    at: datetime
    """Aware, UTC."""
    revision: int
    """The revision that they had before them."""
    groups: frozenset[str]
    """The groups they were in at that time."""
    evidence: str
    """How they were identified."""
    digest: str | None
    """The digest that they were shown, or its beginning if it is wrong; None says nothing."""
    arguments_hash: str
    """Stands for the arguments, which are not kept; see `hash_of`."""
    refusal: EditRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a proposal brought about."""

    gate: Gate
    """The gate after it."""
    refusal: EditRefusal | None
    message: str
    """The outcome, told to the editor."""

    @property
    def accepted(self) -> bool:
        """Whether the gate asks about the new arguments from now on."""
        return self.refusal is None


def revise(gate: Gate, proposal: Proposal, *, journal_id: str, now: datetime) -> Edit:
    """Rule on an edit.

    Args:
        gate: The gate as it is stored.
        proposal: What is proposed.
        journal_id: The journal that the gate is in, which its digest is bound to.
        now: The instant of the ruling.
    """
    current = expire(gate, now)
    refusal = (
        _bar(current, proposal.editor, proposal.at)
        or _objection(current, proposal)
        or _flaw(current, proposal)
    )
    if refusal is not None:
        return Edit(
            gate=current, refusal=refusal, message=_why(current, proposal, refusal, now=now)
        )
    revised = replace(
        current,
        revision=current.revision + 1,
        arguments=proposal.arguments,
        stakes=proposal.stakes,
        editor=proposal.editor.name,
        voted=0,
    )
    revised = replace(revised, digest=subject_of(revised, journal_id=journal_id).digest())
    return Edit(gate=revised, refusal=None, message=_outcome(revised))


def refused_edit(proposal: Proposal, refusal: EditRefusal, *, journal_id: str) -> RefusedEdit:
    """Make the record of an edit that is refused."""
    return RefusedEdit(
        principal=proposal.editor.name,
        reason=proposal.reason,
        channel=proposal.channel,
        at=proposal.at,
        revision=proposal.revision,
        groups=proposal.editor.groups,
        evidence=proposal.editor.evidence,
        digest=proposal.digest,
        arguments_hash=hash_of(proposal.arguments, journal_id=journal_id),
        refusal=refusal,
    )


def hash_of(arguments: bytes, *, journal_id: str) -> str:
    """Return an HMAC with SHA-256, in hexadecimal, that tells arguments apart and gives nothing away.

    Its key is the journal's id, so that a short secret cannot be guessed from it.
    """
    return hmac.new(journal_id.encode(), _DOMAIN + arguments, sha256).hexdigest()


def changed_pins(policy: Approval, before: bytes, after: bytes) -> tuple[str, ...]:
    """The arguments that a requirement pins and that differ."""
    return tuple(path for path in policy.pinned if _pinned(before, path) != _pinned(after, path))


def _pinned(arguments: bytes, path: str) -> list[object] | None:
    """What a pin keeps: what is at its path or, where that leads to nothing, all that it is in."""
    found = values_at(arguments, path)
    whole = path.rpartition(".")[0]
    return _pinned(arguments, whole) if found is None and whole else found


def bar_to_edit(gate: Gate, editor: Principal, *, now: datetime) -> str | None:
    """Why this person can edit nothing here now, in a sentence; None if they can."""
    current = expire(gate, now)
    refusal = _bar(current, editor, now)
    if refusal is not None:
        return _barred(current, editor, refusal)
    return None if current.state.is_open else standing(current, now=now)


def _bar(gate: Gate, editor: Principal, at: datetime) -> EditRefusal | None:
    """Why this person cannot edit here, whatever they propose."""
    if not gate.policy.may_approve(editor.name, editor.groups, at - gate.opened_at):
        return EditRefusal.NOT_ENTITLED
    if gate.policy.separate and editor.name in gate.parties.names:
        return EditRefusal.NOT_SEPARATE
    return None


def _objection(gate: Gate, proposal: Proposal) -> EditRefusal | None:
    """Why nothing can be edited now, or not from there."""
    if gate.state is GateState.EXPIRED:
        return EditRefusal.EXPIRED
    if not gate.state.is_open:
        return EditRefusal.ALREADY_DECIDED
    if proposal.revision != gate.revision:
        return EditRefusal.OTHER_REVISION
    if proposal.digest is not None and proposal.digest != gate.digest:
        return EditRefusal.WRONG_DIGEST
    return None


def _flaw(gate: Gate, proposal: Proposal) -> EditRefusal | None:
    """What is wrong with the proposal itself."""
    if not proposal.reason.strip():
        return EditRefusal.REASON_MISSING
    if proposal.fault is not None:
        return proposal.fault.refusal
    return _harm(gate, proposal)


def _harm(gate: Gate, proposal: Proposal) -> EditRefusal | None:
    """What is wrong with arguments that the action would take."""
    if proposal.arguments == gate.arguments:
        return EditRefusal.UNCHANGED
    if changed_pins(gate.policy, gate.arguments, proposal.arguments):
        return EditRefusal.PINNED
    if is_worse(proposal.stakes.reversibility, gate.stakes.reversibility):
        return EditRefusal.WORSE_CLASS
    if proposal.needed is not None and gate.policy & proposal.needed != gate.policy:
        return EditRefusal.STRICTER_POLICY
    return None


def _why(gate: Gate, proposal: Proposal, refusal: EditRefusal, *, now: datetime) -> str:
    match refusal:
        case EditRefusal.NOT_ENTITLED | EditRefusal.NOT_SEPARATE:
            return _barred(gate, proposal.editor, refusal)
        case EditRefusal.EXPIRED | EditRefusal.ALREADY_DECIDED:
            return standing(gate, now=now)
        case EditRefusal.OTHER_REVISION:
            return (
                f"you had revision {proposal.revision} before you, and revision {gate.revision} is "
                "to be decided: look at it and edit that"
            )
        case EditRefusal.WRONG_DIGEST:
            return (
                f"the digest you had before you is not that of revision {gate.revision}, which is to "
                "be decided: look at it and edit that"
            )
        case EditRefusal.REASON_MISSING:
            return "an edit needs a reason: give one"
        case _ if proposal.fault is not None:
            return proposal.fault.message
        case _:
            return _what_is_wrong(gate, proposal, refusal)


def _barred(gate: Gate, editor: Principal, refusal: EditRefusal) -> str:
    if refusal is EditRefusal.NOT_SEPARATE:
        return f"you {gate.parties.part_of(editor.name)}, and somebody else has to decide about it"
    return "you are not among the approvers, and only they can edit what is to be decided"


def _what_is_wrong(gate: Gate, proposal: Proposal, refusal: EditRefusal) -> str:
    match refusal:
        case EditRefusal.UNCHANGED:
            return "nothing is changed: give other arguments, or approve these"
        case EditRefusal.PINNED:
            pins = ", ".join(changed_pins(gate.policy, gate.arguments, proposal.arguments))
            return f"{pins} cannot be changed by an edit: leave it as it is, or reject"
        case EditRefusal.WORSE_CLASS:
            return (
                f"with these arguments it would be {proposal.stakes.reversibility.label}, and what "
                f"people were asked about is {gate.stakes.reversibility.label}: reject, so that it "
                "is asked for anew"
            )
        case _:
            asked = proposal.needed.describe() if proposal.needed is not None else ""
            return (
                f"these arguments need more than this gate asks for ({asked}): reject, so that it "
                "is asked for anew"
            )


def _outcome(gate: Gate) -> str:
    return (
        f"revision {gate.revision} is to be decided now, by somebody else than {gate.editor}; "
        "votes on earlier revisions count no more"
    )
