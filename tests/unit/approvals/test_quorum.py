"""Who may vote, whose votes count, and what the voter is told."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.gate import Gate, GateState, is_usable, may_move
from approvals.parties import Parties
from approvals.principal import Principal
from approvals.quorum import Refusal, Ruling, Vote, VoteKind, cast, quorum_holds
from approvals.requirement import approval
from tests.unit.approvals.builders import (
    DESK,
    NOW,
    OPENED,
    in_state,
    member,
    of_desk,
    pending,
    vote,
)

S = GateState
REJECT, WITHDRAW, REVOKE = VoteKind.REJECT, VoteKind.WITHDRAW, VoteKind.REVOKE
DECISIONS = (VoteKind.APPROVE, REJECT)
FOUR_HOURS = timedelta(hours=4)
PAIR = of_desk(2)
DESK_GROUP = frozenset({"travel-desk"})


def rule(gate: Gate, *votes: Vote) -> Ruling:
    """The ruling on the last of `votes`, with the counted ones of those before it."""
    counted: list[Vote] = []
    for one in votes[:-1]:
        ruling = cast(gate, counted, one, now=NOW)
        gate = ruling.gate
        counted += [one] if ruling.counted else []
    return cast(gate, counted, votes[-1], now=NOW)


def test_a_person_named_approves() -> None:
    assert rule(pending(), vote("ana")).state is S.APPROVED


def test_a_member_of_a_group_named_approves() -> None:
    assert rule(pending(), member("ben")).state is S.APPROVED


def test_an_approval_says_who_gave_it_when_why_and_until_when() -> None:
    gate = rule(pending(), vote("ana", reason=" fine ")).gate
    assert (gate.decided_by, gate.decided_at, gate.reason, gate.valid_until) == (
        "ana",
        NOW,
        "fine",
        NOW + timedelta(hours=24),
    )


def test_an_approved_gate_can_be_used() -> None:
    gate = rule(pending(), vote("ana")).gate
    assert is_usable(gate, NOW, digest=gate.digest, generation=0)


def test_one_rejection_rejects() -> None:
    assert rule(pending(PAIR), vote("ana", REJECT)).state is S.REJECTED


def test_a_rejection_is_kept_with_its_reason() -> None:
    gate = rule(pending(), vote("ana", REJECT, reason="too expensive")).gate
    assert (gate.decided_by, gate.reason) == ("ana", "too expensive")


def test_a_rejection_needs_no_reason_unless_the_policy_says_so() -> None:
    ruling = rule(pending(), vote("ana", REJECT, reason="  "))
    assert (ruling.accepted, ruling.gate.reason) == (True, None)


def test_a_stranger_is_refused() -> None:
    ruling = rule(pending(), vote("zoe"))
    assert (ruling.accepted, ruling.counted, ruling.refusal, ruling.state) == (
        False,
        False,
        Refusal.NOT_ENTITLED,
        S.PENDING,
    )


def test_a_stranger_cannot_reject() -> None:
    assert rule(pending(), vote("zoe", REJECT)).state is S.PENDING


def test_a_stranger_is_told_whom_to_ask() -> None:
    assert rule(pending(), vote("zoe")).message == (
        "you are not among the approvers: ask ana or a member of @travel-desk"
    )


def test_a_stranger_is_not_told_what_was_decided() -> None:
    ruling = cast(in_state(S.REJECTED, reason="private"), [], vote("zoe"), now=NOW)
    assert "private" not in ruling.message


def test_a_member_who_has_left_the_group_is_refused() -> None:
    assert rule(pending(), vote("ben")).refusal is Refusal.NOT_ENTITLED


def test_anyone_may_decide_where_the_policy_says_so() -> None:
    gate = pending(approval(by="anyone", within=FOUR_HOURS))
    assert rule(gate, vote("zoe")).state is S.APPROVED


def test_a_quorum_of_two_waits_for_a_second_person() -> None:
    ruling = rule(pending(PAIR), vote("ana"))
    assert (ruling.state, ruling.counted, ruling.message) == (
        S.PENDING,
        True,
        "your approval is recorded; still needed: 1 more of @travel-desk, ana",
    )


def test_a_quorum_of_two_is_met_by_two_people() -> None:
    ruling = rule(pending(PAIR), vote("ana"), member("ben", reason="go"))
    assert (ruling.state, ruling.gate.decided_by, ruling.gate.reason, ruling.message) == (
        S.APPROVED,
        "ana, ben",
        "go",
        "approved by ana, ben",
    )


def test_one_person_who_approves_twice_is_one_person() -> None:
    assert rule(pending(PAIR), vote("ana"), vote("ana")).state is S.PENDING


def test_one_person_in_the_group_and_by_name_is_one_person() -> None:
    assert rule(pending(PAIR), vote("ana"), member("ana")).state is S.PENDING


def test_repeating_a_vote_is_accepted_and_not_counted_again() -> None:
    ruling = rule(pending(PAIR), vote("ana"), vote("ana"))
    assert (ruling.accepted, ruling.counted, ruling.refusal) == (True, False, None)


def test_whoever_repeats_a_vote_is_told_when_it_was_cast() -> None:
    assert rule(pending(PAIR), vote("ana"), vote("ana")).message == (
        "you had approved this at 10:02 UTC, and that counts once; the gate: waiting for a "
        "decision until 13:02 UTC"
    )


def test_repeating_the_deciding_vote_is_accepted_after_the_decision() -> None:
    ruling = rule(pending(), vote("ana"), vote("ana"))
    assert (ruling.accepted, ruling.state) == (True, S.APPROVED)


@pytest.mark.parametrize("state", [s for s in GateState if s is not S.PENDING])
def test_repeating_a_vote_leaves_a_decided_gate_as_it_is(state: GateState) -> None:
    gate = in_state(state)
    ruling = cast(gate, [vote("ana")], vote("ana"), now=NOW)
    assert (ruling.accepted, ruling.gate) == (True, gate)


def test_repeating_a_vote_after_the_deadline_tells_that_the_gate_expired() -> None:
    gate = pending(PAIR)
    ruling = cast(gate, [vote("ana")], vote("ana"), now=gate.deadline)
    assert (ruling.accepted, ruling.state) == (True, S.EXPIRED)


def test_a_person_may_reject_after_approving_while_the_gate_is_open() -> None:
    assert rule(pending(PAIR), vote("ana"), vote("ana", REJECT)).state is S.REJECTED


def test_approving_after_rejecting_is_refused_truthfully() -> None:
    ruling = rule(pending(), vote("ana", REJECT, reason="too expensive"), vote("ana"))
    assert (ruling.refusal, ruling.message) == (
        Refusal.ALREADY_DECIDED,
        "already rejected by ana at 10:02 UTC: too expensive",
    )


def test_whoever_comes_second_is_told_of_the_first() -> None:
    ruling = rule(pending(), vote("ana", REJECT, reason="too expensive"), member("ben"))
    assert (ruling.accepted, ruling.state, ruling.message) == (
        False,
        S.REJECTED,
        "already rejected by ana at 10:02 UTC: too expensive",
    )


@pytest.mark.parametrize("state", [s for s in GateState if s not in {S.PENDING, S.EXPIRED}])
@pytest.mark.parametrize("kind", DECISIONS)
def test_a_decided_gate_takes_no_more_votes(state: GateState, kind: VoteKind) -> None:
    gate = in_state(state)
    ruling = cast(gate, [], vote("ana", kind), now=NOW)
    assert (ruling.refusal, ruling.gate) == (Refusal.ALREADY_DECIDED, gate)


@pytest.mark.parametrize("kind", DECISIONS)
def test_a_vote_at_the_deadline_is_too_late(kind: VoteKind) -> None:
    gate = pending()
    ruling = cast(gate, [], vote("ana", kind), now=gate.deadline)
    assert (ruling.accepted, ruling.refusal, ruling.state) == (False, Refusal.EXPIRED, S.EXPIRED)


def test_a_vote_before_the_deadline_is_in_time() -> None:
    gate = pending()
    ruling = cast(gate, [], vote("ana"), now=gate.deadline - timedelta(microseconds=1))
    assert ruling.state is S.APPROVED


def test_the_deadline_is_held_against_the_ruling_and_not_the_votes_own_clock() -> None:
    gate = pending()
    early = vote("ana", at=gate.deadline - timedelta(hours=1))
    assert cast(gate, [], early, now=gate.deadline).refusal is Refusal.EXPIRED


def test_a_late_voter_is_told_of_the_deadline() -> None:
    gate = pending()
    assert cast(gate, [], vote("ana"), now=gate.deadline).message == (
        "nobody decided before 13:02 UTC, so that the action does not run"
    )


def test_a_vote_on_a_gate_stored_as_expired_is_too_late() -> None:
    ruling = cast(in_state(S.EXPIRED), [], vote("ana"), now=NOW)
    assert ruling.refusal is Refusal.EXPIRED


def test_a_vote_on_an_unused_approval_that_ran_out_finds_it_lapsed() -> None:
    ruling = cast(in_state(S.APPROVED), [], member("ben"), now=NOW + timedelta(hours=24))
    assert (ruling.refusal, ruling.state) == (Refusal.ALREADY_DECIDED, S.LAPSED)


def test_a_vote_on_another_revision_is_refused() -> None:
    ruling = cast(pending(), [], vote("ana", revision=2), now=NOW)
    assert (ruling.refusal, ruling.message) == (
        Refusal.OTHER_REVISION,
        "you had revision 2 before you, and revision 1 is to be decided: look at it and vote again",
    )


def test_votes_on_an_earlier_revision_do_not_count() -> None:
    gate = replace(pending(PAIR), revision=2)
    ruling = cast(gate, [vote("ana")], replace(member("ben"), revision=2), now=NOW)
    assert ruling.state is S.PENDING


def test_a_vote_repeated_for_a_new_revision_is_a_new_vote() -> None:
    gate = replace(pending(PAIR), revision=2)
    assert cast(gate, [vote("ana")], vote("ana", revision=2), now=NOW).counted


SEPARATE = replace(DESK, separate=True)


@pytest.mark.parametrize("kind", DECISIONS)
def test_the_requester_does_not_decide_where_duties_are_separate(kind: VoteKind) -> None:
    ruling = rule(pending(SEPARATE), member("eve", kind))
    assert (ruling.refusal, ruling.state) == (Refusal.NOT_SEPARATE, S.PENDING)


def test_the_requester_is_told_whom_to_ask() -> None:
    gate = replace(pending(SEPARATE), parties=Parties(starter="ana"))
    assert rule(gate, vote("ana")).message == (
        "you started this saga, and somebody else has to decide about it: ask a member of "
        "@travel-desk"
    )


def test_the_requester_is_told_to_ask_anyone_else_where_anyone_may_decide() -> None:
    gate = pending(approval(by="anyone", within=FOUR_HOURS, separate=True))
    assert rule(gate, vote("eve")).message.endswith("ask anyone else")


def test_others_decide_where_duties_are_separate() -> None:
    assert rule(pending(SEPARATE), vote("ana")).state is S.APPROVED


def test_the_requester_decides_where_duties_are_not_separate() -> None:
    assert rule(pending(), member("eve")).state is S.APPROVED


def test_a_stored_vote_of_the_requester_does_not_count_where_duties_are_separate() -> None:
    gate = pending(of_desk(2, separate=True))
    assert cast(gate, [member("eve")], vote("ana"), now=NOW).state is S.PENDING


REASONED = replace(DESK, reason_required=True)


@pytest.mark.parametrize(("kind", "reason"), list(product(DECISIONS, [None, "", "  "])))
def test_a_vote_without_a_reason_is_refused_where_one_is_required(
    kind: VoteKind, reason: str | None
) -> None:
    ruling = rule(pending(REASONED), vote("ana", kind, reason=reason))
    assert (ruling.refusal, ruling.message, ruling.state) == (
        Refusal.REASON_MISSING,
        "this decision needs a reason: vote again and give one",
        S.PENDING,
    )


def test_a_vote_with_a_reason_is_accepted_where_one_is_required() -> None:
    assert rule(pending(REASONED), vote("ana", reason="checked")).state is S.APPROVED


def test_a_stored_vote_of_a_stranger_does_not_count() -> None:
    assert cast(pending(PAIR), [vote("zoe")], vote("ana"), now=NOW).state is S.PENDING


def test_an_open_gate_with_a_stored_rejection_cannot_be_approved() -> None:
    ruling = cast(pending(), [vote("ana", REJECT)], member("ben"), now=NOW)
    assert (ruling.refusal, ruling.state) == (Refusal.ALREADY_DECIDED, S.REJECTED)


def test_a_rejection_is_told_to_whoever_gave_it() -> None:
    assert rule(pending(), vote("ana", REJECT)).message == "rejected: the action does not run"


@pytest.mark.parametrize("order", list(permutations(["ana", "ben", "cem"])))
def test_two_of_three_suffice_in_any_order(order: tuple[str, ...]) -> None:
    ruling = rule(pending(PAIR), *[member(name) for name in order])
    assert (ruling.accepted, ruling.state) == (False, S.APPROVED)


@st.composite
def votes_cast(draw: st.DrawFn) -> Vote:
    return vote(
        draw(st.sampled_from(["ana", "ben", "cem", "eve", "zoe"])),
        draw(st.sampled_from([VoteKind.APPROVE, VoteKind.APPROVE, REJECT, WITHDRAW])),
        groups=draw(st.sampled_from([frozenset[str](), DESK_GROUP])),
    )


@given(st.lists(votes_cast(), max_size=8), st.integers(1, 4), st.booleans())
def test_no_votes_approve_but_those_of_enough_entitled_people(
    cast_votes: list[Vote], quorum: int, separate: bool
) -> None:
    gate = pending(of_desk(quorum, separate=separate))
    counted: list[Vote] = []
    for one in cast_votes:
        ruling = cast(gate, counted, one, now=NOW)
        assert ruling.state is gate.state or may_move(gate.state, ruling.state)
        assert ruling.accepted == (ruling.refusal is None)
        gate = ruling.gate
        counted += [one] if ruling.counted else []
    for one in counted:
        entitled = one.principal == "ana" or "travel-desk" in one.groups
        assert entitled or one.kind is WITHDRAW
        assert not (separate and one.principal == "eve")
    latest = {one.principal: one.kind for one in counted}
    approvers = [name for name, kind in latest.items() if kind is VoteKind.APPROVE]
    rejected = any(one.kind is REJECT for one in counted)
    assert (gate.state is S.REJECTED) == rejected
    assert (gate.state is S.APPROVED) == (len(approvers) >= quorum and not rejected)


APPROVED_BY_TWO = [vote("ana"), member("ben")]


def test_a_quorum_holds_while_all_who_approved_keep_their_rights() -> None:
    rights = {"ana": frozenset[str](), "ben": DESK_GROUP}
    assert quorum_holds(pending(PAIR), APPROVED_BY_TWO, rights)


def test_a_quorum_fails_when_one_who_approved_has_left_the_group() -> None:
    rights = {"ana": frozenset[str](), "ben": frozenset[str]()}
    assert not quorum_holds(pending(PAIR), APPROVED_BY_TWO, rights)


def test_a_quorum_fails_when_one_who_approved_is_no_longer_known() -> None:
    assert not quorum_holds(pending(PAIR), APPROVED_BY_TWO, {"ben": DESK_GROUP})


def test_a_rejection_is_no_part_of_a_quorum() -> None:
    rights = {"ana": frozenset[str](), "ben": DESK_GROUP}
    votes = [vote("ana"), member("ben", REJECT)]
    assert not quorum_holds(pending(PAIR), votes, rights)


def test_a_vote_keeps_the_rights_and_the_evidence_of_the_voter() -> None:
    ana = Principal(name="ana", display="Ana Lima", groups=DESK_GROUP, evidence="token of ana")
    made = Vote.of(ana, REJECT, reason="no", channel="web", at=NOW, revision=1)
    assert made == Vote(
        principal="ana",
        kind=REJECT,
        reason="no",
        channel="web",
        at=NOW,
        revision=1,
        groups=DESK_GROUP,
        evidence="token of ana",
    )


# --- what a vote is about -------------------------------------------------------------------------


def test_a_vote_for_the_digest_that_was_shown_counts() -> None:
    gate = pending()
    assert rule(gate, replace(vote("ana"), digest=gate.digest)).state is S.APPROVED


@pytest.mark.parametrize("kind", DECISIONS)
def test_t27_a_wrong_digest_is_refused_and_the_gate_stays_open(kind: VoteKind) -> None:
    gate = pending()
    ruling = rule(gate, replace(vote("ana", kind), digest="ab" * 32))
    assert (ruling.refusal, ruling.accepted, ruling.counted, ruling.gate) == (
        Refusal.WRONG_DIGEST,
        False,
        False,
        gate,
    )


def test_whoever_gives_a_wrong_digest_is_told_the_right_one() -> None:
    gate = pending()
    assert rule(gate, replace(vote("ana"), digest="ab" * 32)).message == (
        f"the digest abababababababab is not that of what is to be decided, which is {gate.digest[:16]} "
        "(revision 1): look at it and vote again; nothing was decided"
    )


def test_a_wrong_digest_is_refused_even_where_the_voter_had_voted_before() -> None:
    again = replace(vote("ana"), digest="ab" * 32)
    assert rule(pending(PAIR), vote("ana"), again).refusal is Refusal.WRONG_DIGEST


def test_a_wrong_digest_can_be_put_right() -> None:
    gate = pending()
    wrong = replace(vote("ana"), digest="ab" * 32)
    assert rule(gate, wrong, replace(wrong, digest=gate.digest)).state is S.APPROVED


@pytest.mark.parametrize("refusal", Refusal)
def test_a_vote_that_was_refused_counts_for_nothing(refusal: Refusal) -> None:
    ruling = cast(pending(PAIR), [replace(vote("ana"), refusal=refusal)], member("ben"), now=NOW)
    assert ruling.state is S.PENDING


# --- taking back ----------------------------------------------------------------------------------


def test_a_vote_that_is_withdrawn_counts_no_more() -> None:
    ruling = rule(pending(PAIR), vote("ana"), vote("ana", WITHDRAW), member("ben"))
    assert ruling.state is S.PENDING


def test_whoever_withdraws_is_told_what_is_needed_now() -> None:
    ruling = rule(pending(PAIR), vote("ana"), vote("ana", WITHDRAW))
    assert (ruling.accepted, ruling.counted, ruling.message) == (
        True,
        True,
        "your vote is withdrawn; still needed: 2 more of @travel-desk, ana",
    )


def test_a_rejection_can_be_withdrawn_as_long_as_more_are_asked_for() -> None:
    lenient = replace(PAIR, rejections=2)
    ruling = rule(
        pending(lenient), vote("ana", REJECT), vote("ana", WITHDRAW), member("ben", REJECT)
    )
    assert ruling.state is S.PENDING


def test_whoever_has_withdrawn_can_vote_again() -> None:
    ruling = rule(pending(PAIR), vote("ana"), vote("ana", WITHDRAW), vote("ana"), member("ben"))
    assert ruling.state is S.APPROVED


def test_withdrawing_twice_is_withdrawing_once() -> None:
    ruling = rule(pending(PAIR), vote("ana"), vote("ana", WITHDRAW), vote("ana", WITHDRAW))
    assert (ruling.accepted, ruling.counted) == (True, False)


def test_nobody_withdraws_what_they_did_not_say() -> None:
    ruling = rule(pending(PAIR), vote("ana"), member("ben", WITHDRAW))
    assert (ruling.refusal, ruling.message) == (
        Refusal.NOTHING_TO_WITHDRAW,
        "you have no vote here to withdraw",
    )


def test_whoever_may_not_vote_any_more_can_still_withdraw() -> None:
    ruling = rule(pending(PAIR), member("ben"), vote("ben", WITHDRAW))
    assert (ruling.accepted, ruling.state) == (True, S.PENDING)


def test_a_withdrawal_needs_no_reason() -> None:
    strict = replace(PAIR, reason_required=True)
    assert rule(pending(strict), vote("ana", reason="ok"), vote("ana", WITHDRAW)).accepted


def test_after_the_quorum_a_vote_is_not_withdrawn() -> None:
    ruling = rule(pending(), vote("ana"), vote("ana", WITHDRAW))
    assert (ruling.refusal, ruling.state, ruling.message) == (
        Refusal.ALREADY_DECIDED,
        S.APPROVED,
        "already approved by ana at 10:02 UTC; an approval that is not used yet can be revoked",
    )


def test_an_approval_is_revoked_by_somebody_who_could_reject() -> None:
    ruling = rule(pending(), vote("ana"), member("ben", REVOKE, reason="wrong room"))
    gate = ruling.gate
    assert (ruling.accepted, gate.state, gate.decided_by, gate.decided_at, gate.reason) == (
        True,
        S.REVOKED,
        "ben",
        NOW,
        "wrong room",
    )


def test_somebody_with_a_veto_revokes() -> None:
    vetoed = approval(by="ana", within=FOUR_HOURS, veto="cem")
    assert rule(pending(vetoed), vote("ana"), vote("cem", REVOKE)).state is S.REVOKED


def test_a_stranger_does_not_revoke() -> None:
    ruling = rule(pending(), vote("ana"), vote("zoe", REVOKE))
    assert (ruling.refusal, ruling.state) == (Refusal.NOT_ENTITLED, S.APPROVED)


def test_what_is_pending_is_rejected_and_not_revoked() -> None:
    ruling = rule(pending(), vote("ana", REVOKE))
    assert (ruling.refusal, ruling.message) == (
        Refusal.NOT_APPROVED,
        "there is no approval to revoke, it is waiting for a decision until 13:02 UTC: reject it",
    )


def test_after_it_was_used_an_approval_is_not_revoked() -> None:
    ruling = cast(in_state(S.CONSUMED), [], vote("ana", REVOKE), now=NOW)
    assert ruling.refusal is Refusal.ALREADY_DECIDED
    assert ruling.message == (
        "already approved by ana at 10:02 UTC, and the action has been started; cancel the saga to "
        "have undone what can be undone"
    )


@pytest.mark.parametrize(
    "state", [s for s in GateState if s not in {S.PENDING, S.APPROVED, S.EXPIRED}]
)
def test_nothing_but_an_unused_approval_is_revoked(state: GateState) -> None:
    gate = in_state(state)
    ruling = cast(gate, [], vote("ana", REVOKE), now=NOW)
    assert (ruling.refusal, ruling.gate) == (Refusal.ALREADY_DECIDED, gate)


def test_an_approval_that_has_lapsed_is_not_revoked() -> None:
    ruling = cast(in_state(S.APPROVED), [], vote("ana", REVOKE), now=NOW + timedelta(hours=24))
    assert (ruling.refusal, ruling.state) == (Refusal.ALREADY_DECIDED, S.LAPSED)


def test_revoking_twice_is_revoking_once() -> None:
    ruling = rule(pending(), vote("ana"), vote("ana", REVOKE), vote("ana", REVOKE))
    assert (ruling.accepted, ruling.counted, ruling.state) == (True, False, S.REVOKED)


# --- several clauses, several rejections, vetoes, ladders ----------------------------------------

BOARD = approval(by="@board", within=FOUR_HOURS)
DESK_AND_BOARD = DESK & BOARD


def of_board(name: str, kind: VoteKind = VoteKind.APPROVE) -> Vote:
    return vote(name, kind, groups=frozenset({"board"}))


def test_an_approval_of_one_clause_does_not_meet_the_other() -> None:
    ruling = rule(pending(DESK_AND_BOARD), member("ben"))
    assert (ruling.state, ruling.message) == (
        S.PENDING,
        "your approval is recorded; still needed: 1 more of @board",
    )


def test_approvals_of_both_clauses_approve() -> None:
    assert rule(pending(DESK_AND_BOARD), member("ben"), of_board("dan")).state is S.APPROVED


def test_one_person_may_count_in_both_clauses() -> None:
    both = vote("ben", groups=frozenset({"board", "travel-desk"}))
    assert rule(pending(DESK_AND_BOARD), both).state is S.APPROVED


def test_what_is_still_needed_is_told_for_each_clause() -> None:
    ruling = rule(pending(of_desk(2) & BOARD), member("ben"))
    assert ruling.message == (
        "your approval is recorded; still needed: 1 more of @board and 1 more of @travel-desk, ana"
    )


TWO_REJECT = replace(DESK, rejections=2)


def test_a_rejection_that_is_not_enough_leaves_the_gate_open() -> None:
    ruling = rule(pending(TWO_REJECT), member("ben", REJECT))
    assert (ruling.state, ruling.message) == (
        S.PENDING,
        "your rejection is recorded; 1 more needed to reject",
    )


def test_as_many_rejections_as_asked_for_reject_in_the_names_of_all() -> None:
    gate = rule(pending(TWO_REJECT), member("ben", REJECT), member("cem", REJECT)).gate
    assert (gate.state, gate.decided_by) == (S.REJECTED, "ben, cem")


def test_one_rejection_by_a_veto_is_enough() -> None:
    policy = replace(TWO_REJECT, veto=("@legal",))
    legal = vote("dan", REJECT, groups=frozenset({"legal"}))
    assert rule(pending(policy), legal).state is S.REJECTED


def test_a_veto_is_no_right_to_approve() -> None:
    policy = replace(DESK, veto=("dan",))
    assert rule(pending(policy), vote("dan")).refusal is Refusal.NOT_ENTITLED


LADDER = approval(by="ana", within=FOUR_HOURS, escalate={timedelta(minutes=90): "zoe"})


@pytest.mark.parametrize(
    ("waited", "state"), [(timedelta(minutes=89), S.PENDING), (timedelta(minutes=90), S.APPROVED)]
)
def test_who_is_added_by_an_escalation_decides_from_then_on(
    waited: timedelta, state: GateState
) -> None:
    at = OPENED + waited
    assert cast(pending(LADDER), [], vote("zoe", at=at), now=at).state is state


def test_an_approval_given_after_an_escalation_still_holds_when_it_is_used() -> None:
    gate = replace(pending(LADDER), state=S.APPROVED)
    late = vote("zoe", at=OPENED + timedelta(hours=2))
    assert quorum_holds(gate, [late], {"zoe": frozenset()})


# --- for whom a saga acts ------------------------------------------------------------------------

ACTING = Parties(starter="cron", requester="ana", agent="booking-bot", owner="ben")


@pytest.mark.parametrize(
    ("name", "part"), [("ana", "you asked for it"), ("ben", "you own the agent that acts")]
)
def test_nobody_for_whom_the_saga_acts_decides_where_duties_are_separate(
    name: str, part: str
) -> None:
    ruling = rule(replace(pending(SEPARATE), parties=ACTING), member(name))
    assert (ruling.refusal, ruling.message.startswith(part)) == (Refusal.NOT_SEPARATE, True)
