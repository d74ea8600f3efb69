"""The wire between one simulated process and the database: it breaks where a fault says so.

Touches: the event loop.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from sagas.journal.operation import Making, Mode
from sagas.journal.store import Database
from sagas.ports import Applied, Lease, Unit
from sagas.testing.simulating.striking import Striking

T = TypeVar("T")


class Wire:
    """A database as one process reaches it.

    Args:
        number: Which process this is.
        dead: The processes that are taken for dead; shared by all of them.
        saga_id: The saga whose entries are counted.
        is_real: Whether it is a process of the operating system, and not one among others in it.
    """

    def __init__(
        self,
        database: Database,
        *,
        number: int,
        dead: set[tuple[int, int]],
        striking: Striking,
        saga_id: str,
        is_real: bool,
    ) -> None:
        self.journal_id = database.journal_id
        self.keeps_time = False  # the simulation's clock is everybody's
        self._database = database
        self._number = number
        self._incarnation = 0
        self._dead = dead
        self._striking = striking
        self._saga_id = saga_id
        self._is_real = is_real

    def process(self) -> tuple[str, int, int]:
        """The number of this process; each time it is asked, it begins anew."""
        if self._is_real:
            return self._database.process()
        self._incarnation += 1
        return "simulated", self._number, self._incarnation

    def is_taken_for_dead(self) -> None:
        """Whoever looks takes the present incarnation for dead from now on."""
        self._dead.add((self._number, self._incarnation))

    @property
    def is_dead(self) -> bool:
        """Whether the present incarnation is taken for dead."""
        return (self._number, self._incarnation) in self._dead

    def is_gone(self, worker: tuple[str, int, int]) -> bool:
        """Whether a process is taken for dead."""
        if self._is_real:
            return self._database.is_gone(worker)
        return worker[1:] in self._dead

    async def run(self, make: Making[T], mode: Mode) -> T:
        """Run an operation, unless a fault is in the way."""
        await asyncio.sleep(0)  # a database is never asked and answered in one breath
        fault = await self._striking.stores(mode.name.lower())
        result = await self._database.run(make, mode)
        await self._striking.stored(fault, 0)
        return result

    async def append(self, lease: Lease, units: Sequence[Unit], *, again: bool) -> list[Applied]:
        """Append units, unless a fault is in the way."""
        await asyncio.sleep(0)
        fault = await self._striking.stores(_kinds(units))
        answers = await self._database.append(lease, units, again=again)
        durable = max(
            (
                unit.rows[-1].seq
                for unit, answer in zip(units, answers, strict=True)
                if answer is Applied.YES and unit.rows and unit.saga_id == self._saga_id
            ),
            default=0,
        )
        await self._striking.stored(fault, durable)
        return answers

    async def changed(self, seconds: float) -> None:
        """Return when something may have changed."""
        await self._database.changed(seconds)

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()


def _kinds(units: Sequence[Unit]) -> str:
    return "append " + ",".join(row.kind for unit in units for row in unit.rows)
