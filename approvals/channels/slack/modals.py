"""The views that a click opens: a reason, other arguments, everything in full, an answer.

A view has ids with it, and never an argument. Other arguments take two steps: they are filled in,
and then sent once it was seen what they change. Pure.
"""

import json
from collections.abc import Mapping
from typing import Any

from approvals.changes import changes_between
from approvals.channels.notice import InterventionView
from approvals.channels.slack.actions import (
    LONGEST_INPUT,
    VALUE,
    Asked,
    Callback,
    Carried,
    GateRef,
    Origin,
    QuestionRef,
    value_of,
)
from approvals.channels.slack.forms import EditForm, draft_of
from approvals.channels.slack.message import gate_buttons, in_words
from approvals.channels.slack.parts import (
    gate_in_brief,
    gate_whole,
    question_whole,
    ref_of,
    small_print,
)
from approvals.channels.slack.texts import (
    Element,
    button,
    context,
    cut_to,
    plain,
    preformatted,
    section,
    weight,
)
from approvals.facts import WHOLE
from approvals.presentation import Presentation
from approvals.quorum import VoteKind
from approvals.redaction import Redaction

__all__ = [
    "CHOICE",
    "REASON",
    "RESULT",
    "answer_view",
    "confirm_view",
    "details_pages",
    "details_view",
    "edit_view",
    "outcome_view",
    "reason_view",
    "told_view",
]

REASON = "reason"
CHOICE = "choice"
RESULT = "result"
"""The blocks of our own inputs."""

_LONGEST_REASON = 2_000
_LONGEST_TITLE = 24
_LONGEST_CHANGES = 12_000
_MOST_BLOCKS = 80
_MOST_ON_A_PAGE = 60_000
_MOST_BYTES = 200_000
_LEFT_OUT = 1_000


def reason_view(
    ref: GateRef,
    view: Presentation,
    *,
    vote: VoteKind,
    required: bool,
    origin: Origin | None = None,
) -> Element:
    """Ask for the reason of a vote.

    Args:
        ref: What the vote is about, as it was shown where somebody clicked.
        required: Whether the vote does not count without one.
    """
    label, title, submit = _VOTES[vote]
    carried = Carried(ref=ref, origin=origin, vote=vote.value)
    blocks = [*gate_in_brief(view), *small_print(view, whole=False), _reason(label, required)]
    return _view(title, Callback.REASON, blocks, carried=carried, submit=submit)


_VOTES = {
    VoteKind.APPROVE: ("Why do you approve it?", "Approve", "Approve"),
    VoteKind.REJECT: ("Why do you reject it?", "Reject", "Reject"),
    VoteKind.WITHDRAW: ("Why do you withdraw your vote?", "Withdraw", "Withdraw"),
    VoteKind.REVOKE: ("Why do you take it back?", "Take back", "Take back"),
}


def edit_view(form: EditForm, view: Presentation, *, origin: Origin | None = None) -> Element:
    """Ask for other arguments: the first step.

    Args:
        view: The gate as it stands, with the revision that the form begins with.
    """
    carried = Carried(ref=ref_of(view), origin=origin)
    blocks = [
        *gate_in_brief(view),
        context("Whoever changes it does not vote on it; votes so far count no more."),
        *_inputs(form, {}),
    ]
    return _view("Edit", Callback.EDIT, blocks, carried=carried, submit="Show the changes")


def confirm_view(
    form: EditForm,
    values: Mapping[str, str | None],
    after: bytes,
    redaction: Redaction,
    *,
    ref: GateRef,
    origin: Origin | None = None,
) -> Element:
    """Show what other arguments change, and let them be sent: the second step.

    It holds the same fields. Whoever takes it checks that `draft_of` what it brings back is the
    draft that it carries, and shows it anew with what is in it by then if it is not.

    Args:
        values: What was filled in.
        after: The arguments with that, as the action takes them.
        redaction: What of the arguments is secret.
    """
    draft = draft_of(after.decode("utf-8", "surrogatepass"))
    carried = Carried(ref=ref, origin=origin, draft=draft)
    told = [*_changes(form, after, redaction)]
    made = _view(
        "Send these changes?",
        Callback.CONFIRM,
        [*told, *_inputs(form, values)],
        carried=carried,
        submit="Send",
    )
    if len(json.dumps(made).encode()) <= _MOST_BYTES:
        return made
    return {**made, "blocks": [*told, *_inputs(form, {})]}  # Slack keeps what was filled in


def _changes(form: EditForm, after: bytes, redaction: Redaction) -> list[Element]:
    changes, _ = changes_between(form.arguments, after, redaction, limits=WHOLE)
    if not changes:
        return [section("Nothing is changed: fill in something else, or close this.")]
    lines = [
        f"{change.name}\n  - {_or_nothing(change.before)}\n  + {_or_nothing(change.after)}"
        for change in changes
    ]
    return preformatted("What you change", cut_to("\n".join(lines), _LONGEST_CHANGES))


def _or_nothing(text: str | None) -> str:
    return "(nothing)" if text is None else text


def _inputs(form: EditForm, values: Mapping[str, str | None]) -> list[Element]:
    left_out = ", ".join(form.left_out)
    return [
        *(field.element(values.get(field.block_id)) for field in form.fields),
        *([context(f"Too long for a form, and kept: {left_out}", most=_LEFT_OUT)] * bool(left_out)),
        _reason("Why do you change it?", True, values.get(REASON)),
    ]


