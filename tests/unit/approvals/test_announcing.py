from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.aftermath import Aftermath
from approvals.announcing import is_news, is_reminder, level, next_instant, tells
from approvals.clause import Clause, Rung
from approvals.gate import Gate, GateState
from approvals.requirement import Approval
from tests.unit.approvals.builders import NOW, OPENED, in_state, pending

HOUR = timedelta(hours=1)


def laddered() -> Gate:
    """Reminded after 1 h and 3 h, escalated after 2 h, expired after 4 h."""
    clause = Clause(by=("ana",), ladder=(Rung(after=2 * HOUR, to=("@managers",)),))
    return pending(Approval(clauses=(clause,), within=4 * HOUR, remind=(HOUR, 3 * HOUR)))


@pytest.mark.parametrize(
    ("hours", "number"), [(0, 0), (0.9, 0), (1, 1), (1.9, 1), (2, 2), (3, 3), (9, 3)]
)
def test_the_level_is_how_many_reminders_and_escalations_are_due(hours: float, number: int) -> None:
    assert level(laddered(), OPENED + hours * HOUR) == number


def test_a_reminder_and_an_escalation_at_one_instant_are_one_level() -> None:
    clause = Clause(by=("ana",), ladder=(Rung(after=HOUR, to=("bo",)),))
    gate = pending(Approval(clauses=(clause,), within=4 * HOUR, remind=(HOUR,)))
    assert level(gate, OPENED + HOUR) == 1
    assert is_reminder(gate, 1)


def test_nothing_is_due_at_or_after_the_deadline() -> None:
    gate = pending(Approval(clauses=(Clause(by=("ana",)),), within=HOUR, remind=(HOUR, 2 * HOUR)))
    assert level(gate, OPENED + 3 * HOUR) == 0


def test_people_are_told_again_at_reminders_and_not_at_escalations() -> None:
    assert [is_reminder(laddered(), number) for number in range(5)] == [
        False,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("hours", "following"), [(0, 1), (1, 2), (2.5, 3), (3, 4)])
def test_the_next_instant_is_the_next_level_and_at_last_the_deadline(
    hours: float, following: float
) -> None:
    assert next_instant(laddered(), OPENED + hours * HOUR) == OPENED + following * HOUR


def test_nothing_follows_after_the_deadline() -> None:
    assert next_instant(laddered(), OPENED + 4 * HOUR) is None


def test_an_approval_that_is_not_used_is_told_when_it_lapses() -> None:
    gate = in_state(GateState.APPROVED)
    assert next_instant(gate, NOW) == gate.valid_until
    assert tells(gate, NOW) == "approved.1"
    assert tells(gate, NOW + 24 * HOUR) == "lapsed.1"
    assert next_instant(gate, NOW + 24 * HOUR) is None


@pytest.mark.parametrize("state", [state for state in GateState if state.is_final])
def test_nothing_follows_after_an_end(state: GateState) -> None:
    assert next_instant(in_state(state), NOW) is None


def test_a_gate_that_no_saga_looked_at_has_expired_all_the_same() -> None:
    assert tells(pending(), OPENED + 4 * HOUR) == "expired.1"


def test_a_use_changes_nothing_of_what_approvers_are_told() -> None:
    states = (GateState.APPROVED, GateState.CONSUMED)
    assert {tells(in_state(state), NOW) for state in states} == {"approved.1"}


def test_another_revision_is_something_else() -> None:
    assert tells(replace(pending(), revision=2), NOW) == "pending.2"


def test_a_vote_that_decides_nothing_changes_what_is_told_and_is_no_news() -> None:
    before, after = tells(pending(), OPENED), tells(replace(pending(), voted=1), OPENED)
    assert (before, after) == ("pending.1", "pending.1.1")
    assert not is_news(before, after)


def test_an_edit_or_an_end_is_news_however_many_have_voted() -> None:
    said = tells(replace(pending(), voted=2), OPENED)
    edited = replace(pending(), revision=2, voted=2)
    assert is_news(said, tells(edited, OPENED))
    assert is_news(said, tells(in_state(GateState.REJECTED), OPENED))
    assert is_news("open", "answered")
    assert not is_news("open", "open")


def test_what_was_decided_is_told_alike_however_many_voted_before() -> None:
    assert tells(replace(in_state(GateState.REJECTED), voted=2), OPENED) == "rejected.1"


def test_what_became_of_it_is_told_once_nobody_decides_any_more() -> None:
    done = replace(in_state(GateState.CONSUMED), aftermath=Aftermath.DONE)
    assert tells(done, NOW) == "approved.1.done"
    assert tells(replace(pending(), aftermath=Aftermath.UNDOING), NOW) == "pending.1"


@pytest.mark.parametrize(
    ("said", "says", "news"),
    [
        ("pending.1", "approved.1.done", True),
        ("approved.1", "approved.1.done", False),
        ("approved.1", "approved.1.undoing", False),
        ("approved.1.done", "approved.1.undone", False),
        ("approved.1.undoing", "approved.1.residual", True),
        ("approved.1.residual", "approved.1.undoing", False),
        ("cancelled.1.undoing", "cancelled.1.residual", False),
    ],
)
def test_what_became_of_it_is_news_where_something_remains_of_what_was_approved(
    said: str, says: str, news: bool
) -> None:
    assert is_news(said, says) is news
