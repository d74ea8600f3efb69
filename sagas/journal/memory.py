"""A journal in memory, for simulations: SQLite as it is, without a file and without a thread.

It lasts as long as somebody holds it. Several simulated processes use it at the same time, each
through a store of its own; each operation is done at once, in the caller's turn of the event loop.

Touches: SQLite, a temporary file once.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from sagas.errors import JournalUnavailable
from sagas.journal import host, sqlite_file
from sagas.journal.dialect import UPTIME
from sagas.journal.operation import Making, Mode
from sagas.journal.operations.appending import Appending
from sagas.journal.sqlite_transactions import Transactions
from sagas.ports import Applied, Lease, Unit

T = TypeVar("T")

_LEGACY = b"\x01\x01"
"""In place of the marks of a write-ahead log, which memory has not."""

_RELEASE = "release operation"

_PATIENCE_SECONDS = 60.0

_EPOCH = 2_440_587.5
"""1970 as a Julian day."""

_MICROS_OF_A_DAY = 86_400_000_000


class MemoryJournal:
    """The tables, and who uses them.

    Args:
        journal_id: What keys and hashes are made with.
        uptime: Microseconds that only grow: what leases go by.

    Attributes:
        uptime: The same; a simulation that begins anew may set another one.
    """

    def __init__(self, journal_id: str, uptime: Callable[[], int]) -> None:
        self.journal_id = journal_id
        self.uptime = uptime
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, cached_statements=256, check_same_thread=False
        )
        self._connection.create_function(UPTIME, 0, self._told)
        self._connection.create_function("julianday", 1, self._day)
        self._connection.deserialize(_empty(journal_id))
        self._connection.execute("pragma synchronous = off")
        self._transactions = Transactions(
            self._connection, commit=_RELEASE, rollback=("rollback to operation", _RELEASE)
        )
        self._connection.execute("begin")
        self._users: list[MemoryDatabase] = []

    def _told(self) -> int:
        return self.uptime()

    def _day(self, _: str) -> float:
        """In the place of SQLite's own, which tells the host's time: limits go by this one."""
        return _EPOCH + self.uptime() / _MICROS_OF_A_DAY

    def open(self) -> "MemoryDatabase":
        """The database as another process sees it."""
        database = MemoryDatabase(self)
        self._users.append(database)
        return database

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Do to the tables what no process of ours would: to tamper with them."""
        return self._connection.execute(statement, tuple(values)).fetchall()

    def run(self, make: Making[T], mode: Mode, by: "MemoryDatabase") -> T:
        """Carry an operation out, and tell whoever else uses the journal if it changes something.

        Raises:
            JournalUnavailable: SQLite does not do it.
        """
        self._transactions.hinted = False
        before = self._connection.total_changes
        try:
            if mode is not Mode.WRITE:
                return self._transactions.read(make)
            result = self._transactions.run("savepoint operation", make)
        except sqlite3.Error as error:
            raise sqlite_file.explained(error, Path(":memory:")) from error
        if self._connection.total_changes == before:
            return result  # two that look for work in vain would wake each other for ever
        for user in self._users:
            if user is not by or self._transactions.hinted:
                user.ring()
        return result

    def reset(self) -> None:
        """Be empty again: all that was ever done is one transaction, which is taken back."""
        self._users.clear()
        self._connection.execute("rollback")
        self._connection.execute("begin")

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class MemoryDatabase:
    """The journal as one simulated process sees it; made by `MemoryJournal.open`."""

    keeps_time = False

    def __init__(self, journal: MemoryJournal) -> None:
        self.journal_id = journal.journal_id
        self._journal = journal
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None
        self._closed = False

    def process(self) -> tuple[str, int, int]:
        """This process, whatever it simulates."""
        return host.this_process()

    def is_gone(self, worker: tuple[str, int, int]) -> bool:
        """Nobody is: no other process can reach this memory."""
        return False

    async def run(self, make: Making[T], mode: Mode) -> T:
        """Run an operation in one transaction, at once.

        Raises:
            JournalUnavailable: The journal was closed here.
        """
        if self._closed:
            raise JournalUnavailable("this journal was closed: connect again")
        return self._journal.run(make, mode, self)

    async def append(self, lease: Lease, units: Sequence[Unit], *, again: bool) -> list[Applied]:
        """Append units in one transaction; `again` if it may have been done before."""
        make = Appending(lease, units)
        return await self.run(lambda _: make(again), Mode.WRITE)

    async def changed(self, seconds: float) -> None:
        """Return when something was written since this returned last.

        Here nothing changes that this does not hear of, so whoever waits for nothing in particular
        is not woken every second for it.
        """
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            patience = seconds if seconds < 1 else _PATIENCE_SECONDS
            timer = loop.call_later(patience, self._wake)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        self._rung = False

    def ring(self) -> None:
        """Something was written."""
        self._rung = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def close(self) -> None:
        """Let go of it."""
        self._closed = True
        self._wake()


def _empty(journal_id: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(_template())
    connection.execute("update journal set id = ?", (journal_id,))
    connection.execute("update journal set created_at = 0")
    connection.commit()
    image = connection.serialize()
    connection.close()
    return image


@cache
def _template() -> bytes:
    """An empty journal, as the migrations make it."""
    from sagas.journal.migrating import migrate_sqlite  # slow to import

    with TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        sqlite_file.prepare(path)
        migrate_sqlite(path)
        connection = sqlite3.connect(path)
        connection.execute("pragma journal_mode = delete")
        connection.close()
        image = path.read_bytes()
    return image[:18] + _LEGACY + image[20:]
