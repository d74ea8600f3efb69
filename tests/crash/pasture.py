"""Where beasts are kept: a database, their ledger, and processes that drive their sagas."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from sagas import Coordinator, connect
from sagas.model import Status
from sagas.testing.history import History, read_history
from tests.crash.beasts import beasts
from tests.crash.ledger import Ledger
from tests.crash.nursery import Nursery
from tests.crash.oracle import violations_at_rest
from tests.crash.orders import Errand, Errands
from tests.crash.scenarios import PERSON


@dataclass(frozen=True, slots=True)
class Pasture:
    """Everything that a trial with beasts needs.

    Attributes:
        reader: Connected to the database, and driving nothing.
    """

    url: str
    directory: Path
    nurseries: Sequence[Nursery]
    reader: Coordinator
    ledger: Ledger
    mark: str = field(default_factory=lambda: uuid4().hex[:8], init=False)

    def errand(self, name: str | int, **changes: Any) -> Errand:
        """A saga with a name of its own."""
        return Errand(saga_id=f"{name}-{self.mark}", **changes)

    def errands(self, *errands: Errand, **changes: Any) -> Errands:
        """One life that sees to these."""
        given: dict[str, Any] = {"url": self.url, "ledger": str(self.ledger.path), **changes}
        return Errands(errands=errands, **given)

    async def history(self, errand: Errand) -> History:
        """Everything the database knows of a saga."""
        return await read_history(self.reader.store, errand.saga_id)

    async def wrong(self, errand: Errand, *, end: Status = Status.COMPLETED) -> list[str]:
        """What is wrong with a saga that should be at rest, in this way."""
        history = await self.history(errand)
        books = self.ledger.books(errand.saga_id)
        found = violations_at_rest(history, books)
        if history.saga is not None and history.saga.status is not end:
            found.append(f"it should be {end}, and is {history.saga.status}")
        return [f"{errand.saga_id}: {text}" for text in found]


@asynccontextmanager
async def pasture_at(
    url: str, directory: Path, nurseries: Sequence[Nursery]
) -> AsyncGenerator[Pasture]:
    """Connect to the database, for reading, and make the ledger."""
    ledger = Ledger(directory / f"ledger-{uuid4().hex[:8]}.db")
    ledger.prepare()
    async with connect(url, beasts, user=PERSON) as reader:
        yield Pasture(url, directory, nurseries, reader, ledger)
