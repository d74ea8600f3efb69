"""What is recorded of a step, as the code of today reads it.

A type that changed under one version is found here, before anything is called with it.

Touches nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from compensations.binding import Binding
from compensations.plan import Standing
from sagas import decide, divergence
from sagas.authoring.action import Action, Compensation
from sagas.driving.environment import Handlers
from sagas.errors import PayloadError
from sagas.model import Direction
from sagas.state import SagaState, Step


def missing_handler(handlers: Handlers, step: Step) -> str | None:
    """What this process lacks to undo a step, with a diff; None if it has its compensation."""
    action = handlers.action(step.action, step.version)
    name = step.action.rpartition(".")[2]
    catalog = step.action.partition(".")[0]
    if action is None:
        why = (
            f"no catalog in this process has it: deploy the code that has it, or keep it with "
            f'@{catalog}.retired("{name}", version={step.version})'
        )
        diff = divergence.missing_code(step.action, step.version, handlers.versions(step.action))
        return f"{why}\n{diff}"
    if step.reversibility.is_undoable and action.undo is None:
        why = "it was recorded as one that can be undone, and has no compensation now: put it back"
        return f"{why}\n{divergence.lost_compensation(step, action.options.reversibility)}"
    return None


def same_arguments(action: Action[..., Any], step: Step) -> dict[str, object]:
    """The arguments to call an action again with, under the same key.

    Raises:
        Misfit: They would not be the bytes that were sent before.
    """
    return action.inputs.recall(step.given(Direction.DO), exact=True)


def undo_arguments(
    action: Action[..., Any], undo: Compensation, step: Step, given: bytes | None = None
) -> Mapping[str, Any]:
    """The arguments of a compensation. What it does not take may have changed.

    Args:
        given: Those of the action that it is to take, if people have revised them.

    Raises:
        Misfit: What it takes is not what its type says any more.
        PayloadError: It takes what nobody recorded.
    """
    return recorded_arguments(action, undo.binding, undo.name, step, given)


def recorded_arguments(
    action: Action[..., Any], binding: Binding, name: str, step: Step, given: bytes | None = None
) -> Mapping[str, Any]:
    """What a handler asks for of a step, from what is recorded; otherwise as `undo_arguments`.

    Args:
        name: The handler's, for messages.
    """
    result = before = None
    if binding.takes_result and step.result is not None:
        result = action.result.recall(step.result)
    if binding.takes_before:
        before = _before(action, name, step)
    recorded = given or step.given(Direction.UNDO)
    inputs = action.inputs.recall(recorded) if binding.inputs else {}
    return binding.arguments(inputs, result=result, before=before)


def _before(action: Action[..., Any], name: str, step: Step) -> object:
    if action.image is None or step.before is None:
        raise PayloadError(
            f"{name} takes `before`, but no before-image was recorded when {step.path} ran"
        )
    return action.image.codec.recall(step.before)


def why_not_undone(handlers: Handlers, step: Step) -> str | None:
    """Why the code of today could not undo a step, with a diff; None if it could."""
    lack = missing_handler(handlers, step)
    action = handlers.action(step.action, step.version)
    if lack is not None or action is None:
        return f"{step.path}: {lack}"
    try:
        if action.undo is not None:
            undo_arguments(action, action.undo, step)
        elif not step.is_settled:
            same_arguments(action, step)
    except PayloadError as error:
        return divergence.misfit(error, step.path)
    return None


def unfit(handlers: Handlers, state: SagaState) -> Iterator[tuple[Step, str]]:
    """The steps that an unwind would undo now and the code of today could not, and why."""
    for effect in decide.effects(state):
        if effect.standing is not Standing.DONE:
            continue
        step = state.steps[effect.path]
        why = why_not_undone(handlers, step)
        if why is not None:
            yield step, why
