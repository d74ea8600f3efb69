"""The boundaries of a process's life: each is written down, and at one of them it is killed.

What is written has left the process before the kill: the file outlives it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sagas.ports import FaultPoints
from tests.crash.boundaries import Namer

MOMENT_SECONDS = 0.005


async def die() -> None:
    """End this process, as nothing can prevent it."""
    os.kill(os.getpid(), signal.SIGKILL)


async def stop(leave: Path) -> None:
    """Stop this process, all its threads, again and again until it has leave to go on.

    In between its other threads get a moment, to finish what must not be stopped in the middle;
    the event loop does not go on.
    """
    _stop_until(leave)


def _stop_until(leave: Path) -> None:
    while not leave.exists():
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(MOMENT_SECONDS)


class KillAt(FaultPoints):
    """Strikes at one of the boundaries of this process's life.

    Args:
        boundary: Counted from 1, or its name; None for no strike.
        record: The file descriptor that boundaries are written to, one a line, with their instants.
        pace: Seconds that pass before each call.
        strike: What happens there.
    """

    def __init__(
        self,
        boundary: int | str | None,
        record: int,
        *,
        pace: float = 0.0,
        strike: Callable[[], Awaitable[None]] = die,
    ) -> None:
        self._boundary = boundary
        self._record = record
        self._pace = pace
        self._strike = strike
        self._count = 0
        self._namer = Namer()
        self.before_call: Callable[[str, str], Awaitable[None]] | None = None

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Count and write down a boundary; at the chosen one, strike."""
        self._count += 1
        os.write(self._record, f"{time.monotonic()} {point} {saga_id} {path}\n".encode())
        if self._boundary in (self._count, *self._namer.name(point, path)):
            await self._strike()
        if point == "before-call":
            if self.before_call is not None:
                await self.before_call(saga_id, path)
            await asyncio.sleep(self._pace)
