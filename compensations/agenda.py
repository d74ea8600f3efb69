"""What is still to be undone, and what of it may start now, kept up to date as effects settle.

An effect waits at the first barrier that holds it up, and is looked at again only when that barrier
gives way. Settling one effect costs what it frees, never a look at all the others; a whole unwind of
n effects costs O(n log n) for a given depth of nesting and number of keys of an effect.

Pure.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from compensations.plan import Effect, Standing, branch, components, turns

NOTHING = -1
"""The number of no effect: every barrier lets pass what came later than its highest."""

Mark = tuple[int, str]
"""An effect in a heap whose first is the one that goes first: its turn, negated, and its path."""


class Agenda:
    """The effects of one unwind.

    Each effect that may start is handed out once by `take`; `give_back` has it handed out again.
    """

    def __init__(self, effects: Iterable[Effect]) -> None:
        self._taken: set[str] = set()
        self._lay_out(list(effects))

    def _lay_out(self, given: Sequence[Effect]) -> None:
        """Give each effect its turn, and have it wait where it is held up."""
        self._effects: dict[str, Effect] = {}
        self._places: dict[str, _Place] = {}
        self._root = _Scope(self._is_done)
        self._keys: dict[str, _Need] = {}
        self._names: dict[str, _Need] = {}
        self._asleep: dict[str, _Barrier] = {}
        self._free: set[str] = set()
        self._turns = turns(given)
        self._hurries = any(self._turns.get(item.path, item.seq) != item.seq for item in given)
        for effect in given:
            self._enter(effect)
        for effect in given:
            self._look(effect.path)

    # --- what may start -----------------------------------------------------------------------

    def take(self) -> list[Effect]:
        """Hand out the effects that may start now and were not handed out, the last one first."""
        found = sorted((self._effects[path] for path in self._free), key=self._later)
        self._taken |= self._free
        self._free.clear()
        return found

    def give_back(self, path: str) -> None:
        """Whoever took this effect is done with it: if it is not settled, it is handed out again."""
        self._taken.discard(path)
        self._look(path)

    def held_by(self, path: str) -> Effect | None:
        """An effect that has to go before this one, if there is one."""
        barrier = self._asleep.get(path)
        holder = None if barrier is None else barrier.highest()
        return None if holder is None else self._effects[holder[1]]

    def _mark(self, effect: Effect) -> Mark:
        return -self._turn(effect), effect.path

    def _turn(self, effect: Effect) -> int:
        """When an effect goes; where none hurries, by the number of its intent."""
        return self._turns.setdefault(effect.path, effect.seq)

    def _later(self, effect: Effect) -> int:
        return -self._turn(effect)

    # --- what became of the effects -----------------------------------------------------------

    def put(self, effect: Effect) -> None:
        """Take in where an effect stands now. Whatever else is said of it never changes."""
        before = self._effects.get(effect.path)
        if before is not None and before.standing is effect.standing:
            return
        if self._is_out_of_turn(effect):
            self._lay_out([*{**self._effects, effect.path: effect}.values()])
            return
        self._enter(effect)
        if before is not None and _weight(effect) < _weight(before):
            self._settled(effect)
        else:
            self._look_again(effect.path)

    def _is_out_of_turn(self, effect: Effect) -> bool:
        """Whether an effect has come to light that windows may have others go before, or after."""
        is_new = _weight(effect) > 0 and effect.path not in self._turns
        return is_new and (self._hurries or effect.closes_at is not None)

    def drop(self, path: str) -> None:
        """Forget an effect: it is none of this unwind's business any more."""
        if path in self._effects:
            self.put(replace(self._effects[path], standing=Standing.SETTLED))

    def _settled(self, effect: Effect) -> None:
        """It is in the way of less than before."""
        self._free.discard(effect.path)
        self._asleep.pop(effect.path, None)
        for barrier in self._places[effect.path].opening():
            for path in barrier.wake():
                if self._asleep.get(path) is barrier:
                    self._look(path)

    def _look_again(self, path: str) -> None:
        """It may be in the way of what was free."""
        for free in [path, *self._free]:
            self._free.discard(free)
            self._look(free)

    def _look(self, path: str) -> None:
        """Find out whether an effect may start; if not, it waits where it is held up."""
        effect = self._effects[path]
        self._asleep.pop(path, None)
        if effect.standing is not Standing.DONE or path in self._taken:
            return
        for barrier in self._places[path].barriers():
            if barrier.floor() > self._turn(effect):
                self._asleep[path] = barrier
                barrier.sleep(self._mark(effect))
                return
        self._free.add(path)

    # --- barriers -----------------------------------------------------------------------------

    def _enter(self, effect: Effect) -> None:
        """Add an effect to whatever it holds up by where it stands now."""
        self._effects[effect.path] = effect
        place = self._places.get(effect.path)
        if place is None:
            place = self._places[effect.path] = self._place(effect)
        if effect.standing is Standing.DONE:
            for lane in place.lanes:
                lane.add(self._mark(effect))
        if self._is_open(effect.path):
            for need in place.held:
                need.add(self._mark(effect))

    def _place(self, effect: Effect) -> "_Place":
        keys = [self._need(self._keys, key) for key in effect.conflicts]
        return _Place(
            lanes=self._root.lanes(effect.path),
            holding=[self._need(self._names, effect.action), *keys],
            held=[*(self._need(self._names, name) for name in effect.after), *keys],
        )

    def _need(self, needs: "dict[str, _Need]", name: str) -> "_Need":
        if name not in needs:
            needs[name] = _Need(self._is_open)
        return needs[name]

    def _is_done(self, path: str) -> bool:
        return self._effects[path].standing is Standing.DONE

    def _is_open(self, path: str) -> bool:
        return self._effects[path].standing in (Standing.DONE, Standing.STUCK)


