"""Stores, and databases that hold a journal."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sagas.journal import migrate, open_store
from sagas.ports import Store

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


@pytest.fixture
def migrated_url(postgres_url: str) -> str:
    """The URL of a PostgreSQL database that holds a journal."""
    migrate(postgres_url)
    return postgres_url
