"""The comparison of the journal with the services' own ledgers."""

import json

from examples.reconcile import Calls, Effect, compare, journal_effects

CALLS = {
    "book_hotel": Calls("hotels", "book", "cancel"),
    "email_itinerary": Calls("mail", "mail"),
}

INTENDED = {"kind": "Intended", "path": "p", "action": "travel.book_hotel", "key": "k1"}
SUCCEEDED = {"kind": "Succeeded", "path": "p"}
UNDO_INTENDED = {"kind": "CompensationIntended", "path": "p", "key": "k2"}
COMPENSATED = {"kind": "Compensated", "path": "p"}

BOOKED = Effect("hotels", "book", "k1", "book hotel-1")
CANCELLED = Effect("hotels", "cancel", "k2", "cancel hotel-1")


def told(*entries: dict[str, str]) -> list[Effect]:
    return journal_effects(json.dumps(entries), CALLS)


def disagreements(journal: list[Effect], ledger: list[Effect]) -> list[str]:
    return [str(line) for line in compare(journal, ledger) if not line.agrees]


def test_a_step_that_succeeded_is_an_effect_under_its_key() -> None:
    assert told({"kind": "Started"}, INTENDED, SUCCEEDED) == [BOOKED]


def test_a_step_without_an_outcome_is_no_effect() -> None:
    assert told(INTENDED) == []


def test_a_step_that_failed_is_no_effect() -> None:
    assert told(INTENDED, {"kind": "Failed", "path": "p"}) == []


def test_a_compensation_is_an_effect_under_a_key_of_its_own() -> None:
    assert told(INTENDED, SUCCEEDED, UNDO_INTENDED, COMPENSATED) == [BOOKED, CANCELLED]


def test_a_retried_step_is_one_effect() -> None:
    assert told(INTENDED, INTENDED, SUCCEEDED) == [BOOKED]


def test_equal_accounts_agree() -> None:
    assert disagreements([BOOKED, CANCELLED], [BOOKED, CANCELLED]) == []


def test_the_order_of_different_services_does_not_matter() -> None:
    assert disagreements([BOOKED, CANCELLED], [CANCELLED, BOOKED]) == []


def test_an_effect_the_ledger_does_not_know_is_a_disagreement() -> None:
    assert len(disagreements([BOOKED], [])) == 1


def test_an_effect_the_journal_does_not_know_is_a_disagreement() -> None:
    assert len(disagreements([], [BOOKED])) == 1


def test_an_effect_done_twice_is_a_disagreement() -> None:
    assert len(disagreements([BOOKED], [BOOKED, BOOKED])) == 1


def test_another_key_is_a_disagreement_on_both_sides() -> None:
    other = Effect("hotels", "book", "k9", "book hotel-1")
    assert len(disagreements([BOOKED], [other])) == 2


def test_a_line_that_agrees_names_both_accounts() -> None:
    [line] = compare([Effect("hotels", "book", "k1", "book_hotel")], [BOOKED])
    assert (str(line)[0], "book_hotel" in str(line), "hotels: book hotel-1" in str(line)) == (
        "=",
        True,
        True,
    )
