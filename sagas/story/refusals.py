"""Why something ended, in words for people where a decision of people was the reason.

A body hears of a refusal with what a program goes by: the path, the class, and who said it, set off
so that no model takes the words for an instruction. Whoever reads a message needs none of that.

Pure.
"""

from approvals.wording import cut
from sagas.model import Direction
from sagas.state import Gate, SagaState, Step
from sagas.story.wording import labels

_REASON_LIMIT = 500
_NAMES_LIMIT = 200


def plainly(state: SagaState, reason: str) -> str:
    """A reason with each refusal in it that a gate gave to a step put as a sentence."""
    for step in state.steps.values():
        heard = _heard(step)
        if heard is not None and heard in reason:
            reason = reason.replace(heard, _sentence(state, step))
    return reason


def _heard(step: Step) -> str | None:
    """The refusal of a step as the body heard of it; None if it was not refused."""
    track = step.forward
    return f"{step.path}: {track.error}: {track.message}" if track.via == "gate" else None


def _sentence(state: SagaState, step: Step) -> str:
    name = labels(state.steps)[step.path]
    gate = state.gate(step.path, Direction.DO)
    if gate is None or gate.state != "rejected":
        return f"{name} was not approved: {step.forward.message}"
    return f"{name} was rejected{_by(gate)}"


def _by(gate: Gate) -> str:
    by = f" by {cut(gate.decided_by, _NAMES_LIMIT)}" if gate.decided_by else ""
    return f"{by}: {cut(gate.reason, _REASON_LIMIT)}" if gate.reason else by
