"""Faults as data: what happens, and where in a run it happens.

A fault has a text of its own, from which it can be made again: that is how one schedule out of
hundreds is run once more.

Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sagas.testing.errors import Unexplorable


class Kind(StrEnum):
    """What happens."""

    KILL = "kill"
    """The process ends at a boundary, as by kill -9."""
    OUTAGE = "outage"
    """The process ends at a boundary, and the next one begins longer than a year later."""
    STORE_DOWN = "store-down"
    """A storage call fails, and has done nothing."""
    STORE_LOST = "store-lost"
    """A storage call is carried out, and its answer is lost."""
    REFUSE = "refuse"
    """A call is refused: nothing happened."""
    LOSE_REQUEST = "lose-request"
    """A call's request is lost on its way, and nobody can know that."""
    LOSE_ANSWER = "lose-answer"
    """A call takes effect, and its answer is lost."""
    HANG = "hang"
    """A call takes effect, and never answers."""
    HANG_BEFORE = "hang-before"
    """A call never answers, and has no effect."""
    CRASH = "crash"
    """A call takes effect, and raises what is no `Exception`."""
    CANCEL_CALL = "cancel-call"
    """A call takes effect, and raises a cancellation of its own."""
    POISON = "poison"
    """A call takes effect, and returns what cannot be stored."""
    SLOW = "slow"
    """A call takes effect, and answers some seconds later."""
    COME_LATE = "come-late"
    """A call is given up, and takes effect and answers after that."""
    CANCEL_SAGA = "cancel-saga"
    """Somebody asks for the saga to be undone."""
    SECOND_OWNER = "second-owner"
    """The process is taken for dead, and goes on; another one takes its sagas over."""
    REJECT = "reject"
    """A person says no at a gate."""
    EXPIRE = "expire"
    """Nobody decides about a gate in time."""
    DUPLICATE = "duplicate"
    """A decision arrives three times."""
    LATE = "late"
    """A decision arrives when the gate is decided, or over."""
    EDIT = "edit"
    """A person changes what a gate asks, and others decide about that."""
    WITHDRAW = "withdraw"
    """A person takes a vote back before the decision, and votes again."""
    REVOKE = "revoke"
    """A person takes an approval back, before it is used if that can still be."""
    WRONG_DIGEST = "wrong-digest"
    """A vote is for something else than what the gate asks."""
    TAMPER = "tamper"
    """What a gate shows is changed in the database after it opened."""
    DECIDE_BOTH = "decide-both"
    """One person approves and another rejects at the same time."""


BOUNDARIES = frozenset({Kind.KILL, Kind.OUTAGE})
STORAGE = frozenset({Kind.STORE_DOWN, Kind.STORE_LOST})
CALLS = frozenset(
    {
        Kind.REFUSE,
        Kind.LOSE_REQUEST,
        Kind.LOSE_ANSWER,
        Kind.HANG,
        Kind.HANG_BEFORE,
        Kind.CRASH,
        Kind.CANCEL_CALL,
        Kind.POISON,
        Kind.SLOW,
        Kind.COME_LATE,
    }
)
BEFORE_EFFECT = frozenset({Kind.REFUSE, Kind.LOSE_REQUEST, Kind.HANG_BEFORE, Kind.COME_LATE})
"""Of the faults of calls those that strike before the call takes effect."""

TURNS = frozenset({Kind.CANCEL_SAGA, Kind.SECOND_OWNER})
GATES = frozenset(
    {
        Kind.REJECT,
        Kind.EXPIRE,
        Kind.DUPLICATE,
        Kind.LATE,
        Kind.EDIT,
        Kind.WITHDRAW,
        Kind.REVOKE,
        Kind.WRONG_DIGEST,
        Kind.TAMPER,
        Kind.DECIDE_BOTH,
    }
)

