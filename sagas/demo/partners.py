"""The partners of the demo's trip: their books, in a file of their own, as if they were elsewhere.

An effect takes place at most once for a key, and can be asked about by that key. A mail can be
neither: it is sent as often as it is asked for, and addresses that cannot exist are refused.
Touches: the file that SAGAS_DEMO_BOOKS names.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager

__all__ = ["BOOKS", "NoSuchAddress", "book", "cancel", "find", "mail"]

BOOKS = "SAGAS_DEMO_BOOKS"
"""The variable that names the file."""

_SCHEMA = """
create table if not exists booking (
  number integer primary key, kind text, key text unique, details text, cancelled integer default 0
);
create table if not exists mail (recipient text, content text, key text);
"""
_PATIENCE_SECONDS = 10.0
_FEES = {"Rome": "25.00 EUR"}
"""The city in which the hotel keeps something of the price."""


class NoSuchAddress(Exception):
    """The mail server refused the recipient: nothing was sent."""


def book(kind: str, details: str, *, key: str) -> str:
    """Book, once for this key, and name the booking."""
    with _books() as books:
        books.execute(
            "insert into booking (kind, key, details) values (?, ?, ?) on conflict do nothing",
            (kind, key, details),
        )
    found = find(key=key)
    assert found is not None  # noqa: S101  it was written above
    return found


def find(*, key: str) -> str | None:
    """The booking that was made under this key; None if none was."""
    with _books() as books:
        row = books.execute("select kind, number from booking where key = ?", (key,)).fetchone()
    return None if row is None else f"{row[0]}-{row[1]}"


def cancel(booking: str) -> str | None:
    """Cancel, at most once, and say which fee is kept, such as "25.00 EUR"."""
    kind, _, number = booking.partition("-")
    with _books() as books:
        books.execute("update booking set cancelled = 1 where number = ?", (number,))
        [details] = books.execute(
            "select details from booking where number = ?", (number,)
        ).fetchone()
    fees = [fee for city, fee in _FEES.items() if kind == "hotel" and city in details]
    return fees[0] if fees else None


def mail(recipient: str, content: str, *, key: str) -> None:
    """Send a mail.

    Raises:
        NoSuchAddress: The address is below `.invalid`, where nobody is (RFC 2606).
    """
    if recipient.endswith(".invalid"):
        raise NoSuchAddress(f"there is no mailbox {recipient}")
    with _books() as books:
        books.execute("insert into mail values (?, ?, ?)", (recipient, content, key))


@contextmanager
def _books() -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(os.environ[BOOKS], timeout=_PATIENCE_SECONDS)) as books:
        books.executescript(_SCHEMA)
        with books:
            yield books
