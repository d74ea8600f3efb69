"""What is brought several times at the same moment is done once, and answered alike.

Touches: the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Generic, TypeVar

__all__ = ["Once"]

T = TypeVar("T")

_GRACE = timedelta(seconds=5)


class Once(Generic[T]):
    """Work by its key, as long as it runs.

    It is not ended with whoever brought it: what has begun to be committed is committed.
    """

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[T]] = {}

    async def do(self, key: str, work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """The outcome of the work of this key, and whether it was begun by this call."""
        running = self._running.get(key)
        begun = running is None
        if running is None:
            running = self._running[key] = asyncio.ensure_future(work())
            running.add_done_callback(partial(self._end, key))
        return await asyncio.shield(running), begun

    async def close(self, grace: timedelta = _GRACE) -> None:
        """Wait for what runs, for as long as `grace`; what still runs then is ended."""
        if not self._running:
            return
        _, late = await asyncio.wait(set(self._running.values()), timeout=grace.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _end(self, key: str, done: asyncio.Future[T]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever waits for it is told; perhaps nobody does any more
