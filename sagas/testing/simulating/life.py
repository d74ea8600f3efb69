"""One life of a simulated process: from its start until it is done, or is killed.

Touches: the event loop.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sagas.connecting import assemble
from sagas.coordinator import Coordinator
from sagas.errors import JournalError, LeaseLost, Refused, UnknownSaga
from sagas.journal.store import SqlStore
from sagas.ports import Store
from sagas.tenure import Surroundings
from sagas.testing.simulating.burying import put_away
from sagas.testing.simulating.loop import VirtualLoop
from sagas.testing.simulating.machine import Machine
from sagas.testing.simulating.striking import Striking
from sagas.testing.simulating.wire import Wire

LEASE_SECONDS = 100 * 365 * 86_400.0
"""A lease is not what ends a simulated life, however long it waits."""

GRACE_SECONDS = 5.0
MOST_LIVES = 20
AGENT = "agent"


Lost = Callable[[LeaseLost], None]


class LoopClock:
    """Tells virtual time."""

    def __init__(self, start: datetime, loop: VirtualLoop) -> None:
        self._start = start
        self._loop = loop

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._start + timedelta(seconds=self._loop.time())


class StillHeart:
    """In the place of what renews a lease: here it lasts."""

    async def stop(self) -> None:
        """Nothing beats."""


class Process:
    """A process that drives sagas, in a loop that others may share.

    Args:
        number: Which process of the machine this is.
        is_real: Whether it is one of the operating system, which tells of its end.
    """

    def __init__(
        self,
        machine: Machine,
        loop: VirtualLoop,
        striking: Striking,
        number: int,
        saga_id: str,
        *,
        is_real: bool = False,
    ) -> None:
        self._machine = machine
        self._loop = loop
        self._striking = striking
        self._number = number
        self._saga_id = saga_id
        self._is_real = is_real
        self._wire: Wire | None = None
        self._lost: Lost | None = None
        self.coordinator: Coordinator | None = None

    async def open(self) -> Coordinator:
        """Connect."""
        store = await self._store()
        around = Surroundings(
            store=store,
            open_store=self._store,
            handlers=self._machine.handlers,
            clock=LoopClock(self._machine.start, self._loop),
            directory=lambda: self._machine.carried.directory,
            lease_seconds=LEASE_SECONDS,
            max_deaths=MOST_LIVES,
            faults=self._striking,
            heart=self._heart,
        )
        self.coordinator = assemble(around, concurrency=1000, grace=GRACE_SECONDS, user=AGENT)
        return self.coordinator

    def _heart(self, holder: object, open_store: object, clock: object, lost: Lost) -> StillHeart:
        self._lost = lost
        return StillHeart()

    def beats(self) -> None:
        """Its heart beats: if its present incarnation was taken for dead, it finds out.

        An error that tells of an earlier one is none of its successor's business: what the
        successor holds, nobody else would drive.
        """
        if self._lost is not None and self._wire is not None and self._wire.is_dead:
            self._lost(LeaseLost("it was declared dead"))

    async def _store(self) -> Store:
        database = self._machine.open()
        self._wire = Wire(
            database,
            number=self._number,
            dead=self._machine.carried.dead,
            striking=self._striking,
            saga_id=self._saga_id,
            is_real=self._is_real,
        )
        return SqlStore(self._wire)

    async def close(self) -> None:
        """Disconnect."""
        if self.coordinator is not None:
            await self.coordinator.close()

    async def cancel(self) -> None:
        """Ask for the saga to be undone, unless it has ended or is about to begin."""
        coordinator = self.coordinator
        while coordinator is not None:
            try:
                await coordinator.cancel(self._saga_id, reason="a test cancels it")
            except (Refused, UnknownSaga):
                return
            except JournalError:
                await asyncio.sleep(1)
            else:
                self._striking.cancelled()
                return

    async def take_over(self) -> None:
        """Connect, and drive the saga until it rests, if it has begun."""
        coordinator = await self.open()
        try:
            handle = await coordinator.resume(self._saga_id)
        except UnknownSaga:
            return
        await handle.settled()

    def is_taken_for_dead(self) -> None:
        """From now on its present incarnation is taken for dead, whatever it still does."""
        if self._wire is not None:
            self._wire.is_taken_for_dead()


def bury(loop: VirtualLoop) -> None:
    """Put away what a process left when it ended: nothing of it may go on."""
    loop.count(None)
    loop.set_exception_handler(_unheard)
    away = set[asyncio.Task[Any]]()
    while left := asyncio.all_tasks(loop) - away:  # what is put away may begin something
        for task in left:
            put_away(loop, task)
        away |= left
    loop.hang_up()
    loop.close()


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a process did not live to hear of is nobody's."""
