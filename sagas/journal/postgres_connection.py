"""One connection to PostgreSQL: its settings, what its errors mean, and whether the server is safe.

An error either tells what happened or it does not. *Lost* does not: the connection went away, and
if a COMMIT was under way nobody knows whether it was carried out. Whoever asked must settle that by
reading back.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import asyncpg

from sagas.errors import JournalUnavailable, PayloadError, SagaError, SchemaMismatch, UnsafeDatabase
from sagas.journal import revisions
from sagas.journal.operation import StartOver, Violation
from sagas.journal.statements import IDENTITY
from sagas.journal.urls import PostgresUrl

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 20.0
"""Longer than the server's own limits, so that it is the server that speaks first."""

_OLDEST = 150_000

SETTINGS: Mapping[str, str] = {
    "application_name": "agent-sagas",
    "search_path": "sagas, pg_temp",
    "statement_timeout": "15s",
    "lock_timeout": "8s",
    # A worker that was stopped inside a transaction must not keep others waiting for long; less
    # than the time to wait for a lock, so that they get it.
    "idle_in_transaction_session_timeout": "4s",
    # A worker whose machine is gone must not keep its locks until the server's system notices.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "11s",
    "jit": "off",
}

FOR_APPENDING: Mapping[str, str] = {
    # Planning an append costs as much as running it, and a plan made while the tables were empty
    # would read them from end to end for ever after.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
}

_MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")

_HEALTH = """
select current_setting('server_version_num')::int, pg_is_in_recovery(),
       current_setting('fsync'), current_setting('full_page_writes'),
       current_setting('synchronous_commit'),
       to_regclass('sagas.alembic_version') is not null
"""

_END_SILENT = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and usename = current_user
  and application_name = 'agent-sagas' and pid <> pg_backend_pid()
  and xact_start is not null and wait_event = 'ClientRead'
  and state_change < clock_timestamp() - interval '4 s'
