"""PostgreSQL servers: which are taken, and what is told about the others."""

import os
import shutil
import socket
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

import tests.postgres as servers
from sagas.errors import JournalUnavailable, UnsafeDatabase
from sagas.journal import migrate, open_store
from sagas.journal.postgres_connection import connect, explaining
from sagas.journal.urls import PostgresUrl, parse
from tests.journal.support import raw


def named(url: str) -> PostgresUrl:
    parsed = parse(url)
    assert isinstance(parsed, PostgresUrl)
    return parsed


async def refusal(url: str, kind: type[Exception] = JournalUnavailable) -> str:
    with pytest.raises(kind) as refused:
        await open_store(url)
    message = str(refused.value)
    assert "\n" not in message
    assert "secret" not in message
    return message


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    port = _unused_port()
    message = await refusal(f"postgresql://bo:secret@127.0.0.1:{port}/trips")
    assert message.startswith(f"postgresql://bo@127.0.0.1:{port}/trips cannot be reached")
    assert message.endswith("is the server running there?")


async def test_a_host_that_is_not_there_is_named() -> None:
    message = await refusal("postgresql://bo:secret@nowhere.invalid/trips")
    assert message.startswith("postgresql://bo@nowhere.invalid/trips cannot be reached")


async def test_a_missing_database_is_named_with_what_to_run(postgres_url: str) -> None:
    message = await refusal(postgres_url + "_missing")
    assert "create it with `createdb sagas_" in message
    assert f"then run `sagas migrate --db {postgres_url}_missing`" in message


async def test_a_missing_user_is_told_to_look_at_the_name(postgres_url: str) -> None:
    message = await refusal(postgres_url.replace("//sagas@", "//nobody:secret@"))
    assert message.endswith("does not let this user in: check the user's name and password")


def test_a_wrong_password_is_told_to_look_at_the_name() -> None:
    with (
        pytest.raises(JournalUnavailable, match="check the user's name and password"),
        explaining(named("postgresql://bo:secret@h/d")),
    ):
        raise asyncpg.InvalidPasswordError('password authentication failed for user "bo"')


async def test_commits_that_are_not_durable_are_refused(postgres_url: str) -> None:
    migrate(postgres_url)
    database = named(postgres_url).database
    async with raw(postgres_url) as admin:
        await admin.execute(f'alter database "{database}" set synchronous_commit = off')
    message = await refusal(postgres_url, UnsafeDatabase)
    assert message == (
        f"{postgres_url} has synchronous_commit = off and would lose what it acknowledged: set "
        "synchronous_commit = on"
    )


async def test_the_search_path_is_pinned_whatever_the_database_says(postgres_url: str) -> None:
    migrate(postgres_url)
    database = named(postgres_url).database
    async with raw(postgres_url) as admin:
        await admin.execute(
            f"""
            create table public.alembic_version as select 'evil' as version_num;
            alter database "{database}" set search_path = public;
            """
        )
    store = await open_store(postgres_url)
    await store.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("statement_timeout", "15s"),
        ("lock_timeout", "8s"),
        ("idle_in_transaction_session_timeout", "4s"),
        ("search_path", "sagas, pg_temp"),
    ],
)
async def test_a_connection_has_limits_of_its_own(
    migrated_url: str, setting: str, value: str
) -> None:
    connection = await connect(named(migrated_url))
    try:
        assert await connection.fetchval(f"show {setting}") == value
    finally:
        await connection.close()


@contextmanager
def _server_with(directory: Path, *settings: str, standby: bool = False) -> Generator[str]:
    """A server of our own with settings that we refuse."""
    programs = servers.find_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL to start")
    account = servers._Account.unprivileged()
    if account.user is not None and account.group is not None:
        os.chown(directory, account.user, account.group)
    programs = servers._within_reach(programs, account, directory)
    servers._create_cluster(programs, account, directory)
    with (directory / "data/postgresql.auto.conf").open("a") as configuration:
        configuration.writelines(f"{setting}\n" for setting in settings)
    if standby:
        (directory / "data/standby.signal").touch()
    port = servers._start(programs, account, directory)
    try:
        yield f"postgresql://sagas@127.0.0.1:{port}/postgres"
    finally:
        servers._control(programs, account, directory, "stop", "-m", "immediate")


@pytest.fixture
def near() -> Iterator[Path]:
    """A directory that an unprivileged account may enter."""
    directory = Path(tempfile.mkdtemp(prefix="sagas-unsafe-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_server_that_does_not_survive_a_crash_is_refused(near: Path, setting: str) -> None:
    with _server_with(near, f"{setting} = off") as url:
        message = await refusal(url, UnsafeDatabase)
    assert message.endswith(f"set {setting} = on")


@pytest.mark.slow
@pytest.mark.postgres
async def test_a_standby_is_refused(near: Path) -> None:
    with _server_with(near, "hot_standby = on", standby=True) as url:
        message = await refusal(url, UnsafeDatabase)
    assert message.endswith("cannot be written: name the primary server")