def details_pages(view: Presentation) -> list[list[Element]]:
    """Everything of a gate, in as many pages as it needs."""
    pages: list[list[Element]] = [[]]
    room = 0
    for block in [*gate_whole(view), *small_print(view)]:
        needed = weight(block)
        if room + needed > _MOST_ON_A_PAGE or len(pages[-1]) == _MOST_BLOCKS:
            pages.append([])
            room = 0
        pages[-1].append(block)
        room += needed
    return pages


def details_view(
    view: Presentation | InterventionView,
    *,
    page: int = 1,
    decides: bool = False,
    approves: bool = True,
    edits: bool = False,
    origin: Origin | None = None,
) -> Element:
    """Show everything; a gate that is all on one page can be approved from it.

    Args:
        view: Uncut, so far as it can be had.
        page: Which page of it; the last one if there are not as many.
        decides: Whether it has the buttons that decide.
        approves: Whether one of them may approve.
        edits: Whether one of them opens the form for other arguments.
    """
    if isinstance(view, InterventionView):
        blocks = [section(view.standing), *question_whole(view)]
        return _view("Details", Callback.SHOWN, blocks, carried=_carried(view, origin))
    pages = details_pages(view)
    at = min(max(page, 1), len(pages))
    blocks = [*([] if view.complete else [_incomplete(view)]), *pages[at - 1]]
    row = _paging(view, at, len(pages))
    if decides and view.is_open:
        whole = len(pages) == 1
        row += gate_buttons(view, whole=whole, approves=approves, edits=edits, details=False)
    if row:
        blocks.append({"type": "actions", "elements": row})
    title = "Details" if len(pages) == 1 else f"Details {at} of {len(pages)}"
    return _view(title, Callback.SHOWN, blocks, carried=_carried(view, origin))


def _incomplete(view: Presentation) -> Element:
    return section(f"Not everything is shown. All of it: {view.whole_at}")


def _paging(view: Presentation, at: int, pages: int) -> list[Element]:
    """One button: two would need two action ids."""
    if pages == 1:
        return []
    after = at % pages + 1
    ref = ref_of(view, whole=False, page=after)
    return [button(f"Page {after} of {pages}", Asked.PAGE.value, value=value_of(ref))]


def answer_view(
    view: InterventionView,
    *,
    choice: str | None = None,
    meanings: Mapping[str, str] | None = None,
    wants_result: bool = False,
    origin: Origin | None = None,
) -> Element:
    """Ask for the answer of an intervention, and why.

    Args:
        choice: The answer that was picked by the button.
        meanings: What each answer means, in words.
        wants_result: Whether one of the answers needs the result of the call, as JSON.
    """
    told = meanings or {}
    lines = [f"{in_words(each)}: {told[each]}" for each in view.choices if each in told]
    result = [_result()] if wants_result else []
    blocks = [
        *question_whole(view),
        *([context(*lines[:10])] if lines else []),
        _choice(view, choice),
        *result,
        _reason("Why?", True),
    ]
    return _view("Answer", Callback.ANSWER, blocks, carried=_carried(view, origin), submit="Answer")


def _choice(view: InterventionView, choice: str | None) -> Element:
    options = [{"text": plain(in_words(each), 75), "value": each} for each in view.choices]
    picked = [option for option in options if option["value"] == choice]
    select: Element = {"type": "static_select", "action_id": VALUE, "options": options}
    if picked:
        select["initial_option"] = picked[0]
    return _input(CHOICE, "What is so?", select)


def _result() -> Element:
    text: Element = {
        "type": "plain_text_input",
        "action_id": VALUE,
        "multiline": True,
        "max_length": LONGEST_INPUT,
    }
    return _input(RESULT, "The result of the call, as JSON, where the answer needs it", text, True)


def _reason(label: str, required: bool, entered: str | None = None) -> Element:
    text: Element = {
        "type": "plain_text_input",
        "action_id": VALUE,
        "multiline": True,
        "max_length": _LONGEST_REASON,
    }
    if entered:
        text["initial_value"] = entered[:_LONGEST_REASON]
    return _input(REASON, label, text, not required)


def _input(block_id: str, label: str, element: Element, optional: bool = False) -> Element:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": element,
        "optional": optional,
    }


def outcome_view(view: Presentation | InterventionView, why: str | None = None) -> Element:
    """Say what has become of it, to somebody whose click has no effect.

    Args:
        why: Why it has none, in words; where it stands if left out.
    """
    said = [section(why or f"{view.standing[:1].upper()}{view.standing[1:]}")]
    if isinstance(view, Presentation):
        said += [*gate_in_brief(view), *small_print(view, whole=False)]
    return _view("No effect" if why else "Already decided", Callback.SHOWN, said)


def told_view(title: str, text: str) -> Element:
    """Say something, such as what went wrong and what to do."""
    return _view(title, Callback.SHOWN, [section(text)])


def _carried(view: Presentation | InterventionView, origin: Origin | None) -> Carried:
    if isinstance(view, InterventionView):
        return Carried(ref=QuestionRef(question_id=view.intervention_id), origin=origin)
    return Carried(ref=ref_of(view), origin=origin)


def _view(
    title: str,
    callback: Callback,
    blocks: list[Element],
    *,
    carried: Carried | None = None,
    submit: str | None = None,
) -> Element:
    more: dict[str, Any] = {}
    if carried is not None:
        more["private_metadata"] = carried.to_json()
    if submit is not None:
        more["submit"] = plain(submit, _LONGEST_TITLE)
    return {
        "type": "modal",
        "callback_id": callback.value,
        "title": plain(title[:_LONGEST_TITLE], _LONGEST_TITLE),
        "close": plain("Close", _LONGEST_TITLE),
        "blocks": blocks,
        **more,
    }
