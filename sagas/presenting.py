"""A gate as people see it, with what its saga has done and what a rejection would undo.

The planner that unwinds is the one that is asked. Pure.
"""

from collections.abc import Sequence
from datetime import datetime

from approvals import Gate, GateState, Presentation, Vote, present
from approvals.deeds import Deed, Fate
from approvals.delegation import Delegation
from approvals.redaction import Redaction
from approvals.revision import Revision
from approvals.wording import instant as moment
from compensations import Estimate, Expected
from compensations.plan import Standing, plan
from sagas import decide
from sagas.driving.environment import Handlers
from sagas.driving.estimating import estimate
from sagas.model import Direction, Status, instant
from sagas.state import Phase, SagaState, Step
from sagas.story.refusals import plainly
from sagas.story.steps import remains
from sagas.story.wording import labels
from sagas.windows import closes_at, closes_on

_MOST_NAMED = 20
_FATES = {
    Standing.DONE: Fate.UNDONE,
    Standing.STUCK: Fate.ASKED,
    Standing.REMAINS: Fate.REMAINS,
    Standing.SETTLED: Fate.SETTLED,
}


def present_gate(
    gate: Gate,
    state: SagaState | None,
    handlers: Handlers,
    *,
    secrets: Redaction,
    votes: Sequence[Vote],
    delegations: Sequence[Delegation] = (),
    journal_id: str,
    now: datetime,
    whole: bool = False,
    revisions: Sequence[Revision] = (),
) -> Presentation:
    """Prepare a gate to be shown.

    Args:
        state: The saga as it stands; None if it cannot be read here.
        handlers: Where declared residues are looked up, as far as the code is at hand.
        secrets: What hides the saga's secrets in words.
        votes: What people have said.
        delegations: Who decides for whom now, as far as it matters here.
        now: When it is shown.
        whole: Cut nothing.
        revisions: Those that there were, in order, with the one that is shown; of a gate that asks
            what it asked at first they are not needed.
    """
    backwards = gate.direction == Direction.UNDO
    before = [each for each in revisions if each.number < gate.revision]
    because = [each.reason for each in revisions if each.number == gate.revision and each.reason]
    later = [] if state is None or gate.state.is_open else afterwards(gate, state, now)
    return present(
        gate,
        now=now,
        key=journal_id,
        done=None if state is None else deeds(state, handlers, secrets, undoing=not backwards),
        undone=[] if state is None or backwards else _order(state),
        expected=None if state is None or backwards else expected(state, handlers),
        votes=votes,
        delegations=delegations,
        former=before[-1].arguments if before else None,
        edited_because=secrets.masked(because[-1]) if because else None,
        whole=whole,
        afterwards=[secrets.masked(each) for each in later],
    )


def afterwards(gate: Gate, state: SagaState, now: datetime) -> list[str]:
    """What became of a gate's action since the decision, and of its saga where that is undone."""
    step = state.steps.get(gate.path)
    used = step is not None and gate.state is GateState.CONSUMED
    course = _course(step, Direction(gate.direction), now) if step is not None and used else []
    said = gate.path if gate.state is GateState.REJECTED else None
    return [*course, *_unwound(state, now, said)]


def _course(step: Step, direction: Direction, now: datetime) -> list[str]:
    """What became of a call that was allowed."""
    track = step.track(direction)
    at = f" at {_at(track.ended, now)}" if track.ended else ""
    why = f": {track.message}" if track.message else ""
    if step.late and direction is Direction.DO:
        return ["it took effect after it had been given up"]
    told = {
        Phase.SUCCEEDED: f"it was done{at}",
        Phase.FAILED: f"it failed{at}{why}",
        Phase.IN_DOUBT: f"nobody knows whether it took effect{why}",
        Phase.WAIVED: f"a person left it as it is{at}",
    }
    undone = step.undo.phase is Phase.SUCCEEDED and direction is Direction.DO
    later = [f"it was undone at {_at(step.undo.ended, now)}"] if undone else []
    return [*([told[track.phase]] if track.phase in told else []), *later]


def _unwound(state: SagaState, now: datetime, said: str | None) -> list[str]:
    """How far the undoing of a saga has come, with what remains; nothing of one that is not undone.

    Args:
        said: The step whose failure is told beside it, so that it is no reason to be told again.
    """
    over = state.ended is not None and state.ended.status == Status.RESIDUAL
    if state.unwind is None and not over:
        return []
    named = labels(state.steps)
    undone = sorted(
        (step for step in state.steps.values() if step.undo.phase is Phase.SUCCEEDED),
        key=lambda step: (step.undo.ended, -step.ordinal),
    )
    left = remains(state, named, late=state.unwind is None)
    return [
        _end(state, now, said),
        *_told("undone, in this order", [named[step.path] for step in undone]),
        *_told("remains", [f"{item.label}: {item.text}" for item in left]),
    ]


def _end(state: SagaState, now: datetime, said: str | None) -> str:
    ended, unwind = state.ended, state.unwind
    reason = unwind.reason if unwind is not None else ended.reason if ended is not None else None
    is_told = said is not None and (reason or "").startswith(f"{said}: ")
    why = "" if is_told or not reason else f": {plainly(state, reason)}"
    if ended is None:
        return f"the saga is being undone{why}"
    what = "ended" if unwind is None else "was undone"
    return f"the saga {what} at {_at(state.ended_at, now)}{why}"


def _told(label: str, items: Sequence[str]) -> list[str]:
    """The first of them on one line, and how many more there are."""
    more = f"; and {len(items) - _MOST_NAMED} more" if len(items) > _MOST_NAMED else ""
    return [f"{label}: {'; '.join(items[:_MOST_NAMED])}{more}"] if items else []


def _at(at: int, now: datetime) -> str:
    return moment(instant(at), now=now)


def deeds(
    state: SagaState, handlers: Handlers, secrets: Redaction, *, undoing: bool = True
) -> list[Deed]:
    """What took effect or may have, oldest first, and is not undone.

    Args:
        undoing: Whether to tell what an unwind would do about it.
    """
    named = labels(state.steps)
    standings = {effect.path: effect.standing for effect in decide.effects(state)}
    return [
        Deed(
            name=named[step.path],
            reversibility=step.reversibility,
            fate=_FATES[standings[step.path]] if undoing else Fate.SETTLED,
            is_in_doubt=step.forward.phase in (Phase.IN_DOUBT, Phase.INTENDED) and not step.late,
            leaves=_leaves_in_words(step, handlers, secrets),
            until=None if (at := closes_at(step)) is None else instant(at),
            event=closes_on(step),
        )
        for step in state.steps.values()
        if step.path in standings and step.may_have_happened and not step.is_undone
    ]


def _order(state: SagaState) -> list[str]:
    named = labels(state.steps)
    return [named[effect.path] for effect in plan(decide.effects(state))]


def _leaves(step: Step, handlers: Handlers) -> Estimate:
    action = handlers.action(step.action, step.version)
    if action is None:
        return Estimate(unknown="its code is not at hand")
    return estimate(action, step)


def _leaves_in_words(step: Step, handlers: Handlers, secrets: Redaction) -> str | None:
    found = _leaves(step, handlers)
    return secrets.masked(str(found)) if found and handlers.has_any else None


def expected(state: SagaState, handlers: Handlers) -> str | None:
    """What an unwind is expected to leave in all, measured; None if nothing, or in words alone."""
    steps = [state.steps[effect.path] for effect in plan(decide.effects(state))]
    if not handlers.has_any:
        return None
    found = Expected.of(_leaves(step, handlers) for step in steps)
    return str(found) if found.is_worth_telling else None
