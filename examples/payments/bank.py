"""A bank: wires money to whomever it is told, and never brings it back.

Run as `python -m examples.payments.bank --port 0 --db FILE`. A transfer is known by its end-to-end
id, at both banks, and that is the key: sent twice under one id it is made once, and by the id it can be asked about.
"""

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.ledger import Answer, JsonObject, Transaction
from examples.payments.money import Transfer, Wire
from examples.payments.service import Service, main


class Bank(Service):
    """The account of one shop."""

    schema = """
    create table if not exists transfer (
      number integer primary key autoincrement, end_to_end_id text not null unique,
      account text not null, amount text not null, reference text not null
    );
    """

    def routes(self) -> list[Route]:
        """Transfers. There is no way to take one back."""
        return [Route("/transfers", self.wire, methods=["POST"])]

    async def wire(self, request: Request) -> JSONResponse:
        """Send money."""
        return await self.answer(request, self._wire)

    def _wire(self, transaction: Transaction, body: JsonObject) -> Answer:
        try:
            wire = Wire.model_validate(body)
        except ValidationError as error:
            return Answer(422, {"error": str(error)})
        if self.mood.refuse:
            return Answer(409, {"error": "there is not enough money on the account"})
        number = transaction.execute(
            "insert into transfer (end_to_end_id, account, amount, reference) values (?, ?, ?, ?)",
            (transaction.key, wire.to, str(wire.amount), wire.reference),
        ).lastrowid
        transfer = Transfer(
            id=f"transfer-{number}", amount=wire.amount, end_to_end_id=transaction.key
        )
        transaction.record("wire", transfer.id, {"to": wire.to, "amount": str(wire.amount)})
        return Answer(201, transfer.model_dump(mode="json"))


if __name__ == "__main__":
    main(Bank)
