"""Entries folded into what is true now.

The state of a saga is nothing but the fold of its entries: live, on recovery and in an audit. It
is only ever changed here, entry by entry, in the order of the journal.

Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic_core import from_json

from compensations import InterventionKind, Residue
from reversibility import Reversibility
from sagas import entries as e
from sagas.model import Direction

NEVER = 2**62
"""The end of a call that goes on after its time was up."""


class Phase(StrEnum):
    """Where one call stands."""

    NONE = "none"
    INTENDED = "intended"
    IN_DOUBT = "in-doubt"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    WAIVED = "waived"


@dataclass(slots=True)
class Track:
    """The life of one call: doing a step, or undoing it.

    Attributes:
        attempts: Intents so far.
        failures: Attempts that were seen to fail, since a person answered or the unwind began.
        last_at: When the last attempt was intended.
        last_end: After this no attempt can be running.
        unseen_end: The same for those attempts alone whose end nobody saw.
        failed_at: When an attempt was last seen to fail; waits count from here.
        not_before: No attempt before this instant.
        doubt: Whether an attempt is in doubt, even if a later one is known not to have happened.
        wanted: Whether a person asked for another attempt, which has not been made yet.
        probed_early: Whether a probe said "absent" too early to count, after the last attempt.
        absent: Whether a probe that counts said "absent" after the last attempt.
        blind: Whether the probe failed after the last attempt, so that it counts as no probe.
    """

    phase: Phase = Phase.NONE
    seq: int = 0
    at: int = 0
    ended: int = 0
    attempts: int = 0
    failures: int = 0
    last_at: int = 0
    last_end: int = 0
    unseen_end: int = 0
    failed_at: int = 0
    key: str = ""
    generation: int = 0
    not_before: int = 0
    doubt: bool = False
    wanted: bool = False
    probed_early: bool = False
    absent: bool = False
    blind: bool = False
    error: str | None = None
    message: str | None = None
    via: str = "call"
    gate: str | None = None

    def retry(self) -> None:
        """Forget the failures, because a person asked for another attempt; doubt is not forgotten."""
        self.phase = Phase.IN_DOUBT if self.doubt else Phase.NONE
        self.wanted = True
        self.failures = 0
        self.probed_early = self.absent = self.blind = False


@dataclass(slots=True)
class Step:
    """One step: what was called, and how far doing and undoing it have come."""

    path: str
    ordinal: int
    action: str
    version: int
    arguments: bytes
    reversibility: Reversibility = Reversibility.UNKNOWN
    forward: Track = field(default_factory=Track)
    undo: Track = field(default_factory=Track)
    result: bytes | None = None
    unstorable: str | None = None
    data: list[object] | None = None
    before: bytes | None = None
    waiver: str | None = None
    conflicts: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    residue: Residue | None = None
    interrupted: bool = False

    @property
    def scope(self) -> str:
        """The path of the scope it was called in."""
        return scope_of(self.path)

    @property
    def may_have_happened(self) -> bool:
        """Whether the world may hold its effect."""
        return self.forward.phase in (Phase.INTENDED, Phase.IN_DOUBT, Phase.SUCCEEDED)


@dataclass(slots=True)
class Gate:
    """A gate as the saga knows it."""

    id: str
    path: str
    direction: Direction
    state: str
    deadline: int
    by: str
    digest: str
    generation: int
    seq: int
    decided_by: str | None = None
    reason: str | None = None
    valid_until: int | None = None


@dataclass(slots=True)
class Timer:
    """A sleep, or a wait for an event."""

    path: str
    what: str
    until: int | None
    fired: bool = False
    event: int | None = None
    interrupted: bool = False


@dataclass(slots=True)
class Event:
    """An event that somebody sent."""

    seq: int
    name: str
    payload: bytes
    taken: bool = False


@dataclass(slots=True)
class Savepoint:
    """A block that can be unwound alone."""

    path: str
    seq: int
    reason: str | None = None
    began: bool = False
    done: bool = False


@dataclass(slots=True)
class Question:
    """An open intervention."""

    id: str
    what: str
    path: str | None
    direction: Direction | None
    question: str
    evidence: str
    choices: list[str]


@dataclass(slots=True)
class SagaState:
    """Everything that is true of one saga."""

    saga_id: str
    saga: str = ""
    version: int = 1
    input: bytes = b"null"
    starter: str = ""
    started_at: int = 0
    head: int = 0
    generation: int = 0
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    calls: dict[str, dict[int, str]] = field(default_factory=dict[str, dict[int, str]])
    gates: dict[str, Gate] = field(default_factory=dict[str, Gate])
    gate_of: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    values: dict[str, e.Recorded] = field(default_factory=dict[str, e.Recorded])
    timers: dict[str, Timer] = field(default_factory=dict[str, Timer])
    events: dict[int, Event] = field(default_factory=dict[int, Event])
    savepoints: dict[str, Savepoint] = field(default_factory=dict[str, Savepoint])
    closed: dict[str, int] = field(default_factory=dict[str, int])
    questions: dict[str, Question] = field(default_factory=dict[str, Question])
    answers: list[e.InterventionClosed] = field(default_factory=list[e.InterventionClosed])
    cancel: e.CancelRequested | None = None
    unwind: e.UnwindBegan | None = None
    ended: e.Ended | None = None
    ended_at: int = 0

    @property
    def unwinding(self) -> bool:
        """Whether the unwind began."""
        return self.unwind is not None

    @property
    def pivot(self) -> Step | None:
        """The first irreversible step that may have happened, if any."""
        for step in self.steps.values():
            if step.reversibility.is_pivot and step.may_have_happened:
                return step
        return None

    @property
    def rolling_back(self) -> Savepoint | None:
        """The savepoint whose rollback has begun and not finished, if any."""
        for savepoint in self.savepoints.values():
            if savepoint.began and not savepoint.done:
                return savepoint
        return None

    def question_about(
        self, path: str | None, direction: Direction | None = None
    ) -> Question | None:
        """The open intervention about a step or, with None, about the saga itself."""
        for question in self.questions.values():
            if question.path == path and (direction is None or question.direction is direction):
                return question
        return None

    def gate(self, path: str, direction: Direction) -> Gate | None:
        """The latest gate of a call."""
        gate_id = self.gate_of.get((path, direction))
        return self.gates[gate_id] if gate_id else None

    def open_gates(self) -> list[Gate]:
        """The gates that are pending, or approved and not yet used."""
        return [gate for gate in self.gates.values() if gate.state in ("pending", "approved")]

    def residue(self) -> list[tuple[str, Residue]]:
        """What remains of each step that was undone or waived."""
        return [
            (step.path, step.residue) for step in self.steps.values() if step.residue is not None
        ]


def fold(saga_id: str, rows: Iterable[tuple[int, int, e.Entry]]) -> SagaState:
    """The state after `(seq, at, entry)` triples, in order."""
    state = SagaState(saga_id)
    for seq, at, entry in rows:
        apply(state, seq, at, entry)
    return state


def apply(state: SagaState, seq: int, at: int, entry: e.Entry) -> None:
    """Change the state by one entry."""
    state.head = seq
    handler = _HANDLERS.get(type(entry))
    if handler is not None:
        handler(state, seq, at, entry)


def scope_of(path: str) -> str:
    """The scope of a step's path: what stands before its own name."""
    cut = max(path.rfind("/"), path.rfind(":"))
    return path[: cut + 1] if path[cut] == ":" else path[:cut]


