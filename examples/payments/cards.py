"""A card processor: authorise, capture or void, refund, and mail a receipt, over HTTP.

Run as `python -m examples.payments.cards --port 0 --db FILE`. An authorisation sets money aside
until it lapses. Taking the money costs a fee, and giving it back does not bring the fee back.
"""

from datetime import datetime
from decimal import Decimal
from sqlite3 import Row

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.ledger import Answer, JsonObject, Transaction
from examples.payments.money import Authorisation, Capture, Hold, Money, Receipt, Refund, Voided
from examples.payments.service import Service, main

FEE = Decimal("0.015")
"""Of what is captured."""
CENT = Decimal("0.01")


class Cards(Service):
    """The payments of one shop."""

    schema = """
    create table if not exists payment (
      number integer primary key autoincrement, id text unique, order_number text not null,
      amount text not null, currency text not null, lapses_at text not null, status text not null
    );
    """

    def routes(self) -> list[Route]:
        """Payments, and what is done with them."""
        return [
            Route("/payments", self.authorise, methods=["POST"]),
            Route("/payments/{id}/{what}", self.act, methods=["POST"]),
        ]

    async def authorise(self, request: Request) -> JSONResponse:
        """Set money aside."""
        return await self.answer(request, self._authorise)

    async def act(self, request: Request) -> JSONResponse:
        """Do one of four things with a payment."""
        acts = {
            "capture": self._capture,
            "void": self._void,
            "refund": self._refund,
            "receipt": self._receipt,
        }
        act = acts.get(request.path_params["what"])
        if act is None:
            return JSONResponse({"error": f"the acts are {', '.join(acts)}"}, 404)

        def work(transaction: Transaction, body: JsonObject) -> Answer:
            payment = request.path_params["id"]
            row = transaction.execute("select * from payment where id = ?", (payment,)).fetchone()
            return act(transaction, row) if row else _refused(f"there is no {payment}", 404)

        return await self.answer(request, work)

    def _authorise(self, transaction: Transaction, body: JsonObject) -> Answer:
        try:
            asked = Authorisation.model_validate(body)
        except ValidationError as error:
            return _refused(str(error), 422)
        lapses_at = self._now() + self.mood.hold
        number = transaction.execute(
            "insert into payment (order_number, amount, currency, lapses_at, status) "
            "values (?, ?, ?, ?, 'authorised')",
            (asked.order, str(asked.amount.amount), asked.amount.currency, lapses_at.isoformat()),
        ).lastrowid
        payment = f"payment-{number}"
        transaction.execute("update payment set id = ? where number = ?", (payment, number))
        transaction.record("authorise", payment, {"amount": str(asked.amount)})
        return _answer(Hold(payment=payment, amount=asked.amount, lapses_at=lapses_at), 201)

    def _capture(self, transaction: Transaction, row: Row) -> Answer:
        if row["status"] != "authorised":
            return _refused(f"{row['id']} is {row['status']}")
        if self._now() >= datetime.fromisoformat(row["lapses_at"]):
            return _refused(f"the authorisation of {row['id']} has lapsed")
        if self.mood.refuse:
            return _refused(f"the customer's bank declines {row['id']}")
        _become("captured", "capture", transaction, row, {"amount": str(_money(row))})
        return _answer(Capture(payment=row["id"], amount=_money(row), fee=_fee(row)))

    def _void(self, transaction: Transaction, row: Row) -> Answer:
        """Close a payment; what is held is free again. After a refund nothing is held."""
        if row["status"] == "captured":
            return _refused(f"{row['id']} is captured: refund it")
        if row["status"] != "voided":
            freed = str(_money(row)) if row["status"] == "authorised" else "nothing"
            _become("voided", "void", transaction, row, {"freed": freed})
        return _answer(Voided(payment=row["id"]))

    def _refund(self, transaction: Transaction, row: Row) -> Answer:
        if row["status"] not in ("captured", "refunded"):
            return _refused(f"{row['id']} is {row['status']}")
        if row["status"] == "captured":
            told: JsonObject = {"amount": str(_money(row)), "kept": str(_fee(row))}
            _become("refunded", "refund", transaction, row, told)
        return _answer(Refund(payment=row["id"], amount=_money(row), kept=_fee(row)))

    def _receipt(self, transaction: Transaction, row: Row) -> Answer:
        transaction.record("receipt", row["id"], {"amount": str(_money(row))})
        return _answer(Receipt(payment=row["id"]))


def _become(status: str, what: str, transaction: Transaction, row: Row, told: JsonObject) -> None:
    transaction.execute("update payment set status = ? where id = ?", (status, row["id"]))
    transaction.record(what, row["id"], told)


def _money(row: Row) -> Money:
    return Money(amount=Decimal(row["amount"]), currency=row["currency"])


def _fee(row: Row) -> Money:
    return Money(amount=(_money(row).amount * FEE).quantize(CENT), currency=row["currency"])


def _answer(said: BaseModel, status: int = 200) -> Answer:
    return Answer(status, said.model_dump(mode="json"))


def _refused(why: str, status: int = 409) -> Answer:
    return Answer(status, {"error": why})


if __name__ == "__main__":
    main(Cards)
