"""The examples survive what can go wrong: they are explored, with the services that are theirs."""

import os
from collections.abc import AsyncGenerator, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from compensations import Choice
from examples.payments.money import Money, Order
from examples.payments.paying import preorder, settle
from examples.publish.publishing import Article, publish
from examples.travel.booking import book_trip
from examples.travel.trip import CarRequest, FlightRequest, HotelRequest, Trip
from sagas.journal import migrate
from sagas.ports import QuestionRow
from sagas.testing import Responder, explore, explore_crashes, explore_races
from sagas.testing.people import Truth, truthfully
from tests.authority import one_authority
from tests.examples.paid import Paid, paying_world
from tests.examples.served import Served, publishing
from tests.examples.travelled import Travelled, travelling

# A process that ends while its HTTP client connects leaves an attempt that was never begun.


pytestmark = pytest.mark.unmeasured

SOAK = "SAGAS_SOAK" in os.environ
ARTICLE = Article(slug="on-undoing", title="On undoing", body="Some things cannot be undone.")
DAY = date(2027, 3, 1)
TRIP = Trip(
    traveller="ana@example.org",
    flight=FlightRequest(origin="Oslo", destination="Lisbon", departure=DAY),
    hotel=HotelRequest(city="Lisbon", arrival=DAY, nights=3),
    car=CarRequest(city="Lisbon", pickup=DAY, days=3),
)

ORDER = Order(
    number="order-1",
    card="card-of-ana",
    price=Money(amount=Decimal("120.00"), currency="EUR"),
    supplier="supplier-7",
    cost=Money(amount=Decimal("80.00"), currency="EUR"),
)


def editor(cms: Served) -> Responder:
    """Tells the truth; but what is out is out, so its draft is not asked to be deleted."""

    def answer(question: QuestionRow, truth: Truth) -> tuple[Choice, object] | None:
        told = truthfully(question, truth)
        if told is not None and told[0] is Choice.UNWIND and Choice.KEEP in question.choices:
            published = any(effect.name == "publish" for effect in cms.ledger())
            return (Choice.KEEP, None) if published else told
        return told

    return Responder(answer=answer)


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority(tmp_path)))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def cms(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Served]:
    async with publishing() as (world, variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield world


@pytest.fixture
async def partners() -> AsyncGenerator[Travelled]:
    async with travelling() as world:
        yield world


@pytest.fixture
def shop() -> Iterator[Paid]:
    with paying_world() as world:
        yield world


async def test_publishing_survives_a_second_owner_and_a_cancel(cms: Served) -> None:
    report = await explore_races(publish, ARTICLE, world=cms, most=10)

    report.check()


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
@pytest.mark.timeout(600)
async def test_publishing_survives_everything(cms: Served) -> None:
    report = await explore(publish, ARTICLE, people=editor(cms), world=cms)

    report.check()


async def test_publishing_survives_crashes_on_sqlite(cms: Served, sqlite_url: str) -> None:
    report = await explore_crashes(publish, ARTICLE, world=cms, url=sqlite_url)

    report.check()


async def test_publishing_survives_crashes_on_postgres(cms: Served, postgres_url: str) -> None:
    migrate(postgres_url)

    report = await explore_crashes(publish, ARTICLE, world=cms, url=postgres_url)

    report.check()
    assert await others(postgres_url) == []


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
@pytest.mark.timeout(600)
async def test_publishing_survives_everything_on_postgres(cms: Served, postgres_url: str) -> None:
    migrate(postgres_url)

    report = await explore(publish, ARTICLE, people=editor(cms), world=cms, url=postgres_url)

    report.check()


async def test_a_trip_survives(partners: Travelled) -> None:
    report = await explore(book_trip, TRIP, world=partners, schedules=80)

    report.check()
    assert report.schedules >= 300


async def test_a_trip_survives_crashes_on_sqlite(partners: Travelled, sqlite_url: str) -> None:
    report = await explore_crashes(book_trip, TRIP, world=partners, url=sqlite_url)

    report.check()


async def test_a_trip_survives_crashes_on_postgres(partners: Travelled, postgres_url: str) -> None:
    migrate(postgres_url)

    report = await explore_crashes(book_trip, TRIP, world=partners, url=postgres_url)

    report.check()


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
@pytest.mark.timeout(1800)
async def test_a_trip_survives_whatever_comes_at_any_turn(partners: Travelled) -> None:
    (await explore(book_trip, TRIP, world=partners, schedules=2500)).check()
    (await explore_races(book_trip, TRIP, world=partners)).check()
    (await explore_crashes(book_trip, TRIP, world=partners, depth=2)).check()


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
@pytest.mark.timeout(1800)
async def test_a_trip_survives_everything_on_sqlite(partners: Travelled, sqlite_url: str) -> None:
    report = await explore(book_trip, TRIP, world=partners, url=sqlite_url)

    report.check()


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
@pytest.mark.timeout(1800)
async def test_a_trip_survives_everything_on_postgres(
    partners: Travelled, postgres_url: str
) -> None:
    migrate(postgres_url)

    report = await explore(book_trip, TRIP, world=partners, url=postgres_url)

    report.check()


async def test_an_order_survives(shop: Paid) -> None:
    report = await explore(settle, ORDER, world=shop, schedules=80)

    report.check()
    assert report.schedules >= 300


async def test_a_preorder_survives_crashes(shop: Paid) -> None:
    report = await explore_crashes(preorder, ORDER, world=shop)

    report.check()


async def test_an_order_survives_crashes_on_sqlite(shop: Paid, sqlite_url: str) -> None:
    report = await explore_crashes(settle, ORDER, world=shop, url=sqlite_url)

    report.check()


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
@pytest.mark.timeout(1800)
async def test_an_order_survives_whatever_comes_at_any_turn(shop: Paid) -> None:
    for saga in (settle, preorder):
        (await explore(saga, ORDER, world=shop, schedules=2500)).check()
        (await explore_races(saga, ORDER, world=shop)).check()
        (await explore_crashes(saga, ORDER, world=shop, depth=2)).check()


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
@pytest.mark.timeout(1800)
async def test_an_order_survives_everything_on_sqlite(shop: Paid, sqlite_url: str) -> None:
    report = await explore(settle, ORDER, world=shop, url=sqlite_url)

    report.check()


async def others(url: str) -> list[str]:
    """What else is connected to a database, and what it does."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select state, query from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() "
            "and backend_type = 'client backend'"
        )
        return [str(row) for row in rows]
    finally:
        await connection.close()
