"""Questions that only a person can answer, and the answers on offer.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from compensations.errors import ChoiceError


class InterventionKind(StrEnum):
    """Why a person is asked."""

    IN_DOUBT = "in-doubt"
    COMPENSATION_IN_DOUBT = "compensation-in-doubt"
    COMPENSATION_FAILED = "compensation-failed"
    COMPENSATION_REFUSED = "compensation-refused"
    GUARD = "guard"
    MISSING_HANDLER = "missing-handler"
    PAST_PIVOT = "past-pivot"
    DEFECT = "defect"
    DIVERGED = "diverged"
    UNUSABLE_RESULT = "unusable-result"
    LATE_EFFECT = "late-effect"
    SECOND_EFFECT = "second-effect"
    RESIDUE = "residue"
    POISONED = "poisoned"
    WINDOW_CLOSING = "window-closing"


class Choice(StrEnum):
    """What a person can answer."""

    HAPPENED = "happened"
    NOT_HAPPENED = "not-happened"
    RETRY = "retry"
    DONE = "done"
    WAIVE = "waive"
    ANYWAY = "anyway"
    ACCEPT = "accept"
    RESUME = "resume"
    UNWIND = "unwind"
    WAIT = "wait"
    KEEP = "keep"


MEANINGS = {
    Choice.HAPPENED: "the call took effect; give its result",
    Choice.NOT_HAPPENED: "the call took no effect",
    Choice.RETRY: "call again",
    Choice.DONE: "it has been undone by other means",
    Choice.WAIVE: "leave it as it is and record it as residue",
    Choice.ANYWAY: "undo it all the same, without asking its guard",
    Choice.ACCEPT: "what remains is accepted, and stays on the record",
    Choice.RESUME: "go on with mended code or directory: the body runs again",
    Choice.UNWIND: "undo what can be undone",
    Choice.WAIT: "go on waiting, and let the window close",
    Choice.KEEP: "leave everything as it is and end the saga",
}

OFFERS = {
    InterventionKind.IN_DOUBT: (Choice.HAPPENED, Choice.NOT_HAPPENED, Choice.RETRY, Choice.UNWIND),
    InterventionKind.COMPENSATION_IN_DOUBT: (Choice.DONE, Choice.RETRY, Choice.WAIVE),
    InterventionKind.COMPENSATION_FAILED: (Choice.RETRY, Choice.DONE, Choice.WAIVE),
    InterventionKind.COMPENSATION_REFUSED: (Choice.RETRY, Choice.DONE, Choice.WAIVE),
    InterventionKind.GUARD: (Choice.RETRY, Choice.DONE, Choice.WAIVE, Choice.ANYWAY),
    InterventionKind.MISSING_HANDLER: (Choice.RETRY, Choice.DONE, Choice.WAIVE),
    InterventionKind.PAST_PIVOT: (Choice.RETRY, Choice.UNWIND, Choice.KEEP),
    InterventionKind.DEFECT: (Choice.RESUME, Choice.UNWIND),
    InterventionKind.DIVERGED: (Choice.RESUME, Choice.UNWIND, Choice.KEEP),
    InterventionKind.UNUSABLE_RESULT: (Choice.RESUME, Choice.UNWIND, Choice.KEEP),
    InterventionKind.LATE_EFFECT: (Choice.DONE, Choice.WAIVE, Choice.UNWIND),
    InterventionKind.SECOND_EFFECT: (Choice.DONE, Choice.WAIVE),
    InterventionKind.RESIDUE: (Choice.ACCEPT, Choice.DONE),
    InterventionKind.POISONED: (Choice.RESUME, Choice.UNWIND, Choice.KEEP),
    InterventionKind.WINDOW_CLOSING: (Choice.UNWIND, Choice.WAIT),
}

WITH_DIFF = frozenset({InterventionKind.DIVERGED, InterventionKind.MISSING_HANDLER})
"""Kinds whose evidence is one line, and below it a diff of journal and code."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One open or answered question.

    Attributes:
        id: What a person types to answer.
        path: The step it is about; None for the saga as a whole.
        question: What is not known, in words.
        evidence: What is known.
        choices: The answers on offer.
    """

    id: str
    saga_id: str
    kind: InterventionKind
    path: str | None
    question: str
    evidence: str
    choices: tuple[Choice, ...]


def offered(kind: InterventionKind, *, unwinding: bool) -> tuple[Choice, ...]:
    """The answers for a kind; while a saga unwinds, or once it had ended, unwinding is no answer.

    Of a step in doubt waiving is one instead.

    Args:
        unwinding: Whether it unwinds, or was reopened after its end.
    """
    choices = OFFERS[kind]
    if kind is InterventionKind.IN_DOUBT and unwinding:
        return (*(choice for choice in choices[:2]), Choice.WAIVE)
    if kind is InterventionKind.LATE_EFFECT and unwinding:
        return (Choice.DONE, Choice.WAIVE)
    if kind is InterventionKind.POISONED and unwinding:
        return (Choice.RESUME,)
    return choices


def check_choice(
    choice: str, offers: Sequence[Choice], *, has_result: bool, wants_result: bool
) -> Choice:
    """Check an answer before it is recorded.

    Args:
        choice: What the person said.
        offers: What is on offer.
        has_result: Whether a result came with it.
        wants_result: Whether `happened` needs one (the action returns something).

    Raises:
        ChoiceError: It is not on offer, or a result is missing or out of place.
    """
    if choice not in [offer.value for offer in offers]:
        raise ChoiceError(f"{choice!r} is not on offer here: choose one of {', '.join(offers)}")
    picked = Choice(choice)
    if picked is Choice.HAPPENED and wants_result and not has_result:
        raise ChoiceError(
            "'happened' needs the result of the call, as JSON: --result JSON or @FILE"
        )
    if picked is not Choice.HAPPENED and has_result:
        raise ChoiceError(f"{choice!r} takes no result")
    return picked
