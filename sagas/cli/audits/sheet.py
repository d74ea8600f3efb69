"""An audit as rows of a spreadsheet (CSV, RFC 4180): one for each thing that is told of a saga.

Pure.
"""

import csv
from collections.abc import Iterator
from io import StringIO

from approvals.wording import visible
from compensations import Residue
from sagas.audit import (
    AuditRecord,
    Decision,
    Doubt,
    Failure,
    Remaining,
    Rollback,
    Unaudited,
    Undone,
)
from sagas.cli.audits.shapes import at

COLUMNS = (
    *("saga_id", "saga", "version", "starter", "requester", "agent", "owner", "end"),
    *("started_at", "ended_at", "row", "order", "at", "until", "path", "direction"),
    *("action", "action_version", "reversibility", "what", "how", "attempts", "id", "by", "rule"),
    *("identified_by", "channel", "amount", "currency", "text"),
    *("audience", "rows", "seconds"),
)

Cells = dict[str, object]

_FORMULAS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""A program for spreadsheets takes what begins with one of them for a formula; the last four are wide.

A tabulator and a carriage return, which hide them from some, are escapes by then.
"""


def line(cells: Cells) -> str:
    """One row, with its end."""
    buffer = StringIO(newline="")
    csv.writer(buffer).writerow([_cell(cells.get(column)) for column in COLUMNS])
    return buffer.getvalue()


def header() -> str:
    """The names of the columns."""
    return line({column: column for column in COLUMNS})


def rows(record: AuditRecord) -> Iterator[Cells]:
    """The rows of one saga, which begin with one that tells of it as a whole."""
    saga = _saga(record)
    yield saga | {"row": "saga", "id": record.head_hash}
    for cells in _items(record):
        yield saga | cells


def unreadable(told: Unaudited) -> Cells:
    """The row of a saga that could not be told."""
    return {"saga_id": told.id, "row": "unreadable", "text": told.reason}


def _items(record: AuditRecord) -> Iterator[Cells]:
    yield from map(_rollback, record.rollbacks)
    yield from map(_failure, record.failures)
    yield from map(_undone, record.undone)
    yield from map(_doubt, record.doubts)
    yield from map(_decision, record.decisions)
    yield from map(_remaining, record.remains)


def _saga(record: AuditRecord) -> Cells:
    return {
        "saga_id": record.id,
        "saga": record.saga,
        "version": record.version,
        "starter": record.starter,
        "requester": record.requester,
        "agent": record.agent,
        "owner": record.owner,
        "end": record.end.value,
        "started_at": at(record.started),
        "ended_at": at(record.ended),
    }


def _rollback(item: Rollback) -> Cells:
    return {
        "row": "rollback",
        "at": at(item.began),
        "until": at(item.ended),
        "path": item.scope,
        "what": str(item.cause),
        "text": item.reason,
    }


def _failure(item: Failure) -> Cells:
    return {
        "row": "failure",
        "at": at(item.at),
        "path": item.path,
        "direction": item.direction.value,
        "what": item.error,
        "text": item.message,
    }


def _undone(step: Undone) -> Cells:
    return {
        "row": "undone",
        "order": step.order,
        "at": at(step.began),
        "until": at(step.ended),
        "path": step.path,
        "direction": "undo",
        "action": step.action,
        "action_version": step.version,
        "reversibility": step.reversibility.value,
        "what": step.state.value,
        "how": step.proof.value,
        "attempts": step.attempts,
        "id": step.key,
        "text": step.error,
    }


def _doubt(item: Doubt) -> Cells:
    return {
        "row": "doubt",
        "at": at(item.found),
        "until": at(item.settled),
        "path": item.path,
        "direction": item.direction.value,
        "what": item.outcome,
        "how": item.via,
        "by": item.by,
        "text": item.reason,
    }


def _decision(item: Decision) -> Cells:
    return {
        "row": item.matter.value,
        "at": at(item.at),
        "path": item.path,
        "direction": item.direction and item.direction.value,
        "what": item.choice,
        "how": item.asked,
        "id": item.ref,
        "by": item.by,
        "rule": item.rule,
        "identified_by": item.identified_by,
        "channel": item.channel,
        "text": item.reason,
    }


def _remaining(item: Remaining) -> Cells:
    return {
        "row": "remains",
        "at": at(item.at),
        "path": item.path,
        "action": item.action,
        "action_version": item.version,
        "reversibility": item.reversibility.value,
        "what": item.why.value,
        "how": "accepted" if item.accepted_by else None,
        "by": item.waived_by or item.accepted_by,
        "amount": item.amount,
        "currency": item.currency,
        "text": item.text,
        **({} if item.residue is None else _measures(item.residue)),
    }


def _measures(residue: Residue) -> Cells:
    return {
        "audience": residue.audience and residue.audience.value,
        "rows": residue.rows,
        "seconds": None if residue.time is None else residue.time.total_seconds(),
    }


def _cell(value: object) -> str:
    """A cell's text; one that would be a formula begins with an apostrophe. Numbers are ours."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    shown = visible(value)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULAS) else shown
