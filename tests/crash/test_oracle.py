"""The oracle finds every defect that is planted in a sound journal or in sound books."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals import Gate, GateState, open_gate
from approvals.requirement import approval
from approvals.subject import GateSubject
from compensations import Choice
from sagas.entries import (
    Compensated,
    DeadlinePassed,
    Ended,
    Entry,
    Failed,
    FoundInDoubt,
    GateDecided,
    Intended,
    InterventionClosed,
    InterventionOpened,
    RollbackBegan,
    RolledBackTo,
    SavepointSet,
    Started,
    Succeeded,
    UnwindBegan,
)
from sagas.model import Status
from sagas.ports import QuestionRow
from sagas.testing.history import History
from tests.crash import tales
from tests.crash.books import Books, Effect
from tests.crash.oracle import violations, violations_at_the_end
from tests.crash.tales import CAR, FLIGHT, HOTEL, MAIL, NOON, books, effect, told


def broken(history: History, books: Books, end: Status = Status.COMPLETED) -> set[str]:
    """The names of the rules that do not hold."""
    return names_of(violations_at_the_end(history, books, end))


def names_of(found: Sequence[str]) -> set[str]:
    return {text.partition(":")[0] for text in found}


def broken_undo(entries: Sequence[Entry], effects: Sequence[Effect]) -> set[str]:
    return broken(told(entries), books(effects), Status.COMPENSATED)


def without(items: list[Any], *kinds: type[Any]) -> list[Any]:
    return [item for item in items if not isinstance(item, kinds)]


def put(entries: list[Entry], entry: Entry, before: type[Entry]) -> list[Entry]:
    """Insert an entry before the first of a kind."""
    place = next(index for index, item in enumerate(entries) if isinstance(item, before))
    return [*entries[:place], entry, *entries[place:]]


def in_doubt() -> list[Entry]:
    """A trip whose mail is in doubt, and not yet settled."""
    doubt = FoundInDoubt(path=MAIL, direction="do", reason="killed", ended=0, observed=False)
    return [*tales.completed()[:-2], doubt]


def settled_by_a_person() -> list[Entry]:
    opened = InterventionOpened(
        intervention="i", what="in-doubt", question="?", evidence="", choices=[], path=MAIL
    )
    closed = InterventionClosed(intervention="i", choice="happened", by="ana", reason="seen")
    return [*in_doubt(), opened, closed, *tales.completed()[-2:]]


# --- sound ------------------------------------------------------------------------------------


def test_a_sound_trip_that_completed_has_no_violation() -> None:
    assert (
        violations_at_the_end(told(tales.completed()), books(tales.sent()), Status.COMPLETED) == []
    )


def test_a_sound_trip_that_was_undone_has_no_violation() -> None:
    assert broken_undo(tales.compensated(), tales.returned()) == set()


def test_a_mail_in_doubt_that_a_person_settled_is_no_violation() -> None:
    assert broken(told(settled_by_a_person()), books(tales.sent())) == set()


def test_a_saga_that_was_never_started_and_did_nothing_is_no_violation() -> None:
    assert violations(History("j", "trip", None, ()), books([])) == []


def test_at_every_entry_of_a_sound_trip_nothing_is_wrong_at_that_moment() -> None:
    entries, effects = tales.compensated(), tales.returned()
    for length in range(1, len(entries)):
        keys = {getattr(entry, "key", "") for entry in entries[:length]}
        done = {entry.path for entry in entries[:length] if isinstance(entry, Succeeded)}
        undone = {entry.path for entry in entries[:length] if isinstance(entry, Compensated)}
        outcomes = {f"do {path}" for path in done} | {f"undo {path}" for path in undone}
        known = [item for item in effects if item.key in keys & outcomes]
        assert violations(told(entries[:length]), books(known)) == []


# --- spoilt journals --------------------------------------------------------------------------


def test_a_changed_entry_is_found() -> None:
    history = told(tales.completed())
    rows = [*history.rows]
    rows[2] = rows[2]._replace(payload='{"id":"another"}')
    assert broken(replace(history, rows=rows), books(tales.sent())) >= {"the_chain_verifies"}


def test_a_missing_entry_is_found() -> None:
    history = told(tales.completed())
    rows = [row for row in history.rows if row.kind != "GateConsumed"]
    assert broken(replace(history, rows=rows), books(tales.sent())) >= {"the_chain_verifies"}


def test_an_entry_after_the_end_is_found() -> None:
    entries = [*tales.completed(), Succeeded(path=MAIL, payload=b"{}")]
    assert broken(told(entries), books(tales.sent())) >= {"nothing_follows_the_end"}


def test_an_outcome_that_is_told_twice_is_found() -> None:
    entries = put(tales.completed(), Succeeded(path=CAR, payload=b"{}"), Ended)
    assert broken(told(entries), books(tales.sent())) == {"an_outcome_is_told_once"}


def test_two_ends_are_found() -> None:
    entries = [*tales.completed(), tales.completed()[-1]]
    assert broken(told(entries), books(tales.sent())) == {"nothing_follows_the_end"}


def test_a_missing_end_is_found() -> None:
    entries = tales.completed()[:-1]
    assert broken(told(entries), books(tales.sent())) >= {"it_has_ended"}


def test_an_attempt_under_another_key_is_found() -> None:
    again = tales.intended(CAR, attempt=2, key="another")
    entries = put(tales.booked(), again, Succeeded)
    assert names_of(violations(told(entries), books(tales.bookings()))) >= {"a_call_keeps_its_key"}


def test_an_attempt_under_the_same_key_is_no_violation() -> None:
    again = tales.intended(FLIGHT, attempt=2)
    entries = put(tales.booked(), again, Succeeded)
    assert violations(told(entries), books(tales.bookings())) == []


def test_two_calls_under_one_key_are_found() -> None:
    entries = [
        replace(entry, key=f"do {HOTEL}")
        if isinstance(entry, Intended) and entry.path == CAR
        else entry
        for entry in tales.booked()
    ]
    assert names_of(violations(told(entries), books([]))) >= {"a_call_keeps_its_key"}


def test_a_step_that_begins_after_the_unwind_is_found() -> None:
    entries = without(tales.booked(), UnwindBegan)
    late = [*entries[:3], UnwindBegan(reason="ill", cause="cancel", generation=1), *entries[3:]]
    assert "nothing_new_is_done_while_undoing" in broken_undo(late, tales.bookings())


def test_a_step_that_begins_during_a_rollback_is_found() -> None:
    path = "book_trip/lodging#1"
    entries = [
        *tales.booked()[:3],
        SavepointSet(path=path, ordinal=2),
        RollbackBegan(path=path, reason="unfit", generation=1),
        *tales.booked()[3:],
    ]
    found = violations(told(entries), books(tales.bookings()))
    assert names_of(found) == {"nothing_new_is_done_while_undoing"}


def test_a_step_that_begins_after_a_rollback_is_no_violation() -> None:
    path = "book_trip/lodging#1"
    entries = [
        *tales.booked()[:3],
        SavepointSet(path=path, ordinal=2),
        RollbackBegan(path=path, reason="unfit", generation=1),
        RolledBackTo(path=path),
        *tales.booked()[3:],
    ]
    assert violations(told(entries), books(tales.bookings())) == []


def due(entries: list[Entry], *, at: int) -> list[Entry]:
    """The same saga, with a deadline; in these tales it is always noon of the first of days."""
    return [replace(item, deadline=at) if isinstance(item, Started) else item for item in entries]


@pytest.mark.parametrize(("at", "found"), [(0, "after the deadline"), (1, "")])
def test_a_step_that_begins_after_the_deadline_is_found(at: int, found: str) -> None:
    problems = violations(told(due(tales.booked(), at=at)), books(tales.bookings()))
    assert all(found in problem for problem in problems)
    assert bool(problems) is bool(found)


def test_a_deadline_that_passes_before_its_time_or_twice_is_found() -> None:
    passed = DeadlinePassed(too_late=False)
    entries = put(due(tales.booked(), at=1), passed, Intended)
    rule = "nothing_new_is_done_after_the_deadline"
    assert rule in names_of(violations(told(entries), books(tales.bookings())))
    twice = [*due(tales.booked(), at=0)[:1], passed, passed]
    assert rule in names_of(violations(told(twice), books([])))


def test_a_deadline_that_came_too_late_holds_nothing_up() -> None:
    entries = put(due(tales.booked(), at=0), DeadlinePassed(too_late=True), Intended)
    assert violations(told(entries), books(tales.bookings())) == []


def test_the_undo_of_a_step_of_unknown_outcome_is_found() -> None:
    entries = [
        entry
        for entry in tales.compensated()
        if not (isinstance(entry, Succeeded) and entry.path == CAR)
    ]
    assert "only_what_happened_is_undone" in broken_undo(entries, tales.returned())


def test_a_second_undo_of_the_same_step_is_found() -> None:
    entries = put(tales.compensated(), tales.undo_intended(CAR, key="undo again"), Ended)
    assert "only_what_happened_is_undone" in broken_undo(entries, tales.returned())


def test_an_undo_without_an_unwind_is_found() -> None:
    entries = without(tales.compensated(), UnwindBegan)
    assert "only_what_is_unwound_is_undone" in broken_undo(entries, tales.returned())


def test_a_mail_without_an_approval_is_found() -> None:
    entries = without(tales.completed(), GateDecided)
    assert broken(told(entries), books(tales.sent())) == {"the_irreversible_was_approved"}


def test_a_mail_under_the_approval_of_another_step_is_found() -> None:
    entries = [
        replace(entry, gate="h") if isinstance(entry, Intended) and entry.path == MAIL else entry
        for entry in tales.completed()
    ]
    assert broken(told(entries), books(tales.sent())) == {"the_irreversible_was_approved"}


def test_an_approval_that_is_used_twice_is_found() -> None:
    consumed = tales.completed()[9]
    entries = put(tales.completed(), consumed, Ended)
    assert broken(told(entries), books(tales.sent())) == {"the_irreversible_was_approved"}


def test_a_mail_in_doubt_that_is_sent_again_by_itself_is_found() -> None:
    again = tales.intended(MAIL, attempt=2)
    entries = [*in_doubt(), again, *tales.completed()[-2:]]
    assert broken(told(entries), books(tales.sent())) == {
        "a_person_settles_what_nobody_can_ask_about"
    }


def test_a_mail_in_doubt_that_is_taken_for_sent_is_found() -> None:
    entries = [*in_doubt(), *tales.completed()[-2:]]
    assert broken(told(entries), books(tales.sent())) == {
        "a_person_settles_what_nobody_can_ask_about"
    }


# --- spoilt books -----------------------------------------------------------------------------


def test_an_effect_without_an_intent_is_found() -> None:
    stray = effect("book", HOTEL, 9, key="of nobody", subject="hotel-9")
    assert "every_effect_was_intended" in broken(
        told(tales.completed()), books([*tales.sent(), stray])
    )


def test_a_cancellation_under_the_key_of_a_booking_is_found() -> None:
    effects = [*tales.returned()[:-1], effect("cancel", FLIGHT, 6, key=f"do {FLIGHT}")]
    assert "every_effect_was_intended" in broken_undo(tales.compensated(), effects)


def test_a_refused_call_without_an_intent_is_found() -> None:
    asked = books(tales.sent(), ("of nobody", "book"))
    assert broken(told(tales.completed()), asked) == {"every_effect_was_intended"}


def test_a_mail_that_was_sent_twice_is_found() -> None:
    effects = [*tales.sent(), effect("mail", MAIL, 5)]
    assert broken(told(tales.completed()), books(effects)) == {
        "no_key_took_effect_twice",
        "the_world_is_as_the_end_says",
    }


def test_a_mail_that_was_not_sent_is_found() -> None:
    assert broken(told(tales.completed()), books(tales.bookings())) == {
        "outcomes_are_true",
        "the_world_is_as_the_end_says",
    }


def test_a_booking_that_the_journal_calls_failed_is_found() -> None:
    entries: list[Entry] = [
        Failed(path=CAR, error="NoRoom", message="full")
        if isinstance(entry, Succeeded) and entry.path == CAR
        else entry
        for entry in tales.booked()
    ]
    found = violations(told(entries), books(tales.bookings()))
    assert names_of(found) == {"outcomes_are_true"}


def test_a_compensation_that_the_world_knows_nothing_of_is_found() -> None:
    effects = [item for item in tales.returned() if item.key != f"undo {HOTEL}"]
    assert broken_undo(tales.compensated(), effects) == {
        "outcomes_are_true",
        "what_was_done_is_undone_or_stands",
        "the_world_is_as_the_end_says",
    }


def test_a_booking_that_is_left_standing_is_found() -> None:
    entries = [entry for entry in tales.compensated() if getattr(entry, "path", "") != HOTEL]
    effects = [item for item in tales.returned() if item.key != f"undo {HOTEL}"]
    assert "what_was_done_is_undone_or_stands" in broken_undo(entries, effects)


def test_a_booking_that_was_cancelled_twice_is_found() -> None:
    effects = [*tales.returned(), effect("cancel", HOTEL, 7)]
    assert "what_was_done_is_undone_or_stands" in broken_undo(tales.compensated(), effects)


def test_a_booking_that_was_cancelled_by_the_undo_of_another_step_is_found() -> None:
    effects = [
        replace(item, key=f"undo {CAR}") if item.key == f"undo {HOTEL}" else item
        for item in tales.returned()
    ]
    assert "what_was_done_is_undone_or_stands" in broken_undo(tales.compensated(), effects)


def test_a_cancelled_booking_of_a_trip_that_completed_is_found() -> None:
    effects = [*tales.sent(), effect("cancel", CAR, 5)]
    assert "what_was_done_is_undone_or_stands" in broken(told(tales.completed()), books(effects))


def test_a_flight_that_was_cancelled_before_the_hotel_is_found() -> None:
    flight = effect("cancel", FLIGHT, 4)
    hotel = effect("cancel", HOTEL, 6)
    effects = [*tales.bookings(), flight, effect("cancel", CAR, 3), hotel]
    assert broken_undo(tales.compensated(), effects) == {"what_came_later_is_undone_first"}


def test_a_car_that_was_cancelled_after_the_hotel_is_no_violation() -> None:
    effects = [*tales.bookings(), effect("cancel", CAR, 5), effect("cancel", HOTEL, 4)]
    effects.append(effect("cancel", FLIGHT, 6))
    assert broken_undo(tales.compensated(), effects) == set()


def test_a_result_that_names_another_booking_is_found() -> None:
    effects = [
        replace(item, subject="hotel-2") if item.service == "hotels" else item
        for item in tales.sent()
    ]
    assert broken(told(tales.completed()), books(effects)) == {"the_world_is_as_the_end_says"}


# --- spoilt rows ------------------------------------------------------------------------------


def test_a_status_that_differs_from_the_entries_is_found() -> None:
    history = told(tales.completed())
    row = tales.row(Status.COMPENSATED, history.rows)
    assert "the_row_says_what_the_entries_say" in broken(
        replace(history, saga=row), books(tales.sent())
    )


def test_a_row_that_lags_behind_its_entries_is_found() -> None:
    history = told(tales.completed())
    row = tales.row(Status.COMPLETED, history.rows, head=3)
    assert broken(replace(history, saga=row), books(tales.sent())) == {
        "the_row_says_what_the_entries_say"
    }


def test_an_end_of_the_wrong_kind_is_found() -> None:
    found = violations_at_the_end(
        told(tales.compensated()), books(tales.returned()), Status.COMPLETED
    )
    assert found == ["it should be completed, and is compensated"]


@pytest.mark.parametrize("state", [GateState.PENDING, GateState.APPROVED])
def test_a_gate_that_is_left_open_is_found(state: GateState) -> None:
    history = told(tales.completed(), gates=(gate(state),))
    assert broken(history, books(tales.sent())) == {"nothing_is_left_open"}


def test_a_gate_that_was_used_is_no_violation() -> None:
    history = told(tales.completed(), gates=(gate(GateState.CONSUMED),))
    assert broken(history, books(tales.sent())) == set()


@pytest.mark.parametrize(
    ("state", "names"), [("open", {"nothing_is_left_open"}), ("answered", set[str]())]
)
def test_an_intervention_that_is_left_open_is_found(state: str, names: set[str]) -> None:
    question = QuestionRow(
        id="i",
        saga_id="trip",
        path=MAIL,
        kind="in-doubt",
        question="?",
        evidence="",
        choices=(Choice.RETRY,),
        wants_result=True,
        state=state,
        opened_at=0,
    )
    history = told(tales.completed(), questions=(question,))
    assert broken(history, books(tales.sent())) == names


def test_a_call_without_an_outcome_is_found() -> None:
    entries = [
        entry
        for entry in tales.completed()
        if not (isinstance(entry, Succeeded) and entry.path == CAR)
    ]
    assert broken(told(entries), books(tales.sent())) == {"nothing_is_left_open"}


def gate(state: GateState) -> Gate:
    subject = GateSubject(
        journal_id="j",
        saga_id="trip",
        path=MAIL,
        direction="do",
        generation=0,
        revision=1,
        action=MAIL,
        action_version=1,
        arguments=b"{}",
        policy_version="1",
    )
    policy = approval(by="ana", within=timedelta(hours=1))
    opened = open_gate(
        replace(subject, policy_version=policy.version),
        policy,
        gate_id="g",
        requester="ana",
        eligible=(),
        now=NOON,
    )
    return replace(opened, state=state)
