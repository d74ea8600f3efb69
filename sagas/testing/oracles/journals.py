"""Rules about a journal as such: unbroken, readable, and each entry at its place.

Pure.
"""

from collections.abc import Iterator
from itertools import pairwise

from sagas.chain import verify
from sagas.entries import (
    Compensated,
    CompensationFailed,
    Ended,
    EventReceived,
    EventTaken,
    Failed,
    FoundInDoubt,
    Intended,
    InterventionClosed,
    InterventionOpened,
    Postponed,
    Probed,
    Recorded,
    Reopened,
    RollbackBegan,
    RolledBackTo,
    SavepointSet,
    Started,
    Succeeded,
    TimerSet,
    UnwindBegan,
)
from sagas.errors import Corrupt
from sagas.model import Direction, Status
from sagas.restoring import readable
from sagas.testing.oracles.evidence import Evidence
from sagas.testing.oracles.steps import DO, UNDO, Step, Told, direction_told


def the_chain_verifies(evidence: Evidence) -> Iterator[str]:
    """No entry is missing, changed or moved, and those that the saga's row knows of are there."""
    history = evidence.history
    row = history.saga
    broken = verify(
        history.journal_id,
        history.saga_id,
        history.rows,
        head=None if row is None else row.head,
        head_hash=None if row is None else row.head_hash,
    )
    if broken is not None:
        yield f"entry {broken.seq}: {broken.reason}"


def every_entry_reads(evidence: Evidence) -> Iterator[str]:
    """Each entry is of a kind and a form that this release knows."""
    try:
        _ = evidence.history.timed
    except Corrupt:
        unread = readable(evidence.history.rows)[1]
        yield str(unread)


def a_saga_starts_once(evidence: Evidence) -> Iterator[str]:
    """The first entry says that it began, and no other does."""
    for seq, _, entry in evidence.timed:
        if isinstance(entry, Started) is not (seq == 1):
            yield f"entry {seq} is a {entry.kind}"
            return


def nothing_follows_the_end(evidence: Evidence) -> Iterator[str]:
    """An end is the last entry, unless a late answer reopens the saga; then that is what follows."""
    reopened = {seq for seq, _ in evidence.reopened}
    last = len(evidence.history.rows)
    for seq, _ in evidence.ends:
        if seq != last and seq + 1 not in reopened:
            yield f"entry {seq} is the end, and {last - seq} follow it"
    if not reopened:
        return
    for (_, _, before), (seq, _, entry) in pairwise(evidence.timed):
        if isinstance(entry, Reopened) and not isinstance(before, Ended):
            yield f"entry {seq} reopens a saga that had not ended"
        if isinstance(before, Reopened) and not _reopens(before, entry):
            yield f"entry {seq - 1} reopens the saga, and {entry.kind} follows"


def _reopens(reopened: Reopened, entry: object) -> bool:
    if isinstance(entry, InterventionClosed):
        return True
    kind = Succeeded if reopened.direction == Direction.DO else Compensated
    return isinstance(entry, kind) and (entry.path, entry.via) == (reopened.path, "late")


def the_unwind_begins_once(evidence: Evidence) -> Iterator[str]:
    """A saga that unwinds never goes forward again: it begins that once, and does not complete."""
    began = 0
    for seq, _, entry in evidence.of(UnwindBegan, Ended):
        if isinstance(entry, UnwindBegan):
            if began:
                yield f"entry {seq} begins the unwind again, after entry {began}"
            began = began or seq
        else:
            if began and entry.status == Status.COMPLETED:
                yield f"entry {seq} completes a saga whose unwind began with entry {began}"
            if not began and entry.status == Status.COMPENSATED:
                yield f"entry {seq} calls a saga compensated that was not unwound"


def a_block_is_rolled_back_once(evidence: Evidence) -> Iterator[str]:
    """A rollback begins in a block that was opened, and ends once."""
    state: dict[str, str] = {}
    follows = {
        "SavepointSet": None,
        "RollbackBegan": "SavepointSet",
        "RolledBackTo": "RollbackBegan",
    }
    for seq, _, entry in evidence.of(SavepointSet, RollbackBegan, RolledBackTo):
        if state.get(entry.path) != follows[entry.kind]:
            yield f"entry {seq} ({entry.kind}) is out of turn for {entry.path}"
        state[entry.path] = entry.kind


