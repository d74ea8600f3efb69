"""What the card processor and the bank have in common: books, answers under keys, and moods.

What they promise: an effect is committed before it is answered, an `Idempotency-Key` takes effect
at most once, and what was done under a key can be asked. What they do not promise is an answer.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.keyed import answer_once, ledger_response, refusal
from examples.ledger import Answer, JsonObject, Ledger, Transaction
from examples.serving import serve


class Mood(BaseModel):
    """How a service treats its callers until it is told otherwise."""

    model_config = ConfigDict(extra="forbid")

    refuse: bool = False
    """Refuse captures, or transfers."""
    slow: NonNegativeFloat = 0
    """Answer this many seconds after the effect is committed."""
    hold: timedelta = timedelta(days=7)
    """For how long an authorisation made from now on is held."""


def utc_now() -> datetime:
    """The present instant, by the clock of this machine."""
    return datetime.now(UTC)


class Service:
    """The books and the temper of one of them.

    Args:
        now: Its clock.
    """

    schema: ClassVar[str]

    def __init__(self, ledger: Ledger, now: Callable[[], datetime] = utc_now) -> None:
        self._ledger = ledger
        self._now = now
        self.mood = Mood()

    def routes(self) -> list[Route]:
        """What it can be asked for besides what both can."""
        raise NotImplementedError

    def app(self) -> Starlette:
        """Build the web application."""
        return Starlette(
            routes=[
                *self.routes(),
                Route("/requests", self.find),
                Route("/ledger", self.show_ledger),
                Route("/mood", self.set_mood, methods=["POST"]),
            ]
        )

    async def answer(
        self, request: Request, work: Callable[[Transaction, JsonObject], Answer]
    ) -> JSONResponse:
        """Do `work` at most once for the request's key, and answer when the mood allows."""
        response = await answer_once(request, self._ledger, work)
        await asyncio.sleep(self.mood.slow)
        return response

    async def find(self, request: Request) -> JSONResponse:
        """Tell what was done under a key."""
        reference = request.query_params.get("reference")
        if not reference:
            return refusal(400, "ask as GET /requests?reference=KEY")
        answer = self._ledger.answered(reference)
        if answer is None or answer.status >= HTTPStatus.BAD_REQUEST:
            return refusal(404, "nothing was done under this reference")
        return JSONResponse(answer.body)

    async def show_ledger(self, request: Request) -> JSONResponse:
        """List every effect, in order."""
        return ledger_response(self._ledger)

    async def set_mood(self, request: Request) -> JSONResponse:
        """Take on a mood; what the body leaves out is as on a good day."""
        try:
            self.mood = Mood.model_validate_json(await request.body())
        except ValidationError as error:
            return refusal(422, str(error))
        return JSONResponse(self.mood.model_dump(mode="json"))


def main(service: type[Service], arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--db", type=Path, required=True, help="the service's own SQLite file")
    chosen = parser.parse_args(arguments)
    with closing(Ledger(chosen.db, service.schema)) as ledger:
        asyncio.run(serve(service(ledger).app(), chosen.port))
