"""The story of a saga: what was done, what was undone, what remains, and what it waits for.

Made from the journal's entries alone, and the same for a terminal, for JSON and for a page.

Pure.
"""

from collections.abc import Sequence

from sagas import entries as e
from sagas.fold import apply
from sagas.model import Status
from sagas.state import SagaState
from sagas.story.beats import tell as tell_beats
from sagas.story.model import (
    PAYLOADS,
    Asked,
    Beat,
    CallStory,
    GateStory,
    Lasting,
    Mark,
    QuestionStory,
    Remainder,
    RevisionStory,
    StepState,
    StepStory,
    Story,
    Wait,
    WaitKind,
)
from sagas.story.people import gates, questions, waits
from sagas.story.steps import remains, step_story
from sagas.story.wording import labels

__all__ = [
    "PAYLOADS",
    "Asked",
    "Beat",
    "CallStory",
    "GateStory",
    "Lasting",
    "Mark",
    "QuestionStory",
    "Remainder",
    "RevisionStory",
    "StepState",
    "StepStory",
    "Story",
    "Wait",
    "WaitKind",
    "tell",
]


def tell(
    saga_id: str,
    rows: Sequence[tuple[int, int, e.Entry]],
    *,
    status: Status,
    reason: str | None,
    asked: Sequence[Asked] = (),
) -> Story:
    """The story of a saga.

    Args:
        rows: Its entries as `(seq, at, entry)`, in order.
        status: The status that people are shown.
        reason: Why it was unwound, or what it is stuck on.
        asked: What people have asked of it that no worker has taken up yet.
    """
    state = SagaState(saga_id)
    for seq, at, entry in rows:
        apply(state, seq, at, entry)
    named = labels([*state.steps, *state.timers, *state.values, *state.savepoints])
    all_gates, all_questions = gates(rows, asked, named), questions(rows, asked, named)
    late = any(step.late for step in state.steps.values())
    unwound = state.unwinding or status is Status.RESIDUAL
    return Story(
        id=saga_id,
        saga=state.saga,
        version=state.version,
        starter=state.starter,
        status=status,
        reason=reason,
        input=state.input,
        result=state.ended.payload if state.ended is not None else None,
        started=state.started_at,
        deadline=state.deadline,
        ended=state.ended_at or None,
        head=state.head,
        steps=tuple(step_story(state, step, named) for step in state.steps.values()),
        beats=tell_beats(rows, named),
        gates=all_gates,
        questions=all_questions,
        remains=remains(state, named, late=not unwound) if unwound or late else (),
        waits=waits(
            state, status, gates=all_gates, questions=all_questions, asked=asked, labels=named
        ),
        asked=tuple(asked),
    )
