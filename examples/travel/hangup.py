"""A connection that can be dropped while the other side waits for its answer."""

import asyncio
from typing import ClassVar, TypeAlias

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

Peer: TypeAlias = tuple[str, int]


class HangUpProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, remembering who is on the line."""

    lines: ClassVar[dict[Peer | None, asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the line of this peer."""
        super().connection_made(transport)
        self.lines[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the line of this peer."""
        super().connection_lost(exc)
        self.lines.pop(self.client, None)


async def hang_up(request: Request) -> None:
    """Drop the connection of `request`; whatever is answered afterwards goes nowhere."""
    line = HangUpProtocol.lines.get(request.client)
    if line is not None:  # the caller may have gone first
        line.abort()
        # The server learns of it in the loop's next turn.
        await asyncio.sleep(0)
