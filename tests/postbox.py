"""A mail server on loopback that keeps what it is given, and can refuse, be slow and break off."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

Answer = str
Hook = Callable[[], str | None]


class Postbox:
    """What arrived, in order.

    Attributes:
        port: Where it listens.
        on_recipient: Asked at each recipient: the answer to give, or None to take it.
        on_content: Asked before a message is kept: the answer to give instead, or None.
        breaks_off: How many messages are kept without a word in answer.
    """

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[EmailMessage] = []
        self.on_recipient: Hook = lambda: None
        self.on_content: Hook = lambda: None
        self.breaks_off = 0
        self._arrived = asyncio.Event()

    @property
    def subjects(self) -> list[str]:
        """What the messages are about."""
        return [str(message["Subject"]) for message in self.messages]

    async def arrived(self, count: int) -> list[EmailMessage]:
        """Wait until so many messages have arrived."""
        async with asyncio.timeout(60):
            while len(self.messages) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.messages

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        refused = self.on_recipient()
        if refused is None:
            envelope.rcpt_tos.append(address)
        return refused or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a message, or not."""
        refused = self.on_content()
        if refused is not None:
            return refused
        content = cast(bytes, envelope.content)
        self.messages.append(message_from_bytes(content, policy=default))
        self._arrived.set()
        if self.breaks_off:
            self.breaks_off -= 1
            cast(Any, server).transport.abort()
        return "250 OK"


@asynccontextmanager
async def postbox() -> AsyncGenerator[Postbox]:
    """A postbox that is open while the block lasts."""
    box = Postbox()
    loop = asyncio.get_running_loop()
    sessions: set[SMTP] = set()

    def session() -> SMTP:
        made = SMTP(box, hostname="postbox.example.org", loop=loop)
        sessions.add(made)
        return made

    server = await loop.create_server(session, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
        for made in sessions:
            transport = cast(Any, made).transport
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)
