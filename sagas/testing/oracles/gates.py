"""Rules about gates: who may pass, with what, until when, and how often.

Pure.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from approvals import Gate, GateState, GateSubject
from approvals.gate import may_move
from reversibility import is_worse
from sagas.decide import KEY_MARGIN
from sagas.entries import (
    CompensationIntended,
    Entry,
    GateConsumed,
    GateDecided,
    GateOpened,
    Intended,
)
from sagas.model import span
from sagas.testing.oracles.evidence import Evidence, Intent, direction_of
from sagas.testing.oracles.steps import DO, Step

Entries: TypeAlias = Sequence[tuple[int, int, GateOpened | GateDecided | GateConsumed]]


def a_gate_is_decided_once(evidence: Evidence) -> Iterator[str]:
    """A gate goes from state to state as gates may: the first decision wins, a "no" stays a "no"."""
    for gate, entries in evidence.gates.items():
        state: GateState | None = None
        for seq, _, entry in entries:
            new = _state_told(entry)
            if state is None and not isinstance(entry, GateOpened):
                yield f"entry {seq} moves {gate}, which was not opened"
                break
            if state is not None and (isinstance(entry, GateOpened) or not may_move(state, new)):
                yield f"entry {seq} makes {gate} {new.value}, which was {state.value}"
            state = new


def _state_told(entry: GateOpened | GateDecided | GateConsumed) -> GateState:
    if isinstance(entry, GateDecided):
        return GateState(entry.state)
    return GateState.PENDING if isinstance(entry, GateOpened) else GateState.CONSUMED


def an_approval_is_used_by_its_own_call(evidence: Evidence) -> Iterator[str]:
    """An approval is used up by the intent that follows it, of the step that it was given for."""
    if not evidence.gates:
        return
    following = {seq: entry for seq, _, entry in evidence.timed}
    for gate, entries in evidence.gates.items():
        opened = _opened(entries)
        for seq, _, entry in entries:
            if not isinstance(entry, GateConsumed) or opened is None:
                continue
            intent = following.get(seq + 1)
            if not _uses(intent, gate, opened):
                yield f"entry {seq} uses {gate}, and no intent of {opened.path} follows"


def _uses(intent: Entry | None, gate: str, opened: GateOpened) -> bool:
    if not isinstance(intent, Intended | CompensationIntended):
        return False
    place = (intent.gate, intent.path, direction_of(intent), intent.generation)
    return place == (gate, opened.path, opened.direction, opened.generation)


def _opened(entries: Entries) -> GateOpened | None:
    for _, _, entry in entries:
        if isinstance(entry, GateOpened):
            return entry
    return None


def what_needs_a_gate_has_one(evidence: Evidence) -> Iterator[str]:
    """What cannot be undone begins with an approval of its own, used up there, or with a waiver.

    So does every call whose action asks for one. A repetition needs no second approval.
    """
    consumed = {
        entry.gate: seq
        for entries in evidence.gates.values()
        for seq, _, entry in entries
        if isinstance(entry, GateConsumed)
    }
    for step in evidence.steps.values():
        known: set[str | None] = {None}
        intents: list[tuple[int, int, Intent]] = [*step.intents, *step.undos]
        for seq, _, entry in intents:
            if entry.gate not in known and consumed.get(entry.gate or "") != seq - 1:
                yield f"entry {seq} begins {step.path} with {entry.gate}, which it does not use up"
            if entry.attempt == 1 and entry.gate is None and _needs_gate(evidence, step, entry):
                yield f"entry {seq} begins {step.path} without an approval"
            known.add(entry.gate)


def _needs_gate(evidence: Evidence, step: Step, intent: Intent) -> bool:
    action = evidence.action(step)
    if isinstance(intent, Intended):
        if intent.waiver is not None:
            return action is not None and action.waiver is None
        asks = action is not None and action.gate(step.reversibility) is not None
        return step.reversibility.needs_approval or asks
    undo = None if action is None else action.undo
    return undo is not None and hasattr(undo.options.approval, "within")


def what_was_approved_is_what_runs(evidence: Evidence) -> Iterator[str]:
    """The digest that people decided on is that of this call: place, generation, and every byte."""
    rows = {gate.id: gate for gate in evidence.history.gates}
    for gate, entries in evidence.gates.items():
        opened = _opened(entries)
        if opened is None or not any(isinstance(entry, GateConsumed) for _, _, entry in entries):
            continue
        step = evidence.steps.get(opened.path)
        if step is not None and (opened.payload or b"{}") != step.arguments:
            yield f"{gate} was opened for other arguments than those of {opened.path}"
        row = rows.get(gate)
        if row is not None and step is not None:
            yield from _differs(evidence, step, opened, row)


def _differs(evidence: Evidence, step: Step, opened: GateOpened, row: Gate) -> Iterator[str]:
    digest = _digest(evidence, step, opened, row)
    if opened.digest != digest:
        yield f"{opened.gate} has the digest of something else than {step.path}"
    if row.arguments != step.arguments:
        yield f"people were shown other arguments than those of {step.path}, with {opened.gate}"
    if row.digest != digest:
        yield f"people decided about something else than {step.path}, with {opened.gate}"


def _digest(evidence: Evidence, step: Step, opened: GateOpened, row: Gate) -> str:
    """The digest of what ran under a gate."""
    does = opened.direction == DO
    return GateSubject(
        journal_id=evidence.history.journal_id,
        saga_id=evidence.history.saga_id,
        path=step.path,
        direction=opened.direction,
        generation=opened.generation,
        revision=row.revision,
        action=step.action if does else opened.action,
        action_version=step.version,
        arguments=step.arguments,
        policy_version=row.policy.version,
    ).digest()


def an_approval_is_used_in_time(evidence: Evidence) -> Iterator[str]:
    """An approval was given before the gate's deadline, and is used while it is valid.

    It is checked right before its intent is written, so that clocks and databases are given a few
    seconds.
    """
    margin = span(KEY_MARGIN)
    for gate, entries in evidence.gates.items():
        valid: int | None = None
        for seq, at, entry in entries:
            if isinstance(entry, GateDecided):
                valid = entry.valid_until
            elif isinstance(entry, GateConsumed) and valid is not None and at >= valid + margin:
                yield f"entry {seq} uses {gate}, which was not valid any more"
    for row in evidence.history.gates:
        approved = row.state in (GateState.APPROVED, GateState.CONSUMED)
        late = row.decided_at is not None and row.decided_at > row.deadline
        if approved and late:
            yield f"{row.id} was approved after its deadline"


def a_class_is_no_better_than_declared(evidence: Evidence) -> Iterator[str]:
    """A call is taken to be as its action declares it, or worse."""
    for step in evidence.steps.values():
        action = evidence.action(step) if step.intents else None
        declared = step.reversibility if action is None else action.options.reversibility
        if declared is not step.reversibility and is_worse(declared, step.reversibility):
            yield (
                f"{step.path} is {declared.value}, and was taken to be {step.reversibility.value}"
            )
