"""One SQLite file: how it is made, opened and locked, and when its log is written back.

SQLite 3.7.0 to 3.51.2 (except 3.50.7 and 3.44.6) can lose a committed write when one connection
resets the log (WAL) while another begins to write. So nothing is written back automatically: each
write transaction holds a shared lock on a file beside the database, and the log is written back
only by whoever gets that lock alone. All versions do so, because they may share one file.
"""

import errno
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from sagas.errors import JournalUnavailable
from sagas.journal import host
from sagas.journal.dialect import UPTIME
from sagas.journal.filesystem import shared_file_system

T = TypeVar("T")

BUSY_SECONDS = 5.0
LOG_LIMIT = 1000 * 4096
"""The length of the log, in bytes, from which on it is written back."""

_OLDEST = (3, 35, 0)  # RETURNING
_POLL_SECONDS = 0.001
_MODE = 0o600
_making = threading.Lock()
"""Held while a file is open here that SQLite does not know of."""

_SETTINGS = (
    "pragma trusted_schema = off",
    "pragma wal_autocheckpoint = 0",
    "pragma synchronous = full",
    "pragma foreign_keys = on",
    "pragma schema_version",  # it reads the file: one that is no database is refused here
)


def beside(database: Path, ending: str) -> Path:
    """A file that belongs to a database: beside the file itself, and not beside a link to it."""
    real = database.resolve()
    return real.with_name(real.name + ending)


class FileLock:
    """The lock beside a database file; one for each connection."""

    def __init__(self, database: Path) -> None:
        self._path = beside(database, "-lock")
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)

    @contextmanager
    def shared(self) -> Generator[None]:
        """Hold it together with other writers.

        Raises:
            JournalUnavailable: Somebody else holds it alone for too long.
        """
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Generator[None]:
        """Hold it against every writer.

        Raises:
            JournalUnavailable: Somebody else holds it for too long.
        """
        with self._held(fcntl.LOCK_EX):
            yield

    @contextmanager
    def alone_at_once(self) -> Generator[bool]:
        """Hold it against every writer if that is possible now; tells whether it is."""
        held = self._try(fcntl.LOCK_EX)
        try:
            yield held
        finally:
            if held:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    @contextmanager
    def _held(self, kind: int) -> Generator[None]:
        self._wait(kind)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _wait(self, kind: int) -> None:
        if self._try(kind):
            return
        until = time.monotonic() + BUSY_SECONDS
        while not self._try(kind):
            if time.monotonic() > until:
                raise JournalUnavailable(
                    f"another process holds {self._path} for longer than {BUSY_SECONDS:g} s: find "
                    "it (it may be stopped) and end it"
                )
            time.sleep(_POLL_SECONDS)

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self._file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def lock_of(path: Path) -> FileLock:
    """The lock beside a file.

    Raises:
        JournalUnavailable: It cannot be made.
    """
    try:
        return FileLock(path)
    except OSError as error:
        raise _unwritable(error, path) from error


def prepare(path: Path) -> None:
    """Make the file if it is missing, readable by its owner only.

    Raises:
        JournalUnavailable: It cannot be a database here; the message says why and what to do.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise JournalUnavailable(
            f"this Python carries SQLite {sqlite3.sqlite_version}, and 3.35 or newer is needed: "
            "use another Python"
        )
    try:
        _look_at(path)
        _make(path)
    except OSError as error:
        raise _unwritable(error, path) from error


def _look_at(path: Path) -> None:
    if path.is_dir():
        raise JournalUnavailable(f"{path} is a directory: name a file in it")
    if not path.parent.is_dir():
        raise JournalUnavailable(f"the directory {path.parent} does not exist: create it first")
    if kind := shared_file_system(path):
        raise JournalUnavailable(
            f"{path} is on a file system of the kind {kind}, which other machines can write too, and "
            "SQLite would lose data there: name a file on a disk of this machine, or use PostgreSQL"
        )


def _unwritable(error: OSError, path: Path) -> JournalUnavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(path)
    file = error.filename or path
    return JournalUnavailable(
        f"{file} cannot be written ({error.strerror}): the file and its directory must be writable "
        "for this user, or name another file"
    )


def _no_space(path: Path) -> JournalUnavailable:
    return JournalUnavailable(f"there is no space left for {path}: make room and start again")


def _make(path: Path) -> None:
    """Make the file, or see that it may be used, without opening one that exists.

    To close any descriptor of a file is to let go of every lock that this process holds on it
    (POSIX). If a journal is open here, the next process to close it would take itself for the last
    one, and remove the log with all that is written into it from then on.
    """
    with _making, suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(os.open(path.resolve(), flags, _MODE))
    effective = os.access in os.supports_effective_ids
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def patiently(work: Callable[[], T]) -> T:
    """Do something that another process may be in the way of, for `BUSY_SECONDS` at most.

    SQLite's own waiting gets slower and slower, so that whoever asks rarely would never get in
    between somebody who writes all the time.

    Raises:
        sqlite3.OperationalError: Somebody was in the way all the time.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
        time.sleep(_POLL_SECONDS)


def connect(path: Path, *, wait: float = 0) -> sqlite3.Connection:
    """Open a connection, set up as every connection to a journal must be.

    Args:
        wait: For how many seconds SQLite itself waits for others.

    Raises:
        JournalUnavailable: The file cannot be used.
    """
    connection = sqlite3.connect(path, timeout=wait, isolation_level=None, cached_statements=256)
    connection.create_function(UPTIME, 0, host.uptime)
    try:
        for setting in _SETTINGS:
            patiently(partial(connection.execute, setting))
    except sqlite3.Error as error:
        connection.close()
        raise explained(error, path) from error
    return connection


def use_log(connection: sqlite3.Connection, path: Path) -> None:
    """Switch to the write-ahead log.

    Raises:
        JournalUnavailable: Somebody keeps the file locked.
    """
    try:
        [mode] = patiently(lambda: connection.execute("pragma journal_mode = wal").fetchone())
    except sqlite3.Error as error:
        raise explained(error, path) from error
    if mode != "wal":
        raise JournalUnavailable(
            f"{path} is on a file system that does not support SQLite's log (WAL): name a file on "
            "a disk of this machine, or use PostgreSQL"
        )


def explained(error: sqlite3.Error, path: Path) -> JournalUnavailable:
    """What went wrong with the file, and what to do."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_NOTADB"):
        return JournalUnavailable(f"{path} is not an SQLite database: name another file")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return JournalUnavailable(
            f"another process keeps {path} locked for longer than {BUSY_SECONDS:g} s: find it (it "
            "may be stopped) and end it"
        )
    if name.startswith("SQLITE_FULL"):
        return _no_space(path)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return JournalUnavailable(
            f"{path} cannot be written: the file, the files beside it whose names begin with its "
            "name, and its directory must be writable for this user"
        )
    if name.startswith("SQLITE_IOERR"):
        return JournalUnavailable(
            f"{path} could not be read or written ({name}): see whether its disk is full, failing "
            "or gone"
        )
    if name.startswith("SQLITE_CORRUPT"):
        return JournalUnavailable(f"{path} is damaged ({error}): restore it from a backup")
    return JournalUnavailable(f"{path} cannot be used ({error})")


def write_back(connection: sqlite3.Connection, lock: FileLock) -> None:
    """Write the log back into the database and empty it, unless somebody is busy with it."""
    with lock.alone_at_once() as held:
        if held:
            with suppress(sqlite3.OperationalError):  # a reader is in the way; next time
                connection.execute("pragma wal_checkpoint(truncate)").fetchall()
