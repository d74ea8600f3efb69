"""What became of a gate, as one sentence that is true at the time it is said.

Pure.
"""

from datetime import datetime

from approvals.gate import Gate, GateState
from approvals.wording import cut, instant

__all__ = ["standing"]

_REASON_LIMIT = 500
_NAMES_LIMIT = 200


def standing(gate: Gate, *, now: datetime) -> str:
    """Say where the gate stands: ``already rejected by ana at 10:02 UTC: too expensive``."""
    return _SENTENCES[gate.state].format(
        decided=_decided(gate, now=now),
        deadline=instant(gate.deadline, now=now),
        because=f": {cut(gate.reason, _REASON_LIMIT)}" if gate.reason else "",
    )


_SENTENCES = {
    GateState.PENDING: "waiting for a decision until {deadline}",
    GateState.APPROVED: "already approved{decided}{because}",
    GateState.REJECTED: "already rejected{decided}{because}",
    GateState.EXPIRED: "nobody decided before {deadline}, so that the action does not run",
    GateState.CANCELLED: "no longer needed: it was cancelled{decided}{because}",
    GateState.SUPERSEDED: "replaced{decided} by a newer gate{because}",
    GateState.CONSUMED: "already approved{decided}, and the action has been started{because}",
    GateState.LAPSED: "already approved{decided}, but not used in time{because}",
    GateState.REVOKED: "approved, and taken back{decided} before it was used{because}",
    GateState.INVALIDATED: (
        "already approved{decided}, but what was approved is no longer what would run{because}"
    ),
}


def _decided(gate: Gate, *, now: datetime) -> str:
    by = f" by {cut(gate.decided_by, _NAMES_LIMIT)}" if gate.decided_by else ""
    at = f" at {instant(gate.decided_at, now=now)}" if gate.decided_at else ""
    return by + at