def ready(effects: Iterable[Effect]) -> list[Effect]:
    """The effects whose undo may start now, the last one first."""
    return Agenda(effects).take()


def _weight(effect: Effect) -> int:
    """How much it is in the way of: by order and need, by need alone, of nothing."""
    return {Standing.DONE: 2, Standing.STUCK: 1}.get(effect.standing, 0)


class _Marks:
    """Which of some effects came last, of those that count."""

    __slots__ = ("_counts", "_heap")

    def __init__(self, counts: Callable[[str], bool]) -> None:
        self._counts = counts
        self._heap: list[Mark] = []

    def add(self, mark: Mark) -> None:
        heappush(self._heap, mark)

    def first(self) -> Mark | None:
        while self._heap:
            turn, path = self._heap[0]
            if self._counts(path):
                return -turn, path
            heappop(self._heap)
        return None


class _Barrier(ABC):
    """Holds up the effects that came before the highest of some others."""

    __slots__ = ("_sleepers",)

    def __init__(self) -> None:
        self._sleepers: list[Mark] = []

    @abstractmethod
    def highest(self) -> Mark | None:
        """The last of those others, with its number."""

    def floor(self) -> int:
        """Its number: what came before it has to wait."""
        highest = self.highest()
        return NOTHING if highest is None else highest[0]

    def sleep(self, mark: Mark) -> None:
        """Have an effect wait here."""
        heappush(self._sleepers, mark)

    def wake(self) -> Iterator[str]:
        """Let go of those that are not held up here any more."""
        floor = self.floor()
        while self._sleepers and -self._sleepers[0][0] >= floor:
            yield heappop(self._sleepers)[1]


class _Need(_Barrier):
    """One conflict key, or one action that others build on: the last of those goes first."""

    __slots__ = ("_marks",)

    def __init__(self, counts: Callable[[str], bool]) -> None:
        super().__init__()
        self._marks = _Marks(counts)

    def add(self, mark: Mark) -> None:
        self._marks.add(mark)

    def highest(self) -> Mark | None:
        return self._marks.first()


class _Lane(_Barrier):
    """What lies in one part of a scope: it waits for whatever came later in its other parts.

    Attributes:
        listed: The number under which the scope keeps it; none of its effects has a higher one.
        listing: Which of its places in the scope counts.
    """

    __slots__ = ("_marks", "listed", "listing", "scope")

    def __init__(self, scope: "_Scope", counts: Callable[[str], bool]) -> None:
        super().__init__()
        self.scope = scope
        self._marks = _Marks(counts)
        self.listed = NOTHING
        self.listing = 0

    def add(self, mark: Mark) -> None:
        self._marks.add(mark)
        if -mark[0] > self.listed:
            self.scope.list_(self, -mark[0])

    def last(self) -> Mark | None:
        return self._marks.first()

    def highest(self) -> Mark | None:
        """The last effect of the other lanes."""
        for lane in self.scope.leaders(2):
            if lane is not self:
                return lane.last()
        return None


class _Scope:
    """One scope of a body: its lanes are its blocks and calls, and each of its `parallel`s.

    The branches of one `parallel` share a lane, because none of them waits for another.
    """

    __slots__ = ("_counts", "_heap", "_inner", "_lanes", "_listings")

    def __init__(self, counts: Callable[[str], bool]) -> None:
        self._counts = counts
        self._lanes: dict[str | None, _Lane] = {}
        self._inner: dict[str, _Scope] = {}
        self._heap: list[tuple[int, int, _Lane]] = []
        self._listings = 0

    def lane(self, component: str | None) -> _Lane:
        """The lane of what a component of a path names; with None, of what ends here."""
        named = None if component is None else branch(component)
        name = component if named is None else f"{named[0]}."
        if name not in self._lanes:
            self._lanes[name] = _Lane(self, self._counts)
        return self._lanes[name]

    def lanes(self, path: str) -> list[_Lane]:
        """The lanes that hold what has this path, from the outside in."""
        scope, found = self, list[_Lane]()
        for component in components(path):
            found.append(scope.lane(component))
            scope = scope.inner(component)
        return [*found, scope.lane(None)]

    def inner(self, component: str) -> "_Scope":
        """The scope that a component names."""
        if component not in self._inner:
            self._inner[component] = _Scope(self._counts)
        return self._inner[component]

    def list_(self, lane: _Lane, turn: int) -> None:
        """Give a lane its place among the others."""
        self._listings += 1
        lane.listed, lane.listing = turn, self._listings
        heappush(self._heap, (-turn, self._listings, lane))

    def leaders(self, count: int) -> list[_Lane]:
        """The lanes that hold the last effects, at most so many, the last first."""
        found: list[tuple[int, int, _Lane]] = []
        while self._heap and len(found) < count:
            item = heappop(self._heap)
            _, listing, lane = item
            if listing != lane.listing:
                continue  # it has been given another place since
            last = lane.last()
            if last is not None and last[0] == lane.listed:
                found.append(item)
            elif last is None:
                lane.listed = NOTHING
            else:
                self.list_(lane, last[0])
        for item in found:
            heappush(self._heap, item)
        return [lane for _, _, lane in found]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an effect lies.

    Attributes:
        holding: What it may have to wait for, beside the order.
        held: What waits for it, beside the order.
    """

    lanes: list[_Lane]
    holding: list[_Need]
    held: list[_Need]

    def barriers(self) -> Iterator[_Barrier]:
        """Whatever may hold it up."""
        yield from self.lanes
        yield from self.holding

    def opening(self) -> Iterator[_Barrier]:
        """Whatever may give way when it is in the way of less."""
        for lane in self.lanes:
            yield from lane.scope.leaders(1)
        yield from self.held