"""
"""The server itself ends only who is silent between two statements, as the setting above says; who
falls silent between the parts of one is active to it, and would keep locks for as long as it is."""

_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a server that is no longer the primary
    asyncpg.StatementCompletionUnknownError,
    OSError,
    TimeoutError,
)
_PASSING = (
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.OutOfMemoryError,
    asyncpg.ConfigurationLimitExceededError,
)


class Lost(Exception):
    """The connection went away; `maybe` says that a COMMIT was under way."""

    def __init__(self, cause: BaseException, *, maybe: bool) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.cause = cause
        self.maybe = maybe


class Passing(Exception):
    """The transaction was rolled back for a reason that passes: a deadlock, a lock, a time-out."""


def is_kept_waiting(passing: Passing) -> bool:
    """Whether it was a wait for what somebody else holds that was given up."""
    return isinstance(passing.__cause__, asyncpg.LockNotAvailableError | asyncpg.QueryCanceledError)


class Standby(UnsafeDatabase):
    """The server is a standby."""


def is_gone(error: BaseException) -> bool:
    """Whether an error leaves a connection behind that nothing can be asked of any more."""
    return isinstance(error, _GONE)


async def connect(url: PostgresUrl, *more: Mapping[str, str]) -> Connection:
    """Open a connection with our settings."""
    settings = dict(SETTINGS)
    for extra in more:
        settings.update(extra)
    return await asyncpg.connect(
        url.dsn,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        statement_cache_size=256,
        max_cached_statement_lifetime=0,
        server_settings=settings,
    )


async def end_silent(connection: Connection, _: bool = False) -> None:
    """End transactions of workers that have not been heard of for a while, in the midst of one.

    They were stopped or cut off; should they come back, they begin anew.
    """
    await connection.execute(_END_SILENT)


async def check_health(connection: Connection, url: PostgresUrl) -> bool:
    """Refuse a server that would lose what it acknowledged; tells whether it holds a journal.

    Raises:
        JournalUnavailable: The server is too old.
        UnsafeDatabase: It is a standby, or set up so that a crash would lose what it acknowledged.
    """
    row = await connection.fetchrow(_HEALTH)
    version, is_standby, *settings, has_journal = _values(row)
    if version < _OLDEST:
        raise JournalUnavailable(
            f"{url.shown} runs PostgreSQL {version // 10_000}, and 15 or newer is needed: upgrade it"
        )
    if is_standby:
        raise Standby(
            f"{url.shown} is a standby, which may lag behind and cannot be written: name the "
            "primary server"
        )
    _check_durable(zip(_MUST_BE_ON, settings, strict=True), url)
    return bool(has_journal)


def _values(row: Any) -> tuple[Any, ...]:
    return tuple(row)


def _check_durable(settings: Iterable[tuple[str, str]], url: PostgresUrl) -> None:
    for name, value in settings:
        if value == "off":
            raise UnsafeDatabase(
                f"{url.shown} has {name} = off and would lose what it acknowledged: set {name} = on"
            )


async def check_schema(connection: Connection, url: PostgresUrl) -> str:
    """Check that the journal is one that this release reads, and return its id.

    Raises:
        SchemaMismatch: Another version of agent-sagas made it, or it is not there.
    """
    if not await check_health(connection, url):
        revisions.check(None, url.shown)
    version, journal_id = _values(await connection.fetchrow(IDENTITY))
    revisions.check(version, url.shown)
    if journal_id is None:
        raise SchemaMismatch(f"{url.shown} has lost its row in `journal`: restore it from a backup")
    return str(journal_id)


def meaning(error: Exception, *, maybe: bool) -> Exception:
    """What an error means to whoever ran the operation.

    Args:
        error: What was raised.
        maybe: Whether what was under way may have been carried out if the connection is lost.
    """
    if isinstance(error, SagaError | StartOver | Violation | Lost | Passing):
        return error
    if isinstance(error, asyncpg.UniqueViolationError):
        return Violation()
    # The driver's own complaints about values are ValueErrors, and of the family of lost
    # connections besides.
    if isinstance(error, asyncpg.DataError | ValueError):
        return PayloadError(f"the database cannot store a value: {error}")
    if isinstance(error, _GONE):
        return Lost(error, maybe=maybe)
    if isinstance(error, _PASSING):
        return Passing(str(error))
    return error


@contextmanager
def explaining(url: PostgresUrl) -> Generator[None]:
    """Put what PostgreSQL says into the words of whoever has to mend it; never the password.

    Raises:
        JournalUnavailable: In place of every error of the driver and the network.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise JournalUnavailable(_explanation(error, url)) from error


_EXPLANATIONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        asyncpg.InvalidCatalogNameError,
        (
            "there is no database at {shown}: create it with `createdb {database}`, then run "
            "`sagas migrate --db {shown}`"
        ),
    ),
    (  # a wrong password, too
        asyncpg.InvalidAuthorizationSpecificationError,
        "{shown} does not let this user in: check the user's name and password",
    ),
    (
        asyncpg.TooManyConnectionsError,
        "{shown} has no connection left: raise max_connections or run fewer workers",
    ),
    (asyncpg.InsufficientPrivilegeError, "{shown}: {error}: grant it, or use a user who has it"),
    (asyncpg.DiskFullError, "{shown} has no space left ({error}): make room and start again"),
    (asyncpg.ReadOnlySQLTransactionError, "{shown} is read-only: name the primary server"),
    (
        asyncpg.CannotConnectNowError,
        "{shown} is starting up or shutting down: try again in a moment",
    ),
    (
        (OSError, TimeoutError, asyncpg.PostgresConnectionError),
        "{shown} cannot be reached ({error}): is the server running there?",
    ),
    (Exception, "{shown} cannot be used: {error}"),
)


def _explanation(error: Exception, url: PostgresUrl) -> str:
    text = next(text for kind, text in _EXPLANATIONS if isinstance(error, kind))
    return text.format(shown=url.shown, database=url.database, error=_brief(error))


def _brief(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:g} s"
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error) or type(error).__name__).split("\n", 1)[0]
