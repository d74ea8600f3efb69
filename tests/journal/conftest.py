"""Stores, and databases that hold a journal."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from sagas.journal import open_store
from sagas.ports import Store
from tests.journal.templates import Ground, ground_on

Opening = Callable[[str], Awaitable[Store]]


@pytest.fixture
async def opened() -> AsyncIterator[Opening]:
    """Opens stores, and closes them in the end."""
    stores: list[Store] = []

    async def open_one(url: str) -> Store:
        stores.append(await open_store(url))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture(scope="session")
def ground(postgres_server: str) -> Iterator[Ground]:
    """A PostgreSQL database for the journals of all tests."""
    with ground_on(postgres_server) as made:
        yield made


@pytest.fixture
async def migrated_url(ground: Ground) -> str:
    """The URL of a PostgreSQL database that holds a new journal."""
    return await ground.renew()