def _call(state: SagaState, path: str, ordinal: int) -> None:
    state.calls.setdefault(scope_of(path), {})[ordinal] = path


def _started(state: SagaState, seq: int, at: int, entry: e.Started) -> None:
    state.saga, state.version, state.starter = entry.saga, entry.version, entry.starter
    state.input = entry.payload or b"null"
    state.started_at = at


def _recorded(state: SagaState, seq: int, at: int, entry: e.Recorded) -> None:
    _call(state, entry.path, entry.ordinal)
    state.values[entry.path] = entry


def _timer_set(state: SagaState, seq: int, at: int, entry: e.TimerSet) -> None:
    _call(state, entry.path, entry.ordinal)
    state.timers[entry.path] = Timer(entry.path, entry.what, entry.until)


def _timer_fired(state: SagaState, seq: int, at: int, entry: e.TimerFired) -> None:
    state.timers[entry.path].fired = True


def _event_received(state: SagaState, seq: int, at: int, entry: e.EventReceived) -> None:
    state.events[seq] = Event(seq, entry.name, entry.payload or b"null")


def _event_taken(state: SagaState, seq: int, at: int, entry: e.EventTaken) -> None:
    state.events[entry.event].taken = True
    state.timers[entry.path].event = entry.event


def _step(state: SagaState, entry: e.Intended | e.GateOpened) -> Step:
    step = state.steps.get(entry.path)
    if step is None:
        _call(state, entry.path, entry.ordinal)
        step = Step(entry.path, entry.ordinal, entry.action, entry.version, entry.payload or b"{}")
        state.steps[entry.path] = step
    return step


