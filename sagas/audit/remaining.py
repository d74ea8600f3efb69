"""What remains in the world of a saga that was undone, as a whole or in part, and who waived it.

Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from compensations import Choice, InterventionKind, Residue
from compensations.plan import Standing
from sagas import decide
from sagas import entries as e
from sagas.audit.model import Remaining
from sagas.model import Status, instant
from sagas.state import SagaState, Step
from sagas.story import Lasting
from sagas.story.steps import left

Row = tuple[int, int, e.Entry]


@dataclass(slots=True)
class _Signed:
    """Who left what as it is.

    Attributes:
        recorded: When the residue of a step was recorded last.
        waived: Who left a step as it is.
        accepted: Who accepted what was left of it.
        second: Who left a second effect as it is, and when.
        kept: Who let the saga end as it was.
    """

    recorded: dict[str, int] = field(default_factory=dict[str, int])
    waived: dict[str, str] = field(default_factory=dict[str, str])
    accepted: dict[str, str] = field(default_factory=dict[str, str])
    second: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    kept: str | None = None


def is_undone_as_a_whole(state: SagaState) -> bool:
    """Whether whatever it has done is to be accounted for."""
    ended = state.ended
    return state.unwinding or (ended is not None and ended.status == Status.RESIDUAL)


def is_undone_in_part(state: SagaState, step: Step) -> bool:
    """Whether one step of a saga that goes on was undone, is to be, or was left as it is."""
    return (
        step.late
        or step.twice
        or bool(step.undo.attempts)
        or step.is_undone
        or step.residue is not None
        or step.second is not None
        or state.is_rolled_back(step.path)
    )


def remaining(
    state: SagaState, rows: Iterable[Row], labels: Mapping[str, str]
) -> tuple[Remaining, ...]:
    """What is left, in the order of the steps."""
    whole, signed = is_undone_as_a_whole(state), _signed(rows)
    standings = {effect.path: effect.standing for effect in decide.effects(state)}
    found: list[Remaining] = []
    for step in state.steps.values():
        if whole or is_undone_in_part(state, step):
            standing = standings.get(step.path, Standing.SETTLED)
            found += _of_step(state, step, standing, signed, labels)
    return tuple(found)


def _of_step(
    state: SagaState, step: Step, standing: Standing, signed: _Signed, labels: Mapping[str, str]
) -> Iterator[Remaining]:
    kept = signed.kept if state.ended is not None else None
    for why, text in left(step, standing, ended=state.ended is not None):
        residue = step.residue if why is Lasting.RESIDUE else None
        if residue is not None and not residue.remains:
            continue
        yield _item(
            step,
            labels,
            why,
            text,
            residue,
            at=signed.recorded.get(step.path) if residue is not None else None,
            by=signed.waived.get(step.path) if residue is not None else kept,
            accepted=signed.accepted.get(step.path) if residue is not None else None,
        )
    if step.second is not None:
        by, at = signed.second.get(step.path, (None, None))
        yield _item(step, labels, Lasting.RESIDUE, str(step.second), step.second, at=at, by=by)


def _item(
    step: Step,
    labels: Mapping[str, str],
    why: Lasting,
    text: str,
    residue: Residue | None,
    *,
    at: int | None,
    by: str | None,
    accepted: str | None = None,
) -> Remaining:
    return Remaining(
        path=step.path,
        label=labels.get(step.path, step.path),
        action=step.action,
        version=step.version,
        reversibility=step.reversibility,
        why=why,
        text=text,
        residue=residue,
        at=None if at is None else instant(at),
        waived_by=by,
        accepted_by=accepted,
    )


def _signed(rows: Iterable[Row]) -> _Signed:
    found, asked = _Signed(), dict[str, e.InterventionOpened]()
    for _, at, entry in rows:
        match entry:
            case e.InterventionOpened():
                asked[entry.intervention] = entry
            case e.InterventionClosed():
                question = asked.pop(entry.intervention, None)
                if question is not None:
                    _sign(found, question, entry, at)
            case e.Compensated(path=path):
                found.recorded[path] = at
                found.waived.pop(path, None)
                found.accepted.pop(path, None)
            case _:
                pass
    return found


def _sign(
    found: _Signed, question: e.InterventionOpened, entry: e.InterventionClosed, at: int
) -> None:
    if entry.choice == Choice.KEEP:
        found.kept = entry.by
    if entry.choice == Choice.ACCEPT and question.path is not None:
        found.accepted[question.path] = entry.by
    if entry.choice != Choice.WAIVE or question.path is None:
        return
    if question.what == InterventionKind.SECOND_EFFECT:
        found.second[question.path] = (entry.by, at)
    else:
        found.recorded[question.path] = at
        found.waived[question.path] = entry.by
