"""What the beasts did: a destination that writes down every call and every effect.

Touches: a file.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.crash.books import Books, Effect

_TABLES = """
create table if not exists call (saga text, what text, key text, pid int);
create table if not exists effect (saga text, what text, key text, at text);
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The books of the beasts' destination, shared by processes."""

    path: Path

    def prepare(self) -> None:
        """Make the file."""
        with self._open() as connection:
            connection.executescript(_TABLES)

    def called(self, saga_id: str, what: str, key: str) -> int:
        """Write a call down, before anything is done; tells how many there were before it."""
        with self._open() as connection:
            (before,) = connection.execute(
                "select count(*) from call where saga = ? and what = ?", (saga_id, what)
            ).fetchone()
            connection.execute(
                "insert into call values (?, ?, ?, ?)", (saga_id, what, key, os.getpid())
            )
        return int(before)

    def did(self, saga_id: str, what: str, key: str, *, honours_keys: bool) -> None:
        """Take effect; where keys are honoured, once for each of them."""
        with self._open() as connection:
            known = connection.execute("select 1 from effect where key = ?", (key,)).fetchone()
            if not (honours_keys and known):
                at = datetime.now(UTC).isoformat()
                connection.execute(
                    "insert into effect values (?, ?, ?, ?)", (saga_id, what, key, at)
                )

    def calls(self, saga_id: str, what: str) -> list[int]:
        """The processes that made the calls, in order."""
        with self._open() as connection:
            rows = connection.execute(
                "select pid from call where saga = ? and what = ? order by rowid", (saga_id, what)
            ).fetchall()
        return [pid for (pid,) in rows]

    def books(self, saga_id: str) -> Books:
        """Everything that was done for a saga, as the oracle reads it."""
        with self._open() as connection:
            effects = connection.execute(
                "select what, key, at from effect where saga = ? order by rowid", (saga_id,)
            ).fetchall()
            asked = connection.execute(
                "select key, what from call where saga = ?", (saga_id,)
            ).fetchall()
        return Books(
            [
                Effect("beasts", _kind(what), key, what, datetime.fromisoformat(at))
                for what, key, at in effects
            ],
            [(key, _kind(what)) for key, what in asked],
        )

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            connection.execute("pragma synchronous = off")
            connection.execute("begin immediate")
            yield connection
            if connection.in_transaction:
                connection.execute("commit")


def _kind(what: str) -> str:
    return "cancel" if what.startswith("undo ") else "book"
