"""A travel partner: takes bookings of one kind over HTTP, keeps its own books, and has moods.

Run as `python -m examples.travel.partner hotels --port 0 --db FILE`. What it promises its callers:
an effect is committed before it is answered, an `Idempotency-Key` takes effect at most once, and a
booking can be found by the key it was made with. What it does not promise is an answer.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.keyed import answer_once, ledger_response, refusal
from examples.ledger import Answer, JsonObject, Ledger, Transaction
from examples.serving import serve
from examples.travel.hangup import HangUpProtocol, hang_up

KINDS = ("flights", "hotels", "cars")

SCHEMA = """
create table if not exists booking (
  number integer primary key autoincrement, id text unique, reference text not null unique,
  status text not null, details text not null, fee text
);
"""


class Mood(BaseModel):
    """How a partner treats its callers until it is told otherwise."""

    model_config = ConfigDict(extra="forbid")

    full: bool = False
    """Refuse new bookings."""
    fee: str | None = None
    """Keep this much of the price when a booking is cancelled, such as "25.00 EUR"."""
    slow: NonNegativeFloat = 0
    """Answer this many seconds after the effect is committed."""
    flaky: NonNegativeInt = 0
    """Fail this many of the next requests with 503, before any effect."""
    drop_next: NonNegativeInt = 0
    """Take this many of the next bookings, and drop the connection in place of an answer."""


class Partner:
    """The books and the temper of one partner."""

    def __init__(self, kind: str, ledger: Ledger) -> None:
        self._noun = kind.removesuffix("s")
        self._ledger = ledger
        self._mood = Mood()

    def app(self) -> Starlette:
        """Build the web application of this partner."""
        return Starlette(
            routes=[
                Route("/bookings", self.book, methods=["POST"]),
                Route("/bookings", self.find, methods=["GET"]),
                Route("/bookings/{id}/cancel", self.cancel, methods=["POST"]),
                Route("/ledger", self.show_ledger),
                Route("/mood", self.set_mood, methods=["POST"]),
                Route("/health", self.health),
            ]
        )

    async def book(self, request: Request) -> JSONResponse:
        """Book what the body describes."""
        if self._fails():
            return refusal(503, "try again later")
        response = await answer_once(request, self._ledger, self._book)
        await asyncio.sleep(self._mood.slow)
        if self._mood.drop_next:
            self._mood.drop_next -= 1
            await hang_up(request)
        return response

    async def cancel(self, request: Request) -> JSONResponse:
        """Cancel a booking; one that is cancelled already stays so, at the same fee."""
        if self._fails():
            return refusal(503, "try again later")
        cancel = partial(self._cancel, request.path_params["id"])
        response = await answer_once(request, self._ledger, cancel)
        await asyncio.sleep(self._mood.slow)
        return response

    async def find(self, request: Request) -> JSONResponse:
        """Find the booking made under a key."""
        reference = request.query_params.get("reference")
        if not reference:
            return refusal(400, "ask as GET /bookings?reference=KEY")
        rows = self._ledger.query(
            "select id, reference, status, details from booking where reference = ?", (reference,)
        )
        if not rows:
            return refusal(404, f"no {self._noun} is booked under this reference")
        return JSONResponse({**dict(rows[0]), "details": json.loads(rows[0]["details"])})

    async def show_ledger(self, request: Request) -> JSONResponse:
        """List every effect, in order."""
        return ledger_response(self._ledger)

    async def set_mood(self, request: Request) -> JSONResponse:
        """Take on a mood; what the body leaves out is as on a good day."""
        try:
            self._mood = Mood.model_validate_json(await request.body())
        except ValidationError as error:
            return refusal(422, str(error))
        return JSONResponse(self._mood.model_dump())

    async def health(self, request: Request) -> JSONResponse:
        """Say that we are here."""
        return JSONResponse({"status": "ok"})

    def _fails(self) -> bool:
        fails = self._mood.flaky > 0
        self._mood.flaky -= fails
        return fails

    def _book(self, transaction: Transaction, details: JsonObject) -> Answer:
        if self._mood.full:
            return Answer(409, {"error": "full"})
        number = transaction.execute(
            "insert into booking (reference, status, details) values (?, 'booked', ?)",
            (transaction.key, json.dumps(details)),
        ).lastrowid
        booking = f"{self._noun}-{number}"
        transaction.execute("update booking set id = ? where number = ?", (booking, number))
        transaction.record("book", booking, details)
        answer: JsonObject = {"id": booking, "reference": transaction.key, "status": "booked"}
        return Answer(201, {**answer, "details": details})

    def _cancel(self, booking: str, transaction: Transaction, body: JsonObject) -> Answer:
        row = transaction.execute(
            "select status, fee from booking where id = ?", (booking,)
        ).fetchone()
        if row is None:
            return Answer(404, {"error": f"there is no booking {booking}"})
        fee: str | None = row["fee"]
        if row["status"] == "booked":
            fee = self._mood.fee
            transaction.execute(
                "update booking set status = 'cancelled', fee = ? where id = ?", (fee, booking)
            )
            transaction.record("cancel", booking, {"fee": fee} if fee else {})
        answer: JsonObject = {"id": booking, "status": "cancelled"}
        return Answer(200, {**answer, "fee": fee} if fee else answer)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve one kind of booking until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m examples.travel.partner")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--db", type=Path, required=True, help="the partner's own SQLite file")
    chosen = parser.parse_args(arguments)
    with closing(Ledger(chosen.db, SCHEMA)) as ledger:
        app = Partner(chosen.kind, ledger).app()
        asyncio.run(serve(app, chosen.port, protocol=HangUpProtocol))


if __name__ == "__main__":
    main()
