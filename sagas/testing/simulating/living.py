"""A life of the process that drives a saga: from its boot until all is done, or it is killed.

Touches: the event loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sagas.authoring.saga import Saga
from sagas.coordinator import Coordinator
from sagas.errors import JournalError, LeaseLost, Refused
from sagas.handles import Handle
from sagas.model import Status, micros
from sagas.testing.simulating.company import Company
from sagas.testing.simulating.faults import Fault
from sagas.testing.simulating.life import Process
from sagas.testing.simulating.loop import Stalled, VirtualLoop
from sagas.testing.simulating.machine import Machine
from sagas.testing.simulating.striking import Striking
from sagas.testing.simulating.turns import Turns

MOST_ROUNDS = 200
TICK_SECONDS = 0.001
HEARD_SECONDS = 1.0
"""How long an answer that comes too late is given to reach the journal."""


@dataclass(frozen=True)
class Errand:
    """What a process is there for.

    Attributes:
        saga_id: What the saga is called in its journal.
    """

    saga: Saga[Any, Any]
    input: Any
    saga_id: str
    faults: Sequence[Fault]


Left: TypeAlias = tuple[VirtualLoop, set["asyncio.Task[Any]"]]
"""What a process leaves when it ends: its loop, and the tasks in it, to be buried."""


class Living:
    """One life.

    Args:
        killed: Ends the real process; None if it is one of those that are only simulated.

    Attributes:
        left: What is left of it when it is over.
    """

    def __init__(
        self,
        machine: Machine,
        errand: Errand,
        company: Company,
        *,
        killed: Callable[[], None] | None = None,
    ) -> None:
        self._machine = machine
        self._carried = machine.carried
        self._errand = errand
        self._company = company
        self._killed = killed
        self.left: Left | None = None

    def live(self) -> bool:
        """Live until the process is killed; tells whether it came to its rest instead."""
        carried, machine = self._carried, self._machine
        carried.lives += 1
        loop = machine.boot()

        def die(seconds: float) -> None:
            striking.dead = True
            loop.count(None)
            loop.advance(seconds)
            loop.stop()
            if self._killed is not None:
                self._note(turns)
                self._killed()

        striking = Striking(
            self._errand.faults,
            carried.seen,
            carried.lives,
            die=die,
            outside=loop.outside,
            find=machine.handlers.action,
        )
        turns = Turns(
            loop, striking, self._process(loop, striking), lambda: self._process(loop, striking)
        )
        loop.set_task_factory(striking.begin)
        task = loop.create_task(self._go(loop, striking, turns))
        try:
            loop.run_until_complete(task)
        except Stalled as stalled:
            carried.trouble = str(stalled)
        except RuntimeError:
            if not striking.dead:
                raise
        self._note(turns)
        ended = task.done()
        machine.disconnect()
        self.left = (loop, asyncio.all_tasks(loop))
        if ended:
            task.result()
        return ended or carried.trouble is not None

    def _note(self, turns: Turns) -> None:
        """Write down what the next life has to know."""
        self._carried.seen.turns.append(turns.counted)
        turns.all_dead()
        self._machine.halt()

    def _process(self, loop: VirtualLoop, striking: Striking) -> Process:
        self._carried.processes += 1
        return Process(
            self._machine,
            loop,
            striking,
            self._carried.processes,
            self._errand.saga_id,
            is_real=self._killed is not None,
        )

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
        errand = self._errand
        while True:
            try:
                if await coordinator.store.saga(errand.saga_id) is not None:
                    return await coordinator.resume(errand.saga_id)
                return await coordinator.start(errand.saga, errand.input, id=errand.saga_id)
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
                    self._carried.rested = True
                    return
                await asyncio.sleep(HEARD_SECONDS)
                handle = await coordinator.resume(self._errand.saga_id)
            except LeaseLost:
                process.beats()
                await asyncio.sleep(1)
            except JournalError:
                await asyncio.sleep(1)
            except Refused:
                await asyncio.sleep(0)  # somebody else was faster
        self._carried.trouble = (
            f"it asks people again and again: {MOST_ROUNDS} rounds were not enough"
        )

    async def _go_on(self, coordinator: Coordinator, loop: VirtualLoop) -> bool:
        """Have people act, or time pass; False if there is nothing that the saga waits for."""
        saga_id = self._errand.saga_id
        if await self._company.respond(coordinator, saga_id):
            return True
        if await self._company.send(coordinator, saga_id):
            return True
        row = await coordinator.get(saga_id)
        if row.wake_at is None or row.status is Status.STUCK:
            return False
        start = micros(self._machine.start)
        loop.advance((row.wake_at - start - self._machine.micros()) / 1_000_000 + TICK_SECONDS)
        await coordinator.resume(saga_id)
        return True
