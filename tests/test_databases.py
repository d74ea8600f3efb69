"""What every test may rely on when it asks for a database."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests import postgres
from tests.postgres import SERVER_VARIABLE, find_programs, provide, running_server


async def test_a_test_is_given_an_empty_postgres_database(postgres_url: str) -> None:
    assert await _answer(postgres_url, "select count(*) from pg_stat_user_tables") == 0


async def test_the_database_that_one_test_fills_is_not_given_to_another(
    postgres_server: str, postgres_url: str
) -> None:
    assert await _answer(postgres_server, "select current_database()") != (
        await _answer(postgres_url, "select current_database()")
    )


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
async def test_the_server_keeps_the_settings_that_make_a_commit_durable(
    postgres_url: str, setting: str
) -> None:
    assert await _answer(postgres_url, f"show {setting}") == "on"


@pytest.mark.postgres
@pytest.mark.skipif(find_programs() is None, reason="there is no PostgreSQL to start")
async def test_a_server_of_our_own_listens_on_loopback_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    with running_server() as url:
        assert url is not None
        assert urlsplit(url).hostname == "127.0.0.1"
        assert await _answer(url, "show listen_addresses") == "127.0.0.1"


@pytest.mark.postgres
@pytest.mark.skipif(find_programs() is None, reason="there is no PostgreSQL to start")
async def test_a_server_is_on_a_disk_where_memory_has_no_room_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    monkeypatch.setattr(postgres, "_MEMORY", tmp_path)
    monkeypatch.setattr(postgres, "_ROOM", 2**63)
    with running_server(in_memory=True) as url:
        assert url is not None
        assert not str(await _answer(url, "show data_directory")).startswith(str(tmp_path))


def test_a_server_named_in_the_environment_is_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SERVER_VARIABLE, "postgresql://someone@192.0.2.1/postgres")
    with running_server() as url:
        assert url == "postgresql://someone@192.0.2.1/postgres"
        assert provide().endswith(url)


def test_an_sqlite_url_names_a_file_that_does_not_exist(sqlite_url: str) -> None:
    assert not Path(re.sub("^sqlite:///", "", sqlite_url)).exists()


@pytest.mark.parametrize(("ci", "ending"), [("true", "1 error"), (None, "1 skipped")])
def test_without_a_server_a_postgres_test_fails_in_ci_and_is_skipped_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str | None, ending: str
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    plugin = tmp_path / "no_server.py"
    plugin.write_text("import tests.postgres\ntests.postgres.find_programs = lambda: None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    test = f"{__file__}::{test_a_test_is_given_an_empty_postgres_database.__name__}"
    command = [sys.executable, "-m", "pytest", "-p", "no_server", "-p", "no:cacheprovider", test]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ending in run.stdout.splitlines()[-1]


async def _answer(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()
