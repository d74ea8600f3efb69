"""A bell that tells whoever waits that something may have changed.

A ring that nobody waited for is kept for the next who comes: hints are never the truth, but a lost
one would cost a whole interval of waiting.
"""

import asyncio


class Bell:
    """Rung by whoever changes something, heard by whoever waits; belongs to one event loop."""

    def __init__(self) -> None:
        self._rings = 0
        self._told = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits."""
        self._rings += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def told(self) -> int:
        """How many rings somebody has been told of: where whoever comes now begins to listen."""
        return self._told

    async def heard(self, seconds: float, *, since: int) -> bool:
        """Wait for more than `since` rings, at most that many seconds; tells whether it rang."""
        if self._rings == since and seconds > 0:
            await self._wait(seconds)
        if self._rings == since:
            return False
        self._told = self._rings
        return True

    async def _wait(self, seconds: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=seconds)
        finally:
            self._waiting.discard(waiter)
