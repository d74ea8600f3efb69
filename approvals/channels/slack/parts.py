"""A gate and an intervention as blocks: all that people see of them, or so much as fits beside it.

Pure.
"""

from dataclasses import replace

from approvals.channels.notice import InterventionView
from approvals.channels.slack.actions import GateRef
from approvals.channels.slack.texts import (
    Element,
    context,
    cut_to,
    fields,
    in_pieces,
    preformatted,
    section,
    size,
)
from approvals.presentation import Presentation

__all__ = [
    "became",
    "consequences_in_brief",
    "facts_in_brief",
    "gate_in_brief",
    "gate_whole",
    "moment",
    "question_whole",
    "ref_of",
    "sentence",
    "small_print",
]

_UNVERIFIED = "Why, in the agent's own words, which nobody has verified"
_TITLE = 300
_FIELD = 120
_SENTENCE = 350
_EXCERPT = 700
_LIST = 500
_SMALL = 120
_LONGEST_FIELD = 1_000


def ref_of(view: Presentation, *, whole: bool = True, page: int = 1) -> GateRef:
    """What a button about a gate carries.

    Args:
        whole: Whether everything of it is shown where the button is.
        page: Which page of the details it leads to.
    """
    shown = view if whole else replace(view, complete=False)
    return GateRef(
        gate_id=view.gate_id,
        revision=view.revision,
        digest=view.digest,
        seen=shown.seen,
        page=page,
    )


def moment(view: Presentation) -> str:
    """The deadline, which stays true while the message stands."""
    return f"{view.deadline:%Y-%m-%d %H:%M} UTC"


def became(standing: str) -> str:
    """Where something stands, as what is read later says it; "already" is for who comes late."""
    return sentence(standing.removeprefix("already "))


def sentence(text: str) -> str:
    """The same, with a capital letter."""
    return f"{text[:1].upper()}{text[1:]}"


def gate_whole(view: Presentation) -> list[Element]:
    """Everything that there is to see, uncut."""
    return [
        *_paragraphs(view.title),
        *_head(view),
        *_listed("Look closely", [f"! {each}" for each in view.warnings]),
        *preformatted("What would run", _facts(view)),
        *_listed("What was changed", _changes(view)),
        *_quoted("Why it was changed", view.edited_because),
        *_paragraphs(f"If it is approved: {view.cannot_undo}"),
        *_listed("Done so far", view.done_so_far, "nothing"),
        *_paragraphs(f"If it is rejected, or not decided in time: {view.on_rejection}"),
        *_listed("Undoing would undo, in this order", view.undone),
        *_listed("and leave", view.remains),
        *_paragraphs(_undoable(view)),
        *_quoted(_UNVERIFIED, view.because),
        *_paragraphs(f"Who decides: {view.who}\n{_where_it_stands(view)}"),
        *_listed("Votes", view.votes),
    ]


def gate_in_brief(view: Presentation) -> list[Element]:
    """What it is about, of a bounded size; nothing can be approved from that alone."""
    return [section(view.title, _TITLE), _short_head(view)]


def facts_in_brief(view: Presentation) -> list[Element]:
    """The beginning and the end of the arguments, and how much there is between them."""
    text = _facts(view)
    if size(text) <= 2 * _EXCERPT:
        return preformatted("What was asked for", text)
    end = _end(text)
    middle = f"[cut: {len(text)} characters in all]"
    return [
        *preformatted("The arguments begin", cut_to(text, _EXCERPT)),
        *preformatted("and end", f"{middle} … {end}"),
    ]


def consequences_in_brief(view: Presentation) -> list[Element]:
    """What can be undone and what cannot, and what has been done."""
    done = "; ".join(view.done_so_far[-5:]) or "nothing"
    warned = "; ".join(view.warnings)
    return [
        *([section(f"Look closely: {warned}", _LIST)] if warned else []),
        section(f"If it is approved: {view.cannot_undo}", _SENTENCE),
        section(f"Done so far: {done}", _LIST),
        section(f"If it is rejected, or not decided in time: {view.on_rejection}", _SENTENCE),
    ]


def small_print(view: Presentation, *, whole: bool = True, is_cut: bool = False) -> list[Element]:
    """Which request it is exactly, to compare by eye across channels.

    Args:
        whole: Cut no name.
        is_cut: Whether the digest stands for arguments that are not all shown: all of it then.
    """
    digest = view.digest if is_cut else view.short_digest
    which = f"Digest {digest}, revision {view.revision}{_edited(view)}"
    where = f"Step {view.path} of saga {view.saga_id}, gate {view.gate_id}"
    if not whole:
        return [context(which, where, most=_SMALL)]
    return [context(piece) for text in (which, where) for piece in in_pieces(text)]


def question_whole(view: InterventionView) -> list[Element]:
    """An intervention, uncut."""
    return [
        *_paragraphs(view.question),
        *(preformatted("What is known, unverified", view.evidence) if view.evidence else []),
        context(
            f"{view.kind}: {f'step {view.path} of ' if view.path else ''}saga {view.saga_id}",
            f"Intervention {view.intervention_id}",
        ),
    ]


def _head(view: Presentation) -> list[Element]:
    pairs = _at_stake(view)
    long = [(label, value) for label, value in pairs if size(value or "") > _LONGEST_FIELD]
    return [
        fields(*(pair for pair in pairs if pair not in long)),
        *(block for label, value in long for block in _paragraphs(f"{label}: {value}")),
        *_paragraphs(f"{view.action}, asked for by {view.requester}"),
    ]


def _at_stake(view: Presentation) -> tuple[tuple[str, str | None], ...]:
    return (
        ("Class", view.label),
        ("Moves", view.cost),
        ("Reaches", view.recipients),
        ("Decide by", moment(view) if view.is_open else None),
    )


def _short_head(view: Presentation) -> Element:
    return fields(
        *_at_stake(view),
        ("Action", view.action),
        ("Asked for by", view.requester),
        most=_FIELD,
    )


def _facts(view: Presentation) -> str:
    return "\n".join(f"{fact.name} = {fact.value}" for fact in view.facts) or "(no arguments)"


def _changes(view: Presentation) -> list[str]:
    return [
        f"{change.name}\n  - {_or_nothing(change.before)}\n  + {_or_nothing(change.after)}"
        for change in view.changes
    ]


def _or_nothing(text: str | None) -> str:
    return "(nothing)" if text is None else text


def _listed(
    label: str, lines: list[str] | tuple[str, ...], otherwise: str | None = None
) -> list[Element]:
    if lines:
        return preformatted(label, "\n".join(lines))
    return [] if otherwise is None else [section(f"{label}: {otherwise}")]


def _paragraphs(text: str | None) -> list[Element]:
    return [] if text is None else [section(piece) for piece in in_pieces(text)]


def _quoted(label: str, said: str | None) -> list[Element]:
    return [] if said is None else preformatted(label, said)


def _undoable(view: Presentation) -> str | None:
    if view.undoable_until is None:
        return None
    return f"All of that can be undone until {view.undoable_until}"


def _where_it_stands(view: Presentation) -> str:
    if not view.is_open:
        return became(view.standing)
    return f"{sentence(view.still_needed)}. {view.at_deadline}"


def _edited(view: Presentation) -> str:
    return "" if view.editor is None else f", made by {view.editor}, who does not vote on it"


def _end(text: str) -> str:
    """As much of its end as fits beside the beginning."""
    end = text[-_EXCERPT:]
    while size(end) > _EXCERPT:
        end = end[max(1, len(end) // 8) :]
    return end