def generations_rise_one_by_one(evidence: Evidence) -> Iterator[str]:
    """Each unwind and each rollback is a new generation, and nothing else is."""
    begun = evidence.of(UnwindBegan, RollbackBegan)
    for generation, (seq, _, entry) in enumerate(begun, start=1):
        if entry.generation != generation:
            yield f"entry {seq} begins generation {entry.generation} instead of {generation}"


def an_outcome_follows_its_intent(evidence: Evidence) -> Iterator[str]:
    """What became of a call is told after an intent to make it.

    A person may say of what was never called back that it is undone; a gate may refuse a step, and
    a step that is undone need not have been called at all if a person knows more.
    """
    for step in evidence.steps.values():
        begun: set[str] = set()
        for seq, _, told in step.told:
            direction = direction_told(told)
            if direction is None:
                continue
            if isinstance(told, Intended) or told in _undo_intents(step):
                begun.add(direction)
            elif direction not in begun and _needs_intent(told):
                yield f"entry {seq} tells what became of {step.path} ({direction}), which was not begun"


def _undo_intents(step: Step) -> list[object]:
    return [entry for _, _, entry in step.undos]


def _needs_intent(told: object) -> bool:
    if isinstance(told, Failed):
        return told.via not in ("gate", "lock")
    if isinstance(told, Compensated):
        return told.via != "person"
    return isinstance(told, Succeeded | FoundInDoubt | Postponed | Probed | CompensationFailed)


def an_outcome_is_told_once(evidence: Evidence) -> Iterator[str]:
    """Nobody tells again what became of a call, unless it is another attempt, or what came late."""
    for step in evidence.steps.values():
        for direction in (DO, UNDO):
            yield from _told_again(step.path, step.about(direction))


_OUTCOMES = (Succeeded, Failed, Compensated, CompensationFailed)


def _told_again(path: str, told: list[Told]) -> Iterator[str]:
    outcome: object = None
    for seq, _, entry in told:
        if not isinstance(entry, _OUTCOMES):
            outcome = outcome if not _is_intent(entry) else None
            continue
        if outcome is not None and not _adds_to(outcome, entry):
            yield f"entry {seq} tells the outcome of {path} again"
        outcome = entry


def _is_intent(entry: object) -> bool:
    return type(entry).__name__ in ("Intended", "CompensationIntended")


def _adds_to(outcome: object, entry: object) -> bool:
    """Whether an outcome says what an earlier one did not."""
    via = getattr(entry, "via", "call")
    if isinstance(entry, Succeeded):
        late = entry.via == "late"
        return late and (isinstance(outcome, Failed) or entry.second is True)
    if isinstance(entry, Compensated):
        if isinstance(outcome, CompensationFailed):
            return via in ("person", "late")
        by_person = isinstance(outcome, Compensated) and outcome.via == "person"
        return via == "late" and by_person and entry.payload is not None
    return False


def a_place_is_recorded_once(evidence: Evidence) -> Iterator[str]:
    """What a body read, waited for or opened at one place is in the journal once."""
    seen: set[str] = set()
    for seq, _, entry in evidence.of(Recorded, TimerSet, SavepointSet):
        if entry.path in seen:
            yield f"entry {seq} records {entry.path} again"
        seen.add(entry.path)


def an_event_is_taken_once(evidence: Evidence) -> Iterator[str]:
    """A body is handed an event that had arrived, and no event is handed over twice."""
    arrived: set[int] = set()
    for seq, _, entry in evidence.of(EventReceived, EventTaken):
        if isinstance(entry, EventReceived):
            arrived.add(seq)
        else:
            if entry.event not in arrived:
                yield f"entry {seq} takes entry {entry.event}, which is no event, or was taken"
            arrived.discard(entry.event)


def a_person_answers_what_was_asked(evidence: Evidence) -> Iterator[str]:
    """An answer is on offer, is given once, and has a name to it."""
    asked: dict[str, InterventionOpened] = {}
    answered: set[str] = set()
    for seq, _, entry in evidence.of(InterventionOpened, InterventionClosed):
        if isinstance(entry, InterventionOpened):
            asked[entry.intervention] = entry
        elif entry.choice != "moot":
            question = asked.get(entry.intervention)
            left = entry.choice == "waive" and evidence.is_kept
            if question is None or (entry.choice not in question.choices and not left):
                yield f"entry {seq} answers {entry.choice}, which was not asked"
            elif entry.intervention in answered or not entry.by:
                yield f"entry {seq} answers {entry.intervention} again, or nobody says so"
            answered.add(entry.intervention)