def _intended(state: SagaState, seq: int, at: int, entry: e.Intended) -> None:
    step = _step(state, entry)
    step.reversibility = Reversibility(entry.reversibility)
    step.waiver = entry.waiver
    if entry.before is not None:
        step.before = entry.before.encode()
    if entry.conflicts:
        step.conflicts = frozenset(entry.conflicts)
    if entry.after:
        step.after = frozenset(entry.after)
    _attempt(step.forward, seq, at, entry)


def _attempt(track: Track, seq: int, at: int, entry: e.Intended | e.CompensationIntended) -> None:
    if not track.attempts:
        track.seq, track.at = seq, at
    track.phase = Phase.INTENDED
    track.attempts = entry.attempt
    track.last_at, track.last_end = at, max(track.last_end, entry.latest_end)
    track.key, track.generation, track.gate = entry.key, entry.generation, entry.gate
    track.probed_early = track.absent = track.blind = track.wanted = False


def _succeeded(state: SagaState, seq: int, at: int, entry: e.Succeeded) -> None:
    step = state.steps[entry.path]
    step.result, step.unstorable = entry.payload, entry.unstorable
    _settle(step.forward, Phase.SUCCEEDED, at, entry.via)


def _failed(state: SagaState, seq: int, at: int, entry: e.Failed) -> None:
    step = state.steps[entry.path]
    step.data = entry.data
    step.forward.error, step.forward.message = entry.error, entry.message
    _settle(step.forward, Phase.FAILED, at, entry.via)


def _settle(track: Track, phase: Phase, at: int, via: str) -> None:
    track.phase, track.ended, track.via, track.doubt = phase, at, via, False


def _track(state: SagaState, path: str, direction: str) -> Track:
    step = state.steps[path]
    return step.forward if direction == Direction.DO else step.undo


def _found_in_doubt(state: SagaState, seq: int, at: int, entry: e.FoundInDoubt) -> None:
    track = _track(state, entry.path, entry.direction)
    track.phase, track.doubt, track.message = Phase.IN_DOUBT, True, entry.reason
    if entry.running:
        track.unseen_end = NEVER
    if entry.observed:
        _seen_to_fail(track, entry.ended)
    else:
        track.unseen_end = max(track.unseen_end, entry.ended)


def _postponed(state: SagaState, seq: int, at: int, entry: e.Postponed) -> None:
    track = _track(state, entry.path, entry.direction)
    track.phase = Phase.IN_DOUBT if track.doubt else Phase.NONE
    track.error, track.message, track.not_before = entry.error, entry.message, entry.until
    _seen_to_fail(track, at)


def _seen_to_fail(track: Track, ended: int) -> None:
    """This attempt is over. One that a lost worker made may be running all the same."""
    track.failures += 1
    track.failed_at = ended
    track.last_end = max(track.unseen_end, ended)


def _probed(state: SagaState, seq: int, at: int, entry: e.Probed) -> None:
    track = _track(state, entry.path, entry.direction)
    track.absent = entry.answer == "absent" and entry.counts
    track.probed_early = entry.answer == "absent" and not entry.counts
    track.blind = entry.answer == "failed"
    track.doubt = track.doubt and not track.absent


def _interrupted(state: SagaState, seq: int, at: int, entry: e.Interrupted) -> None:
    if entry.action is None:
        state.timers[entry.path].interrupted = True
        return
    if entry.path not in state.steps:
        _call(state, entry.path, entry.ordinal)
        state.steps[entry.path] = Step(
            entry.path, entry.ordinal, entry.action, entry.version, entry.payload or b"{}"
        )
    state.steps[entry.path].interrupted = True


def _parallel_closed(state: SagaState, seq: int, at: int, entry: e.ParallelClosed) -> None:
    state.closed[entry.path] = entry.branch


def _gate_opened(state: SagaState, seq: int, at: int, entry: e.GateOpened) -> None:
    _step(state, entry)
    state.gates[entry.gate] = Gate(
        id=entry.gate,
        path=entry.path,
        direction=Direction(entry.direction),
        state="pending",
        deadline=entry.deadline,
        by=entry.by,
        digest=entry.digest,
        generation=entry.generation,
        seq=seq,
    )
    state.gate_of[entry.path, entry.direction] = entry.gate


def _gate_decided(state: SagaState, seq: int, at: int, entry: e.GateDecided) -> None:
    gate = state.gates[entry.gate]
    gate.state, gate.decided_by, gate.reason = entry.state, entry.by, entry.reason
    gate.valid_until = entry.valid_until


