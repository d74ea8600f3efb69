"""Interventions: which answers are on offer, and which are accepted."""

import pytest

from compensations import Choice, ChoiceError, InterventionKind
from compensations.interventions import MEANINGS, OFFERS, check_choice, offered

UNWIND_QUESTIONS = {
    InterventionKind.COMPENSATION_IN_DOUBT,
    InterventionKind.COMPENSATION_FAILED,
    InterventionKind.COMPENSATION_REFUSED,
    InterventionKind.MISSING_HANDLER,
}


def test_every_kind_offers_at_least_two_answers() -> None:
    assert {kind for kind, choices in OFFERS.items() if len(choices) >= 2} == set(InterventionKind)


def test_every_answer_is_explained() -> None:
    assert set(MEANINGS) == set(Choice)


@pytest.mark.parametrize("kind", InterventionKind)
def test_no_answer_is_offered_twice(kind: InterventionKind) -> None:
    assert len(set(OFFERS[kind])) == len(OFFERS[kind])


@pytest.mark.parametrize("kind", [InterventionKind.IN_DOUBT, *sorted(UNWIND_QUESTIONS)])
def test_a_saga_that_unwinds_is_not_offered_to_unwind(kind: InterventionKind) -> None:
    assert Choice.UNWIND not in offered(kind, unwinding=True)


def test_doubt_going_forward_can_be_retried_or_unwound() -> None:
    assert offered(InterventionKind.IN_DOUBT, unwinding=False) == (
        Choice.HAPPENED,
        Choice.NOT_HAPPENED,
        Choice.RETRY,
        Choice.UNWIND,
    )


def test_doubt_in_an_unwind_is_never_called_again() -> None:
    assert offered(InterventionKind.IN_DOUBT, unwinding=True) == (
        Choice.HAPPENED,
        Choice.NOT_HAPPENED,
        Choice.WAIVE,
    )


@pytest.mark.parametrize("kind", sorted(UNWIND_QUESTIONS))
def test_what_could_not_be_undone_can_be_waived(kind: InterventionKind) -> None:
    assert Choice.WAIVE in offered(kind, unwinding=True)


def test_an_offered_answer_is_accepted() -> None:
    assert (
        check_choice("retry", [Choice.RETRY], has_result=False, wants_result=True) is Choice.RETRY
    )


@pytest.mark.parametrize("choice", ["waive", "RETRY", "", "nonsense"])
def test_an_answer_that_is_not_on_offer_is_refused_with_those_that_are(choice: str) -> None:
    with pytest.raises(ChoiceError, match="choose one of happened, retry"):
        check_choice(choice, [Choice.HAPPENED, Choice.RETRY], has_result=False, wants_result=False)


def test_happened_needs_a_result_where_the_action_returns_one() -> None:
    with pytest.raises(ChoiceError, match="needs the result of the call, as JSON"):
        check_choice("happened", [Choice.HAPPENED], has_result=False, wants_result=True)


def test_happened_needs_no_result_where_the_action_returns_none() -> None:
    picked = check_choice("happened", [Choice.HAPPENED], has_result=False, wants_result=False)

    assert picked is Choice.HAPPENED


def test_happened_takes_a_result() -> None:
    picked = check_choice("happened", [Choice.HAPPENED], has_result=True, wants_result=True)

    assert picked is Choice.HAPPENED


def test_other_answers_take_no_result() -> None:
    with pytest.raises(ChoiceError, match="'retry' takes no result"):
        check_choice("retry", [Choice.RETRY], has_result=True, wants_result=True)
