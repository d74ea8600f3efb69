"""The parts of a saga's story: what people are told, before it is given a form.

Texts are as they were recorded; whoever shows them makes them safe for the medium. Instants are
microseconds since 1970, durations microseconds, as in the journal.

Pure.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from compensations import Residue
from reversibility import Reversibility
from sagas.model import Direction, Status


class Mark(StrEnum):
    """What kind of thing a beat tells of."""

    STARTED = "started"
    RUNNING = "running"
    DONE = "done"
    UNDONE = "undone"
    FAILED = "failed"
    DOUBT = "doubt"
    ASKED = "asked"
    AGREED = "agreed"
    REFUSED = "refused"
    TURNED = "turned"
    WAITED = "waited"
    NOTED = "noted"
    ENDED = "ended"


PAYLOADS = frozenset({"arguments", "found", "input", "payload", "result", "state before", "value"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One line of the timeline: an attempt with its outcome, or one thing that came to pass.

    Attributes:
        seq: The entry it begins with.
        last: The entry that closed it; the same as `seq` if it stands alone.
        took: From the first entry to the last; None where nothing took time.
        verb: What happened, in a word or two: "did", "undid", "approved".
        subject: What it happened to: a step's label, a gate, an event.
        more: Further facts for an audit, as names and values; a value whose name is in `PAYLOADS`
            is JSON text.
    """

    seq: int
    last: int
    at: int
    took: int | None = None
    mark: Mark
    verb: str
    subject: str = ""
    path: str | None = None
    direction: Direction | None = None
    detail: str = ""
    more: tuple[tuple[str, str], ...] = ()


class StepState(StrEnum):
    """Where a step stands, doing and undoing taken together."""

    WAITING = "waiting"
    RUNNING = "running"
    IN_DOUBT = "in-doubt"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDO_IN_DOUBT = "undo-in-doubt"
    UNDO_FAILED = "undo-failed"
    UNDONE = "undone"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStory:
    """Doing a step, or undoing it.

    Attributes:
        phase: The phase of the call, as `sagas.state.Phase` names it.
        began: When the first attempt was intended; None if none was.
        ended: When the outcome became known; None if it is not.
        via: How the outcome is known: "call", "probe", "person", "gate", ...
    """

    phase: str
    attempts: int
    began: int | None
    ended: int | None
    via: str
    key: str
    error: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStory:
    """One step: what was called, and how far doing and undoing it have come.

    Attributes:
        arguments: What it is done with.
        called: What the body called with, if people revised that.
        late: Whether it took effect after the body had been told otherwise, or after the end.
    """

    path: str
    label: str
    action: str
    version: int
    reversibility: Reversibility
    state: StepState
    arguments: bytes
    called: bytes | None
    result: bytes | None
    do: CallStory
    undo: CallStory | None
    gate: str | None
    waiver: str | None
    residue: Residue | None
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionStory:
    """Other arguments that a person proposed."""

    number: int
    by: str
    reason: str
    at: int
    arguments: bytes
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStory:
    """A question to people before a call, and what became of it.

    Attributes:
        asked: Who is asked, in words.
        arguments: What it asks about: the last revision.
        called: What the body called with: the first one.
        revisions: The others, in order.
    """

    id: str
    path: str
    label: str
    direction: Direction
    action: str
    version: int
    state: str
    asked: str
    digest: str
    arguments: bytes
    opened: int
    deadline: int
    called: bytes
    revisions: tuple[RevisionStory, ...] = ()
    decided: int | None = None
    decided_by: str | None = None
    reason: str | None = None
    valid_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionStory:
    """An intervention, and how it was answered.

    Attributes:
        state: "open", "answered" (by somebody, but not taken up yet) or "closed".
        identified_by: How whoever answered was identified.
        channel: Where the answer came in.
    """

    id: str
    kind: str
    path: str | None
    label: str
    direction: Direction | None
    question: str
    evidence: str
    choices: tuple[str, ...]
    state: str
    opened: int
    closed: int | None = None
    choice: str | None = None
    by: str | None = None
    reason: str | None = None
    identified_by: str | None = None
    channel: str | None = None
    result: bytes | None = None


class Lasting(StrEnum):
    """Why something remains in the world."""

    RESIDUE = "residue"
    """It was undone or waived, and this is left."""
    IRREVERSIBLE = "irreversible"
    """It cannot be undone."""
    IN_DOUBT = "in-doubt"
    """Nobody knows whether it is there."""
    NOT_UNDONE = "not-undone"
    """It is not undone, or not yet."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """Something that remains in the world of a saga that is, or was, unwound."""

    path: str
    label: str
    why: Lasting
    text: str


class WaitKind(StrEnum):
    """What a saga waits for."""

    GATE = "gate"
    INTERVENTION = "intervention"
    SLEEP = "sleep"
    EVENT = "event"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something that has to come before the saga goes on.

    Attributes:
        ref: The gate, the intervention, or the name of the event.
        until: When the waiting is over at the latest.
    """

    kind: WaitKind
    ref: str = ""
    label: str = ""
    text: str = ""
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A decision or request that is committed, and that no worker has taken up yet."""

    kind: str
    ref: str
    by: str
    state: str
    reason: str
    at: int
    identified_by: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A saga as people are told of it.

    Attributes:
        reason: Why it was unwound, or what it is stuck on.
        remains: What is left in the world although the saga is, or was, unwound.
        waits: What has to come before it goes on.
        asked: What people have asked of it that no worker has taken up yet.
        head: How many entries there are.
    """

    id: str
    saga: str
    version: int
    starter: str
    status: Status
    reason: str | None
    input: bytes
    result: bytes | None
    started: int
    deadline: int | None
    ended: int | None
    head: int
    steps: tuple[StepStory, ...]
    beats: tuple[Beat, ...] = field(repr=False)
    gates: tuple[GateStory, ...]
    questions: tuple[QuestionStory, ...]
    remains: tuple[Remainder, ...]
    waits: tuple[Wait, ...]
    asked: tuple[Asked, ...]

    @property
    def residue(self) -> list[tuple[StepStory, Residue]]:
        """What each undone or waived step left, with the step."""
        return [(step, step.residue) for step in self.steps if step.residue is not None]
