"""One run: a saga from its start to its rest, through the faults of one schedule.

Touches: the event loop.
"""

import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.chance import drawing
from sagas.clock import ticking
from sagas.driving.environment import Handlers
from sagas.journal.memory import MemoryJournal
from sagas.journal.store import SqlStore
from sagas.model import Direction
from sagas.testing.errors import TestingError, Unexplorable, WorldNotReset, in_one_line
from sagas.testing.history import History, read_history
from sagas.testing.oracles import Evidence
from sagas.testing.people import Responder, exploring
from sagas.testing.simulating.carried import Carried
from sagas.testing.simulating.company import Company
from sagas.testing.simulating.faults import Fault
from sagas.testing.simulating.life import MOST_LIVES, bury
from sagas.testing.simulating.living import Errand, Left, Living
from sagas.testing.simulating.machine import Machine
from sagas.testing.simulating.nursery import Nursery
from sagas.testing.simulating.orders import Order
from sagas.testing.simulating.prompt import RealTime
from sagas.testing.simulating.striking import Seen
from sagas.testing.world import Effect, Snapshot, World, is_async

T = TypeVar("T")

SHOWN = 300
FIELDS = 3


@dataclass(frozen=True)
class Subject:
    """What is explored.

    Attributes:
        url: A database for the journals of all runs; in memory, one for each run, if left out.
        compare: What of the world must be as before when the saga was undone.
        later: The code that later lives have, if it is other code.
    """

    saga: Saga[Any, Any]
    input: Any
    catalogs: Sequence[Catalog]
    world: World
    people: Responder
    url: str | None = None
    compare: Callable[[Snapshot], object] | None = None
    later: Sequence[Catalog] = ()
    seed: int = 0


@dataclass(slots=True)
class Room:
    """What all runs of an exploration use, one after the other.

    Attributes:
        threads: Runs what is not async.
        memory: The journal, unless the subject names a database.
        real_time: Where what is real is asked while a process lives: that database, a world that
            is async.
        nursery: Where the processes come from, unless they are simulated.
        empty: What the world's snapshot was after its first reset, once that is known.
    """

    threads: ThreadPoolExecutor
    memory: MemoryJournal | None
    real_time: RealTime
    nursery: Nursery | None = None
    empty: list[Snapshot] | None = None


@dataclass(frozen=True)
class Run:
    """What became of it.

    Attributes:
        lives: How many processes it took, one after the other.
        gates: How many gates opened.
        rested: Whether it ended, or nothing more could be done.
        trouble: What kept it from coming to rest.
    """

    faults: Sequence[Fault]
    seen: Seen
    lives: int
    gates: int
    rested: bool
    trouble: str | None
    history: History
    evidence: Evidence

    @property
    def missed(self) -> list[Fault]:
        """The faults that did not strike."""
        return [fault for fault in self.faults if fault.place not in self.seen.landed]


