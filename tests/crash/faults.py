"""The boundaries of a process's life: each is written down, and at one of them it is killed.

What is written has left the process before the kill: the file outlives it.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from tests.crash.boundaries import Namer


async def die() -> None:
    """End this process, as nothing can prevent it."""
    os.kill(os.getpid(), signal.SIGKILL)


async def stop() -> None:
    """Stop this process, all its threads, until it is sent SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


class KillAt:
    """Strikes at one of the boundaries of this process's life.

    Args:
        boundary: Counted from 1, or its name; None for no strike.
        record: The file descriptor that boundaries are written to, one a line.
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
        os.write(self._record, f"{point} {saga_id} {path}\n".encode())
        if self._boundary in (self._count, *self._namer.name(point, path)):
            await self._strike()
        if point == "before-call":
            if self.before_call is not None:
                await self.before_call(saga_id, path)
            await asyncio.sleep(self._pace)
