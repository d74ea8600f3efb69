"""What people see before they decide: what would run, what follows from it, and by when.

Everything is taken from the gate, never from an agent's account of it, and whatever an agent or
a user may have worded is made visible and cut before it is shown. `present` is pure; `render_text`
touches the packaged template.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from approvals.facts import Fact, facts_of
from approvals.gate import Gate
from approvals.standing import standing
from approvals.subject import FORWARD
from approvals.wording import cut, duration, fold, instant
from reversibility import Reversibility

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Presentation", "present", "render_text"]

_SHORT_DIGEST = 12
_NAME_LIMIT = 200
_DONE_LIMIT = 20
_PEOPLE_LIMIT = 10
_COLUMNS = 79
_CONTINUED = "      | "


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """A gate as people see it; every text is safe to show on one line."""

    gate_id: str
    title: str
    saga_id: str
    path: str
    requester: str
    """Who started the saga."""
    action: str
    """The action with its version."""
    label: str
    """The class of the action, in a few words."""
    facts: tuple[Fact, ...]
    """The arguments, from their canonical bytes."""
    complete: bool
    """Whether the facts are all there is; where they are not, nobody has seen what they allow."""
    cannot_undo: str
    """What is past undoing once the action has run."""
    done_so_far: tuple[str, ...]
    on_rejection: str
    """What follows when it is rejected, or nobody decides."""
    who: str
    """Who may decide, and how many of them have to."""
    deadline: datetime
    until: str
    """The deadline in words, with what is left of it."""
    standing: str
    """Where the gate stands."""
    digest: str
    short_digest: str
    """The beginning of the digest, to compare by eye across channels."""


def present(
    gate: Gate, *, reversibility: Reversibility, done: Sequence[str], now: datetime
) -> Presentation:
    """Prepare a gate to be shown.

    Args:
        gate: The gate as it is stored.
        reversibility: The class of the action with these arguments.
        done: What the saga has done so far, oldest first, in words.
        now: The instant at which it is shown.
    """
    facts = facts_of(gate.arguments)
    return Presentation(
        gate_id=gate.id,
        title=_title(gate),
        saga_id=_name(gate.saga_id),
        path=_name(gate.path),
        requester=_name(gate.requester),
        action=f"{_name(gate.action)}, version {gate.action_version}",
        label=reversibility.label,
        facts=facts.shown,
        complete=facts.complete,
        cannot_undo=_CANNOT_UNDO[reversibility],
        done_so_far=_done(done),
        on_rejection=_on_rejection(gate, done),
        who=_who(gate),
        deadline=gate.deadline,
        until=_until(gate, now=now),
        standing=standing(gate, now=now),
        digest=gate.digest,
        short_digest=gate.digest[:_SHORT_DIGEST],
    )


def render_text(presentation: Presentation) -> str:
    """Write a presentation as plain text, for a terminal of 80 columns."""
    lines = _template().render(presentation=presentation).split("\n")
    return "\n".join(fold(line, width=_COLUMNS, mark=_CONTINUED) for line in lines)


@cache
def _template() -> "Template":
    # A template engine is loaded by those who show something, not by those who declare a gate.
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("approvals", "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("gate.txt.j2")


_CANNOT_UNDO = {
    Reversibility.READ_ONLY: "It changes nothing, so that nothing has to be undone.",
    Reversibility.REVERSIBLE: "Nothing is final: the former state can be restored.",
    Reversibility.COMPENSATABLE: "It can be made up for; what others saw of it stays seen.",
    Reversibility.IRREVERSIBLE: "Once it has begun, it cannot be undone.",
    Reversibility.UNKNOWN: "Nobody has declared how to undo it: take it for final.",
}


def _title(gate: Gate) -> str:
    purpose = "" if gate.direction == FORWARD else ", to make up for an earlier step"
    return f"May {_name(gate.action)} run{purpose}?"


def _name(text: str) -> str:
    return cut(text, _NAME_LIMIT)


def _done(done: Sequence[str]) -> tuple[str, ...]:
    shown = tuple(_name(step) for step in done[-_DONE_LIMIT:])
    earlier = len(done) - len(shown)
    return (f"[cut: {earlier} earlier steps]", *shown) if earlier else shown


def _on_rejection(gate: Gate, done: Sequence[str]) -> str:
    if gate.direction != FORWARD:
        return "It does not run, and a person has to settle the step it was to make up for."
    if not done:
        return "It does not run; nothing has been done that would have to be undone."
    return "It does not run; the saga takes another way, or undoes what can be undone."


def _who(gate: Gate) -> str:
    asked = gate.policy.describe()
    if not gate.eligible:
        return asked
    people = ", ".join(_name(person) for person in gate.eligible[:_PEOPLE_LIMIT])
    more = len(gate.eligible) - _PEOPLE_LIMIT
    return f"{asked} ({people}{f' and {more} more' if more > 0 else ''})"


def _until(gate: Gate, *, now: datetime) -> str:
    left = gate.deadline - now
    at = instant(gate.deadline, now=now)
    if left <= timedelta(0):
        return f"{at} (over)"
    whole_minutes = left - left % timedelta(minutes=1)
    return f"{at} ({duration(whole_minutes) if whole_minutes else 'less than 1 min'} left)"
