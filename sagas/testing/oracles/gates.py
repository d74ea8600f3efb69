"""Rules about gates: who may pass, with what, until when, and how often.

Pure.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeGuard

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
    GateRevised,
    Intended,
)
from sagas.flaws import flaws_of_uses
from sagas.model import span
from sagas.testing.oracles.evidence import Evidence, GateEntry, Intent, direction_of
from sagas.testing.oracles.steps import DO, Step

Entries: TypeAlias = Sequence[tuple[int, int, GateEntry]]


def a_gate_is_decided_once(evidence: Evidence) -> Iterator[str]:
    """A gate goes from state to state as gates may: the first decision wins, a "no" stays a "no".

    It is edited only as long as nothing is decided.
    """
    for gate, entries in evidence.gates.items():
        state: GateState | None = None
        for seq, _, entry in entries:
            new = _state_told(entry)
            if state is None and not isinstance(entry, GateOpened):
                yield f"entry {seq} moves {gate}, which was not opened"
                break
            if isinstance(entry, GateRevised):
                if state is not GateState.PENDING:
                    yield f"entry {seq} edits {gate}, which was {state}"
                continue
            if state is not None and (isinstance(entry, GateOpened) or not may_move(state, new)):
                yield f"entry {seq} makes {gate} {new.value}, which was {state.value}"
            state = new


def _state_told(entry: GateEntry) -> GateState:
    if isinstance(entry, GateDecided):
        return GateState(entry.state)
    return GateState.PENDING if isinstance(entry, GateOpened) else GateState.CONSUMED


def a_standing_rule_decides_as_its_gate_opens(evidence: Evidence) -> Iterator[str]:
    """A standing rule approves the first gate of a call, as it opens, and is used with it.

    It decides no undo, and no gate after one that came to nothing.
    """
    stood: set[tuple[str, str, int]] = set()
    for gate, entries in evidence.gates.items():
        opened = _opened(entries)
        if opened is None:
            continue
        place = (opened.path, opened.direction, opened.generation)
        rule = next((each.rule for _, _, each in entries if _is_by_rule(each)), None)
        if rule is not None:
            if place in stood or opened.direction != DO:
                yield f"{rule} decides {gate}, about which people have to be asked"
            yield from _decided_otherwise(gate, rule, entries)
        yield from _spent_otherwise(gate, rule, entries)
        stood.add(place)


def _is_by_rule(entry: GateEntry) -> TypeGuard[GateDecided]:
    return isinstance(entry, GateDecided) and entry.rule is not None


def _decided_otherwise(gate: str, rule: str | None, entries: Entries) -> Iterator[str]:
    """Whether a rule decided something else than a gate that it finds."""
    (first, _, _), (second, _, decided), *_ = entries
    as_it_opens = second == first + 1 and isinstance(decided, GateDecided)
    said = (decided.state, decided.by, decided.rule) if isinstance(decided, GateDecided) else None
    if not as_it_opens or said != ("approved", f"rule {rule}", rule):
        yield f"entry {second} does not say as {gate} opens that rule {rule} approves it"


def _spent_otherwise(gate: str, rule: str | None, entries: Entries) -> Iterator[str]:
    for seq, _, entry in entries:
        if isinstance(entry, GateConsumed) and entry.rule != rule:
            yield f"entry {seq} uses {gate} with rule {entry.rule}, and rule {rule} had approved it"


def a_use_of_a_rule_is_counted(evidence: Evidence) -> Iterator[str]:
    """What a standing rule allowed is counted among its uses, with its amount, and nothing else is."""
    history = evidence.history
    yield from flaws_of_uses(
        history.saga_id, history.uses, [entry for _, _, entry in evidence.timed]
    )


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
    place = (intent.gate, intent.path, direction_of(intent))
    if place != (gate, opened.path, opened.direction):
        return False
    if opened.direction == DO:
        return intent.generation == opened.generation
    return intent.generation >= opened.generation  # a later unwind wants the same undo


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


def an_edit_is_decided_by_others(evidence: Evidence) -> Iterator[str]:
    """Revisions follow one another, and whoever made the last one is not among those who decide."""
    for gate, entries in evidence.gates.items():
        last, editor = 1, None
        for seq, _, entry in entries:
            if isinstance(entry, GateRevised):
                if entry.revision != last + 1:
                    yield f"entry {seq} makes revision {entry.revision} of {gate} after {last}"
                last, editor = entry.revision, entry.by
            elif isinstance(entry, GateDecided) and editor in _deciders(entry):
                yield f"entry {seq}: {editor} decided about their own edit of {gate}"


def _deciders(entry: GateDecided) -> list[str]:
    by_votes = entry.state in (GateState.APPROVED, GateState.REJECTED)
    return (entry.by or "").split(", ") if by_votes else []


def what_was_approved_is_what_runs(evidence: Evidence) -> Iterator[str]:
    """The digest that people decided on is that of this call: place, generation, and every byte.

    What people edited runs as the revision that was approved, and what the body called with stays
    on the record.
    """
    rows = {gate.id: gate for gate in evidence.history.gates}
    used = _last_used(evidence)
    for gate, entries in evidence.gates.items():
        opened = _opened(entries)
        if opened is None or not any(isinstance(entry, GateConsumed) for _, _, entry in entries):
            continue
        step = evidence.steps.get(opened.path)
        if step is None:
            continue
        called = step.arguments if opened.direction == DO else step.given(DO)
        if (opened.payload or b"{}") != called:
            yield f"{gate} was opened for other arguments than those of {opened.path}"
        row = rows.get(gate)
        if row is not None and gate == used[opened.path, opened.direction]:
            edits = [entry for _, _, entry in entries if isinstance(entry, GateRevised)]
            yield from _differs(evidence, step, opened, edits, row)


def _last_used(evidence: Evidence) -> dict[tuple[str, str], str]:
    """The gate under which each call ran: the call of one that was used before was never begun."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for gate, entries in evidence.gates.items():
        opened = _opened(entries)
        for seq, _, entry in entries:
            if opened is not None and isinstance(entry, GateConsumed):
                place = (opened.path, opened.direction)
                found[place] = max(found.get(place, (0, "")), (seq, gate))
    return {place: gate for place, (_, gate) in found.items()}


def _differs(
    evidence: Evidence, step: Step, opened: GateOpened, edits: Sequence[GateRevised], row: Gate
) -> Iterator[str]:
    last = edits[-1] if edits else opened
    revision = edits[-1].revision if edits else 1
    digest, given = _digest(evidence, step, opened, revision, row), step.given(opened.direction)
    if (last.payload or b"{}") != given:
        yield f"{row.id} was approved for other arguments than {step.path} ran with"
    if last.digest != digest:
        yield f"{row.id} has the digest of something else than {step.path}"
    if row.arguments != given:
        yield f"people were shown other arguments than those of {step.path}, with {row.id}"
    if row.digest != digest:
        yield f"people decided about something else than {step.path}, with {row.id}"


def _digest(evidence: Evidence, step: Step, opened: GateOpened, revision: int, row: Gate) -> str:
    """The digest of what ran under a gate."""
    does = opened.direction == DO
    return GateSubject(
        journal_id=evidence.history.journal_id,
        saga_id=evidence.history.saga_id,
        path=step.path,
        direction=opened.direction,
        generation=opened.generation,
        revision=revision,
        action=step.action if does else opened.action,
        action_version=step.version,
        arguments=step.given(opened.direction),
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
