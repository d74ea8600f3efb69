"""Stores to be tested, and closed afterwards whatever happened."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from sagas.journal import open_store
from sagas.ports import Store
from tests.journal.templates import Ground, ground_on


@pytest.fixture
async def another(database_url: str) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Opens one more store on the same database."""
    stores: list[Store] = []

    async def open_another() -> Store:
        stores.append(await open_store(database_url))
        return stores[-1]

    yield open_another
    for store in stores:
        await store.close()


@pytest.fixture
async def store(another: Callable[[], Awaitable[Store]]) -> Store:
    """A store on a fresh database."""
    return await another()


@pytest.fixture(scope="session")
def ground(postgres_server: str) -> Iterator[Ground]:
    """A PostgreSQL database for the journals of all tests."""
    with ground_on(postgres_server) as made:
        yield made


@pytest.fixture
async def migrated_url(ground: Ground) -> str:
    """The URL of a PostgreSQL database that holds a new journal."""
    return await ground.renew()
