"""What a database URL names, and what is told about those that name nothing."""

import pytest

from sagas.errors import JournalUnavailable
from sagas.journal.urls import PostgresUrl, SqliteUrl, parse


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///trips.db", "trips.db"),
        ("sqlite:////var/lib/trips.db", "/var/lib/trips.db"),
        ("sqlite:///my%20trips.db", "my trips.db"),
    ],
)
def test_an_sqlite_url_names_a_file(url: str, path: str) -> None:
    parsed = parse(url)
    assert isinstance(parsed, SqliteUrl)
    assert str(parsed.path) == path


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_three_schemes_name_postgresql(scheme: str) -> None:
    parsed = parse(f"{scheme}://bo:secret@db.example:6432/trips?sslmode=require")
    assert parsed == PostgresUrl(
        dsn="postgresql://bo:secret@db.example:6432/trips?sslmode=require",
        shown="postgresql://bo@db.example:6432/trips",
        database="trips",
        user="bo",
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bo:secret@db.example/trips",
        "postgresql://db.example/trips?user=bo&password=secret",
        "postgresql://bo:sec%40ret@db.example/trips",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    parsed = parse(url)
    assert isinstance(parsed, PostgresUrl)
    assert "sec" not in repr(parsed) + parsed.shown


def test_a_socket_directory_is_shown_as_the_host() -> None:
    parsed = parse("postgresql:///trips?host=/run/postgresql&user=bo")
    assert isinstance(parsed, PostgresUrl)
    assert parsed.shown == "postgresql://bo@/run/postgresql/trips"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("trips.db", "no database URL: use sqlite:///file.db or postgresql://user@host/database"),
        ("mysql://host/trips", "'mysql' are not supported: use sqlite:///"),
        ("sqlite:///:memory:", "would be lost with the process: name a file"),
        ("sqlite://", "would be lost with the process: name a file"),
        ("sqlite://trips.db", "lacks a slash: write sqlite:///trips.db"),
        ("sqlite:///a%00b", "NUL character"),
        ("postgresql://host:port/trips", "cannot be read"),
    ],
)
def test_a_url_that_names_nothing_is_refused_with_what_to_write(url: str, message: str) -> None:
    with pytest.raises(JournalUnavailable) as refused:
        parse(url)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
