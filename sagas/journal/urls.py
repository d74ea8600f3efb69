"""What a database URL names.

`sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user@host:port/database`; for
PostgreSQL the schemes `postgres` and `postgresql+asyncpg` mean the same.

Pure.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from sagas.errors import JournalUnavailable

_POSTGRES = ("postgresql", "postgres", "postgresql+asyncpg")
_FORMS = "use sqlite:///file.db or postgresql://user@host/database"


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """A file."""

    path: Path
    shown: str


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A database on a server.

    Attributes:
        dsn: The URL as the driver takes it; holds the password, and is never shown.
        shown: The same for people.
        database: The database's name.
        user: The user's name.
    """

    dsn: str
    shown: str
    database: str
    user: str

    def __repr__(self) -> str:
        return f"PostgresUrl({self.shown!r})"


def parse(url: str) -> SqliteUrl | PostgresUrl:
    """Read a database URL.

    Raises:
        JournalUnavailable: It names no database that could hold a journal.
    """
    scheme, mark, rest = url.partition("://")
    if mark and scheme == "sqlite":
        return _sqlite(url, rest)
    if mark and scheme in _POSTGRES:
        return _postgres(rest)
    if mark:
        raise JournalUnavailable(f"databases of the kind {scheme!r} are not supported: {_FORMS}")
    raise JournalUnavailable(f"this is no database URL: {_FORMS}")


def _sqlite(url: str, rest: str) -> SqliteUrl:
    name = unquote(rest.partition("?")[0].removeprefix("/"))
    if name in ("", ":memory:"):
        raise JournalUnavailable(
            "a journal in memory would be lost with the process: name a file, such as "
            "sqlite:///sagas.db"
        )
    if not rest.startswith("/"):
        raise JournalUnavailable(f"{url!r} lacks a slash: write sqlite:///{rest}")
    if "\x00" in name:
        raise JournalUnavailable("the file's name contains a NUL character: choose another name")
    if not Path(name).name:
        raise JournalUnavailable(f"{name} is a directory: name a file in it")
    return SqliteUrl(Path(name), f"sqlite:///{name}")


def _postgres(rest: str) -> PostgresUrl:
    dsn = f"postgresql://{rest}"
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError as error:
        raise JournalUnavailable(f"this PostgreSQL URL cannot be read: {_FORMS}") from error
    query: dict[str, list[str]] = parse_qs(parts.query)
    host = parts.hostname or query.get("host", [""])[0] or "localhost"
    user = unquote(parts.username or query.get("user", [""])[0])
    database = unquote(parts.path.removeprefix("/")) or query.get("database", [user])[0]
    at = f"{user}@" if user else ""
    place = f"{host}:{port}" if port else host
    return PostgresUrl(dsn, f"postgresql://{at}{place}/{database}", database, user)
