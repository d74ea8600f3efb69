"""Raw connections beside a store, as an intruder or a rival would have them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from sagas.journal.dialect import POSTGRES

Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def raw(url: str) -> AsyncGenerator[Raw]:
    """A connection of somebody else."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "sagas"})
    try:
        yield connection
    finally:
        await connection.close()


def rendered(statement: str) -> str:
    """A statement as the store sends it."""
    return POSTGRES.render(statement)
