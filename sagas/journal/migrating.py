"""Bringing a database's schema to this release's version, whole or not at all.

Imported only where a schema has to be made or changed: SQLAlchemy, SQLModel and alembic are slow to
import, and nothing else needs them.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from sagas.errors import JournalUnavailable
from sagas.journal import revisions, sqlite_file
from sagas.journal.sqlite_file import BUSY_SECONDS, FileLock
from sagas.journal.urls import PostgresUrl, SqliteUrl

_LOCK = "select pg_advisory_xact_lock(hashtextextended('agent-sagas migration', 0))"
_TABLES = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
_HAS_SCHEMA = "select to_regnamespace('sagas') is not null"


def migrate(url: SqliteUrl | PostgresUrl) -> list[str]:
    """Bring a schema up to date; returns what was done, in words."""
    if isinstance(url, PostgresUrl):
        return migrate_postgres(url)
    sqlite_file.prepare(url.path)
    return migrate_sqlite(url.path)


def migrate_sqlite(path: Path) -> list[str]:
    """Bring an SQLite file up to date; of several processes one does it, and the others wait."""
    engine = create_engine(
        "sqlite://",
        creator=partial(sqlite_file.connect, path, wait=BUSY_SECONDS),
        poolclass=NullPool,
    )
    lock = FileLock(path)
    try:
        with lock.alone(), engine.connect() as connection, connection.begin():
            _refuse_other_tables(connection, path)
            # In the log's mode those who look meanwhile are not kept waiting.
            connection.exec_driver_sql("pragma journal_mode = wal")
            connection.exec_driver_sql("begin immediate")
            return _upgrade(connection, f"sqlite:///{path}")
    finally:
        lock.close()


def _refuse_other_tables(connection: Connection, path: Path) -> None:
    """Keep out of a file that belongs to another program."""
    names = set(connection.exec_driver_sql(_TABLES).scalars())
    if names and "alembic_version" not in names:
        raise JournalUnavailable(f"{path} holds other tables and no journal: name another file")


def migrate_postgres(url: PostgresUrl) -> list[str]:
    """Bring the schema `sagas` of a PostgreSQL database up to date, in one transaction."""
    return _in_loop_of_its_own(lambda: asyncio.run(_migrate_postgres(url)))


async def _migrate_postgres(url: PostgresUrl) -> list[str]:
    from sagas.journal.postgres_connection import check_health, connect, explaining

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect(url), poolclass=NullPool
    )
    with explaining(url):
        try:
            async with engine.begin() as connection:
                await check_health(await _driver_of(connection), url)
                return await connection.run_sync(_upgrade_postgres, url.shown)
        except DBAPIError as error:
            # SQLAlchemy wraps twice what the driver says.
            said = error.orig.__cause__ if error.orig is not None else None
            raise (said if isinstance(said, Exception) else error) from error
        finally:
            await engine.dispose()


async def _driver_of(connection: AsyncConnection) -> Any:
    """The driver's own connection, for what SQLAlchemy need not know of."""
    return (await connection.get_raw_connection()).driver_connection


def _upgrade_postgres(connection: Connection, shown: str) -> list[str]:
    connection.exec_driver_sql(_LOCK)
    if not connection.exec_driver_sql(_HAS_SCHEMA).scalar():
        connection.exec_driver_sql("create schema sagas")
    return _upgrade(connection, shown)


def _upgrade(connection: Connection, shown: str) -> list[str]:
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in revisions.REVISIONS:
        revisions.check(found, shown)
    config = Config()
    config.set_main_option("script_location", "sagas.journal:migrations")
    config.attributes["connection"] = connection
    missing = ScriptDirectory.from_config(config).iterate_revisions(revisions.HEAD, found or "base")
    done = [f"{script.revision}: {script.doc}" for script in missing]
    command.upgrade(config, revisions.HEAD)
    return done[::-1]


def _in_loop_of_its_own(work: Callable[[], list[str]]) -> list[str]:
    """Call `work` in a thread, so that it may run a loop even where one is running already."""
    results: list[list[str]] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)

    thread = threading.Thread(target=call, name="migration")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
