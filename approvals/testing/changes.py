"""Waiting until something is so, without asking again and again.

Touches: the event loop.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

__all__ = ["Changes"]


class Changes:
    """Wakes whoever waits, each time that something has changed.

    Attributes:
        count: How often that was so.
    """

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Something has changed."""
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, so: Callable[[], object], within: timedelta) -> None:
        """Wait until it is so.

        Raises:
            TimeoutError: It was not so in time.
        """
        async with asyncio.timeout(within.total_seconds()):
            while not so():
                await self._event.wait()
