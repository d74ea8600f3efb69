"""What happens at a turn of the event loop, between any two steps of any coroutine.

Touches: the event loop.
"""

import asyncio
import contextvars
from collections.abc import Callable

from sagas.testing.simulating.faults import Fault, Kind
from sagas.testing.simulating.life import Process
from sagas.testing.simulating.loop import VirtualLoop
from sagas.testing.simulating.striking import Striking

BEAT_SECONDS = 10.0
"""How long a process that was taken for dead goes on before its heart finds out."""


class Turns:
    """Counts the turns of a life, and strikes at those that a schedule names.

    Args:
        process: The process that lives.
        another: Makes one more process in the same loop.

    Attributes:
        counted: How many there were.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        striking: Striking,
        process: Process,
        another: Callable[[], Process],
    ) -> None:
        self._loop = loop
        self._striking = striking
        self.process = process
        self._another = another
        self._tasks: list[asyncio.Task[None]] = []
        self._others: list[Process] = []
        self._context = contextvars.copy_context()
        self.counted = 0

    def __call__(self, turns: int) -> None:
        """A turn begins; so many there were with it."""
        self.counted = self._striking.turn = turns
        fault = self._striking.turns.get(turns)
        if fault is not None and not self._striking.dead:
            # In the context of the process: a turn may be that of an action.
            strike = self._loop.create_task(self._strike(fault), context=self._context.copy())
            self._tasks.append(strike)

    async def finish(self) -> None:
        """Wait until what was begun is done, and close what was opened."""
        self._loop.count(None)
        await asyncio.gather(*self._tasks)
        for process in self._others:
            await process.close()

    def all_dead(self) -> None:
        """The processes of this life are gone."""
        for process in (self.process, *self._others):
            process.is_taken_for_dead()

    async def _strike(self, fault: Fault) -> None:
        if not self._striking.has_begun:
            return  # nobody could cancel it, or take it over
        self._striking.land(fault)
        if fault.kind is Kind.CANCEL_SAGA:
            await self.process.cancel()
            return
        self.process.is_taken_for_dead()
        other = self._another()
        self._others.append(other)
        await other.take_over()
        await asyncio.sleep(BEAT_SECONDS)
        self.process.beats()
