"""The processor and the bank of the payments example in this process: a world to explore.

They are the applications that the example serves, called without a network between, and they go by
the clock of the run that is explored: a hold lapses seven of its days after it was made.

Touches: the event loop's clock.
"""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

import httpx
import pytest

from examples.ledger import LedgerLine
from examples.payments import paying
from examples.payments.bank import Bank
from examples.payments.cards import Cards
from sagas.testing import Effect, Snapshot
from sagas.testing.simulating.machine import START
from tests.examples.books import Books

CLIENTS = {"cards": paying.cards, "bank": paying.bank}
SERVICES = {"cards": Cards, "bank": Bank}
UNDOING = ("void", "refund")
STANDING = "select id, status from payment where status <> 'voided' order by number"


def simulated_now() -> datetime:
    """The present instant of the run that is explored."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


class Paid:
    """A processor and a bank as one World, with one ledger in the order of both."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self.books = {kind: Books(service.schema, self._did) for kind, service in SERVICES.items()}
        self.services = {
            kind: service(self.books[kind], now=simulated_now) for kind, service in SERVICES.items()
        }

    def reset(self) -> None:
        """Forget everything."""
        for books in self.books.values():
            books.clear()
        self._effects.clear()

    def snapshot(self) -> Snapshot:
        """The payments that are not voided, what was wired, and the receipts."""
        cards, bank = self.books["cards"], self.books["bank"]
        return {
            "payments": [f"{row['id']} {row['status']}" for row in cards.query(STANDING)],
            "transfers": [row["account"] for row in bank.query("select account from transfer")],
            "receipts": [line.subject for line in cards.lines() if line.kind == "receipt"],
        }

    def ledger(self) -> Sequence[Effect]:
        """Every effect, in order."""
        return list(self._effects)

    def _did(self, line: LedgerLine) -> None:
        direction = "undo" if line.kind in UNDOING else "do"
        self._effects.append(Effect(line.kind, direction, line.key))


@contextmanager
def paying_world() -> Generator[Paid]:
    """The processor and the bank, where the sagas find them."""
    world = Paid()
    with ExitStack() as ending, pytest.MonkeyPatch.context() as patch:
        for kind, service in world.services.items():
            ending.callback(world.books[kind].close)
            patch.setenv(f"{kind.upper()}_URL", f"http://{kind}.example")
            patch.setattr(CLIENTS[kind], "transport", httpx.ASGITransport(service.app()))
        yield world
