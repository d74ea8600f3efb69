"""Several requests in one message: a line for each, with a way to its details.

Nothing can be decided from a line: its button opens the details, which say whether everything was
seen. Pure.
"""

from approvals.channels.headlines import news
from approvals.channels.notice import Happening, InterventionView, Notice, RoundUp, Saying
from approvals.channels.slack.actions import Asked, QuestionRef, answer_action, value_of
from approvals.channels.slack.parts import moment, ref_of
from approvals.channels.slack.texts import (
    Element,
    button,
    context,
    cut_to,
    header,
    section,
    weight,
)
from approvals.presentation import Presentation

__all__ = ["MOST_GATHERED", "headline", "name_of", "round_up_blocks"]

MOST_GATHERED = 20
"""How many requests one message takes in: each has a line of some length."""

_MOST_LINES = 40
_TITLE = 150
_DETAIL = 120
_LONGEST_URL = 3_000
_HOW = "Nothing is decided from this list: open the details of a request, and decide there."


def headline(round_up: RoundUp) -> str:
    """What a notification says; nothing in it is markup."""
    there = len(round_up.notices)
    waiting = sum(each.is_open for each in round_up.notices)
    if not waiting:
        return f"None of these {there} requests waits any more"
    if waiting < there:
        return f"{waiting} of these {there} requests still wait for a decision"
    return (
        f"{there} requests wait for a decision" if there > 1 else "1 request waits for a decision"
    )


def name_of(view: Presentation | InterventionView) -> str:
    """Which request it is, in a line."""
    return cut_to(view.title if isinstance(view, Presentation) else view.question, _TITLE)


def round_up_blocks(round_up: RoundUp, room: int) -> list[Element]:
    """What the message shows: what waits first, and as much of it as there is room for.

    Args:
        room: How much the blocks may weigh together.
    """
    lines = [_line(each) for each in sorted(round_up.notices, key=lambda each: not each.is_open)]
    shown = lines[:_MOST_LINES]
    while True:
        blocks = [header(headline(round_up)), *shown, *_foot(round_up, len(lines) - len(shown))]
        if weight(blocks) <= room or not shown:
            return blocks
        shown = shown[:-1]


def _foot(round_up: RoundUp, left_out: int) -> list[Element]:
    blocks = [context(_HOW)] if any(each.is_open for each in round_up.notices) else []
    if left_out:
        blocks.insert(0, context(f"and {left_out} more: see the app's home page, or the inbox"))
    if round_up.link is not None and len(round_up.link) <= _LONGEST_URL:
        row = [button("Open the inbox", Asked.OPEN.value, url=round_up.link)]
        blocks.append({"type": "actions", "elements": row})
    return blocks


def _line(notice: Notice) -> Element:
    view = notice.subject
    if not view.is_open:
        return section(f"{news(notice)}: {name_of(view)}")
    said = "\n".join((f"{_mark(notice)}{name_of(view)}", cut_to(_details(notice), _DETAIL)))
    return {**section(said), "accessory": _way_in(view)}


def _mark(notice: Notice) -> str:
    if notice.happening is Happening.CHANGED:
        return "Changed: "
    return "You may veto: " if notice.saying is Saying.MAY_VETO else ""


def _details(notice: Notice) -> str:
    view = notice.subject
    if isinstance(view, InterventionView):
        told = [view.kind, f"saga {view.saga_id}"]
    else:
        told = [view.label, *filter(None, (view.cost, view.recipients)), f"by {moment(view)}"]
    return ", ".join((*notice.for_whom, *told))


def _way_in(view: Presentation | InterventionView) -> Element:
    if isinstance(view, InterventionView):
        ref = QuestionRef(question_id=view.intervention_id)
        return button("Answer", answer_action(""), value=value_of(ref))
    value = value_of(ref_of(view, whole=False))
    return button("Details", Asked.DETAILS.value, value=value)
