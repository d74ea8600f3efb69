"""Operations on SQLite: one connection in one thread, one transaction after the other."""

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from sagas.errors import JournalUnavailable, PayloadError
from sagas.journal import host, revisions, sqlite_file, statements
from sagas.journal.bell import Bell
from sagas.journal.operation import Making, Mode
from sagas.journal.operations.appending import Appending
from sagas.journal.sqlite_file import FileLock, patiently
from sagas.journal.sqlite_transactions import Transactions
from sagas.journal.thread import JobThread
from sagas.journal.urls import SqliteUrl
from sagas.ports import Applied, Lease, Unit

T = TypeVar("T")

_SHORTEST_POLL = 0.01
_LONGEST_POLL = 0.1


class _Engine:
    """The connection and what is done with it; all but its making happens in one thread."""

    _connection: sqlite3.Connection
    _transactions: Transactions
    _lock: FileLock

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = sqlite_file.beside(path, "-wal")
        self._looked_at = 0

    def open(self) -> None:
        """Connect, and look at nothing yet."""
        sqlite_file.prepare(self._path)
        self._connection = sqlite_file.connect(self._path)
        self._transactions = Transactions(self._connection)
        try:
            self._lock = sqlite_file.lock_of(self._path)
        except BaseException:
            self._connection.close()
            raise

    def identity(self) -> tuple[str | None, str | None]:
        """The schema's version and the journal's id; None where there is no journal.

        Raises:
            JournalUnavailable: The file is not for us.
        """
        try:
            return patiently(self._identity)
        except sqlite3.Error as error:
            raise sqlite_file.explained(error, self._path) from error

    def _identity(self) -> tuple[str | None, str | None]:
        self._connection.execute("begin")  # another process may be making the tables
        try:
            found = self._connection.execute("select name from sqlite_master").fetchall()
            if ("alembic_version",) in found:
                version, journal_id = self._connection.execute(statements.IDENTITY).fetchone()
                return version, journal_id
        finally:
            self._connection.execute("rollback")
        if not found:
            return None, None
        raise JournalUnavailable(
            f"{self._path} holds other tables and no journal: name another file"
        )

    def begin_work(self) -> None:
        """Set the file up for writing, now that it is known to be ours."""
        sqlite_file.use_log(self._connection, self._path)

    def stamp(self) -> tuple[int, int] | None:
        """What changes whenever somebody writes; asking for it costs next to nothing."""
        try:
            log = self._log.stat()
        except OSError:
            return None
        return log.st_mtime_ns, log.st_size

    def version(self) -> int:
        """A number that changes when another connection has changed the database."""
        try:
            row: tuple[int] = self._connection.execute("pragma data_version").fetchone()
        except sqlite3.Error as error:
            raise sqlite_file.explained(error, self._path) from error
        return row[0]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._lock.close()

    def run(self, make: Making[T], mode: Mode) -> tuple[T, bool]:
        """Run an operation in a transaction; tells whether it gave a hint."""
        self._transactions.hinted = False
        try:
            return patiently(partial(self._run, make, mode)), self._transactions.hinted
        except sqlite3.Error as error:
            raise sqlite_file.explained(error, self._path) from error
        except UnicodeEncodeError as error:
            raise PayloadError("half a surrogate pair is no text: it cannot be stored") from error

    def _run(self, make: Making[T], mode: Mode) -> T:
        if mode is not Mode.WRITE:
            return self._transactions.run("begin", make)
        with self._lock.shared():
            result = self._transactions.run("begin immediate", make)
        self._keep_log_short()
        return result

    def _keep_log_short(self) -> None:
        """Write the log back when it is long; if a reader is in the way, when it has grown."""
        try:
            length = self._log.stat().st_size
        except FileNotFoundError:
            return
        self._looked_at = min(self._looked_at, length)
        if length - self._looked_at > sqlite_file.LOG_LIMIT:
            self._looked_at = length
            sqlite_file.write_back(self._connection, self._lock)


