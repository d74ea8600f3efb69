"""The steps that were undone, or tried to be, in the order in which that began.

Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sagas import entries as e
from sagas.audit.model import Proof, Undone
from sagas.model import Direction, instant
from sagas.state import Phase, SagaState, Step, Track
from sagas.story.steps import step_state

Row = tuple[int, int, e.Entry]

_PROOFS = {"probe": Proof.VERIFIED, "person": Proof.STATED}


@dataclass(slots=True)
class _Undoing:
    """The calls that undo one step, over all of its undos."""

    attempts: int = 0
    began: int | None = None
    ended: int | None = None
    key: str = ""


def undone(state: SagaState, rows: Iterable[Row], labels: Mapping[str, str]) -> tuple[Undone, ...]:
    """What was undone of a saga."""
    return tuple(
        _undone(order, state, state.steps[path], undoing, labels)
        for order, (path, undoing) in enumerate(_undoings(rows).items(), 1)
    )


def _undoings(rows: Iterable[Row]) -> dict[str, _Undoing]:
    """By path, in the order in which undoing began."""
    found: dict[str, _Undoing] = {}
    for _, at, entry in rows:
        match entry:
            case e.CompensationIntended(path=path, key=key):
                undoing = found.setdefault(path, _Undoing())
                undoing.attempts += 1
                undoing.began = at if undoing.began is None else undoing.began
                undoing.key = key
            case e.Postponed(path=path, direction=Direction.UNDO, made=False):
                found[path].attempts -= 1  # it was given up before it was begun
            case e.Compensated(path=path):
                found.setdefault(path, _Undoing()).ended = at
            case _:
                pass
    return found


def _undone(
    order: int, state: SagaState, step: Step, undoing: _Undoing, labels: Mapping[str, str]
) -> Undone:
    track = step.undo
    is_over = track.phase is Phase.SUCCEEDED and undoing.ended is not None
    left = step.residue is not None and step.residue.remains
    return Undone(
        order=order,
        path=step.path,
        label=labels.get(step.path, step.path),
        action=step.action,
        version=step.version,
        reversibility=step.reversibility,
        state=step_state(step, over=state.unwinding or state.ended is not None),
        proof=_proof(track),
        attempts=undoing.attempts,
        began=None if undoing.began is None else instant(undoing.began),
        ended=instant(undoing.ended or 0) if is_over else None,
        key=undoing.key,
        left=str(step.residue) if left else None,
        error=None if is_over else _error(track),
    )


def _proof(track: Track) -> Proof:
    if track.phase is Phase.WAIVED:
        return Proof.WAIVED
    if track.phase is not Phase.SUCCEEDED:
        return Proof.ATTEMPTED
    return _PROOFS.get(track.via, Proof.ACKNOWLEDGED)


def _error(track: Track) -> str | None:
    return ": ".join(part for part in (track.error, track.message) if part) or None
