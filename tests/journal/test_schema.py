"""The schema: made whole or not at all, the same on both databases, and checked before use."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from sagas.errors import JournalUnavailable, SchemaMismatch
from sagas.journal import migrate, open_store, revisions
from sagas.journal.tables import metadata
from tests.crash.stages import SOAK
from tests.journal.conftest import Opening
from tests.journal.support import raw

TABLES = [
    "api_token",
    "bucket",
    "delegation",
    "delivery",
    "drill",
    "entry",
    "gate",
    "intervention",
    "journal",
    "lock",
    "login_link",
    "permit",
    "refused_edit",
    "request",
    "revision",
    "rule_use",
    "saga",
    "spent_form",
    "standing_rule",
    "vote",
    "web_session",
    "worker",
]


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def tables_of(url: str) -> list[str]:
    with closing(sqlite3.connect(file_of(url))) as connection:
        found = connection.execute("select name from sqlite_master where type = 'table'")
        return sorted(name for (name,) in found if "sqlite_" not in name and "alembic" not in name)


def differences(connection: Connection) -> list[Any]:
    # SQLite has no word for a number that the database gives, and would report each of them.
    with_defaults = connection.dialect.name != "sqlite"
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": with_defaults}
    )
    found: list[Any] = compare_metadata(context, metadata)
    return found


# --- what the migrations make -----------------------------------------------------------------


def test_the_migrations_make_what_the_tables_say_on_sqlite(sqlite_url: str) -> None:
    migrate(sqlite_url)
    engine = create_engine(sqlite_url)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


async def test_the_migrations_make_what_the_tables_say_on_postgres(migrated_url: str) -> None:
    engine = create_async_engine(
        migrated_url.replace("postgresql://", "postgresql+asyncpg://"),
        connect_args={"server_settings": {"search_path": "sagas"}},
    )
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_a_difference_between_tables_and_migrations_would_be_found(sqlite_url: str) -> None:
    migrate(sqlite_url)
    engine = create_engine(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table saga add column colour text")
        assert differences(connection) != []
    engine.dispose()


def test_every_revision_is_known_to_the_check() -> None:
    config = Config()
    config.set_main_option("script_location", "sagas.journal:migrations")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in scripts)[::-1] == revisions.REVISIONS


async def test_postgres_keeps_everything_in_a_schema_of_its_own(migrated_url: str) -> None:
    async with raw(migrated_url) as connection:
        found = await connection.fetch(
            "select schemaname, relname from pg_stat_user_tables order by relname"
        )
    assert [tuple(row) for row in found] == [
        ("sagas", name) for name in sorted([*TABLES, "alembic_version"])
    ]


# --- migrating --------------------------------------------------------------------------------


def test_migrating_says_what_it_did_and_then_has_nothing_to_do(sqlite_url: str) -> None:
    assert migrate(sqlite_url) == ["0001: The first schema."]
    assert migrate(sqlite_url) == []


async def test_migrating_works_where_a_loop_is_running(postgres_url: str) -> None:
    assert migrate(postgres_url) == ["0001: The first schema."]
    assert migrate(postgres_url) == []


async def test_of_several_that_migrate_postgres_at_once_one_does(postgres_url: str) -> None:
    with ThreadPoolExecutor(5) as threads:
        done = list(threads.map(migrate, [postgres_url] * 5))
    assert sorted(map(len, done)) == [0, 0, 0, 0, 1]


async def test_a_migration_keeps_the_journal_and_what_is_in_it(
    sqlite_url: str, opened: Opening
) -> None:
    store = await opened(sqlite_url)
    migrate(sqlite_url)
    assert (await opened(sqlite_url)).journal_id == store.journal_id


async def test_two_journals_have_different_ids(
    sqlite_url: str, migrated_url: str, opened: Opening
) -> None:
    assert (await opened(sqlite_url)).journal_id != (await opened(migrated_url)).journal_id


async def test_postgres_is_not_migrated_by_whoever_opens_it(postgres_url: str) -> None:
    with pytest.raises(SchemaMismatch) as refused:
        await open_store(postgres_url)
    assert str(refused.value) == (
        f"{postgres_url} holds no journal yet: run `sagas migrate --db {postgres_url}`"
    )
    async with raw(postgres_url) as connection:
        assert await connection.fetchval("select to_regnamespace('sagas')") is None


# --- other versions ---------------------------------------------------------------------------


Versioning = Callable[[str], Awaitable[None]]


class VersionSuite:
    """What is told about a database of another version, whichever database it is."""

    async def test_a_newer_database_is_refused(
        self, database_url: str, set_version: Versioning
    ) -> None:
        await set_version("9999")
        with pytest.raises(SchemaMismatch, match=r"newer agent-sagas .*: upgrade agent-sagas$"):
            await open_store(database_url)

    async def test_a_newer_database_is_not_migrated(
        self, database_url: str, set_version: Versioning
    ) -> None:
        await set_version("9999")
        with pytest.raises(SchemaMismatch, match="newer agent-sagas"):
            migrate(database_url)

    async def test_an_older_database_is_refused_with_what_to_run(
        self, database_url: str, set_version: Versioning, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await set_version("0001")
        monkeypatch.setattr(revisions, "REVISIONS", ("0001", "0002"))
        monkeypatch.setattr(revisions, "HEAD", "0002")
        with pytest.raises(SchemaMismatch) as refused:
            await open_store(database_url)
        assert str(refused.value) == (
            f"{database_url} was made by an older agent-sagas (schema 0001, this release reads "
            f"0002): run `sagas migrate --db {database_url}`"
        )


class TestVersionsOnSqlite(VersionSuite):
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        migrate(sqlite_url)
        return sqlite_url

    @pytest.fixture
    def set_version(self, database_url: str) -> Versioning:
        async def set_to(version: str) -> None:
            with closing(sqlite3.connect(file_of(database_url))) as connection:
                connection.execute("update alembic_version set version_num = ?", (version,))
                connection.commit()

        return set_to


class TestVersionsOnPostgres(VersionSuite):
    @pytest.fixture
    def database_url(self, migrated_url: str) -> str:
        return migrated_url

    @pytest.fixture
    async def set_version(self, database_url: str) -> AsyncIterator[Versioning]:
        async with raw(database_url) as connection:

            async def set_to(version: str) -> None:
                await connection.execute("update alembic_version set version_num = $1", version)

            yield set_to


async def test_a_database_without_the_right_to_make_a_schema_says_so(postgres_url: str) -> None:
    role = f"guest_{os.getpid()}"
    async with raw(postgres_url) as admin:
        await admin.execute(f"drop role if exists {role}; create role {role} login")
        try:
            with pytest.raises(JournalUnavailable, match=r"permission denied .*: grant it"):
                migrate(postgres_url.replace("//sagas@", f"//{role}@"))
        finally:
            await admin.execute(f"drop role {role}")


# --- making an SQLite file --------------------------------------------------------------------

_OPENER = """
import asyncio, sys
from sagas.journal import open_store

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    store = await open_store(sys.argv[1])
    print(store.journal_id, flush=True)
    await store.close()

