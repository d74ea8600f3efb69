"""When votes are enough: who may vote, whose votes count, and what one more vote changes.

Eligibility is the policy's word about the voter's name and groups at the time of the vote; a vote
keeps those groups, so that the count can be repeated later. People count, not votes: whoever
approves twice is one person. Every clause of the policy needs its quorum. A vote is for one revision,
and for the digest that its voter was shown. One that is refused, or comes too late, is on the record
with its refusal, changes nothing, and its voter is told what had been decided. Before the decision a
vote can be withdrawn; an approval that was not used yet can be revoked. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, assert_never

from approvals.clause import Clause
from approvals.gate import Gate, GateState, expire
from approvals.names import GROUP_MARK
from approvals.principal import Principal
from approvals.requirement import groups_asked, people_asked
from approvals.standing import standing
from approvals.wording import instant, visible

__all__ = [
    "Refusal",
    "Ruling",
    "Vote",
    "VoteKind",
    "cast",
    "is_met",
    "quorum_holds",
    "still_needed",
]


class VoteKind(StrEnum):
    """What a vote says."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    """Takes the voter's own vote back, as long as nothing is decided."""
    REVOKE = "revoke"
    """Takes an approval back that was not used yet; whoever could reject may do so."""


_DONE = {
    VoteKind.APPROVE: "approved this",
    VoteKind.REJECT: "rejected this",
    VoteKind.WITHDRAW: "withdrawn your vote",
    VoteKind.REVOKE: "revoked this",
}
_SHORT_DIGEST = 16
_AGAINST = frozenset({VoteKind.REJECT, VoteKind.REVOKE})


