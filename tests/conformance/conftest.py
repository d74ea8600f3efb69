"""Stores to be tested, and closed afterwards whatever happened."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sagas.journal import open_store
from sagas.ports import Store


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
