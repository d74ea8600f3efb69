"""Rules about a saga at rest: it has ended or says what it waits for, and hides nothing.

Pure.
"""

from collections.abc import Iterator

from approvals import GateState
from sagas import decide
from sagas.entries import (
    Blocked,
    EventTaken,
    Failed,
    GateDecided,
    GateOpened,
    Intended,
    Interrupted,
    InterventionClosed,
    InterventionOpened,
    TimerFired,
    TimerSet,
)
from sagas.fold import fold
from sagas.model import Status
from sagas.testing.oracles.evidence import Evidence
from sagas.testing.oracles.steps import Step


def it_has_ended_or_says_what_it_waits_for(evidence: Evidence) -> Iterator[str]:
    """The last entry is an end; or a person, an event, an instant or another saga is waited for."""
    row = evidence.history.saga
    if row is None:
        yield "there is no such saga"
    elif evidence.end is not None or row.wake_at is not None:
        return
    elif not _waits(evidence):
        yield f"there is no end after {len(evidence.history.rows)} entries, and it waits for nothing"
    elif row.status in (Status.RUNNING, Status.UNWINDING):
        yield f"it rests, and is shown as {row.status.value}"


def _waits(evidence: Evidence) -> bool:
    """Whether a question, a gate, a sleep, an event or a place in a line is open."""
    open_: set[str] = set()
    for _, _, entry in evidence.timed:
        if isinstance(entry, InterventionOpened):
            open_.add(entry.intervention)
        elif isinstance(entry, InterventionClosed):
            open_.discard(entry.intervention)
        elif isinstance(entry, GateOpened):
            open_.add(entry.gate)
        elif isinstance(entry, GateDecided):
            open_.discard(entry.gate)
        elif isinstance(entry, TimerSet) or (isinstance(entry, Blocked) and entry.waits):
            open_.add(entry.path)
        elif isinstance(entry, TimerFired | EventTaken | Interrupted | Intended | Failed):
            open_.discard(entry.path)
    return bool(open_)


def the_row_says_what_the_entries_say(evidence: Evidence) -> Iterator[str]:
    """The status that people see is the fold of the entries, and the last one is the row's head."""
    history = evidence.history
    if history.saga is None:
        return
    last = history.rows[-1].seq if history.rows else 0
    if history.saga.head != last:
        yield f"the row's head is entry {history.saga.head}, and the last one is {last}"
    try:
        state = fold(history.saga_id, evidence.timed)
    except (LookupError, ValueError, TypeError) as error:
        yield f"the entries do not make a saga: {type(error).__name__}: {error}"
        return
    said = history.saga.status
    if said not in (decide.status(state), decide.status(state, parked=True)):
        yield f"the row says {said.value}, and the entries say {decide.status(state).value}"
    if evidence.end is not None and said.value != evidence.end.status:
        yield f"the row says {said.value}, and the last entry {evidence.end.status}"


def nothing_is_left_open(evidence: Evidence) -> Iterator[str]:
    """Once it has ended nobody is asked anything any more, and every call has its outcome."""
    if evidence.end is None:
        return
    for gate in evidence.history.gates:
        if gate.state in (GateState.PENDING, GateState.APPROVED):
            yield f"gate {gate.id} is {gate.state.value}"
    for question in evidence.history.questions:
        if question.state == "open":
            yield f"intervention {question.id} is open"
    yield from _open_in_the_journal(evidence)
    for step in evidence.steps.values():
        yield from _open_calls(evidence, step)


def _open_in_the_journal(evidence: Evidence) -> Iterator[str]:
    open_: dict[str, int] = {}
    for seq, _, entry in evidence.of(InterventionOpened, InterventionClosed):
        if isinstance(entry, InterventionOpened):
            open_[entry.intervention] = seq
        else:
            open_.pop(entry.intervention, None)
    for identity, seq in open_.items():
        yield f"intervention {identity}, entry {seq}, is not closed in the journal"


def _open_calls(evidence: Evidence, step: Step) -> Iterator[str]:
    course = step.course
    if not step.has_effect:
        return
    if course.begun and course.happened is None and not (course.undone or course.left):
        yield f"{step.path} has no outcome"
    if course.unsigned and not evidence.is_kept:
        yield f"what remains of {step.path} has to be accepted, and nobody did"
    if course.undoing and not course.left:
        yield f"the undo of {step.path} has no outcome"
    if course.undo_failed and not (course.left or course.undone or evidence.is_kept):
        yield f"the undo of {step.path} failed, and nobody decided what becomes of it"


def the_end_hides_nothing(evidence: Evidence) -> Iterator[str]:
    """It is `residual` if a person left something, or something remains; else it is not."""
    end = evidence.end
    if end is None or end.status not in tuple(Status):
        if end is not None:
            yield f"{end.status} is no end"
        return
    left = [why for step in evidence.steps.values() if (why := _left(evidence, step))]
    if evidence.is_kept and evidence.unwound is None:
        left.append("a person left it as it is")
    residual = end.status == Status.RESIDUAL
    if left and not residual:
        yield f"it is {end.status}, and {'; '.join(left)}"
    if residual and not left:
        yield f"it is {end.status}, and nothing is left"
    if not residual and (evidence.unwound is not None) is not (end.status == Status.COMPENSATED):
        yield f"it is {end.status}, and was {'' if evidence.unwound else 'not '}unwound"


def _left(evidence: Evidence, step: Step) -> str | None:
    """What is left of a step that should be gone, if anything."""
    course = step.course
    if course.second:
        return f"{step.path} may have happened twice"
    if evidence.unwound is None and not course.late:
        return None
    if step.is_pivot and course.happened and not (course.undone or course.left):
        return f"{step.path} cannot be undone"
    return f"something of {step.path} remains" if course.residue else None
