"""What a service remembers: its effects in order, and the answer it gave under each key.

The rule an idempotent service lives by: the effect and the answer are written in one transaction,
before the answer leaves. Whoever asks again with the same key gets the same answer and no second
effect, whatever became of the first answer on its way. A refusal is remembered too: a key that was
refused can never take effect later.
"""

import json
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

JsonObject: TypeAlias = dict[str, JsonValue]
Cell: TypeAlias = str | int | None

JSON_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)

SCHEMA = """
create table if not exists effect (
  seq integer primary key autoincrement, at text not null, kind text not null,
  key text not null, subject text not null, body text not null
);
create table if not exists answer (
  key text primary key, request text not null, status integer not null, body text not null
);
"""


class LedgerLine(BaseModel):
    """One effect, as `GET /ledger` lists it."""

    model_config = ConfigDict(frozen=True)

    seq: int
    at: datetime
    kind: str
    key: str
    subject: str
    """What it was done to: the id of a booking, a draft or an article."""
    body: JsonObject


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: JsonObject


class KeyReused(Exception):
    """This Idempotency-Key was sent with a different request: use a new key for a new request."""


class Transaction:
    """One request's view of the database: all it writes is kept, or nothing is."""

    def __init__(self, connection: sqlite3.Connection, key: str) -> None:
        self._connection = connection
        self.key = key

    def execute(self, statement: str, values: Sequence[Cell] = ()) -> sqlite3.Cursor:
        """Run a statement inside the transaction."""
        return self._connection.execute(statement, values)

    def record(self, kind: str, subject: str, body: JsonObject) -> None:
        """Append an effect to the ledger."""
        self.execute(
            "insert into effect (at, kind, key, subject, body) values (?, ?, ?, ?, ?)",
            (datetime.now(UTC).isoformat(), kind, self.key, subject, json.dumps(body)),
        )


class Ledger:
    """A SQLite file with a service's effects, its answers, and tables of the service's own."""

    def __init__(self, path: Path, schema: str) -> None:
        # One event loop uses it; who opens and closes it may be another thread.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma synchronous = full")
        self._connection.executescript(SCHEMA + schema)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def once(self, key: str, request: str, work: Callable[[Transaction], Answer]) -> Answer:
        """Answer `request` under `key`: as the first time, or else by doing `work`.

        Raises:
            KeyReused: the key belongs to another request.
        """
        with self._transaction():
            earlier = self._earlier(key, request)
            if earlier is not None:
                return earlier
            answer = work(Transaction(self._connection, key))
            self._connection.execute(
                "insert into answer (key, request, status, body) values (?, ?, ?, ?)",
                (key, request, answer.status, json.dumps(answer.body)),
            )
            return answer

    def answered(self, key: str) -> Answer | None:
        """The answer that was given under a key; `None` if none was."""
        rows = self.query("select status, body from answer where key = ?", (key,))
        if not rows:
            return None
        return Answer(rows[0]["status"], JSON_OBJECT.validate_json(rows[0]["body"]))

    def query(self, statement: str, values: Sequence[Cell] = ()) -> list[sqlite3.Row]:
        """Read rows outside any transaction."""
        return self._connection.execute(statement, values).fetchall()

    def lines(self) -> list[LedgerLine]:
        """Read every effect, in the order in which they took place."""
        rows = self.query("select seq, at, kind, key, subject, body from effect order by seq")
        return [LedgerLine(**{**dict(row), "body": json.loads(row["body"])}) for row in rows]

    def _earlier(self, key: str, request: str) -> Answer | None:
        rows = self.query("select request from answer where key = ?", (key,))
        if rows and rows[0]["request"] != request:
            raise KeyReused(KeyReused.__doc__)
        return self.answered(key)

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")
