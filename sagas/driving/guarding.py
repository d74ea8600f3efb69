"""The guard of an action: asked right before its effect is undone, and its answer written down.

Touches: the loop's clock, while a guard that failed is asked again.
"""

import asyncio
from typing import Any

from compensations import InterventionKind
from sagas.authoring.action import Action
from sagas.authoring.handlers import Guard
from sagas.authoring.signatures import is_async
from sagas.driving.calling import Raised, Returned, call, describe
from sagas.driving.drive import Drive
from sagas.driving.recalling import recorded_arguments
from sagas.entries import GuardAsked
from sagas.model import Direction
from sagas.state import Step

__all__ = ["is_as_left"]


async def is_as_left(drive: Drive, action: Action[..., Any], step: Step) -> bool:
    """Whether a step's effect may be undone, as far as its guard can tell; else a person is asked.

    Once an undo may have taken effect nothing is as it was left, and the guard is asked no more.

    Raises:
        PayloadError: The guard takes what nobody recorded, or what does not read any more.
    """
    guard = action.guarded
    if guard is None or step.overruled or step.undo.doubt:
        return True
    answer, message = await _answered(drive, action, guard, step)
    await drive.log.commit(GuardAsked(path=step.path, answer=answer, message=message))
    if answer == "held":
        return True
    why = message or f"{guard.name} says that it is not as the step left it"
    await drive.ask(
        InterventionKind.GUARD,
        f"{step.path} is not undone: what it did has changed since"
        if answer == "changed"
        else f"{step.path} is not undone: nobody can tell whether what it did has changed since",
        why,
        path=step.path,
        direction=Direction.UNDO,
    )
    return False


async def _answered(
    drive: Drive, action: Action[..., Any], guard: Guard, step: Step
) -> tuple[str, str | None]:
    if not step.happened or (step.result is None and guard.binding.needs_result):
        return "failed", f"{guard.name} cannot be asked: it is not known what the step left"
    arguments = recorded_arguments(action, guard.binding, guard.name, step)
    info = drive.info(step, Direction.UNDO, drive.key(step.path, Direction.UNDO), 0)
    reason = ""
    for failures in range(1, guard.retry.attempts + 1):
        answer = await call(
            guard.fn, arguments, info, is_async=is_async(guard.fn), timeout=guard.timeout
        )
        if isinstance(answer, Returned) and isinstance(answer.value, bool):
            return ("held" if answer.value else "changed"), None
        reason = _reason(answer)
        if failures < guard.retry.attempts:
            wait = guard.retry.delay(failures, salt=info.idempotency_key)
            await asyncio.sleep(wait.total_seconds())
    return "failed", f"{guard.name}: {reason}"


def _reason(answer: object) -> str:
    if isinstance(answer, Raised):
        return describe(answer.error)
    if isinstance(answer, Returned):
        return "it answered neither True nor False"
    return "no answer in time"
