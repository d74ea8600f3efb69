"""Journals and books made by hand, sound ones, for tests that spoil them.

Pure.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from reversibility import Reversibility
from sagas import decide
from sagas.chain import Fields, Row, genesis, link
from sagas.entries import (
    Compensated,
    CompensationIntended,
    Ended,
    Entry,
    GateConsumed,
    GateDecided,
    GateOpened,
    Intended,
    Started,
    Succeeded,
    UnwindBegan,
    body_of,
)
from sagas.fold import fold
from sagas.model import Direction, Status, idempotency_key
from sagas.ports import SagaRow
from sagas.testing.history import History
from tests.crash.books import Books, Effect

JOURNAL = "j"
SAGA = "trip"
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)

FLIGHT = "book_trip/book_flight#1"
HOTEL = "book_trip/1.1:book_hotel#1"
CAR = "book_trip/1.2:rent_car#1"
MAIL = "book_trip/email_itinerary#1"


def key_of(path: str, direction: Direction = Direction.DO) -> str:
    """The key of a call; what is undone is undone in the first unwind."""
    generation = 0 if direction is Direction.DO else 1
    return idempotency_key(JOURNAL, SAGA, path, direction, generation)


def intended(path: str, **changes: Any) -> Intended:
    """The first attempt at a step."""
    mail = path == MAIL
    given: dict[str, Any] = {
        "path": path,
        "ordinal": 1,
        "action": path,
        "version": 1,
        "reversibility": Reversibility.IRREVERSIBLE if mail else Reversibility.COMPENSATABLE,
        "attempt": 1,
        "key": key_of(path),
        "generation": 0,
        "latest_end": 0,
        "gate": "g" if mail else None,
        **changes,
    }
    return Intended(**given)


def undo_intended(path: str, **changes: Any) -> CompensationIntended:
    """The first attempt at undoing a step."""
    given: dict[str, Any] = {
        "path": path,
        "attempt": 1,
        "key": key_of(path, Direction.UNDO),
        "generation": 1,
        "latest_end": 0,
        **changes,
    }
    return CompensationIntended(**given)


def booked() -> list[Entry]:
    """Flight, hotel and car are booked."""
    return [
        Started(saga="travel.book_trip", version=1, starter="ana", payload=b"{}"),
        intended(FLIGHT),
        Succeeded(path=FLIGHT, payload=b"{}"),
        intended(HOTEL),
        intended(CAR),
        Succeeded(path=HOTEL, payload=b"{}"),
        Succeeded(path=CAR, payload=b"{}"),
    ]


def approved() -> list[Entry]:
    """The mail may be sent."""
    opened = GateOpened(
        gate="g",
        path=MAIL,
        direction="do",
        ordinal=4,
        action=MAIL,
        version=1,
        generation=0,
        digest="d",
        deadline=0,
        by="@travel-desk",
        payload=b"{}",
    )
    return [opened, GateDecided(gate="g", path=MAIL, state="approved", by="ana")]


def completed() -> list[Entry]:
    """A trip that completed."""
    return [
        *booked(),
        *approved(),
        GateConsumed(gate="g", path=MAIL),
        intended(MAIL),
        Succeeded(path=MAIL, payload=b"{}"),
        Ended(
            status=Status.COMPLETED,
            payload=to_json(
                {
                    "flight": {"id": "flight-1"},
                    "hotel": {"id": "hotel-1"},
                    "car": {"id": "car-1"},
                }
            ),
        ),
    ]


def compensated() -> list[Entry]:
    """A trip that was undone."""
    return [
        *booked(),
        UnwindBegan(reason="ill", cause="cancel", generation=1),
        undo_intended(CAR),
        undo_intended(HOTEL),
        Compensated(path=CAR),
        Compensated(path=HOTEL),
        undo_intended(FLIGHT),
        Compensated(path=FLIGHT),
        Ended(status=Status.COMPENSATED, reason="ill"),
    ]


def effect(what: str, path: str, minute: int, **changes: Any) -> Effect:
    """What the world did under the key of a call."""
    service = {FLIGHT: "flights", HOTEL: "hotels", CAR: "cars", MAIL: "mail"}[path]
    given: dict[str, Any] = {
        "service": service,
        "what": what,
        "key": key_of(path, Direction.UNDO if what == "cancel" else Direction.DO),
        "subject": f"{service.removesuffix('s')}-1",
        "at": NOON + timedelta(minutes=minute),
        **changes,
    }
    return Effect(**given)


def bookings() -> list[Effect]:
    """The three bookings of a trip."""
    return [effect("book", FLIGHT, 1), effect("book", HOTEL, 2), effect("book", CAR, 3)]


def sent() -> list[Effect]:
    """The bookings, and the mail."""
    return [*bookings(), effect("mail", MAIL, 4)]


def returned() -> list[Effect]:
    """The bookings, and that they were given back."""
    return [
        *bookings(),
        effect("cancel", CAR, 4),
        effect("cancel", HOTEL, 5),
        effect("cancel", FLIGHT, 6),
    ]


def books(effects: Sequence[Effect], *asked: tuple[str, str]) -> Books:
    """The books with these effects, each of which was asked for."""
    partners = [(item.key, item.what) for item in effects if item.what != "mail"]
    return Books(effects, [*partners, *asked])


def told(entries: Sequence[Entry], **changes: Any) -> History:
    """The journal with these entries, in a chain, and a row that agrees with it."""
    rows: list[Row] = []
    previous = genesis(JOURNAL, SAGA)
    for seq, entry in enumerate(entries, start=1):
        body, payload = body_of(entry), entry.payload
        previous = link(previous, Fields(seq, entry.kind, entry.VERSION, 0, body, payload))
        text = None if payload is None else payload.decode()
        rows.append(Row(SAGA, seq, entry.kind, entry.VERSION, 0, body.decode(), text, previous))
    status = decide.status(fold(SAGA, [(seq, 0, item) for seq, item in enumerate(entries, 1)]))
    given: dict[str, Any] = {
        "journal_id": JOURNAL,
        "saga_id": SAGA,
        "saga": row(status, rows),
        "rows": tuple(rows),
        **changes,
    }
    return History(**given)


def row(status: Status, rows: Sequence[Row], **changes: Any) -> SagaRow:
    """A saga's row with its head at the last entry."""
    given: dict[str, Any] = {
        "id": SAGA,
        "saga": "travel.book_trip",
        "version": 1,
        "input_digest": "",
        "starter": "ana",
        "status": status,
        "reason": None,
        "head": len(rows),
        "head_hash": rows[-1].hash if rows else None,
        "owner": None,
        "control": 0,
        "folded": 0,
        "wake_at": None,
        "created_at": 0,
        "updated_at": 0,
        **changes,
    }
    return SagaRow(**given)