asyncio.run(main())
"""


@pytest.mark.crash
def test_several_processes_that_make_one_file_open_the_same_journal(sqlite_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OPENER, sqlite_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert len(answers[0]) == 33
    assert len(set(answers)) == 1


_KILLED = """
import os, signal, sys
from pathlib import Path
from sagas.journal import migrating, sqlite_file
from sagas.journal.urls import SqliteUrl, parse

connect = sqlite_file.connect

def killing(after):
    def connecting(*arguments, **options):
        connection = connect(*arguments, **options)
        seen = 0
        def look(_):
            nonlocal seen
            seen += 1
            if seen == after:
                os.kill(os.getpid(), signal.SIGKILL)
        connection.set_trace_callback(look)
        return connection
    return connecting

for number in range(1, 1000):
    if (child := os.fork()) == 0:
        sqlite_file.connect = killing(number)
        path = Path(sys.argv[1]) / f"{number}.db"
        migrating.migrate(SqliteUrl(path, str(path)))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        print(number, os.waitstatus_to_exitcode(status), flush=True)
        break
"""


@pytest.mark.crash
def test_a_process_killed_while_it_makes_a_file_leaves_nothing_or_all(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)], check=True, capture_output=True, text=True
    )
    points, code = map(int, killed.stdout.split())
    assert (points > 20, code) == (True, 0)
    for number in range(1, points + 1):
        url = f"sqlite:///{tmp_path}/{number}.db"
        assert tables_of(url) in ([], TABLES)
        if number % 5 == 0:
            migrate(url)
            assert tables_of(url) == TABLES


_KILLED_ON_POSTGRES = """
import os, signal, sys
from sqlalchemy import Engine, event
from sagas.journal import migrating
from sagas.journal.urls import parse

def killing(after):
    seen = 0
    def look(*_):
        nonlocal seen
        seen += 1
        if seen == after:
            os.kill(os.getpid(), signal.SIGKILL)
    return look

for number in range(1, 1000, int(sys.argv[2])):
    if (child := os.fork()) == 0:
        event.listen(Engine, "before_cursor_execute", killing(number))
        migrating.migrate(parse(sys.argv[1]))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(number, os.waitstatus_to_exitcode(status), flush=True)
    if not os.WIFSIGNALED(status):
        break
    sys.stdin.readline()
"""


@pytest.mark.crash
async def test_a_process_killed_while_it_migrates_postgres_leaves_nothing(
    postgres_url: str,
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", _KILLED_ON_POSTGRES, postgres_url, "1" if SOAK else "7"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    kills = 0
    while (line := await process.stdout.readline()).split()[1] != b"0":
        assert line.split()[1] == b"-9", line
        kills += 1
        async with raw(postgres_url) as connection:
            assert await connection.fetchval("select to_regnamespace('sagas')") is None
        process.stdin.write(b"\n")
    assert await process.wait() == 0
    assert kills >= 5
    await (await open_store(postgres_url)).close()  # the last one was not killed


def test_the_stores_load_nothing_that_only_migrations_need(sqlite_url: str) -> None:
    migrate(sqlite_url)
    heavy = ["sqlalchemy", "sqlmodel", "alembic", "asyncpg"]
    script = (
        "import asyncio, sys; from sagas.journal import open_store\n"
        "async def main():\n"
        "    store = await open_store(sys.argv[1]); await store.close()\n"
        "asyncio.run(main())\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, sqlite_url], check=True, capture_output=True, text=True
    )
    assert run.stdout == "[]\n"
