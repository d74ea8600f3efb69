"""Socket Mode: the app's WebSockets, and the envelopes that go through any one of them.

Touches: the network, loopback only.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from aiohttp import WSMsgType, web

from approvals.testing.changes import Changes
from approvals.testing.payloads import Json, compact, is_object
from approvals.testing.records import Delivery

__all__ = ["Sockets"]

_MOST = 10


@dataclass(slots=True, eq=False)
class _Socket:
    number: int
    line: web.WebSocketResponse
    transport: asyncio.Transport | None
    leaving: bool = False


class Sockets:
    """The sockets that are open.

    Attributes:
        stray: What came back that acknowledges no envelope that waits: a second acknowledgement,
            one that came too late, or what is no acknowledgement.
    """

    def __init__(self, app: str, changes: Changes) -> None:
        self.stray: list[str] = []
        self._app = app
        self._changes = changes
        self._tickets: set[str] = set()
        self._open: list[_Socket] = []
        self._waiting: dict[str, tuple[_Socket, asyncio.Future[Json]]] = {}
        self._counted = 0

    @property
    def connected(self) -> int:
        """How many sockets take envelopes."""
        return len(self._ready())

    @property
    def opened(self) -> int:
        """How many sockets there have ever been."""
        return self._counted

    def ticket(self) -> str:
        """Leave to connect once."""
        name = secrets.token_hex(12)
        self._tickets.add(name)
        return name

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a socket that comes with a ticket."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid ticket")
        self._tickets.remove(ticket)
        transport = request.transport
        line = web.WebSocketResponse()
        await line.prepare(request)
        if self.connected >= _MOST:
            await line.send_str(compact({"type": "disconnect", "reason": "too_many_websockets"}))
            await line.close()
            return line
        self._counted += 1
        socket = _Socket(self._counted, line, transport)
        self._open.append(socket)
        try:
            await line.send_str(compact(self._hello()))
            self._changes.tell()
            async for said in line:
                if said.type is WSMsgType.TEXT:
                    self._hear(str(said.data))
        finally:
            self._open.remove(socket)
            self._lose(socket)
            self._changes.tell()
        return line

    async def bring(self, delivery: Delivery, within: timedelta) -> None:
        """Send an envelope through one of the sockets, each in its turn; note its acknowledgement.

        Without a socket, or an acknowledgement in time, the delivery stays without a status.
        """
        ready = self._ready()
        if not ready:
            return
        socket = ready[0]
        self._open.remove(socket)
        self._open.append(socket)
        delivery.socket = socket.number
        answered: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[delivery.envelope] = socket, answered
        began = monotonic()
        try:
            await socket.line.send_str(compact(_envelope(delivery)))
            async with asyncio.timeout(within.total_seconds()):
                delivery.answer = await answered
        except (TimeoutError, ConnectionError):
            return
        finally:
            self._waiting.pop(delivery.envelope, None)
        delivery.status, delivery.seconds = 200, monotonic() - began
        delivery.text = compact(delivery.answer) if delivery.answer else ""

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every socket to make way for another; no envelope goes through these any more."""
        for socket in self._ready():
            socket.leaving = True
            await socket.line.send_str(compact({"type": "disconnect", "reason": reason}))

    def drop(self) -> None:
        """Cut every socket without a word."""
        for socket in list(self._open):
            socket.leaving = True
            if socket.transport is not None:
                socket.transport.abort()

    async def close(self) -> None:
        """Close every socket."""
        for socket in list(self._open):
            await socket.line.close()

    def _ready(self) -> list[_Socket]:
        return [item for item in self._open if not item.leaving and not item.line.closed]

    def _hear(self, said: str) -> None:
        try:
            found = json.loads(said)
            _, answered = self._waiting[found["envelope_id"]]
        except (ValueError, KeyError, TypeError):
            self.stray.append(said)
            return
        if answered.done():
            self.stray.append(said)
        else:
            payload = found.get("payload")
            answered.set_result(payload if is_object(payload) else {})

    def _lose(self, socket: _Socket) -> None:
        for held, answered in self._waiting.values():
            if held is socket and not answered.done():
                answered.set_exception(ConnectionError("the socket was closed"))

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._open),
            "debug_info": {"host": "loopback", "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app},
        }


def _envelope(delivery: Delivery) -> Json:
    told: Json = {
        "type": delivery.kind,
        "envelope_id": delivery.envelope,
        "accepts_response_payload": delivery.kind == "interactive",
        "payload": delivery.payload,
    }
    if delivery.kind == "events_api":
        told |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
    return told
