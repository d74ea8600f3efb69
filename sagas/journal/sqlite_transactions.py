"""Operations carried out on one SQLite connection, each in a transaction.

Touches: SQLite.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from re import compile as pattern
from typing import Any, TypeVar, cast

from sagas.journal.dialect import SQLITE
from sagas.journal.operation import (
    Entries,
    Hint,
    Making,
    Operation,
    Query,
    Record,
    StartOver,
    Step,
    Violation,
)

T = TypeVar("T")

_INSERT = "insert into entry values (?, ?, ?, ?, ?, ?, ?, ?)"
_PRIOR = "select 1 from entry where saga_id = ? and seq = ? and hash = ?"
_PLACE = pattern(r"\$(\d+)")
_TAKEN = ("SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_TRIGGER")


@cache
def _compiled(statement: str) -> tuple[str, tuple[int, ...]]:
    """A statement with plain marks, and which value belongs to each of them."""
    text = SQLITE.render(statement)
    order = tuple(int(number) - 1 for number in _PLACE.findall(text))
    return _PLACE.sub("?", text), order


class Transactions:
    """One connection at work.

    Args:
        commit: What ends a transaction.
        rollback: What ends one that is to have done nothing.

    Attributes:
        hinted: Whether something was done since this was last set to false that others wait for.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        commit: str = "commit",
        rollback: Sequence[str] = ("rollback",),
    ) -> None:
        self._connection = connection
        self._commit = commit
        self._rollback = rollback
        self.hinted = False

    def run(self, begin: str, make: Making[T]) -> T:
        """Carry an operation out between `begin` and a commit, again if it starts over.

        Raises:
            sqlite3.Error: The database does not do it; nothing is changed.
        """
        while True:
            self._connection.execute(begin)
            try:
                result = self._carry_out(make(False))
                self._connection.execute(self._commit)
            except StartOver:
                self._take_back()
            except BaseException:
                if self._connection.in_transaction:
                    self._take_back()
                raise
            else:
                return result

    def read(self, make: Making[T]) -> T:
        """Carry out an operation that changes nothing, where nobody else can get in between.

        Raises:
            sqlite3.Error: The database does not do it.
        """
        return self._carry_out(make(False))

    def _take_back(self) -> None:
        for statement in self._rollback:
            self._connection.execute(statement)

    def _carry_out(self, operation: Operation[T]) -> T:
        try:
            step = next(operation)
            while True:
                try:
                    rows = self._take(step)
                except Violation as violation:
                    step = operation.throw(violation)
                else:
                    step = operation.send(rows)
        except StopIteration as stop:
            return cast(T, stop.value)

    def _take(self, step: Step) -> list[Record]:
        match step:
            case Query(statement, values):
                return self._query(statement, values)
            case Entries(rows, priors):
                return self._insert(rows, priors)
            case Hint():
                self.hinted = True
                return []

    def _query(self, statement: str, values: tuple[object, ...]) -> list[Record]:
        text, order = _compiled(statement)
        given = cast(Any, tuple(map(values.__getitem__, order)))
        try:
            return self._connection.execute(text, given).fetchall()
        except sqlite3.IntegrityError as error:
            raise _violation(error) from error

    def _insert(
        self, rows: Sequence[tuple[object, ...]], priors: Sequence[tuple[str, int, str]]
    ) -> list[Record]:
        if not all(self._connection.execute(_PRIOR, prior).fetchone() for prior in priors):
            raise Violation
        try:
            self._connection.executemany(_INSERT, cast(Any, rows))
        except sqlite3.IntegrityError as error:
            raise _violation(error) from error
        return []


def _violation(error: sqlite3.IntegrityError) -> Exception:
    return Violation() if error.sqlite_errorname in _TAKEN else error