class SqliteDatabase:
    """One SQLite file; made by `open_sqlite`."""

    keeps_time = False  # it goes by the host's, as everything here does

    def __init__(self, engine: _Engine, thread: JobThread, journal_id: str) -> None:
        self.journal_id = journal_id
        self._engine = engine
        self._thread = thread
        self._bell = Bell()
        self._version: int | None = None
        self._stamp: tuple[int, int] | None = None
        self._process = os.getpid()
        self._closed = False

    def process(self) -> tuple[str, int, int]:
        """The host, the id and the start of this process."""
        return host.this_process()

    def is_gone(self, worker: tuple[str, int, int]) -> bool:
        """Whether a process that worked on this file runs no more."""
        return host.is_gone_from_here(*worker)

    async def run(self, make: Making[T], mode: Mode) -> T:
        """Run an operation in one transaction.

        Raises:
            JournalUnavailable: The file cannot be used, or is kept locked for too long.
        """
        self._check_usable()
        result, hinted = await self._thread.do(partial(self._engine.run, make, mode))
        if hinted:
            self._bell.ring()
        return result

    async def append(self, lease: Lease, units: Sequence[Unit], *, again: bool) -> list[Applied]:
        """Append units in one transaction; `again` if it may have been done before."""
        make = Appending(lease, units)
        return await self.run(lambda _: make(again), Mode.WRITE)

    async def changed(self, seconds: float) -> None:
        """Return when another connection changed something, or this one gave a hint."""
        loop = asyncio.get_running_loop()
        until, since = loop.time() + seconds, self._bell.told()
        pause = _SHORTEST_POLL
        while not await self._was_changed(since):
            left = until - loop.time()
            if left <= 0 or await self._bell.heard(min(pause, left), since=since):
                return
            pause = min(2 * pause, _LONGEST_POLL)

    async def close(self) -> None:
        """Let go of the file and the thread."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        self._bell.ring()
        await self._thread.do(self._engine.close)
        await self._thread.stop()

    async def _was_changed(self, since: int) -> bool:
        self._check_usable()
        stamp = self._engine.stamp()
        if stamp is not None and stamp == self._stamp:
            return await self._bell.heard(0, since=since)
        self._stamp = stamp
        version = await self._thread.do(self._engine.version)
        before, self._version = self._version, version
        if before is not None and before != version:
            self._bell.ring()  # for the others who wait
        return await self._bell.heard(0, since=since)

    def _check_usable(self) -> None:
        if self._closed:
            raise JournalUnavailable("this journal was closed: connect again")
        if os.getpid() != self._process:
            raise JournalUnavailable(
                "this process was forked from the one that opened the journal: connect again here"
            )


async def open_sqlite(url: SqliteUrl) -> SqliteDatabase:
    """Open a journal in a file, and make it where there is none.

    Raises:
        JournalUnavailable: The file cannot be used.
        SchemaMismatch: Another version of agent-sagas made it.
    """
    path = url.path
    engine, thread = _Engine(path), JobThread(f"journal {path.name}")
    try:
        await thread.do(engine.open)
    except BaseException:
        await thread.stop()
        raise
    try:
        journal_id = await _own(url, engine, thread)
    except BaseException:
        await thread.do(engine.close)
        await thread.stop()
        raise
    return SqliteDatabase(engine, thread, journal_id)


async def _own(url: SqliteUrl, engine: _Engine, thread: JobThread) -> str:
    """Check that the journal is one that this release reads, and return its id."""
    version, journal_id = await thread.do(engine.identity)
    if version is None:
        from sagas.journal.migrating import migrate_sqlite  # slow to import, and seldom needed

        await thread.do(partial(migrate_sqlite, url.path))
        version, journal_id = await thread.do(engine.identity)
    revisions.check(version, url.shown)
    await thread.do(engine.begin_work)
    return cast(str, journal_id)
