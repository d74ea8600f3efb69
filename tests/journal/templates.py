"""A PostgreSQL database with a journal that is made anew for each test.

Making a database takes longer than most tests; making the schema again from the statements that
the migrations sent the first time takes milliseconds.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from sqlalchemy import Engine, event

from sagas.journal import migrate

Sent = list[tuple[str, tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Ground:
    """One database, and what makes a journal in it."""

    url: str
    sent: Sent

    async def renew(self) -> str:
        """Make the journal anew; returns the database's URL."""
        connection = await asyncpg.connect(
            self.url, server_settings={"search_path": "sagas, pg_temp"}
        )
        try:
            async with connection.transaction():
                await connection.execute("drop schema sagas cascade")
                for statement, values in self.sent:
                    await connection.execute(statement, *values)
        finally:
            await connection.close()
        return self.url


@contextmanager
def ground_on(server: str) -> Generator[Ground]:
    """A database for all tests of a session."""
    name = f"sagas_journal_{uuid4().hex}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    asyncio.run(_administer(server, f'create database "{name}"'))
    try:
        yield Ground(url, _sent_by_migrating(url))
    finally:
        asyncio.run(_administer(server, f'drop database "{name}" with (force)'))


def _sent_by_migrating(url: str) -> Sent:
    sent: Sent = []

    def look(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        sent.append((statement, tuple(values)))

    event.listen(Engine, "before_cursor_execute", look)
    try:
        migrate(url)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    return sent


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
