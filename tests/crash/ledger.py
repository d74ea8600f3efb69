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
pragma journal_mode = wal;
create table call (saga text, what text, key text, pid int);
create table effect (saga text, what text, key text, at text);
create index call_of on call (saga, what);
create index effect_of on effect (key);
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The books of the beasts' destination, shared by processes."""

    path: Path

    def prepare(self) -> None:
        """Make the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(_TABLES)

    def serve(self, saga_id: str, what: str, key: str, *, honours_keys: bool) -> int:
        """Answer a call: take effect, once for each key where keys are honoured.

        Returns:
            How many calls of this kind the saga had made before.
        """
        with self._open() as connection:
            (before,) = connection.execute(
                "select count(*) from call where saga = ? and what = ?", (saga_id, what)
            ).fetchone()
            connection.execute(
                "insert into call values (?, ?, ?, ?)", (saga_id, what, key, os.getpid())
            )
            known = connection.execute("select 1 from effect where key = ?", (key,)).fetchone()
            if not (honours_keys and known):
                at = datetime.now(UTC).isoformat()
                connection.execute(
                    "insert into effect values (?, ?, ?, ?)", (saga_id, what, key, at)
                )
        return int(before)

    def calls(self, saga_id: str, what: str) -> list[int]:
        """The processes that made the calls, in order."""
        with self._open() as connection:
            rows = connection.execute(
                "select pid from call where saga = ? and what = ? order by rowid", (saga_id, what)
            ).fetchall()
        return [pid for (pid,) in rows]

    def number_of_calls(self, what: str) -> int:
        """How many calls there were, for whatever saga."""
        with self._open() as connection:
            (number,) = connection.execute(
                "select count(*) from call where what = ?", (what,)
            ).fetchone()
        return int(number)

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
            connection.execute("commit")


def _kind(what: str) -> str:
    return "cancel" if what.startswith("undo ") else "book"
