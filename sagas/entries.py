"""What the journal remembers: one class per kind of entry, in the past tense.

An entry is one fact about one saga. Its order is its `seq`; its instant is when it was written.
Kinds carry a version, so that a later release can read what an earlier one wrote. The same
classes serve writing and reading: standard dataclasses are cheap to make on the write path, and
pydantic validates them when rows are read back.

`payload` is kept apart from the other fields because its bytes are exact: they are what was
hashed, approved and handed to the action.

Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import ClassVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from reversibility import Window
from sagas.errors import Corrupt, Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fact in a saga's journal.

    `sensitive` says where the payload is secret, as JSON pointers in which `*` stands for any member:
    whoever shows it to people leaves that out.
    """

    VERSION: ClassVar[int] = 1

    payload: bytes | None = None
    sensitive: list[str] | None = None

    @property
    def kind(self) -> str:
        """The tag it is stored under: the name of its class."""
        return type(self).__name__


# --- the saga ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Entry):
    """A saga began. The payload is its input; from `deadline` on it is undone, unless it has ended."""

    saga: str
    version: int
    starter: str
    deadline: int | None = None
    requester: str | None = None
    agent: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Entry):
    """Somebody asked for the saga to be undone; `too_late` says that it is past its pivot."""

    by: str
    reason: str
    too_late: bool
    identified_by: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(Entry):
    """The saga's deadline came before its end; `too_late` says that it is past its pivot."""

    too_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Entry):
    """The saga reached an end. The payload is its result, if it completed."""

    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Entry):
    """A call answered after the saga had ended: it took effect after all.

    The only entry that may follow `Ended`. What became of the call is the next entry.
    """

    path: str
    direction: str
    reason: str


# --- what a body reads ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Entry):
    """The body read a clock or drew a random id. The payload is the value."""

    path: str
    ordinal: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSet(Entry):
    """The body began to sleep, or to wait for an event with a deadline."""

    path: str
    ordinal: int
    what: str
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired(Entry):
    """The sleep or the wait is over because its time came."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReceived(Entry):
    """Somebody sent an event. The payload is what it says."""

    name: str
    key: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTaken(Entry):
    """A waiting body was handed the event that arrived as entry `event`."""

    path: str
    event: int


# --- steps ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended(Entry):
    """An attempt at a step is about to be made. The first carries the arguments as its payload.

    After a gate it carries them only if they were revised there: the gate has those of the call.

    Durable before the action is called. `latest_end` is the instant after which this attempt
    cannot be running any more. `sensitive_before` says where the before-image is secret. `window`
    limits the undo of what can be undone. `tokens` are the lock tokens of the locks on `conflicts`.
    """

    path: str
    ordinal: int
    action: str
    version: int
    reversibility: str
    attempt: int
    key: str
    generation: int
    latest_end: int
    gate: str | None = None
    waiver: str | None = None
    before: str | None = None
    sensitive_before: list[str] | None = None
    conflicts: list[str] | None = None
    after: list[str] | None = None
    window: Window | None = None
    tokens: list[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(Entry):
    """A step needs keys that other sagas hold. The payload is its arguments, as it was called.

    `holders` are those sagas, of every key that it lacked. `waits` says whether it stands in line,
    until `until` or for as long as it takes.
    """

    path: str
    ordinal: int
    action: str
    version: int
    keys: list[str]
    holders: list[str]
    waits: bool
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockReleased(Entry):
    """A person took a key from the saga before its end. `token` is that under which it was held."""

    key: str
    token: int
    by: str
    reason: str
    identified_by: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded(Entry):
    """A step took effect. The payload is its result; `via` says how we know.

    `late` means that the call itself answered after it had been given up. With `second` it may have
    taken effect beside another attempt: it had outlived its key, if it had one. `closes_at` is the
    instant that the result names, where that closes the step's window.
    """

    path: str
    via: str = "call"
    unstorable: str | None = None
    second: bool | None = None
    closes_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Entry):
    """A step is known not to have happened; `via` says how we know."""

    path: str
    error: str
    message: str
    data: list[object] | None = None
    via: str = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInDoubt(Entry):
    """Nobody knows whether an attempt took effect. `ended` is when it surely was over.

    With `running` the call goes on although its time was up, and nobody can tell when it ends. With
    `over` this is the end of such a call, which does not say that it took effect.
    """

    path: str
    direction: str
    reason: str
    ended: int
    observed: bool
    running: bool = False
    over: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed(Entry):
    """An attempt is known not to have happened, and another may be made from `until` on.

    `made` is false if it was given up before it was begun, so that it counts as no attempt.
    """

    path: str
    direction: str
    error: str
    message: str
    until: int
    made: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed(Entry):
    """The destination was asked: found, absent, or the question failed.

    `counts` says whether "absent" was asked late enough to mean anything. The payload is what
    was found.
    """

    path: str
    direction: str
    answer: str
    counts: bool
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(Entry):
    """The body stopped waiting for a step, or a sleep. The payload is the step's arguments."""

    path: str
    ordinal: int
    action: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelClosed(Entry):
    """A branch failed, so the other branches of this `parallel` begin nothing new.

    Branch -1 says that they are open again, because a person asked for another attempt. A second
    entry says that several failed, and whose failure was raised.
    """

    path: str
    branch: int


