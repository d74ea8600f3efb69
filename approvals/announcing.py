"""What people have been told of a gate, and at which instants there is something to tell.

Reminders and escalations are functions of how long a gate has been open: each has a *level*, the
number of such instants that have passed, so that none happens twice and none can be lost. Pure.
"""

from datetime import datetime

from approvals.gate import Gate, GateState, expire

__all__ = ["is_news", "is_reminder", "level", "next_instant", "tells"]


def tells(gate: Gate, now: datetime) -> str:
    """Name what a message about the gate says by now: ``pending.1``, ``pending.1.2``.

    The second number counts the votes that decided nothing yet. A message that says something else
    has to be repaired. That an approval was used changes nothing for those who gave it.
    """
    state = expire(gate, now).state
    told = GateState.APPROVED if state is GateState.CONSUMED else state
    votes = f".{gate.voted}" if told is GateState.PENDING and gate.voted else ""
    return f"{told.value}.{gate.revision}{votes}"


def is_news(said: str, says: str) -> bool:
    """Whether what a message says by now is worth another message, and not only a repair.

    Votes that decided nothing are not: whoever was told still has the same to decide.

    Args:
        said: What the message says, as `tells` named it.
        says: What it should say.
    """
    return _without_votes(said) != _without_votes(says)


def _without_votes(said: str) -> list[str]:
    return said.split(".")[:2]


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