ALWAYS = 0
"""In the place of an attempt: every attempt."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: Which boundary, storage call or turn of the life, counted from 1; of a call, which
            attempt, or `ALWAYS`; of a gate, which gate of the run.
        life: Which life of the process, counted from 1.
        path: Of a call: the step's path.
        direction: Of a call: `do` or `undo`.
        what: What was there when the schedule was planned, for people.
    """

    kind: Kind
    at: int = 1
    life: int = 1
    path: str = ""
    direction: str = ""
    what: str = ""

    @property
    def place(self) -> tuple[object, ...]:
        """All but the words."""
        return self.kind, self.at, self.life, self.path, self.direction

    @property
    def code(self) -> str:
        """The text that it can be made from again."""
        parts = [self.kind.value, str(self.at)]
        if self.kind in CALLS:
            parts += [self.direction, self.path]
        elif self.kind not in GATES:
            parts.append(str(self.life))
        return ":".join(parts)

    def __str__(self) -> str:
        return f"{self.kind} {self.what}".rstrip() if self.what else self.code


def call_fault(kind: Kind, path: str, direction: str, attempt: int = 1) -> Fault:
    """A call that goes wrong, at one attempt or, with `ALWAYS`, at every one."""
    times = ", every time" if attempt == ALWAYS else ""
    what = f"{'undo ' if direction == 'undo' else ''}{path}{times}"
    return Fault(kind, attempt, path=path, direction=direction, what=what)


def boundary_fault(kind: Kind, boundary: str, at: int, life: int = 1) -> Fault:
    """The end of a process at a boundary."""
    return Fault(kind, at, life, what=f"{boundary} (boundary {at}{_of(life)})")


def storage_fault(kind: Kind, call: str, at: int, life: int = 1) -> Fault:
    """A storage call that goes wrong."""
    return Fault(kind, at, life, what=f"{call} (storage call {at}{_of(life)})")


def turn_fault(kind: Kind, at: int, life: int = 1) -> Fault:
    """Something at a turn of the event loop."""
    return Fault(kind, at, life, what=f"at turn {at}{_of(life)}")


def gate_fault(kind: Kind, gate: int) -> Fault:
    """A wrong decision."""
    return Fault(kind, gate, what=f"gate {gate}")


def named(
    fault: Fault, boundaries: Sequence[Sequence[str]], storage: Sequence[Sequence[str]]
) -> Fault:
    """A fault that struck, with its words, though it was made of its code.

    Args:
        boundaries: What the run met, by life.
        storage: Its storage calls, by life.
    """
    kind, at, life = fault.kind, fault.at, fault.life
    if fault.what:
        return fault
    if kind in BOUNDARIES:
        return boundary_fault(kind, boundaries[life - 1][at - 1], at, life)
    if kind in STORAGE:
        return storage_fault(kind, storage[life - 1][at - 1], at, life)
    return turn_fault(kind, at, life) if kind in TURNS else gate_fault(kind, at)


def _of(life: int) -> str:
    return "" if life == 1 else f" of life {life}"


def code_of(faults: Sequence[Fault]) -> str:
    """The text of a schedule."""
    return " ".join(fault.code for fault in faults) or "untouched"


def describe(faults: Iterable[Fault]) -> str:
    """A schedule in words."""
    return ", then ".join(str(fault) for fault in faults) or "nothing went wrong"


def parse(code: str) -> tuple[Fault, ...]:
    """A schedule from its text.

    Raises:
        Unexplorable: It is none.
    """
    if code.strip() == "untouched":
        return ()
    if not code.strip():
        raise Unexplorable("no schedule is named: take the text after `only=` from a report")
    return tuple(_parse(part) for part in code.split())


def _parse(part: str) -> Fault:
    name, _, rest = part.partition(":")
    try:
        kind = Kind(name)
        if kind in CALLS:
            at, direction, path = rest.split(":", 2)
            return call_fault(kind, path, direction, int(at))
        at, _, life = rest.partition(":")
        return Fault(kind, int(at), int(life or 1))
    except (ValueError, TypeError) as error:
        raise Unexplorable(
            f"{part!r} is no fault: take the text after `only=` from a report"
        ) from error
