"""Which schedules there are for what a run has met.

Pure.
"""

from collections.abc import Iterator, Sequence

from sagas.testing.simulating.faults import Fault, Kind, call_fault
from sagas.testing.simulating.run import Run

FAILURES = (
    Kind.REFUSE,
    Kind.LOSE_REQUEST,
    Kind.LOSE_ANSWER,
    Kind.HANG,
    Kind.HANG_BEFORE,
    Kind.CRASH,
    Kind.CANCEL_CALL,
    Kind.POISON,
)
DECISIONS = (
    Kind.REJECT,
    Kind.EXPIRE,
    Kind.DUPLICATE,
    Kind.LATE,
    Kind.DECIDE_BOTH,
    Kind.TAMPER,
)


def kills(run: Run, *, life: int = 1) -> Iterator[Fault]:
    """A kill at each boundary of a life."""
    for at, boundary in enumerate(run.seen.boundaries[life - 1], start=1):
        yield Fault(Kind.KILL, at, life, what=f"{boundary} (boundary {at}{_of(life)})")


def storage(run: Run, kind: Kind, *, life: int = 1) -> Iterator[Fault]:
    """A fault at each storage call of a life."""
    for at, call in enumerate(run.seen.storage[life - 1], start=1):
        yield Fault(kind, at, life, what=f"{call} (storage call {at}{_of(life)})")


def calls(run: Run, direction: str, kinds: Sequence[Kind], *, attempt: int = 1) -> Iterator[Fault]:
    """Each way for each call to go wrong, at one attempt, or at every one."""
    paths = {call.path: None for call in run.seen.calls if call.direction == direction}
    for path in paths:
        for kind in kinds:
            yield call_fault(kind, path, direction, attempt)


def decisions(run: Run, kinds: Sequence[Kind]) -> Iterator[Fault]:
    """Each way for each gate to be decided."""
    for gate in range(1, run.gates + 1):
        for kind in kinds:
            yield Fault(kind, gate, what=f"gate {gate}")


def turns(run: Run, kind: Kind, *, life: int = 1) -> Iterator[Fault]:
    """Something at each turn of a life's event loop."""
    for turn in range(1, run.seen.turns[life - 1] + 1):
        yield Fault(kind, turn, life, what=f"at turn {turn}{_of(life)}")


def _of(life: int) -> str:
    return "" if life == 1 else f" of life {life}"
