"""What became of each step, and what remains of it in the world.

Pure.
"""

from collections.abc import Mapping

from compensations.plan import Standing
from sagas import decide
from sagas.model import Direction
from sagas.state import Phase, SagaState, Step, Track
from sagas.story.model import CallStory, Lasting, Remainder, StepState, StepStory

_FORWARD = {
    Phase.NONE: StepState.WAITING,
    Phase.INTENDED: StepState.RUNNING,
    Phase.IN_DOUBT: StepState.IN_DOUBT,
    Phase.SUCCEEDED: StepState.DONE,
    Phase.FAILED: StepState.FAILED,
    Phase.WAIVED: StepState.WAIVED,
}
_UNDO = {
    Phase.INTENDED: StepState.UNDOING,
    Phase.IN_DOUBT: StepState.UNDO_IN_DOUBT,
    Phase.SUCCEEDED: StepState.UNDONE,
    Phase.FAILED: StepState.UNDO_FAILED,
    Phase.WAIVED: StepState.WAIVED,
}


def step_story(state: SagaState, step: Step, labels: Mapping[str, str]) -> StepStory:
    """One step, as people are told of it."""
    undo = _call(step.undo) if step.undo.phase is not Phase.NONE or step.undo.attempts else None
    gate = state.gate(step.path, Direction.DO)
    return StepStory(
        path=step.path,
        label=labels.get(step.path, step.path),
        action=step.action,
        version=step.version,
        reversibility=step.reversibility,
        state=step_state(step, over=state.unwinding or state.ended is not None),
        arguments=step.given(Direction.DO),
        called=step.arguments if step.forward.revised is not None else None,
        result=step.result,
        do=_call(step.forward),
        undo=undo,
        gate=gate.id if gate else None,
        waiver=step.waiver,
        residue=step.residue,
        late=step.late,
    )


def step_state(step: Step, *, over: bool) -> StepState:
    """Where a step stands: how far its undo has come, or else how far it has come itself.

    Args:
        over: Whether nothing goes forward any more, so that what waited will not be done.
    """
    stands = _UNDO.get(step.undo.phase) or _FORWARD[step.forward.phase]
    if step.late and stands is StepState.FAILED:
        return StepState.DONE
    return StepState.FAILED if over and stands is StepState.WAITING else stands


def _call(track: Track) -> CallStory:
    settled = track.phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.WAIVED)
    failed = track.phase in (Phase.FAILED, Phase.IN_DOUBT, Phase.NONE)
    return CallStory(
        phase=track.phase.value,
        attempts=track.attempts,
        began=track.at or None,
        ended=(track.ended or None) if settled else None,
        via=track.via,
        key=track.key,
        error=track.error if failed else None,
        message=track.message if failed else None,
    )


def remains(state: SagaState, labels: Mapping[str, str], *, late: bool) -> tuple[Remainder, ...]:
    """What is left in the world of a saga that is, or was, unwound; in the order of the steps.

    Args:
        late: Only of what took effect after it had been given up: the rest is meant to stay.
    """
    standings = {item.path: item.standing for item in decide.effects(state, late=late)}
    found: list[Remainder] = []
    for step in state.steps.values():
        if late and not step.late:
            continue
        standing = standings.get(step.path, Standing.SETTLED)
        for why, text in left(step, standing, ended=state.ended is not None):
            found.append(Remainder(step.path, labels.get(step.path, step.path), why, text))
    return tuple(found)


def left(step: Step, standing: Standing, *, ended: bool) -> list[tuple[Lasting, str]]:
    """Why something of a step is left in the world, and what; nothing, if nothing is."""
    if step.residue is not None:
        return [(Lasting.RESIDUE, str(step.residue))]
    if standing is Standing.REMAINS:
        return [(Lasting.IRREVERSIBLE, step.reversibility.label)]
    if standing is Standing.SETTLED:
        return []
    if Phase.IN_DOUBT in (step.forward.phase, step.undo.phase):
        track = step.undo if step.undo.phase is Phase.IN_DOUBT else step.forward
        return [(Lasting.IN_DOUBT, track.message or "nobody knows whether it took effect")]
    if step.undo.message:
        return [(Lasting.NOT_UNDONE, f"not undone: {step.undo.message}")]
    return [(Lasting.NOT_UNDONE, "it was left in place" if ended else "not undone yet")]
