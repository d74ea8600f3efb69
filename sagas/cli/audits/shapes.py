"""An audit as JSON: documented, and stable within a major version.

Pure.
"""

from collections.abc import Mapping
from datetime import datetime

from sagas.audit import (
    AuditRecord,
    AuditSums,
    Decision,
    Doubt,
    Failure,
    Period,
    Remaining,
    Rollback,
    Sum,
    Unaudited,
    Undone,
)
from sagas.audit.period import FIRST, LAST
from sagas.cli.shapes import Shape, measures, time, total
from sagas.model import micros

FORMAT = 1
"""The version of these shapes; members may be added to one, and none changes what it means."""


def at(moment: datetime | None) -> str | None:
    """An instant in ISO 8601, UTC, with microseconds."""
    return None if moment is None else time(micros(moment))


def heading(period: Period, criteria: Mapping[str, str | None]) -> Shape:
    """What is told: the first line."""
    return {
        "kind": "audit",
        "format": FORMAT,
        "since": None if period.since == FIRST else time(period.since),
        "until": None if period.until == LAST else time(period.until),
        "criteria": dict(criteria),
    }


def saga(record: AuditRecord) -> Shape:
    """One saga."""
    return {
        "kind": "saga",
        "id": record.id,
        "saga": record.saga,
        "version": record.version,
        "starter": record.starter,
        "requester": record.requester,
        "agent": record.agent,
        "owner": record.owner,
        "end": record.end.value,
        "started_at": at(record.started),
        "ended_at": at(record.ended),
        "rollbacks": [_rollback(item) for item in record.rollbacks],
        "failures": [_failure(item) for item in record.failures],
        "undone": [_undone(item) for item in record.undone],
        "decisions": [_decision(item) for item in record.decisions],
        "doubts": [_doubt(item) for item in record.doubts],
        "remains": [_remaining(item) for item in record.remains],
        **total(record.left),
        "head": record.head,
        "head_hash": record.head_hash,
    }


def unreadable(told: Unaudited) -> Shape:
    """A saga that could not be told."""
    return {"kind": "unreadable", "id": told.id, "reason": told.reason}


def sums(found: AuditSums, unread: int) -> Shape:
    """What all of them come to: the last line.

    Args:
        unread: How many sagas could not be told.
    """
    return {
        "kind": "sums",
        "unreadable": unread,
        "total": _sum(found.total),
        "by_saga": [{"saga": name, **_sum(one)} for name, one in sorted(found.by_saga.items())],
        "by_action": [
            {"action": name, **_sum(one)} for name, one in sorted(found.by_action.items())
        ],
    }


def _sum(one: Sum) -> Shape:
    return {
        "sagas": one.sagas,
        "undone": one.undone,
        "attempts": one.attempts,
        "remaining": one.remaining,
        "waived": one.waived,
        "accepted": one.accepted,
        **total(one),
    }


def _rollback(item: Rollback) -> Shape:
    return {
        "scope": item.scope,
        "cause": str(item.cause),
        "reason": item.reason,
        "began_at": at(item.began),
        "ended_at": at(item.ended),
    }


def _failure(item: Failure) -> Shape:
    return {
        "path": item.path,
        "direction": item.direction.value,
        "error": item.error,
        "message": item.message,
        "at": at(item.at),
    }


def _undone(item: Undone) -> Shape:
    return {
        "order": item.order,
        "path": item.path,
        "action": item.action,
        "version": item.version,
        "reversibility": item.reversibility.value,
        "state": item.state.value,
        "proof": item.proof.value,
        "attempts": item.attempts,
        "began_at": at(item.began),
        "ended_at": at(item.ended),
        "key": item.key or None,
        "left": item.left,
        "error": item.error,
    }


def _decision(item: Decision) -> Shape:
    return {
        "at": at(item.at),
        "matter": item.matter.value,
        "id": item.ref or None,
        "path": item.path,
        "direction": item.direction and item.direction.value,
        "asked": item.asked or None,
        "choice": item.choice,
        "by": item.by,
        "reason": item.reason,
        "rule": item.rule,
        "identified_by": item.identified_by,
        "channel": item.channel,
    }


def _doubt(item: Doubt) -> Shape:
    return {
        "path": item.path,
        "direction": item.direction.value,
        "reason": item.reason,
        "found_at": at(item.found),
        "settled_at": at(item.settled),
        "outcome": item.outcome,
        "via": item.via,
        "by": item.by,
    }


def _remaining(item: Remaining) -> Shape:
    return {
        "path": item.path,
        "action": item.action,
        "version": item.version,
        "reversibility": item.reversibility.value,
        "why": item.why.value,
        "text": item.text,
        **measures(item.residue),
        "at": at(item.at),
        "waived_by": item.waived_by,
        "accepted_by": item.accepted_by,
    }
