"""The way to PostgreSQL, which can be closed: bytes are held back, and nobody is told.

Touches: the loopback network.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Straits:
    """Passes bytes on while it is open; while it is closed they wait, as after a cut cable.

    Attributes:
        held: How often bytes had to wait: a test in which none did proves nothing.
        caught: Called when the trap is sprung.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._trap: tuple[bytes, bytes, bool] | None = None
        self.held = 0
        self.caught: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """Where the database seems to be."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return self._upstream._replace(netloc=f"sagas@127.0.0.1:{port}").geturl()

    def close(self) -> None:
        """Hold everything back from now on."""
        self._open.clear()

    def open(self) -> None:
        """Pass on what was held back, and everything that follows."""
        self._open.set()

    def lay(self, bait: bytes, marker: bytes, *, before: bool) -> None:
        """Spring a trap, once: on the connection that has sent the bait, at the next marker.

        Args:
            before: The server gets the marker only when the straits are opened; otherwise it gets
                it, and its answer is held back.
        """
        self._trap = (bait, marker, before)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Straits"]:
        """Listen on a port of its own."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            upstream = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
            ends.append(upstream[1])
            passage = _Passage(self)
            there = passage.sail(reader, upstream[1], outward=True)
            back = passage.sail(upstream[0], writer, outward=False)
            await asyncio.gather(there, back)
        except OSError:
            pass
        finally:
            for end in ends:
                end.transport.abort()
            self._tasks.discard(task)

    async def pass_on(self) -> None:
        """Wait until the straits are open."""
        if not self._open.is_set():
            self.held += 1
            await self._open.wait()

    def springs(self, sent: bytes, *, is_baited: bool) -> tuple[bool, bool]:
        """Whether a connection is baited now, and whether the trap is sprung by these bytes."""
        if self._trap is None:
            return is_baited, False
        bait, marker, _ = self._trap
        is_baited = is_baited or bait in sent
        return is_baited, is_baited and marker in sent.lower()

    def spring(self) -> bool:
        """Close the straits; tells whether the bytes themselves are held back."""
        assert self._trap is not None
        _, _, before = self._trap
        self._trap = None
        self.close()
        self.caught()
        return before


class _Passage:
    """One connection."""

    def __init__(self, straits: Straits) -> None:
        self._straits = straits
        self._is_baited = False

    async def sail(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, outward: bool
    ) -> None:
        while data := await reader.read(1 << 16):
            if not (outward and self._is_let_through(data)):
                await self._straits.pass_on()
            writer.write(data)
            await writer.drain()
        writer.close()

    def _is_let_through(self, data: bytes) -> bool:
        self._is_baited, sprung = self._straits.springs(data, is_baited=self._is_baited)
        return sprung and not self._straits.spring()
