"""One saga's entries told as an audit record.

Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sagas import entries as e
from sagas.audit.deciding import decisions
from sagas.audit.doubting import doubts
from sagas.audit.model import AuditRecord, Cause, Failure, Rollback
from sagas.audit.remaining import is_undone_as_a_whole, is_undone_in_part, remaining
from sagas.audit.undoing import undone
from sagas.fold import fold
from sagas.model import Direction, Status, instant
from sagas.state import SagaState
from sagas.story.wording import labels

Row = tuple[int, int, e.Entry]


def audited(saga_id: str, rows: Sequence[Row], *, head_hash: str) -> AuditRecord | None:
    """What an audit tells of a saga; None if nothing of it was undone or is to be.

    Args:
        rows: All of its entries as `(seq, at, entry)`, in order.
        head_hash: The hash of the last.

    Raises:
        LookupError: An entry speaks of what no entry before it has told.
        ValueError: An entry says what none of this release says.
    """
    state = fold(saga_id, rows)
    if not _is_undone(state):
        return None
    named = labels([*state.steps, *state.timers, *state.values, *state.savepoints])
    parties = state.parties
    return AuditRecord(
        id=saga_id,
        saga=state.saga,
        version=state.version,
        starter=parties.starter,
        requester=parties.requester,
        agent=parties.agent,
        owner=parties.owner,
        end=standing(state),
        started=instant(state.started_at),
        ended=instant(state.ended_at) if state.ended is not None else None,
        rollbacks=_rollbacks(rows, named),
        failures=_failures(rows, named),
        undone=undone(state, rows, named),
        decisions=decisions(rows, named),
        doubts=doubts(rows, named),
        remains=remaining(state, rows, named),
        head=state.head,
        head_hash=head_hash,
    )


def _is_undone(state: SagaState) -> bool:
    return (
        is_undone_as_a_whole(state)
        or any(savepoint.began for savepoint in state.savepoints.values())
        or any(is_undone_in_part(state, step) for step in state.steps.values())
    )


def standing(state: SagaState) -> Status:
    """How a saga ended or where it stands, by its entries alone."""
    if state.ended is not None:
        return Status(state.ended.status)
    if state.questions:
        return Status.STUCK
    if state.unwinding or state.rolling_back is not None:
        return Status.UNWINDING
    waits = any(gate.state == "pending" for gate in state.gates.values()) or any(
        not timer.fired and timer.event is None and not timer.interrupted
        for timer in state.timers.values()
    )
    return Status.WAITING if waits else Status.RUNNING


def _failures(rows: Sequence[Row], named: Mapping[str, str]) -> tuple[Failure, ...]:
    """Every call that is known not to have happened, the oldest first."""
    return tuple(
        Failure(
            path=entry.path,
            label=named.get(entry.path, entry.path),
            direction=Direction.DO if isinstance(entry, e.Failed) else Direction.UNDO,
            error=entry.error,
            message=entry.message,
            at=instant(at),
        )
        for _, at, entry in rows
        if isinstance(entry, e.Failed | e.CompensationFailed)
    )


def _rollbacks(rows: Sequence[Row], named: Mapping[str, str]) -> tuple[Rollback, ...]:
    """Every unwinding, in the order in which they began."""
    found: list[Rollback] = []
    open_: dict[str | None, int] = {}
    for _, at, entry in rows:
        scope, begun = _begun(at, entry, named)
        if begun is not None:
            open_[scope] = len(found)
            found.append(begun)
        elif isinstance(entry, e.RolledBackTo):
            _end(found, open_, entry.path, at)
        elif isinstance(entry, e.Ended):
            for each in list(open_):
                _end(found, open_, each, at)
    return tuple(found)


def _begun(at: int, entry: e.Entry, named: Mapping[str, str]) -> tuple[str | None, Rollback | None]:
    """The rollback that begins with an entry, if one does, and the path of its savepoint."""
    match entry:
        case e.UnwindBegan(reason=reason, cause=cause):
            return None, Rollback(scope=None, cause=cause, reason=reason, began=instant(at))
        case e.RollbackBegan(path=path, reason=reason):
            label = named.get(path, path)
            return path, Rollback(scope=label, cause=Cause.LEFT, reason=reason, began=instant(at))
        case e.Reopened(reason=reason):
            return None, Rollback(scope=None, cause=Cause.LATE, reason=reason, began=instant(at))
        case _:
            return None, None


def _end(found: list[Rollback], open_: dict[str | None, int], scope: str | None, at: int) -> None:
    index = open_.pop(scope, None)
    if index is not None:
        found[index] = replace(found[index], ended=instant(at))
