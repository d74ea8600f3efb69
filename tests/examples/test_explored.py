"""The publishing example survives what can go wrong: it is explored, with its own CMS on loopback."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest

from compensations import Choice
from examples.publish.publishing import Article, publish
from sagas.journal import migrate
from sagas.ports import QuestionRow
from sagas.testing import Responder, explore, explore_crashes, explore_races
from sagas.testing.people import Truth, truthfully
from tests.authority import one_authority
from tests.examples.served import Served, publishing

# A process that ends while its HTTP client connects leaves an attempt that was never begun.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .*try_connect:RuntimeWarning")

SOAK = "SAGAS_SOAK" in os.environ
ARTICLE = Article(slug="on-undoing", title="On undoing", body="Some things cannot be undone.")


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
