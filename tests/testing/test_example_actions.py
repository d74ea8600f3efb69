"""The actions of the examples, checked against their real services on the loopback."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from examples.ledger import Ledger
from examples.publish import cms
from examples.publish.publishing import Article, create_draft
from examples.serving import LOOPBACK, listen
from examples.travel import partner
from examples.travel.booking import book_flight, book_hotel, email_itinerary, rent_car
from examples.travel.trip import CarRequest, FlightRequest, HotelRequest
from sagas.authoring.action import Action
from sagas.testing import HttpWorld, check_declared_class, check_payload, check_round_trip

UNDOES = ("cancel", "delete")
BOOKINGS = "select id, details from booking where status = 'booked'"
ARTICLES = "select id, slug from article where status <> 'deleted'"


class Service:
    """A service that has new books after every reset.

    Args:
        holds: The query for what stands in its books.
    """

    def __init__(self, app: Callable[[Ledger], Starlette], schema: str, holds: str) -> None:
        self._make = app
        self._schema = schema
        self._holds = holds
        self._ledger = self._new()

    def _new(self) -> Ledger:
        ledger = Ledger(Path(":memory:"), self._schema)
        self._app = self._make(ledger)
        return ledger

    def reset(self) -> None:
        self.close()
        self._ledger = self._new()

    def snapshot(self) -> list[Any]:
        return [list(row) for row in self._ledger.query(self._holds)]

    def close(self) -> None:
        self._ledger.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


@asynccontextmanager
async def served(service: Service) -> AsyncGenerator[HttpWorld]:
    with listen(0) as listener:
        url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        config = uvicorn.Config(service, ws="none", lifespan="off", log_level="warning")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield HttpWorld(
                url,
                reset=service.reset,
                snapshot=service.snapshot,
                ledger="/ledger",
                effects=lambda lines: [
                    (line["kind"], "undo" if line["kind"] in UNDOES else "do", line["key"])
                    for line in lines
                ],
            )
        finally:
            server.should_exit = True
            await task
            service.close()


def travelling(kind: str) -> Service:
    return Service(lambda ledger: partner.Partner(kind, ledger).app(), partner.SCHEMA, BOOKINGS)


def publishing() -> Service:
    return Service(lambda ledger: cms.Cms(ledger).app(), cms.SCHEMA, ARTICLES)


CASES = [
    pytest.param(
        book_hotel,
        HotelRequest(city="Rome", arrival=date(2030, 5, 1), nights=3),
        lambda: travelling("hotels"),
        "HOTELS_URL",
        id="hotel",
    ),
    pytest.param(
        book_flight,
        FlightRequest(origin="VIE", destination="FCO", departure=date(2030, 5, 1)),
        lambda: travelling("flights"),
        "FLIGHTS_URL",
        id="flight",
    ),
    pytest.param(
        rent_car,
        CarRequest(city="Rome", pickup=date(2030, 5, 1), days=3),
        lambda: travelling("cars"),
        "CARS_URL",
        id="car",
    ),
    pytest.param(
        create_draft,
        Article(slug="news", title="News", body="It works."),
        publishing,
        "CMS_URL",
        id="draft",
    ),
]


@pytest.mark.parametrize(("action", "example", "service", "variable"), CASES)
async def test_an_action_of_the_examples_holds_what_it_declares(
    action: Action[..., Any],
    example: object,
    service: Callable[[], Service],
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(service()) as world:
        monkeypatch.setenv(variable, world.base_url)
        monkeypatch.setenv("NO_PROXY", LOOPBACK)
        trip = await check_round_trip(action, example, world=world)
        declared = await check_declared_class(action, example, world=world)

    assert (trip.violations, declared.violations) == ([], [])


async def test_an_action_of_the_examples_holds_it_for_inputs_that_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(travelling("hotels")) as world:
        monkeypatch.setenv("HOTELS_URL", world.base_url)
        monkeypatch.setenv("NO_PROXY", LOOPBACK)
        report = await check_round_trip(book_hotel, world=world, runs=4)

    assert report.violations == []
    assert report.schedules >= 8


@pytest.mark.parametrize(
    "action", [book_flight, book_hotel, rent_car, email_itinerary, create_draft], ids=repr
)
async def test_the_payloads_of_the_examples_come_back(action: Action[..., Any]) -> None:
    assert (await check_payload(action, runs=10, processes=False)).violations == []
