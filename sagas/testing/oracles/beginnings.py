"""Rules about what may begin, and when: not while undoing, not after a deadline, not too early.

Pure.
"""

from collections.abc import Iterator

from compensations import Choice
from sagas.entries import (
    CancelRequested,
    DeadlinePassed,
    Ended,
    Entry,
    GateOpened,
    Intended,
    InterventionClosed,
    ParallelClosed,
    SavepointSet,
    Started,
    TimerFired,
    TimerSet,
    UnwindBegan,
)
from sagas.model import Status
from sagas.testing.oracles.evidence import Evidence
from sagas.testing.oracles.steps import DO


def nothing_new_is_done_while_undoing(evidence: Evidence) -> Iterator[str]:
    """No step begins after the unwind began, or during the rollback of a block.

    What may have happened may be called once more under its key, to learn its result; not what is
    never undone.
    """
    if not evidence.scopes:
        return
    for seq, _, entry in evidence.of(Intended, GateOpened, SavepointSet, TimerSet):
        scope = next((item for item in evidence.scopes if item.began < seq < item.ended), None)
        if scope is not None and _goes_forward(entry):
            yield f"entry {seq} ({entry.kind}) begins something, while entry {scope.began} has it undone"


def _goes_forward(entry: Entry) -> bool:
    if isinstance(entry, GateOpened):
        return entry.direction == DO
    if isinstance(entry, Intended):
        return entry.attempt == 1 or entry.reversibility in ("irreversible", "unknown")
    return True


def a_closed_parallel_begins_nothing_new(evidence: Evidence) -> Iterator[str]:
    """Once a branch has failed, its siblings begin no further step."""
    closed: dict[str, int] = {}
    for seq, _, entry in evidence.of(ParallelClosed, Intended):
        if isinstance(entry, ParallelClosed):
            closed[entry.path] = entry.branch
        elif entry.attempt == 1:
            for path, branch in closed.items():
                inside = entry.path.startswith(f"{path}.")
                if inside and branch >= 0 and not entry.path.startswith(f"{path}.{branch + 1}:"):
                    yield f"entry {seq} begins {entry.path}, although another branch has failed"


def nothing_new_is_done_after_the_deadline(evidence: Evidence) -> Iterator[str]:
    """No step begins and no saga completes once its deadline has come, or came to nothing.

    Its passing is recorded once, and not before its time.
    """
    due: int | None = None
    if all(entry.deadline is None for _, _, entry in evidence.of(Started)):
        return
    for seq, at, entry in evidence.timed:
        if isinstance(entry, Started):
            due = entry.deadline
        elif isinstance(entry, DeadlinePassed):
            if due is None or at < due:
                yield f"entry {seq} says that a deadline passed that had not"
            due = None
        elif _lifts(entry):
            due = None
        elif due is not None and at >= due and _meets(entry):
            yield f"entry {seq} ({entry.kind}) is written after the deadline"


def _lifts(entry: Entry) -> bool:
    """Whether the deadline has no consequence after it."""
    if isinstance(entry, InterventionClosed):
        return entry.choice == Choice.KEEP
    return isinstance(entry, UnwindBegan)


def _meets(entry: Entry) -> bool:
    """Whether it may not come after the deadline."""
    if isinstance(entry, Ended):
        return entry.status == Status.COMPLETED
    if isinstance(entry, GateOpened):
        return entry.direction == DO
    return isinstance(entry, Intended)


def a_timer_does_not_fire_early(evidence: Evidence) -> Iterator[str]:
    """A sleep is over when its instant has come, once."""
    until: dict[str, int | None] = {}
    for seq, at, entry in evidence.of(TimerSet, TimerFired):
        if isinstance(entry, TimerSet):
            until[entry.path] = entry.until
        else:
            due = until.pop(entry.path, None)
            if due is None or at < due:
                yield f"entry {seq} says that {entry.path} is over, early or again"


def what_comes_too_late_unwinds_nothing(evidence: Evidence) -> Iterator[str]:
    """A cancel or a deadline past the pivot does not begin an unwind."""
    too_late = {"cancel": 0, "deadline": 0}
    for seq, _, entry in evidence.of(CancelRequested, DeadlinePassed, UnwindBegan):
        if isinstance(entry, UnwindBegan):
            if too_late.get(entry.cause):
                yield f"entry {seq} begins the unwind, though entry {too_late[entry.cause]} is too late"
        else:
            cause = "cancel" if isinstance(entry, CancelRequested) else "deadline"
            too_late[cause] = seq if entry.too_late else 0
