"""What is true of one saga now: its steps, gates, timers, savepoints and questions.

Only `sagas.fold` changes it, entry by entry, in the order of the journal.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappop, heappush

from approvals.parties import Parties
from compensations import InterventionKind, Residue
from reversibility import Reversibility, Window
from sagas import entries as e
from sagas.declared import Declared
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
        unmade: Intents whose call was given up before it was begun.
        last_at: When the last attempt was intended.
        latest_end: When the last attempt is over, if it keeps to its time.
        last_end: After this no attempt can be running.
        lost_end: The same for those that lost workers made.
        unseen_end: The same for those attempts alone whose end nobody saw.
        running: Attempts that were given up and go on.
        failed_at: When an attempt was last seen to fail; waits count from here.
        not_before: No attempt before this instant.
        doubt: Whether an attempt is in doubt, even if a later one is known not to have happened.
        wanted: Whether a person asked for another attempt, which has not been made yet.
        probed_early: Whether a probe said "absent" too early to count, after the last attempt.
        absent: Whether a probe that counts said "absent" after the last attempt.
        blind: Whether the probe failed after the last attempt, so that it counts as no probe.
        unknown: For an undo: whether it was called while nobody knew that there was anything to undo.
        revised: The arguments that people changed those of the call to; None if they did not.
    """

    phase: Phase = Phase.NONE
    seq: int = 0
    at: int = 0
    ended: int = 0
    attempts: int = 0
    failures: int = 0
    unmade: int = 0
    last_at: int = 0
    latest_end: int = 0
    last_end: int = 0
    unseen_end: int = 0
    lost_end: int = 0
    running: int = 0
    failed_at: int = 0
    key: str = ""
    generation: int = 0
    not_before: int = 0
    doubt: bool = False
    wanted: bool = False
    probed_early: bool = False
    absent: bool = False
    blind: bool = False
    unknown: bool = False
    error: str | None = None
    message: str | None = None
    via: str = "call"
    gate: str | None = None
    revised: bytes | None = None

    def retry(self) -> None:
        """Forget the failures, because a person asked for another attempt; doubt is not forgotten."""
        self.phase = Phase.IN_DOUBT if self.doubt else Phase.NONE
        self.wanted = True
        self.failures = 0
        self.probed_early = self.absent = self.blind = False


@dataclass(slots=True)
class Step:
    """One step: what was called, and how far doing and undoing it have come.

    Attributes:
        arguments: Those that the body called with, which a replay compares.
        late: It took effect after it had been given up. The body goes on hearing what it was told
            (`forward` stays as it was), and the effect is undone or put before a person.
        seen: Whether a person was shown the late effect, and decided.
        undos: Undos that do not count any more, because the effect came to light after them.
        again: Whether the undo under way will not count, for that reason.
        twice: Whether an attempt may have taken effect beside the one that settled it.
        twice_seen: Whether a person was shown that.
        second: What a person left as it is of such a second effect.
        reversibility: Its class now: irreversible once its window was found closed.
        intended_as: Its class as its intent says.
        window: What limits its undo.
        closes_at: When that closes, as far as it is known.
        closed_at: When it closed, once that is on the record.
        alarmed: Whether the alarm was raised that it is about to close.
        overruled: Whether a person said to undo it whatever its guard says.
        blocked: The keys for which it waits, or waited, before it began.
        blocked_until: Until when.
        tokens: The lock tokens of its locks, by key.
    """

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
    sensitive: tuple[str, ...] = ()
    waiver: str | None = None
    conflicts: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    residue: Residue | None = None
    interrupted: bool = False
    late: bool = False
    seen: bool = False
    undos: int = 0
    again: bool = False
    twice: bool = False
    twice_seen: bool = False
    second: Residue | None = None
    intended_as: Reversibility = Reversibility.UNKNOWN
    window: Window | None = None
    closes_at: int | None = None
    closed_at: int | None = None
    alarmed: bool = False
    overruled: bool = False
    blocked: tuple[str, ...] = ()
    blocked_until: int | None = None
    tokens: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def scope(self) -> str:
        """The path of the scope it was called in."""
        return scope_of(self.path)

    @property
    def happened(self) -> bool:
        """Whether it is known to have taken effect."""
        return self.late or self.forward.phase is Phase.SUCCEEDED

    @property
    def ends_at(self) -> int | None:
        """When its undo is no longer possible, as far as that is known; None too once it was called.

        An undo that was called before is carried through.
        """
        open_ = self.closed_at is None and self.may_have_happened and not self.is_undone
        return self.closes_at if open_ and not self.undo.attempts else None

    @property
    def is_in_doubt(self) -> bool:
        """Whether nobody knows what became of one of its calls."""
        return Phase.IN_DOUBT in (self.forward.phase, self.undo.phase)

    @property
    def is_past_return(self) -> bool:
        """Whether it may have taken effect, and its class is one that is not undone."""
        return self.reversibility.is_pivot and self.may_have_happened

    @property
    def may_have_happened(self) -> bool:
        """Whether the world may hold its effect."""
        return self.late or self.forward.phase in (
            Phase.INTENDED,
            Phase.IN_DOUBT,
            Phase.SUCCEEDED,
        )

    def given(self, direction: Direction) -> bytes:
        """The arguments with which one of its two calls is made: as called, or as people revised."""
        done_with = self.forward.revised or self.arguments
        return done_with if direction is Direction.DO else self.undo.revised or done_with

    def track(self, direction: Direction) -> Track:
        """The life of one of its two calls."""
        return self.forward if direction is Direction.DO else self.undo

    @property
    def is_undone(self) -> bool:
        """Whether it was undone, or left as it is, so that its outcome does not matter any more."""
        return self.undo.phase in (Phase.SUCCEEDED, Phase.WAIVED)

    @property
    def is_settled(self) -> bool:
        """Whether its outcome is known, so that nothing more is called for it going forward."""
        return self.forward.phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.WAIVED)


