"""An audit for people: a block for each saga, and what all of them come to."""

from collections.abc import Mapping
from datetime import datetime

from rich.table import Table
from rich.text import Text

from sagas.audit import (
    AuditRecord,
    AuditSums,
    Decision,
    Doubt,
    Failure,
    Matter,
    Proof,
    Remaining,
    Rollback,
    Sum,
    Unaudited,
    Undone,
)
from sagas.cli.terminal import Part, grid, safe, section, status
from sagas.model import Direction
from sagas.story import Lasting
from sagas.story.wording import plural

_SHORT = 300
_KNOWN = {
    Proof.ATTEMPTED: "not known to be undone",
    Proof.ACKNOWLEDGED: "the call answered",
    Proof.VERIFIED: "the destination says so",
    Proof.STATED: "a person says so",
    Proof.WAIVED: "left as it is",
}
_UNDO = "undo of "


def saga(record: AuditRecord) -> list[Part]:
    """One saga."""
    title = Text.assemble(safe(record.id, "bold"), "  ", status(record.end))
    by = " for ".join(dict.fromkeys(name for name in (record.starter, record.requester) if name))
    agent = f", agent {record.agent}" if record.agent else ""
    ended = f", ended {_at(record.ended)}" if record.ended else ", not over"
    what = f"{record.saga} version {record.version}, started by {by}{agent} {_at(record.started)}"
    table = grid("fixed", "fixed", "rest")
    for rollback in record.rollbacks:
        _rollback(table, rollback)
    for failure in record.failures:
        _failure(table, failure)
    for step in record.undone:
        _undone(table, step)
    for doubt in record.doubts:
        _doubt(table, doubt)
    for decision in record.decisions:
        _decision(table, decision)
    for item in record.remains:
        _remaining(table, item)
    return section(title, [safe(f"{what}{ended}", "dim"), table])


def unreadable(told: Unaudited) -> list[Part]:
    """A saga that could not be told."""
    title = Text.assemble(safe(told.id, "bold"), "  ", Text("unreadable", "bold red"))
    return section(title, [safe(told.reason, "red")])


def sums(found: AuditSums, unread: int) -> list[Part]:
    """What all of them come to.

    Args:
        unread: How many sagas could not be told.
    """
    total = found.total
    parts: list[Part] = []
    if total.sagas:
        parts += [*section(Text("by saga", "bold"), [_sums(found.by_saga)]), Text()]
    if found.by_action:
        parts += [*section(Text("by action", "bold"), [_sums(found.by_action)]), Text()]
    left = str(total)
    said = (
        plural(total.sagas, "saga"),
        f"{plural(total.undone, 'step')} undone",
        f"{plural(total.remaining, 'thing')} left" + (f" ({left})" if left else ""),
        f"{total.waived} waived",
    )
    parts.append(safe(", ".join(said)))
    if unread:
        words = f"! {plural(unread, 'saga')} could not be read: `sagas verify` checks the journal"
        parts.append(safe(words, "bold red"))
    return parts


def _sums(found: Mapping[str, Sum]) -> Table:
    table = grid("", *["right"] * 5, "rest")
    head = ("", "sagas", "undone", "attempts", "left", "waived", "measured")
    table.add_row(*(Text(word, style="dim") for word in head))
    for name, one in sorted(found.items()):
        counts = (one.sagas, one.undone, one.attempts, one.remaining, one.waived)
        told = (Text(str(count) if count else "-") for count in counts)
        table.add_row(safe(name), *told, safe(str(one)))
    return table


def _at(moment: datetime | None) -> str:
    """An instant in ISO 8601, UTC, to the second."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _row(table: Table, what: str, style: str, at: datetime | None, step: str, *said: str) -> None:
    text = ", ".join(part for part in said if part)
    told = Text.assemble(safe(step, "bold"), "  ", safe(text, limit=_SHORT))
    table.add_row(Text(what, style), Text(_at(at), "dim"), told)


def _rollback(table: Table, item: Rollback) -> None:
    over = f"until {_at(item.ended)}" if item.ended else "not over"
    scope = item.scope or "the saga"
    _row(table, "rollback", "blue", item.began, scope, f"{item.cause}: {item.reason}", over)


def _failure(table: Table, item: Failure) -> None:
    words = ": ".join(part for part in (item.error, item.message) if part)
    _row(table, "failed", "red", item.at, _call(item.label, item.direction), words)


def _undone(table: Table, step: Undone) -> None:
    left = f"leaves: {step.left}" if step.left and step.proof is not Proof.WAIVED else ""
    tries = plural(step.attempts, "attempt")
    what, style = ("undone", "blue") if step.ended else ("not undone", "yellow")
    said = (step.action, step.reversibility, tries, _KNOWN[step.proof], left, step.error or "")
    _row(table, what, style, step.ended or step.began, f"{step.order} {step.label}", *said)


def _doubt(table: Table, item: Doubt) -> None:
    settled = (
        f"{item.outcome} by {item.by or item.via}, {_at(item.settled)}"
        if item.settled
        else "not settled"
    )
    call = _call(item.label, item.direction)
    _row(table, "doubt", "yellow", item.found, call, item.reason, settled)


def _decision(table: Table, item: Decision) -> None:
    who = f"by {item.by}" if item.by else f"by rule {item.rule}" if item.rule else ""
    about = "" if item.matter is Matter.CANCEL else item.asked or item.ref
    words = " ".join(part for part in (item.choice, who) if part)
    because = f"{words}: {item.reason}" if item.reason else words
    label = _call(item.label, item.direction) or "the saga"
    _row(table, "decision", "magenta", item.at, label, about, because)


def _remaining(table: Table, item: Remaining) -> None:
    waived = f"waived by {item.waived_by}" if item.waived_by else ""
    waived = f"accepted by {item.accepted_by}" if item.accepted_by else waived
    why = item.why.value if item.why in (Lasting.IN_DOUBT, Lasting.IRREVERSIBLE) else ""
    _row(table, "remains", "yellow", item.at, item.label, item.action, why, item.text, waived)


def _call(label: str, direction: Direction | None) -> str:
    return f"{_UNDO}{label}" if direction is Direction.UNDO else label


def nothing(*, narrowed: bool) -> str:
    """What is said where there is nothing to tell.

    Args:
        narrowed: Whether anything was asked for.
    """
    return "nothing was undone that fits" if narrowed else "nothing was undone"
