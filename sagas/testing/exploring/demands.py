"""Rules about what only the explorer knows: what was asked for, and what the saga declares.

Pure.
"""

from collections.abc import Iterator

from compensations import InterventionKind
from sagas.authoring.saga import Saga
from sagas.entries import (
    CancelRequested,
    Compensated,
    DeadlinePassed,
    Entry,
    Intended,
    InterventionOpened,
    Succeeded,
    UnwindBegan,
    WindowClosed,
)
from sagas.model import AfterPivot
from sagas.testing.oracles import Evidence
from sagas.testing.simulating.faults import Kind
from sagas.testing.simulating.run import Run

OURS = frozenset({"failure", "in-doubt", "unstorable-result", "cancel", "deadline", "window"})
"""The causes of an unwind that nobody decided on."""


def unmet(saga: "Saga[object, object]", run: Run) -> Iterator[tuple[str, str]]:
    """The rules that were broken, each with what was seen, in one sentence."""
    evidence = run.evidence
    rules = {
        "a_cancel_is_heard": _heard(run) if run.rested else (),
        "what_comes_in_time_unwinds": _in_time(evidence) if run.rested else (),
        "an_answer_is_not_passed_over": _answered(run) if run.rested else (),
        "a_result_can_be_stored": _stored(run),
        "a_call_leaves_nothing_running": _left(run),
        "an_undo_works_by_itself": _failed(run),
        "the_pivot_is_asked_about": _asked(saga, evidence),
        "the_body_repeats_itself": _repeated(evidence),
    }
    for rule, seen in rules.items():
        for detail in seen:
            yield rule, detail


def _heard(run: Run) -> Iterator[str]:
    if run.seen.cancels and not any(run.history.of(CancelRequested)):
        yield "somebody asked for it to be undone, was told that it will be, and it is not"


def _answered(run: Run) -> Iterator[str]:
    """What a process that lived on was told is in the journal."""
    recorded = {(entry.path, "do") for _, entry in run.history.of(Succeeded)}
    recorded |= {(entry.path, "undo") for _, entry in run.history.of(Compensated)}
    for life, path, direction in dict.fromkeys(run.seen.told):
        step = run.evidence.steps.get(path)
        called = step is not None and step.has_effect
        if life == run.lives and called and (path, direction) not in recorded:
            yield f"the call to {direction} {path} answered, and nothing says so"


def _stored(run: Run) -> Iterator[str]:
    """A result that cannot be stored is one that a fault returned."""
    poisoned = {fault.path for fault in run.faults if fault.kind is Kind.POISON}
    for seq, entry in run.history.of(Succeeded):
        if entry.unstorable is not None and entry.path not in poisoned:
            yield f"entry {seq}: the result of {entry.path} cannot be stored: {entry.unstorable}"


def _left(run: Run) -> Iterator[str]:
    for path, direction in run.seen.left:
        yield f"the call to {direction} {path} is over, and a task that it began goes on"


def _failed(run: Run) -> Iterator[str]:
    """Nobody is asked because of an error in the undo itself, which comes again each time."""
    for seq, entry in run.history.of(InterventionOpened):
        error = run.seen.raised.get((entry.path or "", "undo"))
        if entry.what == InterventionKind.COMPENSATION_IN_DOUBT and error is not None:
            yield f"entry {seq}: a person is asked, because the undo of {entry.path} raised {error}"


def _in_time(evidence: Evidence) -> Iterator[str]:
    if evidence.unwound is not None or evidence.is_kept:
        return
    for seq, _, entry in evidence.timed:
        if isinstance(entry, CancelRequested | DeadlinePassed) and not entry.too_late:
            yield f"nothing comes of entry {seq} ({entry.kind}), which is in time"


def _asked(saga: "Saga[object, object]", evidence: Evidence) -> Iterator[str]:
    if saga.after_pivot is AfterPivot.UNWIND:
        return
    pivots: list[str] = []
    for seq, _, entry in evidence.timed:
        if _makes_a_pivot(evidence, entry):
            pivots.append(getattr(entry, "path", ""))
        elif isinstance(entry, UnwindBegan) and entry.cause in OURS:
            for path in pivots:
                if evidence.steps[path].course_at(seq).happened:
                    yield f"entry {seq} begins the unwind past {path}, and nobody was asked"


def _makes_a_pivot(evidence: Evidence, entry: Entry) -> bool:
    """Whether something is past undoing from this entry on, if it took effect."""
    if isinstance(entry, Intended):
        return evidence.steps[entry.path].reversibility.is_pivot
    return isinstance(entry, WindowClosed)


def _repeated(evidence: Evidence) -> Iterator[str]:
    for seq, entry in evidence.history.of(InterventionOpened):
        if entry.what == InterventionKind.DIVERGED:
            yield f"entry {seq}: {entry.question}: {entry.evidence}"