class Refusal(StrEnum):
    """Why a vote was not accepted."""

    NOT_ENTITLED = "not-entitled"
    NOT_SEPARATE = "not-separate"
    NOT_DELEGATED = "not-delegated"
    RIGHT_USED = "right-used"
    EDITOR = "editor"
    EXPIRED = "expired"
    ALREADY_DECIDED = "already-decided"
    NOT_APPROVED = "not-approved"
    NOTHING_TO_WITHDRAW = "nothing-to-withdraw"
    OTHER_REVISION = "other-revision"
    WRONG_DIGEST = "wrong-digest"
    REASON_MISSING = "reason-missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one identified person said about one revision of a gate."""

    principal: str
    """The voter's name."""
    kind: VoteKind
    reason: str | None
    channel: str
    """Where the vote came in: ``cli``, ``web``, ``slack``."""
    at: datetime
    """When it was cast; aware, UTC."""
    revision: int
    """The revision of the arguments that the voter had before them."""
    groups: frozenset[str]
    """The groups the voter was in at that time."""
    evidence: str
    """How the voter was identified."""
    digest: str | None = None
    """The digest that the voter was shown, or its beginning if it is wrong; None says nothing."""
    seen: str | None = None
    """The digest of the presentation that the voter had before them, where one was made."""
    refusal: Refusal | None = None
    """Why it was refused; None if it counts."""
    acting_for: str | None = None
    """Whose right was used, if it was not the voter's own."""
    acting_groups: frozenset[str] = frozenset()
    """The groups that this other person was in."""
    delegation: str | None = None
    """The id of the delegation that allowed it."""

    @property
    def right(self) -> str:
        """Whose right it uses: the voter's own, or that of whoever they act for."""
        return self.acting_for or self.principal

    @property
    def right_groups(self) -> frozenset[str]:
        """The groups that this right comes from."""
        return self.groups if self.acting_for is None else self.acting_groups

    @property
    def people(self) -> frozenset[str]:
        """Everyone who stands behind it."""
        return frozenset({self.principal, self.right})

    @property
    def voter(self) -> str:
        """The voter, for people: ``ben``, or ``ben for ana``."""
        return self.principal if self.acting_for is None else f"{self.principal} for {self.right}"

    @classmethod
    def of(
        cls,
        principal: Principal,
        kind: VoteKind,
        *,
        reason: str | None,
        channel: str,
        at: datetime,
        revision: int,
        digest: str | None = None,
        seen: str | None = None,
    ) -> "Vote":
        """Make the vote of an identified person, with a snapshot of their rights."""
        return cls(
            principal=principal.name,
            kind=kind,
            reason=reason,
            channel=channel,
            at=at,
            revision=revision,
            groups=principal.groups,
            evidence=principal.evidence,
            digest=digest,
            seen=seen,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a vote brought about."""

    gate: Gate
    """The gate after the vote."""
    accepted: bool
    """Whether the vote stands; a vote that repeats the voter's own stands too."""
    counted: bool
    """Whether the vote is new and belongs into the record."""
    message: str
    """The outcome, told to the voter."""
    refusal: Refusal | None

    @property
    def state(self) -> GateState:
        """The state of the gate after the vote."""
        return self.gate.state


def cast(gate: Gate, votes: Sequence[Vote], vote: Vote, *, now: datetime) -> Ruling:
    """Rule on one more vote.

    Args:
        gate: The gate as it is stored.
        votes: The votes so far, oldest first; those that were refused count for nothing.
        vote: The new vote.
        now: The instant of the ruling; the deadline is compared with it, not with the vote's own.

    Returns:
        The gate as it is from now on, and what to tell the voter.
    """
    current = _tally(expire(gate, now), votes, now=now)
    refusal = _bar(current, vote) or _unfounded(current, votes, vote)
    if refusal is None and (earlier := _same_vote(current, votes, vote)):
        return _repeated(current, earlier, now=now)
    refusal = refusal or _objection(current, vote)
    if refusal is None and _is_used(current, votes, vote):
        refusal = Refusal.RIGHT_USED
    if refusal is not None:
        return _refused(current, vote, refusal, now=now)
    return _accepted(_after(current, votes, vote, now=now), [*votes, vote], vote)


def quorum_holds(gate: Gate, votes: Sequence[Vote], rights: Mapping[str, frozenset[str]]) -> bool:
    """Whether those who approved would still be enough, with the rights they have now.

    Args:
        gate: The approved gate.
        votes: The votes counted, oldest first.
        rights: The groups of each voter, and of those they act for, who are still known; who is
            missing counts no more.
    """
    with_rights = [
        replace(vote, groups=rights[vote.principal], acting_groups=rights[vote.right])
        for vote in votes
        if vote.people <= rights.keys()
    ]
    return _is_approved(gate, with_rights)


def is_met(gate: Gate, votes: Sequence[Vote]) -> bool:
    """Whether the votes add up to an approval, with the rights that people had as they voted."""
    return _is_approved(gate, votes)


def _bar(gate: Gate, vote: Vote) -> Refusal | None:
    """Why this person cannot vote here, whatever they say."""
    if vote.kind is VoteKind.WITHDRAW:
        return None  # whoever has voted may take it back, even one who may not vote any more
    if not _may_vote(gate, vote):
        return Refusal.NOT_ENTITLED
    if gate.policy.separate and not vote.people.isdisjoint(gate.parties.names):
        return Refusal.NOT_SEPARATE
    if gate.editor in vote.people and vote.kind is not VoteKind.REVOKE:
        return Refusal.EDITOR
    return None


def _may_vote(gate: Gate, vote: Vote) -> bool:
    """Whether the policy gives this person this word; a veto is a right to reject only."""
    if gate.policy.may_approve(vote.right, vote.right_groups, _waited(gate, vote)):
        return True
    return vote.kind in _AGAINST and gate.policy.may_veto(vote.right, vote.right_groups)


def _unfounded(gate: Gate, votes: Sequence[Vote], vote: Vote) -> Refusal | None:
    """Whether there is no vote of theirs to be withdrawn."""
    if vote.kind is VoteKind.WITHDRAW and vote.principal not in _votes_that_count(gate, votes):
        return Refusal.NOTHING_TO_WITHDRAW
    return None


def _waited(gate: Gate, vote: Vote) -> timedelta:
    return vote.at - gate.opened_at


def _objection(gate: Gate, vote: Vote) -> Refusal | None:
    """Why this vote cannot be taken now."""
    if gate.state is GateState.EXPIRED:
        return Refusal.EXPIRED
    if vote.kind is VoteKind.REVOKE:
        if gate.state is GateState.PENDING:
            return Refusal.NOT_APPROVED
        return _flaw(gate, vote) if gate.state is GateState.APPROVED else Refusal.ALREADY_DECIDED
    return _flaw(gate, vote) if gate.state.is_open else Refusal.ALREADY_DECIDED


def _flaw(gate: Gate, vote: Vote) -> Refusal | None:
    if vote.refusal is not None:
        return vote.refusal
    if vote.revision != gate.revision:
        return Refusal.OTHER_REVISION
    if vote.digest is not None and vote.digest != gate.digest:
        return Refusal.WRONG_DIGEST
    if gate.policy.reason_required and vote.kind is not VoteKind.WITHDRAW and not _reason(vote):
        return Refusal.REASON_MISSING
    return None


def _reason(vote: Vote) -> str | None:
    return (vote.reason or "").strip() or None


def _votes_that_count(gate: Gate, votes: Sequence[Vote]) -> dict[str, Vote]:
    """The latest word of each person, in the order of those words; no right is used twice."""
    latest: dict[str, Vote] = {}
    for vote in votes:
        if _bar(gate, vote) is None and _flaw(gate, vote) is None:
            replaced = [name for name, word in latest.items() if _replaces(vote, word)]
            for name in replaced:
                del latest[name]
            latest[vote.principal] = vote
    return latest


def _replaces(vote: Vote, earlier: Vote) -> bool:
    """Whether a word takes the place of an earlier one: the same person's, or for the same right."""
    if vote.principal == earlier.principal:
        return True
    return vote.kind is not VoteKind.WITHDRAW and vote.right == earlier.right


def _is_used(gate: Gate, votes: Sequence[Vote], vote: Vote) -> bool:
    """Whether somebody else has voted with the right that a delegate would use."""
    if vote.acting_for is None or vote.kind is VoteKind.REVOKE:
        return False  # whoever has a right can always use it themselves, in the place of a delegate
    return any(
        word.right == vote.right and word.principal != vote.principal
        for word in _votes_that_count(gate, votes).values()
        if word.kind is not VoteKind.WITHDRAW
    )


def _given(gate: Gate, votes: Sequence[Vote], kind: VoteKind) -> list[Vote]:
    return [vote for vote in _votes_that_count(gate, votes).values() if vote.kind is kind]


def _after(gate: Gate, votes: Sequence[Vote], vote: Vote, *, now: datetime) -> Gate:
    """The gate once a vote that is in order has been given."""
    if vote.kind is VoteKind.REVOKE:
        return _decide(gate, GateState.REVOKED, [vote], now)
    after = _tally(gate, [*votes, vote], now=now)
    return replace(after, voted=after.voted + 1) if after.state.is_open else after


def _tally(gate: Gate, votes: Sequence[Vote], *, now: datetime) -> Gate:
    """Decide an open gate if the votes suffice."""
    if not gate.state.is_open:
        return gate
    rejections = _given(gate, votes, VoteKind.REJECT)
    if _is_rejected(gate, rejections):
        return _decide(gate, GateState.REJECTED, rejections, now)
    if not _is_approved(gate, votes):
        return gate
    approved = _decide(gate, GateState.APPROVED, _given(gate, votes, VoteKind.APPROVE), now)
    return replace(approved, valid_until=now + gate.policy.valid_for)


def _decide(gate: Gate, state: GateState, votes: Sequence[Vote], now: datetime) -> Gate:
    return replace(
        gate,
        state=state,
        decided_at=now,
        decided_by=", ".join(vote.voter for vote in votes),
        reason=_reason(votes[-1]),
    )


def _is_rejected(gate: Gate, rejections: Sequence[Vote]) -> bool:
    policy = gate.policy
    return len(rejections) >= policy.rejections or any(
        policy.may_veto(vote.right, vote.right_groups) for vote in rejections
    )


def _is_approved(gate: Gate, votes: Sequence[Vote]) -> bool:
    """Whether every clause has its quorum."""
    return not any(_missing(gate, clause, votes) for clause in gate.policy.clauses)


def _missing(gate: Gate, clause: Clause, votes: Sequence[Vote]) -> int:
    """How many more people have to approve under this clause."""
    given = sum(
        clause.admits(vote.right, vote.right_groups, _waited(gate, vote))
        for vote in _given(gate, votes, VoteKind.APPROVE)
    )
    return max(clause.quorum - given, 0)


def _same_vote(gate: Gate, votes: Sequence[Vote], vote: Vote) -> Vote | None:
    earlier = _votes_that_count(gate, votes).get(vote.principal)
    if earlier is None or (earlier.kind, earlier.revision) != (vote.kind, vote.revision):
        return None
    return earlier if vote.digest in (None, gate.digest) else None


def _repeated(gate: Gate, earlier: Vote, *, now: datetime) -> Ruling:
    return Ruling(
        gate=gate,
        accepted=True,
        counted=False,
        message=(
            f"you had {_DONE[earlier.kind]} at {instant(earlier.at, now=now)}, and that "
            f"counts once; the gate: {standing(gate, now=now)}"
        ),
        refusal=None,
    )


def _refused(gate: Gate, vote: Vote, refusal: Refusal, *, now: datetime) -> Ruling:
    return Ruling(
        gate=gate,
        accepted=False,
        counted=False,
        message=_why(gate, vote, refusal, now=now),
        refusal=refusal,
    )


def _why(gate: Gate, vote: Vote, refusal: Refusal, *, now: datetime) -> str:
    match refusal:
        case Refusal.NOT_ENTITLED:
            return f"you are not among the approvers: ask {_whom(gate, vote)}"
        case Refusal.NOT_SEPARATE:
            return f"{_part(gate, vote)}, and somebody else has to decide about it: ask " + _whom(
                gate, vote
            )
        case Refusal.EDITOR:
            who = "you" if vote.principal == gate.editor else vote.right
            return (
                f"{who} made revision {gate.revision} of this, and somebody else has to decide "
                f"about it: ask {_whom(gate, vote)}"
            )
        case Refusal.NOT_DELEGATED | Refusal.RIGHT_USED:
            return _why_not_for(vote, refusal)
        case Refusal.EXPIRED | Refusal.ALREADY_DECIDED:
            return standing(gate, now=now) + _way_out(gate, vote)
        case Refusal.NOT_APPROVED:
            return f"there is no approval to revoke, it is {standing(gate, now=now)}: reject it"
        case Refusal.NOTHING_TO_WITHDRAW:
            return "you have no vote here to withdraw"
        case _:
            return _why_again(gate, vote, refusal)


def _part(gate: Gate, vote: Vote) -> str:
    """What the voter has to do with the saga, or whoever they act for."""
    part = gate.parties.part_of(vote.principal)
    if part is not None:
        return f"you {part}"
    return f"the saga acts for {vote.right}, for whom you would decide"


def _why_not_for(vote: Vote, refusal: Refusal) -> str:
    """Why a delegate cannot use a right that is not their own."""
    if refusal is Refusal.RIGHT_USED:
        return f"the right of {vote.right} has been used here by somebody else, and counts once"
    return f"{vote.right} has not asked you to decide about this now: the delegation is over"


def _why_again(
    gate: Gate,
    vote: Vote,
    refusal: Literal[Refusal.OTHER_REVISION, Refusal.WRONG_DIGEST, Refusal.REASON_MISSING],
) -> str:
    """Why a vote has to be given again, in another way."""
    match refusal:
        case Refusal.OTHER_REVISION:
            return (
                f"you had revision {vote.revision} before you, and revision {gate.revision} is "
                "to be decided: look at it and vote again"
            )
        case Refusal.WRONG_DIGEST:
            return (
                f"the digest {_short(vote.digest)} is not that of what is to be decided, which is "
                f"{_short(gate.digest)} (revision {gate.revision}): look at it and vote again; "
                "nothing was decided"
            )
        case Refusal.REASON_MISSING:
            return "this decision needs a reason: vote again and give one"
        case _:
            assert_never(refusal)


def _way_out(gate: Gate, vote: Vote) -> str:
    """What can be done all the same."""
    if vote.kind is VoteKind.WITHDRAW and gate.state is GateState.APPROVED:
        return "; an approval that is not used yet can be revoked"
    if vote.kind is VoteKind.REVOKE and gate.state is GateState.CONSUMED:
        return "; cancel the saga to have undone what can be undone"
    return ""


def _short(digest: str | None) -> str:
    return visible((digest or "")[:_SHORT_DIGEST])


def _whom(gate: Gate, vote: Vote) -> str:
    waited = _waited(gate, vote)
    people = [name for name in people_asked(gate.policy, waited) if name != vote.principal]
    groups = [f"a member of {GROUP_MARK}{name}" for name in groups_asked(gate.policy, waited)]
    return " or ".join([*people, *groups]) or "anyone else"


def _accepted(gate: Gate, votes: Sequence[Vote], vote: Vote) -> Ruling:
    return Ruling(
        gate=gate,
        accepted=True,
        counted=True,
        message=_progress(gate, votes, vote),
        refusal=None,
    )


def _progress(gate: Gate, votes: Sequence[Vote], vote: Vote) -> str:
    if gate.state is GateState.REJECTED:
        return "rejected: the action does not run"
    if gate.state is GateState.REVOKED:
        return "revoked: the action does not run on this approval"
    if gate.state is GateState.APPROVED:
        return f"approved by {gate.decided_by}"
    if vote.kind is VoteKind.WITHDRAW:
        return f"your vote is withdrawn; still needed: {still_needed(gate, votes)}"
    if vote.kind is VoteKind.REJECT:
        more = gate.policy.rejections - len(_given(gate, votes, VoteKind.REJECT))
        return f"your rejection is recorded; {more} more needed to reject"
    return f"your approval is recorded; still needed: {still_needed(gate, votes)}"


def still_needed(gate: Gate, votes: Sequence[Vote]) -> str:
    """Word what is missing, by clause: ``1 more of @finance``; empty if nothing is."""
    lacking = ((clause, _missing(gate, clause, votes)) for clause in gate.policy.clauses)
    return " and ".join(
        f"{count} more of {', '.join(clause.by)}" for clause, count in lacking if count
    )
