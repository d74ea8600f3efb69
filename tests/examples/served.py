"""The CMS of the publishing example in this process, with its books in memory: a world to explore.

It is the same server that the example runs as a process of its own, on the same loopback. Without a
file, and without a process, hundreds of runs take no longer than they have to.

Touches: sockets, the event loop.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from examples.ledger import Ledger
from examples.publish import cms
from examples.serving import LOOPBACK, listen
from sagas.testing import Effect, Snapshot

T = TypeVar("T")

MEMORY = Path(":memory:")
UNDOING = ("cancel", "delete")
TABLES = ("article", "effect", "answer", "sqlite_sequence")


class Served:
    """A service as a World. It is looked at in the loop that serves it."""

    def __init__(self, ledger: Ledger) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger

    def reset(self) -> None:
        """Forget everything."""
        self._there(self._clear)

    def snapshot(self) -> Snapshot:
        """What was done and not undone, each with the last that was done to it."""
        held = {line.subject: line.kind for line in self._there(self._ledger.lines)}
        return sorted(f"{name} {kind}" for name, kind in held.items() if kind not in UNDOING)

    def ledger(self) -> Sequence[Effect]:
        """Every effect, in order."""
        return [
            Effect(line.kind, "undo" if line.kind in UNDOING else "do", line.key)
            for line in self._there(self._ledger.lines)
        ]

    def _there(self, look: Callable[[], T]) -> T:
        async def there() -> T:
            return look()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result()

    def _clear(self) -> None:
        for table in TABLES:
            self._ledger.query(f"delete from {table}")


@asynccontextmanager
async def serving(app: Starlette) -> AsyncGenerator[str]:
    """The address of an application that is served while the block runs."""
    listener = listen(0)
    server = uvicorn.Server(
        uvicorn.Config(
            app, http=H11Protocol, ws="none", lifespan="off", log_level="warning", access_log=False
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await task


@asynccontextmanager
async def publishing() -> AsyncGenerator[tuple[Served, dict[str, str]]]:
    """The CMS, and the variables by which the saga finds it."""
    with closing(Ledger(MEMORY, cms.SCHEMA)) as ledger:
        async with serving(cms.Cms(ledger).app()) as url:
            yield Served(ledger), {"CMS_URL": url}
