"""The home page of the app: what waits for me, and what I decided.

Pure.
"""

from collections.abc import Sequence

from approvals.channels.notice import InterventionView
from approvals.channels.slack.actions import Asked, QuestionRef, answer_action, value_of
from approvals.channels.slack.parts import became, moment, ref_of, sentence
from approvals.channels.slack.texts import Element, button, context, header, section
from approvals.presentation import Presentation

__all__ = ["home_view"]

_MOST_WAITING = 25
_MOST_DECIDED = 20
_LINE = 600
_LONGEST_URL = 3_000


def home_view(
    waiting: Sequence[Presentation | InterventionView],
    decided: Sequence[Presentation] = (),
    *,
    link: str | None = None,
) -> Element:
    """What one person sees.

    Args:
        waiting: What they may decide or answer, the most urgent first.
        decided: What they have voted on, the latest first.
        link: The address of the web inbox.
    """
    blocks = [
        header("Waiting for you"),
        *(block for view in waiting[:_MOST_WAITING] for block in _waiting(view)),
        *_rest(len(waiting), _MOST_WAITING, "Nothing waits for you."),
        header("What you decided"),
        *(block for view in decided[:_MOST_DECIDED] for block in _decided(view)),
        *_rest(len(decided), _MOST_DECIDED, "Nothing so far."),
    ]
    if link is not None and len(link) <= _LONGEST_URL:
        row = [button("Open the inbox", Asked.OPEN.value, url=link)]
        blocks.append({"type": "actions", "elements": row})
    return {"type": "home", "blocks": blocks}


def _rest(there: int, shown: int, nothing: str) -> list[Element]:
    if there == 0:
        return [section(nothing)]
    return [context(f"and {there - shown} more: see the inbox")] if there > shown else []


def _waiting(view: Presentation | InterventionView) -> list[Element]:
    if isinstance(view, InterventionView):
        ref = QuestionRef(question_id=view.intervention_id)
        first = button("Answer", answer_action(""), value=value_of(ref))
        return [
            _row(view.question, first),
            context(f"{view.kind}: saga {view.saga_id}", most=_LINE),
        ]
    more = button("Details", Asked.DETAILS.value, value=value_of(ref_of(view, whole=False)))
    told = [each for each in (view.label, view.cost, view.recipients) if each is not None]
    return [
        _row(f"{view.title}\n{', '.join(told)}", more),
        context(f"Decide by {moment(view)}. {sentence(view.still_needed)}", most=_LINE),
    ]


def _decided(view: Presentation) -> list[Element]:
    more = button("Details", Asked.DETAILS.value, value=value_of(ref_of(view, whole=False)))
    return [_row(f"{view.title}\n{became(view.standing)}", more)]


def _row(text: str, more: Element) -> Element:
    return {**section(text, _LINE), "accessory": more}
