"""Fixtures of every ring: databases that are fresh for each test."""

import gc
import os
import shutil
import sys
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import freezegun
import hypothesis
import pytest

from sagas.journal import migrate
from tests.postgres import SERVER_VARIABLE, running_server

# It tells pytest's workers to measure what is covered; the processes that tests start need not.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_START", None)

# A frozen clock must not freeze pytest's own, which measures how long tests take.
freezegun.configure(extend_ignore_list=["_pytest.timing"])

# How long an example takes says nothing on a shared machine; pytest-timeout ends what hangs.
hypothesis.settings.register_profile(
    "sagas", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("sagas")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark what needs a PostgreSQL server, so that `-m "not postgres"` leaves it out."""
    for item in items:
        if "postgres_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.postgres)


def pytest_collection_finish() -> None:
    """Set aside what all tests are made of: each full collection would look at all of it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Let the measuring of coverage rest while a test walks again where others walk."""
    measuring = None
    if item.get_closest_marker("unmeasured") and "coverage" in sys.modules:
        measuring = sys.modules["coverage"].Coverage.current()
    if measuring is not None:
        measuring.stop()
    try:
        yield
    finally:
        if measuring is not None:
            measuring.start()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that may create databases."""
    with running_server(in_memory=True) as url:
        if url is None:
            message = f"no PostgreSQL here: run `make setup` or name a server in {SERVER_VARIABLE}"
            if "CI" in os.environ:
                pytest.fail(message)
            pytest.skip(message)
        yield url


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database that lasts for one test."""
    name = f"sagas_{uuid4().hex}"
    await _administer(postgres_server, f'create database "{name}"')
    yield urlsplit(postgres_server)._replace(path=f"/{name}").geturl()
    await _administer(postgres_server, f'drop database "{name}" with (force)')


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'sagas.db'}"


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite journal without a saga, to copy: that takes a moment, and migrating many."""
    path = tmp_path_factory.mktemp("empty") / "journal.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def journal_url(sqlite_url: str, empty_file: Path) -> str:
    """The URL of an SQLite journal without a saga: the file of `sqlite_url`, which is there now."""
    shutil.copy(empty_file, sqlite_url.removeprefix("sqlite:///"))
    return sqlite_url
