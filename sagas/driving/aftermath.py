"""What an entry means to those who were asked at the gates of its saga.

A gate's row does not change when what it allowed has run, or when its saga is undone; so the entry
that says so brings along what has the gate told anew. Sagas without gates pay nothing. Pure.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from approvals.aftermath import Aftermath
from sagas import entries as e
from sagas.entries import Entry
from sagas.model import Direction, Status
from sagas.ports import NoteAftermath
from sagas.state import SagaState

Found = tuple[Aftermath, Collection[str]] | None

_ENDS = {Status.COMPENSATED: Aftermath.UNDONE, Status.RESIDUAL: Aftermath.RESIDUAL}


def notes(state: SagaState, entry: Entry, at: int) -> list[NoteAftermath]:
    """What is to be told anew because of an entry.

    Args:
        state: The saga before it.
        at: When it is written.
    """
    read = _READERS.get(type(entry)) if state.gates else None
    found = None if read is None else read(state, entry)
    if found is None or not found[1]:
        return []
    return [NoteAftermath(tuple(sorted(found[1])), found[0], at)]


def _step(state: SagaState, path: str, direction: Direction, became: Aftermath) -> Found:
    """Of the gate of one call, if it had one."""
    gate = state.gate_of.get((path, direction))
    return None if gate is None else (became, [gate])


def _succeeded(state: SagaState, entry: e.Succeeded) -> Found:
    return _step(state, entry.path, Direction.DO, Aftermath.DONE)


def _failed(state: SagaState, entry: e.Failed) -> Found:
    if entry.via == "gate":
        return None  # it was refused: nothing was called that could fail
    return _step(state, entry.path, Direction.DO, Aftermath.FAILED)


def _compensated(state: SagaState, entry: e.Compensated) -> Found:
    return _step(state, entry.path, Direction.UNDO, Aftermath.DONE)


def _compensation_failed(state: SagaState, entry: e.CompensationFailed) -> Found:
    return _step(state, entry.path, Direction.UNDO, Aftermath.FAILED)


def _found_in_doubt(state: SagaState, entry: e.FoundInDoubt) -> Found:
    if entry.over:
        return None
    return _step(state, entry.path, Direction(entry.direction), Aftermath.IN_DOUBT)


def _unwind_began(state: SagaState, entry: e.UnwindBegan) -> Found:
    return Aftermath.UNDOING, state.gates


def _reopened(state: SagaState, entry: e.Reopened) -> Found:
    return (Aftermath.UNDOING, state.gates) if state.unwinding else None


def _rolled_back_to(state: SagaState, entry: e.RolledBackTo) -> Found:
    inside = [gate.id for gate in state.gates.values() if gate.path.startswith(f"{entry.path}/")]
    return Aftermath.ROLLED_BACK, inside


def _ended(state: SagaState, entry: e.Ended) -> Found:
    became = _ENDS.get(Status(entry.status))
    return None if became is None else (became, state.gates)


_READERS: Mapping[type[Entry], Callable[[SagaState, Any], Found]] = {
    e.Succeeded: _succeeded,
    e.Failed: _failed,
    e.Compensated: _compensated,
    e.CompensationFailed: _compensation_failed,
    e.FoundInDoubt: _found_in_doubt,
    e.UnwindBegan: _unwind_began,
    e.Reopened: _reopened,
    e.RolledBackTo: _rolled_back_to,
    e.Ended: _ended,
}
