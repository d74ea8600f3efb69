"""A bell that tells whoever waits that something may have changed.

A ring that nobody waited for is kept for the next who comes: hints are never the truth, but a lost
one would cost a whole interval of waiting.
"""

import asyncio


class Bell:
    """Rung by whoever changes something, heard by whoever waits; belongs to one event loop."""

    def __init__(self) -> None:
        self._rung = 0
        self._heard = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits."""
        self._rung += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def heard(self, seconds: float) -> bool:
        """Wait for a ring, at most that many seconds; tells whether there was one."""
        if self._heard == self._rung and seconds > 0:
            await self._wait(seconds)
        was_rung = self._heard != self._rung
        self._heard = self._rung
        return was_rung

    async def _wait(self, seconds: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=seconds)
        finally:
            self._waiting.discard(waiter)
