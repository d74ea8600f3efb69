"""What people have been told of a gate, and at which instants there is something to tell.

Reminders and escalations are functions of how long a gate has been open: each has a *level*, the
number of such instants that have passed, so that none happens twice and none can be lost. Pure.
"""

from datetime import datetime

from approvals.aftermath import Aftermath
from approvals.gate import Gate, GateState, expire

__all__ = ["is_news", "is_reminder", "level", "next_instant", "tells"]


def tells(gate: Gate, now: datetime) -> str:
    """Name what a message about the gate says by now: ``pending.1``, ``pending.1.2``.

    The second number counts the votes that decided nothing yet; once nobody decides any more, the
    last part names what became of it: ``approved.1.done``. A message that says something else has
    to be repaired. That an approval was used changes nothing for those who gave it.
    """
    state = expire(gate, now).state
    told = GateState.APPROVED if state is GateState.CONSUMED else state
    more: object = gate.voted if told is GateState.PENDING else gate.aftermath
    return f"{told.value}.{gate.revision}{f'.{more}' if more else ''}"


def is_news(said: str, says: str) -> bool:
    """Whether what a message says by now is worth another message, and not only a repair.

    Votes that decided nothing are not: whoever was told still has the same to decide. Nor is what
    became of it after the decision, unless it was approved and something remains of a saga that was
    undone.

    Args:
        said: What the message says, as `tells` named it.
        says: What it should say.
    """
    return _decision(said) != _decision(says) or (_leaves(says) and not _leaves(said))


def _decision(said: str) -> list[str]:
    """The state and the revision."""
    return said.split(".")[:2]


def _leaves(said: str) -> bool:
    """Whether it was approved, and something remains."""
    state, *more = said.split(".")
    return state == GateState.APPROVED and more[-1:] == [Aftermath.RESIDUAL]


def level(gate: Gate, now: datetime) -> int:
    """How many of a gate's reminders and escalations are due by now."""
    return sum(at <= now for at in _steps(gate))


def is_reminder(gate: Gate, number: int) -> bool:
    """Whether those who were told before are told again at this level."""
    steps = _steps(gate)
    reminders = {gate.opened_at + after for after in gate.policy.remind}
    return 0 < number <= len(steps) and steps[number - 1] in reminders


def next_instant(gate: Gate, now: datetime) -> datetime | None:
    """The next instant at which there may be something to tell, if nobody does anything."""
    if gate.state is GateState.PENDING:
        ahead = [at for at in (*_steps(gate), gate.deadline) if at > now]
        return min(ahead, default=None)
    if gate.state is GateState.APPROVED and gate.valid_until is not None:
        return gate.valid_until if gate.valid_until > now else None
    return None


def _steps(gate: Gate) -> list[datetime]:
    """When something is due before the deadline; the earliest first."""
    after = {*gate.policy.remind, *gate.policy.rungs}
    return sorted(gate.opened_at + wait for wait in after if gate.opened_at + wait < gate.deadline)
