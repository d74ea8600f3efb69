"""What a provider remembers: what stands, what it did in which order, and what it answered.

In memory, or in a SQLite file that several processes share. One call is one transaction: an effect
and the answer to it are durable before the answer leaves.

Touches: SQLite, the file it is given.
"""

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from sagas.testing.world import Effect

_SCHEMA = """
create table if not exists thing (
  number integer primary key, id text not null unique, name text not null, subject text not null,
  details text not null, key text not null, at integer not null,
  undone_under text, undone_at integer
);
create table if not exists effect (
  number integer primary key, name text not null, direction text not null, key text not null
);
create table if not exists answer (
  key text primary key, request text not null, answer text not null
);
create table if not exists calls (provider text primary key, number integer not null);
"""
_BUSY_SECONDS = 30.0


class Books:
    """One provider's books, or those of several that are looked at as one world.

    Args:
        at: The file; None keeps them in memory.
    """

    def __init__(self, at: Path | None) -> None:
        self._at = at
        self._lock = threading.RLock()
        self._opened_by = -1
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def page(self) -> Generator["Page"]:
        """One call's view of the books: all that it writes is kept, or nothing is."""
        with self._lock:
            connection = self._open()
            connection.execute("begin immediate")
            try:
                yield Page(connection)
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    def close(self) -> None:
        """Close the file. It is opened again if it is needed again."""
        with self._lock:
            if self._connection is not None and self._opened_by == os.getpid():
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        # A forked process must not go on with its parent's connection to a file.
        inherited = self._at is not None and self._opened_by != os.getpid()
        if self._connection is None or inherited:
            self._connection = sqlite3.connect(
                self._at or ":memory:",
                isolation_level=None,
                timeout=_BUSY_SECONDS,
                check_same_thread=False,
            )
            self._opened_by = os.getpid()
            weakref.finalize(self, self._connection.close)
            self._connection.execute("pragma synchronous = full")
            self._connection.executescript(f"begin immediate; {_SCHEMA} commit;")
        return self._connection


class Page:
    """What can be read from the books and written into them within one call."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def counted(self, provider: str) -> int:
        """The number of this call, from 1."""
        row = self._one(
            "insert into calls (provider, number) values (?, 1) "
            "on conflict (provider) do update set number = number + 1 returning number",
            provider,
        )
        return int(row[0])

    def answered(self, key: str) -> tuple[str, str] | None:
        """The request that a key was first sent with, and the answer to it."""
        row = self._one("select request, answer from answer where key = ?", key)
        return None if row is None else (str(row[0]), str(row[1]))

    def answer(self, key: str, request: str, answer: str) -> None:
        """Remember an answer."""
        self._do("insert into answer (key, request, answer) values (?, ?, ?)", key, request, answer)

    def effect(self, name: str, direction: str, key: str) -> None:
        """Write down that something happened."""
        self._do("insert into effect (name, direction, key) values (?, ?, ?)", name, direction, key)

    def add(self, name: str, subject: str, details: str, key: str, at: int) -> str:
        """Let something stand from now on; its id is made of the key, not of chance."""
        (made,) = self._one("select count(*) from thing where name = ? and key = ?", name, key)
        again = f"-{made + 1}" if made else ""
        id_ = f"{name}-{sha256(key.encode()).hexdigest()[:10]}{again}"
        self._do(
            "insert into thing (id, name, subject, details, key, at) values (?, ?, ?, ?, ?, ?)",
            *(id_, name, subject, details, key, at),
        )
        return id_

    def standing(self, name: str, *, thing: str | None, key: str) -> list[str]:
        """The ids of what stands: the one, or all that was done under the key."""
        column, value = ("key", key) if thing is None else ("id", thing)
        rows = self._connection.execute(
            f"select id from thing where name = ? and {column} = ? "  # noqa: S608  two columns of our own
            "and undone_under is null order by number",
            (name, value),
        )
        return [str(row[0]) for row in rows]

    def take_back(self, id_: str, key: str, at: int) -> None:
        """Let something stand no longer."""
        self._do("update thing set undone_under = ?, undone_at = ? where id = ?", key, at, id_)

    def done_under(self, name: str, key: str, until: int) -> str | None:
        """What was done under a key, if that was no later than `until` (microseconds)."""
        return self._id(
            "select id from thing where name = ? and key = ? and at <= ? order by number",
            *(name, key, until),
        )

    def undone_under(self, name: str, key: str, until: int) -> str | None:
        """What was taken back under a key, if that was no later than `until` (microseconds)."""
        return self._id(
            "select id from thing where name = ? and undone_under = ? and undone_at <= ? "
            "order by number",
            *(name, key, until),
        )

    def snapshot(self) -> JsonValue:
        """What stands, by name and subject, whoever asked for it and in whatever order."""
        held: dict[str, Any] = {}
        for name, subject, details in self._connection.execute(
            "select name, subject, details from thing where undone_under is null "
            "order by name, subject, details"
        ):
            held.setdefault(name, {}).setdefault(subject, []).append(json.loads(details))
        return held

    def ledger(self) -> list[Effect]:
        """Every effect, in order."""
        rows = self._connection.execute("select name, direction, key from effect order by number")
        return [Effect(*row) for row in rows]

    def clear(self) -> None:
        """Forget everything."""
        for table in ("thing", "effect", "answer", "calls"):
            self._do(f"delete from {table}")  # noqa: S608  tables of our own

    def _id(self, statement: str, *values: str | int) -> str | None:
        row = self._one(statement, *values)
        return None if row is None else str(row[0])

    def _one(self, statement: str, *values: str | int) -> Any:
        return self._connection.execute(statement, values).fetchone()

    def _do(self, statement: str, *values: str | int) -> None:
        self._connection.execute(statement, values)
