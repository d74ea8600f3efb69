"""Locks of sagas on keys: what is asked for, what is answered, and who is in whose way.

A lock belongs to a saga, not to a worker, and is held until the saga has ended, its unwind included.
Whoever has to wait stands in a line, one for each key. All the keys of a step are given at once or
not at all.

Somebody waits for the saga that holds a key, and for those who came earlier to its line. A circle of
those who hold what the next one wants would never open: whoever would close one is turned away
instead of waiting (the wait-for graph of R. C. Holt, "Some Deadlock Properties of Computer Systems",
1972). A mere place in a line holds nobody up for ever: whoever came earlier, but waits for the one
who asks, is passed by; and whoever asks lets those pass for whom it waits elsewhere.

Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Need:
    """The keys that a step needs before it begins.

    Attributes:
        waits: Whether it stands in line for those that others hold.
        until: The instant (microseconds) until which it would wait; None for as long as it takes.
        now: The present, by the clock that `until` goes by.
    """

    saga_id: str
    path: str
    keys: tuple[str, ...]
    waits: bool
    until: int | None
    now: int


@dataclass(frozen=True, slots=True)
class LockRow:
    """Who holds a key, or waits for it.

    Attributes:
        number: Larger than that of every earlier row. Of a holder it is the lock token: whoever
            holds a key later has a larger one.
        path: The step for which it was taken first.
        since: Since when, in microseconds, by the database's clock.
        until: Until when it waits, if not for as long as it takes.
        woken: Whether it was told to look again, and has not looked yet.
    """

    number: int
    key: str
    saga_id: str
    path: str
    since: int
    held: bool
    until: int | None = None
    woken: bool = False


class Turn(StrEnum):
    """Why a step does not get its keys."""

    LOCKED = "Locked"
    """Another saga holds one, and the step does not wait."""
    LATE = "LockTimeout"
    """It has waited for as long as it would."""
    DEADLOCK = "Deadlock"
    """Another saga holds one, and waits for this saga."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The saga holds every key; with the lock token of each."""

    tokens: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class InLine:
    """It waits; whoever is in the way of it wakes it."""

    behind: tuple[LockRow, ...]


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """It got nothing, and does not wait."""

    why: Turn
    behind: tuple[LockRow, ...]


LockAnswer = Granted | InLine | TurnedAway

Edges = Mapping[str, Iterable[str]]
"""For a saga, those that it waits for."""


@dataclass(frozen=True, slots=True)
class Ties:
    """How a saga that asks is tied to others.

    Attributes:
        waiting: Those who wait for it, directly or for somebody who does.
        stuck: Those of them who would wait whatever their places in lines.
        owed: Those for whom it would wait itself, with other steps, whatever its places in lines.
    """

    waiting: frozenset[str]
    stuck: frozenset[str]
    owed: frozenset[str]


def ties(saga_id: str, waits: Iterable[tuple[str, str, bool]]) -> Ties:
    """What follows from who waits for whom, and whether that one holds the key."""
    known = list(waits)
    back = _edges((other, waiter) for waiter, other, _ in known)
    hard = _edges((other, waiter) for waiter, other, held in known if held)
    forth = _edges((waiter, other) for waiter, other, held in known if held)
    return Ties(_reached(saga_id, back), _reached(saga_id, hard), _reached(saga_id, forth))


def _edges(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {}
    for one, other in pairs:
        edges.setdefault(one, set()).add(other)
    return edges


def _reached(start: str, edges: Edges) -> frozenset[str]:
    found: set[str] = set()
    frontier = {start}
    while frontier:
        frontier = set[str]().union(*(edges.get(one, ()) for one in frontier)) - found
        found |= frontier
    return frozenset(found - {start})


def in_the_way(need: Need, line: Sequence[LockRow], tied: Ties) -> tuple[LockRow, ...]:
    """The rows of others for whom this step has to wait.

    Args:
        line: Everybody's rows of the keys that the saga does not hold.
    """
    places = {
        row.key: row.number
        for row in line
        if (row.saga_id, row.path) == (need.saga_id, need.path) and not row.held
    }

    def stops(row: LockRow) -> bool:
        if row.held:
            return True
        is_earlier = row.key not in places or row.number < places[row.key]
        if is_earlier:
            return row.saga_id not in tied.waiting
        return row.saga_id in tied.owed

    return tuple(row for row in line if row.saga_id != need.saga_id and stops(row))


def verdict(need: Need, stops: tuple[LockRow, ...], tied: Ties) -> LockAnswer | None:
    """What a step is told; None if nothing is in its way."""
    if not stops:
        return None
    if not need.waits:
        return TurnedAway(Turn.LOCKED, stops)
    if need.until is not None and need.now >= need.until:
        return TurnedAway(Turn.LATE, stops)
    circle = tuple(row for row in stops if row.held and row.saga_id in tied.stuck)
    return TurnedAway(Turn.DEADLOCK, circle) if circle else InLine(stops)
