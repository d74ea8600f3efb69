"""The states of a gate, the passing of time, and what an approval allows."""

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from itertools import product

import pytest

from approvals.errors import GateMismatch
from approvals.gate import (
    TRANSITIONS,
    Gate,
    GateState,
    Unusable,
    expire,
    is_intact,
    is_usable,
    may_move,
    open_gate,
)
from approvals.parties import Parties
from approvals.requirement import approval
from tests.unit.approvals.builders import DESK, NOW, OPENED, in_state, pending, subject

S = GateState
MOVES = {
    (S.PENDING, S.APPROVED),
    (S.PENDING, S.REJECTED),
    (S.PENDING, S.EXPIRED),
    (S.PENDING, S.CANCELLED),
    (S.PENDING, S.SUPERSEDED),
    (S.APPROVED, S.CONSUMED),
    (S.APPROVED, S.LAPSED),
    (S.APPROVED, S.REVOKED),
    (S.APPROVED, S.INVALIDATED),
}
DECIDED = [state for state in GateState if state is not S.PENDING]
SUBJECT = subject()


@pytest.mark.parametrize(("old", "new"), list(product(GateState, GateState)))
def test_a_gate_moves_along_the_drawn_lines_and_no_others(old: GateState, new: GateState) -> None:
    assert may_move(old, new) == ((old, new) in MOVES)


def test_every_state_says_what_may_follow_it() -> None:
    assert set(TRANSITIONS) == set(GateState)


@pytest.mark.parametrize("state", GateState)
def test_only_a_pending_gate_is_open(state: GateState) -> None:
    assert state.is_open == (state is S.PENDING)


@pytest.mark.parametrize("state", GateState)
def test_every_state_is_final_but_pending_and_approved(state: GateState) -> None:
    assert state.is_final == (state not in {S.PENDING, S.APPROVED})


def test_every_state_can_be_reached() -> None:
    assert {new for _, new in MOVES} | {S.PENDING} == set(GateState)


def test_states_are_written_in_lower_case() -> None:
    assert all(state.value == state.name.lower() for state in GateState)


def test_a_gate_opens_pending() -> None:
    assert pending().state is S.PENDING


def test_a_gate_waits_as_long_as_its_policy_says() -> None:
    assert pending().deadline == OPENED + DESK.within


def test_a_gate_carries_the_digest_of_its_subject() -> None:
    assert pending().digest == SUBJECT.digest()


def test_a_gate_cannot_be_changed() -> None:
    field = "state"
    with pytest.raises(FrozenInstanceError):
        setattr(pending(), field, S.APPROVED)


def test_a_subject_bound_to_another_policy_opens_no_gate() -> None:
    other = approval(by="anyone", within=timedelta(hours=4))
    with pytest.raises(GateMismatch, match="policy_version"):
        open_gate(SUBJECT, other, gate_id="g", parties=Parties(starter="eve"), eligible=(), now=NOW)


def test_a_gate_as_it_was_opened_is_intact() -> None:
    assert is_intact(pending(), journal_id="journal-1")


@pytest.mark.parametrize(
    "tampered",
    [
        replace(pending(), arguments=b'{"to":"ana@example.org"}'),
        replace(pending(), policy=approval(by="anyone", within=timedelta(hours=4))),
        replace(pending(), saga_id="trip-43"),
        replace(pending(), path="book_trip/5:email_itinerary#2"),
        replace(pending(), direction="undo"),
        replace(pending(), generation=1),
        replace(pending(), revision=2),
        replace(pending(), action="travel.book_hotel"),
        replace(pending(), action_version=2),
        replace(pending(), digest="0" * 64),
    ],
)
def test_a_gate_changed_behind_the_digest_is_not_intact(tampered: Gate) -> None:
    assert not is_intact(tampered, journal_id="journal-1")


def test_a_gate_copied_to_another_journal_is_not_intact() -> None:
    assert not is_intact(pending(), journal_id="journal-2")


def test_a_gate_expires_at_its_deadline() -> None:
    gate = pending()
    assert expire(gate, gate.deadline).state is S.EXPIRED


