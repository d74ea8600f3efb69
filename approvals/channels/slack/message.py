"""A notice as one message: blocks, the line of a notification, and what it is found again by.

What can be approved from a message is shown in it whole; where that does not fit, it has no button
that approves, and says where all of it can be seen. Pure.
"""

from dataclasses import dataclass, replace
from typing import cast

from approvals.channels.headlines import news
from approvals.channels.notice import Happening, InterventionView, Notice, RoundUp, Saying
from approvals.channels.slack.actions import Asked, QuestionRef, answer_action, value_of
from approvals.channels.slack.parts import (
    became,
    consequences_in_brief,
    facts_in_brief,
    gate_in_brief,
    gate_whole,
    moment,
    question_whole,
    ref_of,
    sentence,
    small_print,
)
from approvals.channels.slack.round_ups import headline, name_of, round_up_blocks
from approvals.channels.slack.texts import (
    Element,
    button,
    context,
    cut_to,
    header,
    our_words,
    plain,
    section,
    weight,
)
from approvals.presentation import Presentation
from reversibility import Reversibility

__all__ = [
    "EVENT",
    "MOST_BLOCKS",
    "MOST_IN_ALL",
    "Message",
    "gate_buttons",
    "in_words",
    "message_of",
    "news_of",
]

EVENT = "sagas_notice"
"""The type of the metadata by which a message is found again."""

MOST_BLOCKS = 50
MOST_IN_ALL = 10_000
"""What a message holds, in characters as `texts.weight` counts them. Slack names no such limit, and
refuses messages that are a third longer."""

