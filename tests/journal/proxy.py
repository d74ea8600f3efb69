"""A TCP proxy in front of PostgreSQL that cuts connections at chosen moments."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit


class Moment(Enum):
    """When a connection is cut."""

    BEFORE = auto()
    """The server never gets the message."""
    AFTER = auto()
    """The server has answered; the answer does not arrive."""
    MEANWHILE = auto()
    """The server has the message and may be busy with it."""


@dataclass(slots=True)
class _Plan:
    """Where to cut."""

    marker: bytes
    moment: Moment
    skipping: int


class Proxy:
    """Passes bytes on, until it is told to cut.

    Attributes:
        cuts: How many connections it has cut: a test in which nothing was cut proves nothing.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts
        self._plans: list[_Plan] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.cuts = 0
        self.is_deaf = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    def cut(self, marker: bytes, moment: Moment, *, skipping: int = 0) -> None:
        """Cut the connection on which the marker is sent next; plans are used in order.

        Args:
            skipping: How many times it passes before.
        """
        self._plans.append(_Plan(marker, moment, skipping))

    def forget(self) -> int:
        """Drop the plans that were not carried out; returns how many there were."""
        plans, self._plans = self._plans, []
        return len(plans)

    def freeze(self) -> None:
        """Pass nothing on for a while, and close nothing."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass everything on, late."""
        self._flowing.set()

    async def flowing(self) -> None:
        """Wait while nothing is passed on."""
        await self._flowing.wait()

    def lead_to(self, upstream: str) -> None:
        """Connect to another server from now on."""
        self._upstream = urlsplit(upstream)
        self.cut_all()

    def cut_all(self) -> None:
        """Cut every connection now."""
        for writer in list(self._writers):
            writer.transport.abort()

    @property
    def url(self) -> str:
        """Where the database seems to be."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return self._upstream._replace(netloc=f"sagas@127.0.0.1:{port}").geturl()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Proxy"]:
        """Listen on a port of its own."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            self.thaw()
            self.cut_all()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_deaf:
            writer.transport.abort()
            return
        to_server = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        pair = _Pair(self, (reader, writer), to_server)
        self._writers |= {writer, to_server[1]}
        for pump in (pair.from_client(), pair.from_server()):
            task = asyncio.ensure_future(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def due(self, sent: bytes) -> Moment | None:
        """Whether these bytes are the ones to cut at."""
        if not self._plans or self._plans[0].marker not in sent:
            return None
        if self._plans[0].skipping:
            self._plans[0].skipping -= 1
            return None
        self.cuts += 1
        return self._plans.pop(0).moment


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Pair:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: Streams, server: Streams) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._swallowing = False

    async def from_client(self) -> None:
        try:
            while data := await self._client[0].read(1 << 16):
                moment = self._proxy.due(data)
                if moment is Moment.BEFORE:
                    break
                self._swallowing = moment is Moment.AFTER
                await self._proxy.flowing()
                self._server[1].write(data)
                await self._server[1].drain()
                if moment is Moment.MEANWHILE:
                    break
        except OSError:
            pass
        self._end()

    async def from_server(self) -> None:
        try:
            while data := await self._server[0].read(1 << 16):
                if self._swallowing:
                    break
                await self._proxy.flowing()
                self._client[1].write(data)
                await self._client[1].drain()
        except OSError:
            pass
        self._end()

    def _end(self) -> None:
        self._client[1].transport.abort()
        self._server[1].close()