def test_a_gate_waits_until_its_deadline() -> None:
    gate = pending()
    assert expire(gate, gate.deadline - timedelta(microseconds=1)) == gate


def test_a_gate_expired_at_its_deadline_whenever_somebody_looks() -> None:
    gate = pending()
    assert expire(gate, gate.deadline + timedelta(days=3)).decided_at == gate.deadline


def test_an_unused_approval_lapses_when_its_time_is_over() -> None:
    gate = in_state(S.APPROVED)
    assert expire(gate, NOW + timedelta(hours=24)).state is S.LAPSED


def test_a_lapsed_approval_still_says_who_gave_it() -> None:
    gate = in_state(S.APPROVED)
    assert expire(gate, NOW + timedelta(hours=24)).decided_by == "ana"


def test_an_approval_holds_until_its_time_is_over() -> None:
    gate = in_state(S.APPROVED)
    assert expire(gate, NOW + timedelta(hours=24, microseconds=-1)) == gate


def test_the_deadline_of_the_decision_does_not_end_an_approval() -> None:
    gate = in_state(S.APPROVED)
    assert expire(gate, gate.deadline + timedelta(minutes=1)).state is S.APPROVED


@pytest.mark.parametrize("state", [s for s in DECIDED if s is not S.APPROVED])
def test_time_does_not_change_what_is_final(state: GateState) -> None:
    gate = in_state(state)
    assert expire(gate, NOW + timedelta(days=365)) == gate


@pytest.mark.parametrize(("state", "days"), list(product(GateState, [0, 1, 365])))
def test_time_moves_a_gate_only_along_the_drawn_lines(state: GateState, days: int) -> None:
    later = expire(in_state(state), NOW + timedelta(days=days)).state
    assert later is state or may_move(state, later)


def test_an_approval_of_the_same_bytes_can_be_used() -> None:
    usable = is_usable(in_state(S.APPROVED), NOW, digest=SUBJECT.digest(), generation=0)
    assert (bool(usable), usable.reason) == (True, None)


@pytest.mark.parametrize("state", [s for s in GateState if s is not S.APPROVED])
def test_a_gate_that_is_not_approved_cannot_be_used(state: GateState) -> None:
    usable = is_usable(in_state(state), NOW, digest=SUBJECT.digest(), generation=0)
    assert (bool(usable), usable.reason) == (False, Unusable.NOT_APPROVED)


def test_a_lapsed_approval_cannot_be_used() -> None:
    later = NOW + timedelta(hours=24)
    usable = is_usable(in_state(S.APPROVED), later, digest=SUBJECT.digest(), generation=0)
    assert usable.reason is Unusable.LAPSED


def test_an_approval_without_an_end_cannot_be_used() -> None:
    gate = replace(in_state(S.APPROVED), valid_until=None)
    usable = is_usable(gate, NOW, digest=SUBJECT.digest(), generation=0)
    assert usable.reason is Unusable.LAPSED


def test_an_approval_of_other_bytes_cannot_be_used() -> None:
    other = subject(arguments=b'{"to":"ana@example.org"}').digest()
    usable = is_usable(in_state(S.APPROVED), NOW, digest=other, generation=0)
    assert usable.reason is Unusable.DIGEST_DIFFERS


def test_an_approval_of_an_earlier_generation_cannot_be_used() -> None:
    usable = is_usable(in_state(S.APPROVED), NOW, digest=SUBJECT.digest(), generation=1)
    assert usable.reason is Unusable.GENERATION_DIFFERS


def test_a_refusal_says_why_to_people() -> None:
    usable = is_usable(pending(), NOW, digest=SUBJECT.digest(), generation=0)
    assert usable.message == "the approval cannot be used: it is pending, not approved"


@pytest.mark.parametrize("reason", Unusable)
def test_an_unusable_approval_moves_along_the_drawn_lines(reason: Unusable) -> None:
    becomes = reason.becomes
    assert becomes is None or may_move(S.APPROVED, becomes)


def test_only_a_gate_that_was_not_approved_stays_as_it_is_when_refused() -> None:
    assert [r for r in Unusable if r.becomes is None] == [Unusable.NOT_APPROVED]
