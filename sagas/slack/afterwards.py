"""What is done once something was acknowledged, and is let finish when a process ends.

Touches: the event loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

__all__ = ["Afterwards"]

log = logging.getLogger("sagas")

_GRACE = timedelta(seconds=5)


class Afterwards:
    """Runs what comes after an acknowledgement, each beside the others."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[None]] = set()

    def do(self, after: Callable[[], Awaitable[None]] | None) -> None:
        """Begin it; nothing, for None."""
        if after is None:
            return
        task = asyncio.ensure_future(_told(after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, grace: timedelta = _GRACE) -> None:
        """Wait for what runs, for as long as `grace`; what still runs then is ended."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=grace.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _told(after: Callable[[], Awaitable[None]]) -> None:
    try:
        await after()
    except Exception as error:  # noqa: BLE001  what it says may quote what came in
        log.error("Slack was not told what came of a click: %s", type(error).__name__)  # noqa: TRY400