def _gate_consumed(state: SagaState, seq: int, at: int, entry: e.GateConsumed) -> None:
    state.gates[entry.gate].state = "consumed"


def _cancel_requested(state: SagaState, seq: int, at: int, entry: e.CancelRequested) -> None:
    state.cancel = state.cancel or entry


def _unwind_began(state: SagaState, seq: int, at: int, entry: e.UnwindBegan) -> None:
    state.unwind = entry
    state.generation = entry.generation
    for (
        step
    ) in state.steps.values():  # what ran out of attempts is called again to learn its result
        step.forward.failures = 0


def _compensation_intended(
    state: SagaState, seq: int, at: int, entry: e.CompensationIntended
) -> None:
    _attempt(state.steps[entry.path].undo, seq, at, entry)


def _compensated(state: SagaState, seq: int, at: int, entry: e.Compensated) -> None:
    step = state.steps[entry.path]
    _settle(step.undo, Phase.SUCCEEDED, at, entry.via)
    if entry.payload is not None:
        step.residue = read_residue(entry.payload)


def _compensation_failed(state: SagaState, seq: int, at: int, entry: e.CompensationFailed) -> None:
    undo = state.steps[entry.path].undo
    undo.error, undo.message = entry.error, entry.message
    _settle(undo, Phase.FAILED, at, "call")


def _savepoint_set(state: SagaState, seq: int, at: int, entry: e.SavepointSet) -> None:
    _call(state, entry.path, entry.ordinal)
    state.savepoints[entry.path] = Savepoint(entry.path, seq)


def _rollback_began(state: SagaState, seq: int, at: int, entry: e.RollbackBegan) -> None:
    savepoint = state.savepoints[entry.path]
    savepoint.began, savepoint.reason = True, entry.reason
    state.generation = entry.generation


def _rolled_back(state: SagaState, seq: int, at: int, entry: e.RolledBackTo) -> None:
    state.savepoints[entry.path].done = True


def _intervention_opened(state: SagaState, seq: int, at: int, entry: e.InterventionOpened) -> None:
    state.questions[entry.intervention] = Question(
        entry.intervention,
        entry.what,
        entry.path,
        Direction(entry.direction) if entry.direction else None,
        entry.question,
        entry.evidence,
        entry.choices,
    )


def _intervention_closed(state: SagaState, seq: int, at: int, entry: e.InterventionClosed) -> None:
    question = state.questions.pop(entry.intervention)
    state.answers.append(entry)
    if question.path is None or question.path not in state.steps:
        return
    step = state.steps[question.path]
    track = step.undo if question.direction is Direction.UNDO else step.forward
    if entry.choice == "retry" and question.what != InterventionKind.MISSING_HANDLER:
        track.retry()  # what nobody could handle is only looked at again, doubt included
        state.gate_of.pop((step.path, str(question.direction)), None)  # another gate asks anew
    elif entry.choice == "waive":
        track.phase = Phase.WAIVED
        step.residue = Residue(f"left as it is: {entry.reason}")


def _ended(state: SagaState, seq: int, at: int, entry: e.Ended) -> None:
    state.ended, state.ended_at = entry, at


def read_residue(payload: bytes) -> Residue:
    """A residue from its stored bytes."""
    return Residue(**from_json(payload))


_HANDLERS: dict[type[e.Entry], Callable[..., None]] = {
    e.Started: _started,
    e.Recorded: _recorded,
    e.TimerSet: _timer_set,
    e.TimerFired: _timer_fired,
    e.EventReceived: _event_received,
    e.EventTaken: _event_taken,
    e.Intended: _intended,
    e.Succeeded: _succeeded,
    e.Failed: _failed,
    e.FoundInDoubt: _found_in_doubt,
    e.Postponed: _postponed,
    e.Probed: _probed,
    e.Interrupted: _interrupted,
    e.ParallelClosed: _parallel_closed,
    e.GateOpened: _gate_opened,
    e.GateDecided: _gate_decided,
    e.GateConsumed: _gate_consumed,
    e.CancelRequested: _cancel_requested,
    e.UnwindBegan: _unwind_began,
    e.CompensationIntended: _compensation_intended,
    e.Compensated: _compensated,
    e.CompensationFailed: _compensation_failed,
    e.SavepointSet: _savepoint_set,
    e.RollbackBegan: _rollback_began,
    e.RolledBackTo: _rolled_back,
    e.InterventionOpened: _intervention_opened,
    e.InterventionClosed: _intervention_closed,
    e.Ended: _ended,
}
