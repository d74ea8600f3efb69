"""A mail server: takes messages by SMTP and keeps each as a line of JSON in its own file.

Run as `python -m examples.travel.mailbox --port 0 --store FILE`. A message is on disk before it is
accepted. Like any mail server it cannot be asked later what it took, and it takes the same message
twice without a murmur. Addresses under `.invalid` are refused.
"""

import argparse
import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import BaseModel, ConfigDict

from examples.serving import announce, listen, until_input_ends


class Mail(BaseModel):
    """A message as it arrived."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str


def read_mail(store: Path) -> list[Mail]:
    """Read every message in `store`, in the order of arrival."""
    if not store.exists():
        return []
    return [Mail.model_validate_json(line) for line in store.read_text().splitlines()]


class Mailbox:
    """The handler aiosmtpd calls: it finds the hooks by their names."""

    def __init__(self, store: Path) -> None:
        self._store = store

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse who cannot exist (RFC 2606), before any of the message is sent."""
        if address.endswith(".invalid"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the message, then accept it."""
        self.keep(_opened(envelope))
        return "250 OK"

    def keep(self, mail: Mail) -> None:
        """Write a message to disk."""
        with self._store.open("a") as file:
            file.write(mail.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())


def _opened(envelope: Envelope) -> Mail:
    message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
    body = message.get_body(("plain",))
    return Mail(
        at=datetime.now(UTC),
        message_id=message.get("Message-ID", ""),
        sender=envelope.mail_from or "",
        recipients=tuple(envelope.rcpt_tos),
        subject=message.get("Subject", ""),
        text=body.get_content() if body else "",
    )


async def serve_mail(store: Path, port: int) -> None:
    """Take mail until standard input ends."""
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(store)
    listener = listen(port)
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mailbox.example", loop=loop), sock=listener
    )
    announce(listener)
    await until_input_ends()
    server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m examples.travel.mailbox")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--store", type=Path, required=True, help="where messages are kept")
    chosen = parser.parse_args(arguments)
    asyncio.run(serve_mail(chosen.store, chosen.port))


if __name__ == "__main__":
    main()
