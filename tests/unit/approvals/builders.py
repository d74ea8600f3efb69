"""Gates, votes and subjects for the tests of approvals, right in every field a test leaves out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from approvals.gate import Gate, GateState, open_gate
from approvals.parties import Parties
from approvals.quorum import Vote, VoteKind
from approvals.requirement import Approval, approval
from approvals.subject import GateSubject

NOW = datetime(2026, 3, 4, 10, 2, tzinfo=UTC)
OPENED = NOW - timedelta(hours=1)


def of_desk(quorum: int = 1, *, separate: bool = False) -> Approval:
    return approval(
        by=["ana", "@travel-desk"], within=timedelta(hours=4), quorum=quorum, separate=separate
    )


DESK = of_desk()


def subject(
    policy: Approval = DESK, *, arguments: bytes = b'{"to":"eve@example.org"}'
) -> GateSubject:
    return GateSubject(
        journal_id="journal-1",
        saga_id="trip-42",
        path="book_trip/4:email_itinerary#1",
        direction="do",
        generation=0,
        revision=1,
        action="travel.email_itinerary",
        action_version=1,
        arguments=arguments,
        policy_version=policy.version,
    )


def pending(
    policy: Approval = DESK,
    *,
    arguments: bytes = b'{"to":"eve@example.org"}',
    eligible: tuple[str, ...] = ("ana", "ben", "cem"),
) -> Gate:
    return open_gate(
        subject(policy, arguments=arguments),
        policy,
        gate_id="gate-7",
        parties=Parties(starter="eve"),
        eligible=eligible,
        now=OPENED,
    )


def in_state(state: GateState, *, reason: str | None = None) -> Gate:
    """A gate that ana decided at `NOW`, where its state was decided by anyone."""
    if state is GateState.PENDING:
        return pending()
    return replace(
        pending(),
        state=state,
        decided_at=NOW,
        decided_by="ana",
        reason=reason,
        valid_until=NOW + timedelta(hours=24),
    )


def vote(
    principal: str = "ana",
    kind: VoteKind = VoteKind.APPROVE,
    *,
    reason: str | None = None,
    groups: frozenset[str] = frozenset(),
    at: datetime = NOW,
    revision: int = 1,
) -> Vote:
    return Vote(
        principal=principal,
        kind=kind,
        reason=reason,
        channel="cli",
        at=at,
        revision=revision,
        groups=groups,
        evidence=f"operating-system user {principal}",
    )


def member(principal: str, kind: VoteKind = VoteKind.APPROVE, *, reason: str | None = None) -> Vote:
    return vote(principal, kind, reason=reason, groups=frozenset({"travel-desk"}))
