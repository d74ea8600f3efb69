"""What a saga is judged by: its journal, and what the world recorded. Indexed once, for all rules.

Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar, overload

from compensations import Choice
from sagas.authoring.action import Action
from sagas.entries import (
    CompensationIntended,
    Ended,
    Entry,
    GateConsumed,
    GateDecided,
    GateOpened,
    GateRevised,
    Intended,
    InterventionClosed,
    InterventionOpened,
    Reopened,
    RollbackBegan,
    RolledBackTo,
    SavepointSet,
    UnwindBegan,
)
from sagas.errors import Corrupt
from sagas.model import Direction
from sagas.restoring import readable
from sagas.testing.history import History
from sagas.testing.oracles.declared import Declared, declared_call
from sagas.testing.oracles.steps import Answer, Item, Step
from sagas.testing.world import Effect, Snapshot

Find: TypeAlias = Callable[[str, int], Action[..., Any] | None]
Intent: TypeAlias = Intended | CompensationIntended
GateEntry: TypeAlias = GateOpened | GateRevised | GateDecided | GateConsumed

A = TypeVar("A", bound=Entry)
B = TypeVar("B", bound=Entry)
C = TypeVar("C", bound=Entry)
D = TypeVar("D", bound=Entry)

FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was seen to be made.

    Attributes:
        began: The number of the last entry that was durable when it began.
        digest: The SHA-256, in hexadecimal, of its canonical arguments, where they are known.
    """

    path: str
    direction: str
    key: str
    attempt: int
    began: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What is being undone, and during which entries.

    Attributes:
        prefix: With what the paths in it begin; nothing for the whole saga.
        ended: The entry that says that it is undone; `FOREVER` if there is none.
    """

    prefix: str
    began: int
    ended: int = FOREVER

    def holds(self, path: str) -> bool:
        """Whether a step belongs to it."""
        return path.startswith(self.prefix)


_number = itemgetter(0)


def _no_catalog(name: str, version: int) -> None:
    """No action is known."""


@dataclass(frozen=True)
class Evidence:
    """One saga, to be judged.

    Attributes:
        ledger: The effects that the world recorded, in order.
        calls: The calls that were seen to be made, in order.
        actions: Finds an action by its full name and version, so that rules can use what it
            declares; rules that need that say nothing of an action that is not found.
        before: What the world held when the saga began; None if nobody looked.
        after: What it holds now.
        compare: What of a snapshot must be as before once the saga is undone; all of it if None.
        watched: Whether ledger and snapshots are there and hold the effects of this saga alone.
            If not, a missing effect and one under an unknown key say nothing.
    """

    history: History
    ledger: Sequence[Effect] = ()
    calls: Sequence[Call] = ()
    actions: Find = _no_catalog
    before: Snapshot = None
    after: Snapshot = None
    compare: Callable[[Snapshot], object] | None = None
    watched: bool = True

    # --- the journal --------------------------------------------------------------------------

    @cached_property
    def timed(self) -> Sequence[Item]:
        """The entries with their numbers and instants, as far as they can be read."""
        try:
            return self.history.timed
        except Corrupt:
            return readable(self.history.rows)[0]

    @cached_property
    def _kinds(self) -> Mapping[type[Entry], list[Item]]:
        found: dict[type[Entry], list[Item]] = {}
        for item in self.timed:
            found.setdefault(type(item[2]), []).append(item)
        return found

    @overload
    def of(self, kind: type[A], /) -> list[tuple[int, int, A]]: ...

    @overload
    def of(self, one: type[A], other: type[B], /) -> list[tuple[int, int, A | B]]: ...

    @overload
    def of(
        self, one: type[A], other: type[B], third: type[C], /
    ) -> list[tuple[int, int, A | B | C]]: ...

    @overload
    def of(
        self, one: type[A], other: type[B], third: type[C], last: type[D], /
    ) -> list[tuple[int, int, A | B | C | D]]: ...

    def of(self, *kinds: type[Entry]) -> list[Any]:
        """The entries of some kinds, in order, with their numbers and instants."""
        found = [item for kind in kinds for item in self._kinds.get(kind, ())]
        if len(kinds) > 1:
            found.sort(key=_number)
        return found

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        """What the journal says of each step, by its path."""
        found: dict[str, Step] = {}
        asked: dict[str, InterventionOpened] = {}
        for seq, at, entry in self.timed:
            told: Entry | Answer = entry
            if isinstance(entry, InterventionOpened):
                asked[entry.intervention] = entry
            elif isinstance(entry, InterventionClosed):
                if entry.intervention not in asked:
                    continue
                told = Answer(asked[entry.intervention], entry)
            path = getattr(told, "path", None)
            if path is None or isinstance(told, SavepointSet | RollbackBegan | RolledBackTo):
                continue
            step = found.get(path)
            if step is None:
                step = found[path] = Step(path)
            step.add(seq, at, told)
        return {path: step for path, step in found.items() if step.is_one}

    @cached_property
    def intents(self) -> Sequence[tuple[int, int, Intent]]:
        """Every intent, in order."""
        return self.of(Intended, CompensationIntended)

    @cached_property
    def has_windows(self) -> bool:
        """Whether the undo of any step is limited in time."""
        return any(entry.window is not None for _, _, entry in self.of(Intended))

    @cached_property
    def owners(self) -> Mapping[str, tuple[str, str]]:
        """The step and the direction for which each key was first intended."""
        found: dict[str, tuple[str, str]] = {}
        for _, _, entry in self.intents:
            found.setdefault(entry.key, (entry.path, direction_of(entry)))
        return found

    @cached_property
    def gates(
        self,
    ) -> Mapping[str, Sequence[tuple[int, int, GateEntry]]]:
        """The entries about each gate."""
        found: dict[str, list[tuple[int, int, GateEntry]]] = {}
        for seq, at, entry in self.of(GateOpened, GateRevised, GateDecided, GateConsumed):
            found.setdefault(entry.gate, []).append((seq, at, entry))
        return found

    @cached_property
    def scopes(self) -> Sequence[Scope]:
        """What was unwound or rolled back."""
        found: list[Scope] = []
        over = {entry.path: seq for seq, _, entry in self.of(RolledBackTo)}
        for seq, _, entry in self.of(UnwindBegan, RollbackBegan):
            if isinstance(entry, UnwindBegan):
                found.append(Scope("", seq))
            else:
                found.append(Scope(f"{entry.path}/", seq, over.get(entry.path, FOREVER)))
        return found

    @cached_property
    def unwound(self) -> int | None:
        """The number of the entry with which the unwind began."""
        return next((scope.began for scope in self.scopes if not scope.prefix), None)

    @cached_property
    def ends(self) -> Sequence[tuple[int, Ended]]:
        """Every end, with its number."""
        return [(seq, entry) for seq, _, entry in self.of(Ended)]

    @cached_property
    def reopened(self) -> Sequence[tuple[int, Reopened]]:
        """Every time that it was reopened, with its number."""
        return [(seq, entry) for seq, _, entry in self.of(Reopened)]

    @cached_property
    def end(self) -> Ended | None:
        """How it ended; None if it goes on."""
        last = self.timed[-1][2] if self.timed else None
        return last if isinstance(last, Ended) else None

    @cached_property
    def is_kept(self) -> bool:
        """Whether a person said that it is left as it is."""
        return any(entry.choice == Choice.KEEP for _, _, entry in self.of(InterventionClosed))

    def scope_at(self, path: str, seq: int) -> Scope | None:
        """What was being undone at an entry, if a step belongs to it."""
        for scope in self.scopes:
            if scope.began < seq < scope.ended and scope.holds(path):
                return scope
        return None

    # --- the world ----------------------------------------------------------------------------

    @cached_property
    def effects(self) -> Sequence[tuple[Effect, str, str]]:
        """The effects that are known to be this saga's, each with its step and direction."""
        return [
            (effect, *self.owners[effect.key])
            for effect in self.ledger
            if effect.key in self.owners
        ]

    @cached_property
    def taken(self) -> frozenset[str]:
        """The keys under which anything took effect."""
        return frozenset(effect.key for effect in self.ledger)

    # --- the catalog --------------------------------------------------------------------------

    @cached_property
    def _declared(self) -> dict[tuple[str, int, str], Declared | None]:
        return {}

    def action(self, step: Step) -> Action[..., Any] | None:
        """A step's action, if the catalog has it."""
        return self.actions(step.action, step.version)

    def declared(self, step: Step, direction: str) -> Declared | None:
        """What an action declares of one of its two calls, if the catalog has it."""
        place = (step.action, step.version, direction)
        if place not in self._declared:
            self._declared[place] = declared_call(self.action(step), direction)
        return self._declared[place]


def direction_of(entry: Intent) -> str:
    """Whether an intent is one to do or to undo."""
    return Direction.DO.value if isinstance(entry, Intended) else Direction.UNDO.value