class Simulation:
    """Runs one schedule.

    Args:
        saga_id: What the saga is called in its journal.
    """

    def __init__(self, subject: Subject, room: Room, saga_id: str, faults: Sequence[Fault]) -> None:
        self._subject = subject
        self._room = room
        self._errand = Errand(subject.saga, subject.input, saga_id, faults)
        self._dead: list[Left] = []
        # What is drawn is a matter of the seed.
        self._carried = Carried(random.Random(subject.seed))  # noqa: S311
        self._machine = Machine(
            subject.catalogs,
            room.threads,
            self._carried,
            memory=room.memory,
            url=subject.url,
            real_time=room.real_time,
        )
        self._company = Company(subject.people, faults, self._carried, self._known, room.memory)

    def run(self) -> Run:
        """Run it to its rest.

        Raises:
            WorldNotReset: The world remembers something of another run.
            Unexplorable: It is no world.
        """
        token = exploring.set(True)
        try:
            with ticking(self._machine.micros), drawing(self._carried.chance):
                return self._play()
        finally:
            exploring.reset(token)

    def _play(self) -> Run:
        try:
            before = self._aside(self._begin)
            while not self._live() and self._carried.lives < MOST_LIVES:
                if self._subject.later:
                    self._machine.handlers = Handlers(self._subject.later)
            return self._aside(lambda: self._end(before))
        finally:
            # Only now that the world was looked at: what a killed process had in a `finally`
            # never happened.
            for loop, _ in self._dead:
                bury(loop)

    # --- before and after -----------------------------------------------------------------------

    def _aside(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something while no process lives; without a loop, where nothing waits."""
        if not is_async(self._subject.world):
            try:
                return _at_once(work())
            finally:
                self._machine.disconnect()
        loop = self._machine.boot()

        async def main() -> T:
            with loop.outside():
                return await work()

        try:
            return loop.run_until_complete(main())
        finally:
            self._machine.disconnect()
            self._machine.halt()
            bury(loop)

    async def _begin(self) -> Snapshot:
        room = self._room
        await self._reset()
        if left := await self._ledger():
            raise WorldNotReset(
                f"after `reset()` the world still has {len(left)} effects in its ledger, the first "
                f"is {left[0].name}: let `reset` forget them"
            )
        empty = await self._snapshot()
        if room.empty is None and await self._snapshot() != empty:
            raise Unexplorable(
                f"two looks at the empty world differ: {_shown(empty)} and then another. Let "
                "`snapshot` give plain data (dicts, lists, texts, numbers), and no time of day"
            )
        if room.empty is not None and room.empty != [empty]:
            raise WorldNotReset(
                "after `reset()` the world is not as it was after the first one: let `reset` put "
                f"back what `snapshot` shows. It was {_shown(room.empty[0])}, and is {_shown(empty)}"
            )
        room.empty = [empty]
        return empty

    async def _reset(self) -> None:
        try:
            await _maybe(self._subject.world.reset())
        except TestingError:
            raise
        except Exception as error:
            raise WorldNotReset(
                f"`reset()` failed ({in_one_line(error)}): without an empty world no run "
                "would show anything. Let it empty the world, whatever an earlier run left there"
            ) from error

    async def _snapshot(self) -> Snapshot:
        """What the world holds, in a copy: it may be the very data that the world goes on to change."""
        try:
            return deepcopy(await _maybe(self._subject.world.snapshot()))
        except TestingError:
            raise
        except Exception as error:
            raise Unexplorable(
                f"`snapshot()` failed ({in_one_line(error)}): let it say what the world "
                "holds, in plain data (dicts, lists, texts, numbers), at any time"
            ) from error

    async def _end(self, before: Snapshot) -> Run:
        subject, carried = self._subject, self._carried
        history = await read_history(SqlStore(self._machine.open()), self._errand.saga_id)
        evidence = Evidence(
            history,
            await self._ledger(),
            carried.seen.calls,
            self._machine.handlers.action,
            before,
            await self._snapshot(),
            subject.compare,
        )
        return Run(
            self._errand.faults,
            carried.seen,
            carried.lives,
            len(carried.notes.gates),
            carried.rested,
            carried.trouble,
            history,
            evidence,
        )

    async def _ledger(self) -> list[Effect]:
        lines = await _maybe(self._subject.world.ledger())
        try:
            return [_effect(line) for line in lines]
        except TypeError as error:
            raise Unexplorable(
                "a line of the world's ledger is three texts: the name of what was done, `do` or "
                f"`undo`, and the key that it was asked for under ({error})"
            ) from error

    # --- lives ------------------------------------------------------------------------------------

    def _live(self) -> bool:
        """Have the process live until it is killed; tells whether it came to its rest instead."""
        if self._room.nursery is None:
            living = Living(self._machine, self._errand, self._company)
            try:
                return living.live()
            finally:
                if living.left is not None:
                    self._dead.append(living.left)
        over, self._carried = self._room.nursery.live(
            Order(self._errand.saga_id, self._errand.faults, self._carried), self._told
        )
        self._machine.carried = self._carried
        return over

    async def _known(self) -> list[Effect]:
        """The ledger in the middle of a life, which stands still until it is read.

        A loop of virtual time would take a partner that is read for one that never answers, and
        would go on with the saga meanwhile, a little further in one run than in another.
        """
        if is_async(self._subject.world):
            return self._room.real_time.do(self._ledger())
        return await self._ledger()

    def _told(self) -> list[Effect]:
        """The ledger, for a process that asks for it."""
        return self._aside(self._ledger)


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    work.close()
    raise Unexplorable(
        "a method of the world gave something to wait for, and is no `async def`: make it one"
    )


def _effect(line: object) -> Effect:
    """A line of a ledger.

    Raises:
        TypeError: It is none.
    """
    shown = _shown(line)
    is_line = isinstance(line, Sequence) and not isinstance(line, str)
    fields: tuple[object, ...] = tuple(cast(Sequence[object], line)) if is_line else ()
    texts = [field for field in fields if isinstance(field, str)]
    if not len(fields) == len(texts) == FIELDS:
        raise TypeError(f"one is {shown}")
    effect = Effect(*texts)
    if effect.direction not in (Direction.DO, Direction.UNDO):
        raise TypeError(f"one says {effect.direction!r}")
    return line if isinstance(line, Effect) else effect


def _shown(snapshot: object) -> str:
    text = repr(snapshot)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


async def _maybe(value: Awaitable[T] | T) -> T:
    return cast(T, await value if inspect.isawaitable(value) else value)