@dataclass(slots=True)
class Gate:
    """A gate as the saga knows it.

    Attributes:
        asked: The arguments that it asked about at first.
        arguments: Those that it asks about.
        revision: Which wording of them that is.
        editor: Who made it; None as it was asked.
        sensitive: Where the arguments are secret.
    """

    id: str
    path: str
    direction: Direction
    state: str
    deadline: int
    by: str
    digest: str
    generation: int
    seq: int
    asked: bytes = b"{}"
    arguments: bytes = b"{}"
    revision: int = 1
    editor: str | None = None
    sensitive: list[str] | None = None
    decided_by: str | None = None
    reason: str | None = None
    valid_until: int | None = None
    policy: str = ""
    action: str = ""
    rule: str | None = None


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
    """Everything that is true of one saga.

    Attributes:
        deadline: The instant that it was given when it began.
        due: The same, while its passing still has a consequence.
        calls: The path of each recorded call, by its scope and its place there.
        order: The place of each recorded call among all of them.
        former: How it had ended before it was reopened.
        declared: What its entries declare to be secret.
        unsigned: The paths of steps whose residue a person has to accept, and has not.
        windowed: The paths of steps whose window was not found closed.
        touched: The path of the step that each entry told of, in the order of the entries.
        late: The paths of the steps that took effect late, or may have twice.
        asked: The open interventions by the path they are about; None is the saga itself.
        rolling: The savepoints whose rollback has begun and not finished, by their paths.
        pivots: A heap of the irreversible steps that may have happened, by their places; the first
            did, others may not count any more.
    """

    saga_id: str
    saga: str = ""
    version: int = 1
    input: bytes = b"null"
    parties: Parties = field(default_factory=lambda: Parties(starter=""))
    started_at: int = 0
    deadline: int | None = None
    due: int | None = None
    head: int = 0
    generation: int = 0
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    calls: dict[str, dict[int, str]] = field(default_factory=dict[str, dict[int, str]])
    order: dict[str, int] = field(default_factory=dict[str, int])
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
    former: e.Ended | None = None
    windowed: set[str] = field(default_factory=set[str])
    unsigned: set[str] = field(default_factory=set[str])
    declared: Declared = field(default_factory=Declared, compare=False)
    touched: list[str] = field(default_factory=list[str], compare=False, repr=False)
    late: set[str] = field(default_factory=set[str], compare=False, repr=False)
    asked: dict[str | None, dict[str, Question]] = field(
        default_factory=dict[str | None, dict[str, Question]], compare=False, repr=False
    )
    rolling: dict[str, Savepoint] = field(
        default_factory=dict[str, Savepoint], compare=False, repr=False
    )
    pivots: list[tuple[int, str]] = field(
        default_factory=list[tuple[int, str]], compare=False, repr=False
    )

    def touch(self, path: str) -> None:
        """Keep what is looked up of all steps at once true after an entry about one of them."""
        step = self.steps.get(path)
        if step is None:
            return
        self.touched.append(path)
        if step.late or step.twice:
            self.late.add(path)
        else:
            self.late.discard(path)
        if step.is_past_return:
            heappush(self.pivots, (self.order[path], path))
        while self.pivots and not self.steps[self.pivots[0][1]].is_past_return:
            heappop(self.pivots)

    @property
    def starter(self) -> str:
        """Who started it."""
        return self.parties.starter

    @property
    def unwinding(self) -> bool:
        """Whether the unwind began."""
        return self.unwind is not None

    @property
    def pivot(self) -> Step | None:
        """The first irreversible step that may have happened, if any."""
        return self.steps[self.pivots[0][1]] if self.pivots else None

    @property
    def rolling_back(self) -> Savepoint | None:
        """The savepoint whose rollback has begun and not finished, if any."""
        return min(self.rolling.values(), key=lambda savepoint: savepoint.seq, default=None)

    def is_rolled_back(self, path: str) -> bool:
        """Whether a call was made in a block whose rollback has begun: it is undone, or will be."""
        cut = path.find("/")
        while cut >= 0:
            savepoint = self.savepoints.get(path[:cut])
            if savepoint is not None and savepoint.began:
                return True
            cut = path.find("/", cut + 1)
        return False

    def questions_about(self, path: str | None) -> Iterable[Question]:
        """The open interventions about a step or, with None, about the saga itself."""
        return self.asked.get(path, {}).values()

    def question_about(
        self, path: str | None, direction: Direction | None = None
    ) -> Question | None:
        """The first of them; with a direction, the first about that call.

        That a window is about to close holds up nothing.
        """
        for question in self.questions_about(path):
            if question.what == InterventionKind.WINDOW_CLOSING:
                continue
            if direction is None or question.direction is direction:
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
        """What remains of each step that was undone or waived, or happened twice."""
        return [
            (step.path, left)
            for step in self.steps.values()
            for left in (step.residue, step.second)
            if left is not None
        ]


def scope_of(path: str) -> str:
    """The scope of a step's path: what stands before its own name."""
    cut = max(path.rfind("/"), path.rfind(":"))
    return path[: cut + 1] if path[cut] == ":" else path[:cut]
