"""What the outside world says of one saga: the partners' own files, and the mailbox.

Whose a booking is, its details tell: every request names the saga. So an effect is found even if
it was sent under a key that no journal knows.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from examples.travel.mailbox import read_mail
from examples.travel.partner import KINDS
from tests.crash.scenarios import address_of

MAIL_FILE = "mail.jsonl"


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a partner or the mail server did."""

    service: str
    what: str
    """`book`, `cancel` or `mail`."""
    key: str
    subject: str
    """The booking it was done to, or the address it was sent to."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that was done for a saga.

    Attributes:
        effects: In the order of their instants.
        asked: Every key that a partner has answered, be it with a refusal, and what it was sent for.
    """

    effects: Sequence[Effect]
    asked: Sequence[tuple[str, str]]

    def of(self, what: str) -> list[Effect]:
        """The effects of one kind."""
        return [effect for effect in self.effects if effect.what == what]


def read_books(directory: Path, saga_id: str) -> Books:
    """Read what the services in a directory have done for a saga."""
    effects: list[Effect] = []
    asked: list[tuple[str, str]] = []
    for kind in KINDS:
        file = f"file:{directory / f'{kind}.db'}?mode=ro"
        with closing(sqlite3.connect(file, uri=True, isolation_level=None)) as connection:
            effects += _bookings(connection, kind, saga_id)
            cancelled = [effect.subject for effect in effects if effect.service == kind]
            effects += _cancellations(connection, kind, cancelled)
            asked += _asked(connection, saga_id, cancelled)
    effects += _mails(directory / MAIL_FILE, saga_id)
    return Books(sorted(effects, key=lambda effect: effect.at), asked)


def _bookings(connection: sqlite3.Connection, kind: str, saga_id: str) -> list[Effect]:
    return _effects(connection, kind, "kind = 'book' and instr(body, ?)", json.dumps(saga_id))


def _cancellations(
    connection: sqlite3.Connection, kind: str, bookings: Sequence[str]
) -> list[Effect]:
    among = "kind = 'cancel' and subject in (select value from json_each(?))"
    return _effects(connection, kind, among, json.dumps(bookings))


def _effects(connection: sqlite3.Connection, kind: str, condition: str, value: str) -> list[Effect]:
    rows = connection.execute(
        f"select kind, key, subject, at from effect where {condition} order by seq", (value,)
    )
    return [
        Effect(kind, what, key, subject, datetime.fromisoformat(at))
        for what, key, subject, at in rows
    ]


def _asked(
    connection: sqlite3.Connection, saga_id: str, bookings: Sequence[str]
) -> list[tuple[str, str]]:
    asked = connection.execute(
        "select key, 'book' from answer where instr(request, ?)", (json.dumps(saga_id),)
    ).fetchall()
    for booking in bookings:
        asked += connection.execute(
            "select key, 'cancel' from answer where instr(request, ?)", (f"/{booking}/cancel ",)
        ).fetchall()
    return asked


def _mails(store: Path, saga_id: str) -> list[Effect]:
    return [
        Effect("mail", "mail", mail.message_id.strip("<>").partition("@")[0], to, mail.at)
        for mail in read_mail(store)
        for to in mail.recipients
        if to == address_of(saga_id)
    ]