# --- gates ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOpened(Entry):
    """A person is asked before a step. The payload is the arguments that would run.

    `policy` is what is asked for, as JSON text. `stakes` is JSON text: the class of the call, how much it moves, and where it is secret. `because`
    is what the body said of why; nobody vouches for it.
    """

    gate: str
    path: str
    direction: str
    ordinal: int
    action: str
    version: int
    generation: int
    digest: str
    deadline: int
    by: str
    policy: str = ""
    stakes: str | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRevised(Entry):
    """A person proposed other arguments, and the gate asks about them. The payload is those.

    What the body called with stays what it was: a replay compares that.
    """

    gate: str
    path: str
    revision: int
    digest: str
    by: str
    reason: str
    identified_by: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecided(Entry):
    """The gate left `pending`, or an approval was lost before it was used.

    `rule` is the standing rule that approved it, if no person did.
    """

    gate: str
    path: str
    state: str
    by: str | None = None
    reason: str | None = None
    valid_until: int | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConsumed(Entry):
    """The approval was used up by the intent that follows it.

    `rule` is the standing rule that gave it and was used with it; `amount` is what that took of the
    rule's budget.
    """

    gate: str
    path: str
    rule: str | None = None
    amount: str | None = None


# --- unwinding --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowAlarmed(Entry):
    """The window of a step was found about to close, at `closes_at`, while the saga waited.

    `response` is what its author wants done then.
    """

    path: str
    closes_at: int
    response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowClosed(Entry):
    """The window of a step was found closed: from here on it is irreversible.

    `closed_at` is when it closed, which may be long before somebody looked.
    """

    path: str
    closed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwindBegan(Entry):
    """From here on nothing new is done; what was done is undone."""

    reason: str
    cause: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAsked(Entry):
    """Before an undo it was asked whether everything is as the step left it.

    `answer` is held, changed, or failed: nobody could tell.
    """

    path: str
    answer: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationIntended(Entry):
    """An attempt to undo a step is about to be made.

    The payload is what people revised the arguments to, if they did.
    """

    path: str
    attempt: int
    key: str
    generation: int
    latest_end: int
    unknown: bool = False
    gate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensated(Entry):
    """A step was undone. The payload is the residue that remains, if any.

    `sign_off` says that a person has to accept it before the saga goes on.
    """

    path: str
    via: str = "call"
    sign_off: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationFailed(Entry):
    """The undo of a step is known not to have happened."""

    path: str
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavepointSet(Entry):
    """A block began that can be unwound alone."""

    path: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackBegan(Entry):
    """An exception left the block: its steps are undone."""

    path: str
    reason: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBackTo(Entry):
    """The block's steps are undone; the body goes on with the exception."""

    path: str


# --- people -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionOpened(Entry):
    """Only a person can tell how to go on."""

    intervention: str
    what: str
    question: str
    evidence: str
    choices: list[str]
    path: str | None = None
    direction: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionClosed(Entry):
    """A person answered, or the question became moot. The payload is a result they gave.

    `identified_by` is how they were identified, and `channel` where the answer came in.
    """

    intervention: str
    choice: str
    by: str
    reason: str
    identified_by: str | None = None
    channel: str | None = None


KINDS: dict[str, type[Entry]] = {
    kind.__name__: kind
    for kind in (
        Started,
        CancelRequested,
        DeadlinePassed,
        Ended,
        Reopened,
        Recorded,
        TimerSet,
        TimerFired,
        EventReceived,
        EventTaken,
        Blocked,
        LockReleased,
        Intended,
        Succeeded,
        Failed,
        FoundInDoubt,
        Postponed,
        Probed,
        Interrupted,
        ParallelClosed,
        GateOpened,
        GateRevised,
        GateDecided,
        GateConsumed,
        WindowAlarmed,
        WindowClosed,
        UnwindBegan,
        GuardAsked,
        CompensationIntended,
        Compensated,
        CompensationFailed,
        SavepointSet,
        RollbackBegan,
        RolledBackTo,
        InterventionOpened,
        InterventionClosed,
    )
}


def body_of(entry: Entry) -> bytes:
    """The JSON text of an entry's fields, without its payload and without what is None."""
    names, values = _READERS[type(entry)]
    given = values(entry)
    return to_json(
        {name: value for name, value in zip(names, given, strict=True) if value is not None}
    )


def read(kind: str, version: int, body: bytes | str, payload: bytes | None) -> Entry:
    """An entry from its stored parts.

    Raises:
        Unreadable: This release does not know the kind or its version.
        Corrupt: The fields do not fit.
    """
    known = KINDS.get(kind)
    if known is None or not 1 <= version <= known.VERSION:
        raise Unreadable(
            f"an entry of kind {kind!r}, version {version}, was not written by this agent-sagas or "
            "an older one: upgrade to read it"
        )
    try:
        given = from_json(body)
        if payload is not None:
            given["payload"] = payload
        return _validator(known)(given)
    except (ValidationError, ValueError, TypeError) as error:
        raise Corrupt(f"an entry of kind {kind!r} does not read: {error}") from error


def _reader(kind: type[Entry]) -> tuple[tuple[str, ...], Callable[[Entry], tuple[object, ...]]]:
    names = tuple(field.name for field in fields(kind) if field.name != "payload")
    getter = attrgetter(*names)
    if len(names) == 1:
        return names, lambda entry: (getter(entry),)
    return names, getter


_READERS = {kind: _reader(kind) for kind in KINDS.values()}
_VALIDATORS: dict[type[Entry], Callable[[object], Entry]] = {}


def _validator(kind: type[Entry]) -> Callable[[object], Entry]:
    """Built when first needed: most processes never read most kinds."""
    found = _VALIDATORS.get(kind)
    if found is None:
        found = _VALIDATORS[kind] = TypeAdapter(kind).validator.validate_python
    return found
