"""Permits of limits: who gets one, and when whoever gets none should ask again.

A *bucket* is one limit, or one key of a limit that is kept by key. It gives two kinds of permits:

- a *start* counts against the rate. It is held until one period after the call was begun, so that
  the starts of any period, wherever it begins, are never more than the rate: the *sliding window
  log*, as P. Hayes describes it in "Better Rate Limiting With Redis Sorted Sets" (2015). The
  generic cell rate algorithm (ITU-T I.371) would keep one number instead of a row for each start,
  but lets twice the rate through in one period, or spreads calls that need not be spread;
- a *call* counts against the concurrency, and is held until the call is over. It belongs to the
  call and not to the attempt, so that a repetition after a crash does not wait for itself.

Two more are no permits. A *turn* notes who was sent away, and since when they wait, so that whoever
gives a place back can wake the one who has waited longest. A *head* notes since when the first in
the line of another process waits: what is free is left to whoever came earlier, or the process that
gives a place back would give it to itself for ever.

All the permits that a call needs are given at once or not at all: nobody keeps one while waiting
for another. Instants and spans are microseconds.

Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

TICK = 2_000
"""A database's clock may be cut to milliseconds: windows are longer by this much."""

POLL = 50_000
"""How soon to ask again for the place of a call that may be over any moment."""

HEAD_LASTS = 500_000
"""For how long after it should have asked again the head of a line is waited for."""

LEAST_TURN = 1_000_000
LONGEST_TURN = 60_000_000
"""Whoever was sent away looks again after as long as they have waited, between these."""


class Kind(StrEnum):
    """What a permit counts against; or a place in the line."""

    START = "start"
    CALL = "call"
    TURN = "turn"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Demand:
    """What a call needs of one bucket."""

    bucket: str
    rate: int | None = None
    per: int = 0
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Want:
    """A call that asks for permits.

    Attributes:
        process: Whose line it stands in.
        holder: Names the call; the same for all its attempts.
        start: Names this one beginning of it.
        begins_within: The span from now in which it is begun, or never.
        lasts: The longest span from its beginning to its end.
        waited: For how long it has waited in that line.
        patience: For how much longer it would rather be asked again than be sent away.
    """

    process: str
    saga_id: str
    holder: str
    start: str
    demands: tuple[Demand, ...]
    begins_within: int
    lasts: int
    waited: int = 0
    patience: int = 0

    @property
    def buckets(self) -> list[str]:
        """Where it asks."""
        return [demand.bucket for demand in self.demands]


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of a permit that somebody holds; one that is gone stays gone.

    Attributes:
        start: The beginning of the call for which it is held now; what became of an earlier one
            changes nothing.
        keep: For how long it is still held, from `ago` on; None to give it back.
        ago: How long before now the span begins.
    """

    bucket: str
    kind: Kind
    holder: str
    start: str = ""
    keep: int | None = None
    ago: int = 0


@dataclass(frozen=True, slots=True)
class Granted:
    """It has every permit that it needs."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It got none.

    Attributes:
        after: When to ask again, as a span from now.
        sent_away: Whether that is longer than its patience: its turn is noted.
        lacking: The buckets that have none for it, what it waits for longest first.
    """

    after: int
    sent_away: bool
    lacking: tuple[str, ...]


Answer = Granted | Refused


@dataclass(slots=True)
class Room:
    """What a bucket has given, and to how many it owes.

    Attributes:
        oldest: When the first of its starts was begun, or was to be.
        turns: How many wait who were sent away.
        heads: Since when the first in the line of each other process waits.
    """

    starts: int = 0
    oldest: int | None = None
    calls: int = 0
    turns: int = 0
    heads: list[int] = field(default_factory=list[int])


@dataclass(slots=True)
class Allotment:
    """The answers to several wants, given in the order in which they are asked.

    Args:
        held: Buckets, kinds and holders of what those who ask have already.
        turns: Since when a holder has waited, for those who were sent away.
    """

    now: int
    rooms: Mapping[str, Room]
    held: set[tuple[str, Kind, str]] = field(default_factory=set[tuple[str, Kind, str]])
    turns: Mapping[str, int] = field(default_factory=dict[str, int])
    _refused: Counter[str] = field(default_factory=Counter[str])

    def in_order(self, wants: Sequence[Want]) -> list[int]:
        """The order in which to ask: who has waited longest comes first."""
        since = [self.since(want) for want in wants]
        return sorted(range(len(wants)), key=lambda index: (since[index], index))

    def since(self, want: Want) -> int:
        """Since when it has waited, with what it waited before it was sent away."""
        return min(self.turns.get(want.holder, self.now), self.now - want.waited)

    def ask(self, want: Want) -> Answer:
        """Give a want all it needs, or nothing."""
        lacking = sorted(
            (
                (self._after(want, demand), demand.bucket)
                for demand in want.demands
                if self._lacks_start(want, demand) or self._lacks_call(want, demand)
            ),
            reverse=True,
        )
        if lacking:
            self._refused.update(want.buckets)
            after = lacking[0][0]
            return Refused(after, after > want.patience, tuple(bucket for _, bucket in lacking))
        for demand in want.demands:
            self._give(want, demand)
        return Granted()

    def _lacks_start(self, want: Want, demand: Demand) -> bool:
        if demand.rate is None or (demand.bucket, Kind.START, want.start) in self.held:
            return False
        room = self.rooms[demand.bucket]
        return room.starts + self._owed(want, room) >= demand.rate

    def _lacks_call(self, want: Want, demand: Demand) -> bool:
        if demand.concurrent is None or (demand.bucket, Kind.CALL, want.holder) in self.held:
            return False
        room = self.rooms[demand.bucket]
        return room.calls + self._owed(want, room) >= demand.concurrent

    def _owed(self, want: Want, room: Room) -> int:
        """To how many in other processes it gives way."""
        since = self.since(want)
        return sum(head < since for head in room.heads)

    def _give(self, want: Want, demand: Demand) -> None:
        room = self.rooms[demand.bucket]
        start = (demand.bucket, Kind.START, want.start)
        call = (demand.bucket, Kind.CALL, want.holder)
        if demand.rate is not None and start not in self.held:
            room.starts += 1
            room.oldest = self.now if room.oldest is None else min(room.oldest, self.now)
            self.held.add(start)
        if demand.concurrent is not None and call not in self.held:
            room.calls += 1
            self.held.add(call)

    def _after(self, want: Want, demand: Demand) -> int:
        """When to ask again: for the rate as computed, for a place as it comes."""
        after = 0
        if self._lacks_start(want, demand) and demand.rate is not None:
            room = self.rooms[demand.bucket]
            away = 0 if want.holder in self.turns else room.turns
            ahead = self._refused[demand.bucket] + away
            full = room.oldest if room.starts >= demand.rate else None
            free = 0 if full is None else full + demand.per + TICK - self.now
            after = ahead // demand.rate * demand.per + (free if free > 0 else self._soon(want))
        return max(after, self._soon(want)) if self._lacks_call(want, demand) else after

    def _soon(self, want: Want) -> int:
        return POLL if want.patience >= POLL else self._turn(want)

    def _turn(self, want: Want) -> int:
        return max(LEAST_TURN, min(self.now - self.since(want), LONGEST_TURN))
