"""The partners of the travel example and its mail server in this process: a world to explore.

The partners are the applications that the example serves, called without a network between, so that
what happens at the same time happens in the same order each time. The mail server is the example's
own, on loopback.

Touches: sockets, the event loop.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager

import httpx
import pytest
from aiosmtpd.smtp import SMTP

from examples.ledger import Ledger, LedgerLine
from examples.serving import LOOPBACK, listen
from examples.travel import booking, partner
from examples.travel.mailbox import Mail, Mailbox
from sagas.testing import Effect, Snapshot
from tests.examples.books import MEMORY, Books

STANDING = "select id from booking where status = 'booked' order by number"

CLIENTS = {"flights": booking.flights, "hotels": booking.hotels, "cars": booking.cars}


class Letterbox(Mailbox):
    """A mail server's handler that keeps messages in memory."""

    def __init__(self, told: Callable[[Mail], None]) -> None:
        super().__init__(MEMORY)
        self._told = told

    def keep(self, mail: Mail) -> None:
        """Tell of a message."""
        self._told(mail)


class Travelled:
    """Three partners and a mail server as one World, with one ledger in the order of all of them."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._subjects: list[str] = []
        self.books = {kind: Books(partner.SCHEMA, self._booked) for kind in partner.KINDS}
        self.letters = Letterbox(self._sent)

    def reset(self) -> None:
        """Forget everything."""
        for books in self.books.values():
            books.clear()
        self._effects.clear()
        self._subjects.clear()

    def snapshot(self) -> Snapshot:
        """What is booked, and the subjects of the mails that were sent."""
        booked = {kind: standing(books) for kind, books in self.books.items()}
        return {**booked, "mails": list(self._subjects)}

    def ledger(self) -> Sequence[Effect]:
        """Every effect, in order."""
        return list(self._effects)

    def _booked(self, line: LedgerLine) -> None:
        direction = "undo" if line.kind == "cancel" else "do"
        self._effects.append(Effect(line.kind, direction, line.key))

    def _sent(self, mail: Mail) -> None:
        self._subjects.append(mail.subject)
        key = mail.message_id.removeprefix("<").partition("@")[0]
        self._effects.append(Effect("mail", "do", key))


def standing(books: Ledger) -> list[str]:
    """The bookings that were made and not cancelled."""
    return [str(row["id"]) for row in books.query(STANDING)]


@asynccontextmanager
async def travelling() -> AsyncGenerator[Travelled]:
    """The partners and the mail server, where the saga finds them."""
    world, loop = Travelled(), asyncio.get_running_loop()
    listener = listen(0)
    server = await loop.create_server(
        lambda: SMTP(world.letters, hostname="mailbox.example", loop=loop), sock=listener
    )
    with ExitStack() as ending, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMTP_URL", f"smtp://{LOOPBACK}:{listener.getsockname()[1]}")
        for kind, books in world.books.items():
            ending.callback(books.close)
            app = partner.Partner(kind, books).app()
            patch.setenv(f"{kind.upper()}_URL", f"http://{kind}.example")
            patch.setattr(CLIENTS[kind], "transport", httpx.ASGITransport(app))
        try:
            yield world
        finally:
            server.close()
            await server.wait_closed()
