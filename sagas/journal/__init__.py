"""The journal's databases: SQLite and PostgreSQL, behind `sagas.ports.Store`."""

from typing import TYPE_CHECKING

from sagas.journal.urls import SqliteUrl, parse
from sagas.ports import Store

if TYPE_CHECKING:
    from sagas.journal.store import Database

__all__ = ["migrate", "open_database", "open_store"]


async def open_store(url: str) -> Store:
    """Open the journal that a database URL names; an SQLite file that is missing is made.

    Raises:
        JournalUnavailable: The database cannot be reached or used.
        SchemaMismatch: It holds no journal, or one of another version.
        UnsafeDatabase: It would lose what it acknowledged.
    """
    from sagas.journal.store import SqlStore

    return SqlStore(await open_database(url))


async def open_database(url: str) -> "Database":
    """The same, without the store on top.

    Raises:
        JournalError: As `open_store`.
    """
    parsed = parse(url)
    if isinstance(parsed, SqliteUrl):
        from sagas.journal.sqlite import open_sqlite

        return await open_sqlite(parsed)
    from sagas.journal.postgres import open_postgres

    return await open_postgres(parsed)


def migrate(url: str) -> list[str]:
    """Bring a database's schema to this release's version; returns what was done, in words.

    It blocks: call it from a program of its own, not from a running event loop.

    Raises:
        JournalUnavailable: The database cannot be reached or used.
        SchemaMismatch: A newer agent-sagas made it.
        UnsafeDatabase: It would lose what it acknowledged.
    """
    from sagas.journal import migrating

    return migrating.migrate(parse(url))
