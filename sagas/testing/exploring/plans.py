"""Which schedules there are for what a run has met.

Pure.
"""

from collections.abc import Iterator, Sequence

from compensations.plan import concurrent
from sagas.testing.simulating.faults import (
    ALWAYS,
    BEFORE_EFFECT,
    Fault,
    Kind,
    boundary_fault,
    call_fault,
    gate_fault,
    storage_fault,
    turn_fault,
)
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
    Kind.SLOW,
    Kind.COME_LATE,
)
DECISIONS = (
    Kind.REJECT,
    Kind.EXPIRE,
    Kind.DUPLICATE,
    Kind.LATE,
    Kind.DECIDE_BOTH,
    Kind.EDIT,
    Kind.WITHDRAW,
    Kind.REVOKE,
    Kind.WRONG_DIGEST,
    Kind.TAMPER,
)


def kills(run: Run, *, life: int = 1, kind: Kind = Kind.KILL) -> Iterator[Fault]:
    """A kill at each boundary of a life."""
    for at, boundary in enumerate(run.seen.boundaries[life - 1], start=1):
        yield boundary_fault(kind, boundary, at, life)


def storage(run: Run, kind: Kind, *, life: int = 1) -> Iterator[Fault]:
    """A fault at each storage call of a life."""
    for at, call in enumerate(run.seen.storage[life - 1], start=1):
        yield storage_fault(kind, call, at, life)


def calls(run: Run, direction: str, kinds: Sequence[Kind], *, attempt: int = 1) -> Iterator[Fault]:
    """Each way for each call to go wrong, at one attempt, or at every one.

    What strikes when a call has taken effect is planned for its first attempt that answered.
    """
    paths = {call.path: None for call in run.seen.calls if call.direction == direction}
    for path in paths:
        answered = run.seen.answers.get((path, direction))
        for kind in kinds:
            if kind in BEFORE_EFFECT:
                yield call_fault(kind, path, direction, attempt)
            elif answered is not None:
                at = ALWAYS if attempt == ALWAYS else answered
                yield call_fault(kind, path, direction, at)


def beside(run: Run, path: str, kinds: Sequence[Kind]) -> Iterator[Fault]:
    """Each way for a call in another branch to be slow, while a call goes wrong."""
    for fault in calls(run, "do", kinds):
        if concurrent(fault.path, path):
            yield fault


def decisions(run: Run, kinds: Sequence[Kind], *, but: int = 0) -> Iterator[Fault]:
    """Each way for each gate to be decided, but for the first ones."""
    for gate in range(but + 1, run.gates + 1):
        for kind in kinds:
            yield gate_fault(kind, gate)


def turns(run: Run, kind: Kind, *, after: int = 0) -> Iterator[Fault]:
    """Something at each turn of the first life's event loop, but for the first ones.

    Before there is a saga, nobody can do anything about it.
    """
    for turn in range(max(after, run.seen.begun) + 1, run.seen.turns[0] + 1):
        yield turn_fault(kind, turn)