_MOST_FALLBACK = 300
_LONGEST_URL = 3_000
_LINE = 700
_MOST_CHOICES = 20
_VOTED = "Somebody has voted, and that decides nothing yet"
_FINAL = frozenset({Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is posted."""

    text: str
    """What a notification says, where blocks are not shown; nothing in it is markup."""
    blocks: list[Element]
    metadata: Element

    def may_approve(self) -> bool:
        """Whether it has a button that approves."""
        return any(
            element.get("action_id") == Asked.APPROVE
            for block in self.blocks
            for element in cast(list[Element], block.get("elements", []))
        )


def message_of(notice: Notice, *, may_approve: bool = True) -> Message:
    """What a notice says in a message of its own, or below the one that it reminds of.

    Args:
        may_approve: Whether a person may approve it in Slack at all, rather than reject it only.
    """
    if notice.round_up is not None:
        return _several(notice.round_up)
    if notice.follows is not None:
        return _reminder(notice)
    return _message(notice, _blocks(notice, may_approve=may_approve))


def _several(round_up: RoundUp) -> Message:
    """A message that shows several requests, none of which can be decided without its details."""
    text = headline(round_up)
    blocks = round_up_blocks(round_up, MOST_IN_ALL - weight(text))
    return Message(
        text=text, blocks=blocks, metadata=_metadata(round_up.reference, round_up.version)
    )


def news_of(notice: Notice) -> Message:
    """One step of the story for the thread below a message: what is so by now, without buttons."""
    view = notice.subject
    said, *more = _story(view)
    headline = _VOTED if _is_vote(notice) else news(notice)
    first = said if said.startswith(headline) else f"{headline}. {said}"
    blocks = [section(first, _LINE), *(section(each, _LINE) for each in more)]
    told = _message(notice, [*_which(notice), *blocks, *_in_the_place_of(notice)])
    return replace(told, text=headline) if _is_vote(notice) else told


def _which(notice: Notice) -> list[Element]:
    """Which of several requests it is about, in a thread that is about all of them."""
    return [section(name_of(notice.subject), _LINE)] if notice.among_others else []


def _is_vote(notice: Notice) -> bool:
    """Whether the latest of the story is a vote that decided nothing."""
    view = notice.subject
    is_asked = notice.happening is Happening.WAITING and notice.follows is None
    return is_asked and isinstance(view, Presentation) and bool(view.votes)


def _story(view: Presentation | InterventionView) -> list[str]:
    """The latest of it; with a step that may have been told before, where it is one after it."""
    if isinstance(view, InterventionView):
        return [view.question if view.is_open else view.standing]
    if not view.is_open:
        return [became(view.standing), *map(sentence, view.afterwards)]
    return [f"Decide by {moment(view)}: {view.still_needed}", *_edit(view), *view.votes[-1:]]


def _edit(view: Presentation) -> list[str]:
    """Who changed it, and why."""
    if view.editor is None:
        return []
    because = f": {view.edited_because}" if view.edited_because else ""
    return [f"Changed by {view.editor}{because}"]


def _reminder(notice: Notice) -> Message:
    """What is so by now, with a way to everything: the message above it may have been deleted."""
    told = news_of(notice)
    view = notice.subject
    if not view.is_open:
        return told
    buttons = (
        _answers(view)
        if isinstance(view, InterventionView)
        else gate_buttons(view, whole=False, approves=False, edits=False)
    )
    return replace(told, blocks=[*told.blocks, _row(notice, buttons)])


def gate_buttons(
    view: Presentation, *, whole: bool, approves: bool, edits: bool, details: bool = True
) -> list[Element]:
    """The buttons of an open gate.

    Args:
        whole: Whether everything of it is shown beside them.
        approves: Whether one of them approves; never if not everything is shown.
        edits: Whether one of them opens the form for other arguments.
        details: Whether one of them shows everything.
    """
    value = value_of(ref_of(view, whole=whole))
    offered = [Asked.REJECT]
    if approves and whole and view.may_approve:
        offered.insert(0, Asked.APPROVE)
    if edits:
        offered.append(Asked.EDIT)
    if details:
        offered.append(Asked.DETAILS)
    return [
        button(
            _LABELS[each],
            each.value,
            value=value,
            style=_STYLES.get(each),
            confirm=_sure(view) if each is Asked.APPROVE else None,
        )
        for each in offered
    ]


_LABELS = {
    Asked.APPROVE: "Approve",
    Asked.REJECT: "Reject",
    Asked.EDIT: "Edit",
    Asked.DETAILS: "Details",
}
_STYLES = {Asked.APPROVE: "primary", Asked.REJECT: "danger"}


def _sure(view: Presentation) -> Element | None:
    """A second look where nothing can be taken back."""
    if view.reversibility not in _FINAL:
        return None
    return {
        "title": plain("Approve it?", 100),
        "text": plain(f"{view.cannot_undo} Digest {view.short_digest}.", 300),
        "confirm": plain("Approve", 30),
        "deny": plain("Not now", 30),
        "style": "danger",
    }


def _message(notice: Notice, blocks: list[Element]) -> Message:
    return Message(
        text=_fallback(notice),
        blocks=blocks,
        metadata=_metadata(notice.reference, notice.version),
    )


def _metadata(reference: str, version: str) -> Element:
    return {
        "event_type": EVENT,
        "event_payload": {"reference": reference, "version": version},
    }


def _fallback(notice: Notice) -> str:
    view = notice.subject
    told = view.title if isinstance(view, Presentation) else ""
    label = f"({view.label})" if isinstance(view, Presentation) else ""
    parts = [f"{news(notice)}:", our_words(told) or "see the message", our_words(label)]
    return " ".join(part for part in parts if part)[:_MOST_FALLBACK]


def _blocks(notice: Notice, *, may_approve: bool) -> list[Element]:
    view = notice.subject
    if isinstance(view, InterventionView):
        return _question(notice, view)
    if not view.is_open:
        return _closed(notice, view)
    if view.complete:
        blocks = _open(notice, view, may_approve=may_approve)
        if _fits(notice, blocks):
            return blocks
    return _cut(notice, view)


def _fits(notice: Notice, blocks: list[Element]) -> bool:
    return len(blocks) <= MOST_BLOCKS and weight(blocks) + weight(_fallback(notice)) <= MOST_IN_ALL


def _open(notice: Notice, view: Presentation, *, may_approve: bool) -> list[Element]:
    decides = may_approve and notice.saying is not Saying.MAY_VETO
    here = [] if decides else [context(_ONLY_REJECT)]
    return [
        header(news(notice)),
        *_in_the_place_of(notice),
        *gate_whole(view),
        *here,
        *small_print(view),
        _row(notice, gate_buttons(view, whole=True, approves=decides, edits=decides)),
    ]


_ONLY_REJECT = "From here it can be rejected, and not approved."


def _cut(notice: Notice, view: Presentation) -> list[Element]:
    return [
        header(news(notice)),
        *_in_the_place_of(notice),
        *gate_in_brief(view),
        section(
            "Not everything fits in here, so that it cannot be approved from here. "
            f"All of it: Details, or {view.whole_at}",
            _LINE,
        ),
        *facts_in_brief(view),
        *consequences_in_brief(view),
        *small_print(view, whole=False, is_cut=True),
        _row(notice, gate_buttons(view, whole=False, approves=False, edits=False)),
    ]


def _closed(notice: Notice, view: Presentation) -> list[Element]:
    return [
        header(news(notice)),
        section(became(view.standing), 2 * _LINE),
        *(section(sentence(each), _LINE) for each in view.afterwards),
        *gate_in_brief(view),
        *facts_in_brief(view),
        section(f"Done so far: {'; '.join(view.done_so_far[-5:]) or 'nothing'}", _LINE),
        *_line("Votes", view.votes[-5:]),
        *small_print(view, whole=False),
        *_way_in(notice),
    ]


def _line(label: str, told: tuple[str, ...]) -> list[Element]:
    return [section(f"{label}: {'; '.join(told)}", _LINE)] if told else []


def _question(notice: Notice, view: InterventionView) -> list[Element]:
    said = question_whole(view)
    if weight(said) > MOST_IN_ALL // 2:
        question, evidence = cut_to(view.question, _LINE), cut_to(view.evidence, _LINE)
        said = question_whole(replace(view, question=question, evidence=evidence))
    if not view.is_open:
        return [
            header(news(notice)),
            section(became(view.standing), 2 * _LINE),
            *said,
            *_way_in(notice),
        ]
    return [header(news(notice)), *_in_the_place_of(notice), *said, _row(notice, _answers(view))]


def _answers(view: InterventionView) -> list[Element]:
    return [
        button(
            in_words(choice),
            answer_action(choice),
            value=value_of(QuestionRef(question_id=view.intervention_id, choice=choice)),
        )
        for choice in view.choices[:_MOST_CHOICES]
    ]


def in_words(choice: str) -> str:
    """An answer as a button says it."""
    return choice.replace("-", " ").capitalize()


def _in_the_place_of(notice: Notice) -> list[Element]:
    if not (notice.for_whom and notice.subject.is_open):
        return []
    return [context(f"In the place of whoever is away: {', '.join(notice.for_whom)}", most=_LINE)]


def _row(notice: Notice, buttons: list[Element]) -> Element:
    return {"type": "actions", "elements": [*buttons, *_links(notice)]}


def _way_in(notice: Notice) -> list[Element]:
    links = _links(notice)
    return [{"type": "actions", "elements": links}] if links else []


def _links(notice: Notice) -> list[Element]:
    link = notice.link
    if link is None or len(link) > _LONGEST_URL:
        return []
    label = "Open in full" if notice.subject.is_open else "Look at it"
    return [button(label, Asked.OPEN.value, url=link)]
