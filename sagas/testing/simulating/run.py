"""One run: a saga from its start to its rest, through the faults of one schedule.

Touches: the event loop.
"""

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.chance import drawing
from sagas.clock import ticking
from sagas.coordinator import Coordinator
from sagas.driving.environment import Handlers
from sagas.errors import JournalError, LeaseLost, Refused
from sagas.handles import Handle
from sagas.journal.memory import MemoryJournal
from sagas.journal.store import SqlStore
from sagas.model import Status, micros
from sagas.testing.errors import Unexplorable, WorldNotReset
from sagas.testing.history import History, read_history
from sagas.testing.oracles import Evidence
from sagas.testing.people import Responder, TestDirectory, exploring
from sagas.testing.simulating.company import Company
from sagas.testing.simulating.faults import Fault
from sagas.testing.simulating.life import Process, bury
from sagas.testing.simulating.loop import Stalled, VirtualLoop
from sagas.testing.simulating.machine import Machine
from sagas.testing.simulating.striking import Seen, Striking
from sagas.testing.simulating.turns import Turns
from sagas.testing.world import Effect, Snapshot, World

T = TypeVar("T")

MOST_LIVES = 20
MOST_ROUNDS = 200
TICK_SECONDS = 0.001
HEARD_SECONDS = 1.0
"""How long an answer that comes too late is given to reach the journal."""
SHOWN = 300


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
        empty: What the world's snapshot was after its first reset, once that is known.
    """

    threads: ThreadPoolExecutor
    memory: MemoryJournal | None
    empty: list[Snapshot] | None = None


@dataclass
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
    lives: int = 0
    gates: int = 0
    rested: bool = False
    trouble: str | None = None
    history: History = field(init=False)
    evidence: Evidence = field(init=False)

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
        self._saga_id = saga_id
        self._faults = faults
        self._seen = Seen()
        self._run = Run(faults, self._seen)
        self._machine = Machine(
            subject.catalogs,
            room.threads,
            memory=room.memory,
            url=subject.url,
            max_deaths=MOST_LIVES,
            directory=TestDirectory(),
        )
        self._company = Company(subject.people, faults, self._seen, self._ledger, room.memory)

    def run(self) -> Run:
        """Run it to its rest.

        Raises:
            WorldNotReset: The world remembers something of another run.
            Unexplorable: It is no world.
        """
        token = exploring.set(True)
        try:
            # What is drawn is a matter of the seed.
            with ticking(self._machine.micros), drawing(random.Random(self._subject.seed)):  # noqa: S311
                before = self._aside(self._begin)
                while not self._live() and self._run.lives < MOST_LIVES:
                    if self._subject.later:
                        self._machine.handlers = Handlers(self._subject.later)
                self._aside(lambda: self._end(before))
        finally:
            exploring.reset(token)
        self._run.gates = self._company.gates
        return self._run

    # --- before and after -----------------------------------------------------------------------

    def _aside(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something while no process lives; without a loop, where nothing waits."""
        if self._machine.memory is not None and not is_async(self._subject.world):
            return _at_once(work())
        loop = self._machine.boot()

        async def main() -> T:
            with loop.outside():
                return await work()

        try:
            return loop.run_until_complete(main())
        finally:
            self._machine.disconnect(loop)
            bury(loop)

    async def _begin(self) -> Snapshot:
        world, room = self._subject.world, self._room
        await _maybe(world.reset())
        if left := await self._ledger():
            raise WorldNotReset(
                f"after `reset()` the world still has {len(left)} effects in its ledger, the first "
                f"is {left[0].name}: let `reset` forget them"
            )
        empty = await _maybe(world.snapshot())
        if room.empty is not None and room.empty != [empty]:
            raise WorldNotReset(
                "after `reset()` the world is not as it was after the first one: let `reset` put "
                f"back what `snapshot` shows. It was {_shown(room.empty[0])}, and is {_shown(empty)}"
            )
        room.empty = [empty]
        return empty

    async def _end(self, before: Snapshot) -> None:
        subject, run = self._subject, self._run
        run.history = await read_history(SqlStore(await self._machine.open()), self._saga_id)
        run.evidence = Evidence(
            run.history,
            await self._ledger(),
            self._seen.calls,
            self._machine.handlers.action,
            before,
            await _maybe(subject.world.snapshot()),
            subject.compare,
        )

    async def _ledger(self) -> list[Effect]:
        lines = await _maybe(self._subject.world.ledger())
        try:
            return [Effect(*line) for line in lines]
        except TypeError as error:
            raise Unexplorable(
                "a line of the world's ledger is three texts: the name of what was done, `do` or "
                f"`undo`, and the key that it was asked for under ({error})"
            ) from error

    # --- lives ------------------------------------------------------------------------------------

    def _live(self) -> bool:
        """Live until the process is killed; tells whether it came to its rest instead."""
        self._run.lives += 1
        loop = self._machine.boot()

        def die(seconds: float) -> None:
            _die(loop, striking, seconds)

        striking = Striking(
            self._faults,
            self._seen,
            self._run.lives,
            die=die,
            outside=loop.outside,
        )
        turns = Turns(
            loop, striking, self._process(loop, striking), lambda: self._process(loop, striking)
        )
        task = loop.create_task(self._go(loop, striking, turns))
        try:
            loop.run_until_complete(task)
        except Stalled as stalled:
            self._run.trouble = str(stalled)
        except RuntimeError:
            if not striking.dead:
                raise
        self._seen.turns.append(turns.counted)
        turns.all_dead()
        ended = task.done()
        self._machine.disconnect(loop)
        bury(loop)
        if ended:
            task.result()
        return ended or self._run.trouble is not None

    def _process(self, loop: VirtualLoop, striking: Striking) -> Process:
        self._machine.processes += 1
        return Process(self._machine, loop, striking, self._machine.processes, self._saga_id)

    async def _go(self, loop: VirtualLoop, striking: Striking, turns: Turns) -> None:
        coordinator = await turns.process.open()
        loop.count(turns)
        try:
            handle = await self._handle(coordinator)
            await self._settle(turns.process, handle, loop, striking)
            await turns.finish()
        finally:
            await coordinator.close()

    async def _handle(self, coordinator: Coordinator) -> Handle[Any]:
        while True:
            try:
                if await coordinator.store.saga(self._saga_id) is not None:
                    return await coordinator.resume(self._saga_id)
                subject = self._subject
                return await coordinator.start(subject.saga, subject.input, id=self._saga_id)
            except JournalError:
                await asyncio.sleep(1)

    async def _settle(
        self,
        process: Process,
        handle: Handle[Any],
        loop: VirtualLoop,
        striking: Striking,
    ) -> None:
        coordinator = process.coordinator
        if coordinator is None:
            return  # it was not opened
        for _ in range(MOST_ROUNDS):
            try:
                outcome = await handle.settled()
                if not outcome.status.is_end and await self._go_on(coordinator, loop):
                    continue
                if not await striking.heard():
                    self._run.rested = True
                    return
                await asyncio.sleep(HEARD_SECONDS)
                handle = await coordinator.resume(self._saga_id)
            except LeaseLost as error:
                process.feels(error)
                await asyncio.sleep(1)
            except JournalError:
                await asyncio.sleep(1)
            except Refused:
                await asyncio.sleep(0)  # somebody else was faster
        self._run.trouble = f"it asks people again and again: {MOST_ROUNDS} rounds were not enough"

    async def _go_on(self, coordinator: Coordinator, loop: VirtualLoop) -> bool:
        """Have people act, or time pass; False if there is nothing that the saga waits for."""
        if await self._company.respond(coordinator, self._saga_id):
            return True
        if await self._company.send(coordinator, self._saga_id):
            return True
        row = await coordinator.get(self._saga_id)
        if row.wake_at is None or row.status is Status.STUCK:
            return False
        start = micros(self._machine.start)
        loop.advance((row.wake_at - start - self._machine.micros()) / 1_000_000 + TICK_SECONDS)
        await coordinator.resume(self._saga_id)
        return True


def _die(loop: VirtualLoop, striking: Striking, seconds: float) -> None:
    striking.dead = True
    loop.count(None)
    loop.advance(seconds)
    loop.stop()


def is_async(world: World) -> bool:
    """Whether a world has to be waited for."""
    methods = (world.reset, world.snapshot, world.ledger)
    return any(inspect.iscoroutinefunction(method) for method in methods)


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    work.close()
    raise Unexplorable(
        "a method of the world gave something to wait for, and is no `async def`: make it one"
    )


def _shown(snapshot: Snapshot) -> str:
    text = repr(snapshot)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


async def _maybe(value: Awaitable[T] | T) -> T:
    return cast(T, await value if inspect.isawaitable(value) else value)
