"""Operations on PostgreSQL: one connection that appends, a few for the rest, one that listens.

Appends go through a connection of their own, one transaction after the other: two gain nothing, and
this one is set up so that no append is ever planned anew. A lost connection is replaced, and what
was under way is run again; where a COMMIT may have been carried out, the operation is told so and
settles it by reading back.
"""

import asyncio
import logging
import os
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar, cast

import asyncpg

from sagas.errors import JournalUnavailable, SagaError
from sagas.journal import host, postgres_append
from sagas.journal.bell import Bell
from sagas.journal.dialect import POSTGRES
from sagas.journal.operation import (
    Entries,
    Hint,
    Making,
    Mode,
    Operation,
    Query,
    Record,
    StartOver,
    Step,
    Violation,
)
from sagas.journal.operations.appending import Appending
from sagas.journal.postgres_connection import (
    FOR_APPENDING,
    Connection,
    Lost,
    Passing,
    Standby,
    check_health,
    check_schema,
    connect,
    end_silent,
    explaining,
    is_gone,
    is_kept_waiting,
    meaning,
)
from sagas.journal.postgres_lineage import Lineage
from sagas.journal.urls import PostgresUrl
from sagas.ports import Applied, Lease, Unit

T = TypeVar("T")

log = logging.getLogger("sagas")

PATIENCE_SECONDS = 15.0
"""For how long an operation is tried again while the server is away."""

_POOL = 3
_SHORTEST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0
_CLOSING_SECONDS = 2.0

_NOTIFY = "select pg_notify('sagas', '')"
_INSERT = """
insert into entry (saga_id, seq, kind, version, written_at, body, payload, hash)
select * from unnest($4::text[], $5::bigint[], $6::text[], $7::int[], $8::bigint[], $9::text[],
                     $10::text[], $11::text[])
where not exists (
    select from unnest($1::text[], $2::bigint[], $3::text[]) as prior (saga_id, seq, hash)
    where not exists (select from entry where entry.saga_id = prior.saga_id
                      and entry.seq = prior.seq and entry.hash = prior.hash))
returning seq
"""
_BEGIN = {
    Mode.READ: "begin isolation level repeatable read read only",
    Mode.WRITE: "begin isolation level read committed",
}


class _Patience:
    """Pauses between attempts, each longer than the one before, until it has run out."""

    def __init__(self, seconds: float) -> None:
        self._until = asyncio.get_running_loop().time() + seconds
        self._pause = _SHORTEST_PAUSE

    async def pause(self) -> bool:
        """Wait; False if there was enough of it."""
        if asyncio.get_running_loop().time() > self._until:
            return False
        # Not all at once: everybody lost the server at the same instant.
        await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True


class _Lane:
    """Connections for one purpose, made when they are needed and kept."""

    def __init__(
        self, url: PostgresUrl, lineage: Lineage, size: int, settings: Mapping[str, str]
    ) -> None:
        self._url = url
        self._lineage = lineage
        self._settings = settings
        self._room = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._is_closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Lend a connection; one that was lost, or left in a transaction, does not come back."""
        async with self._room:
            connection = await self._take()
            try:
                yield connection
            except (StartOver, SagaError, asyncpg.PostgresError) as error:
                if is_gone(error):  # or a server that is no longer the primary would be asked again
                    connection.terminate()
                else:
                    self._give_back(connection)
                raise
            except BaseException:
                connection.terminate()
                raise
            self._give_back(connection)

    async def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._is_closed = True
        while self._idle:
            await _close(self._idle.pop())

    def _give_back(self, connection: Connection) -> None:
        if self._is_closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        connection = await connect(self._url, self._settings)
        try:
            # After a failover the same address may lead to another server.
            await check_health(connection, self._url)
            await self._lineage.check(connection)
        except Standby as standby:  # it may be on its way to being the primary
            connection.terminate()
            raise Lost(JournalUnavailable(str(standby)), maybe=False) from standby
        except BaseException:
            connection.terminate()
            raise
        return connection


class PostgresDatabase:
    """One PostgreSQL database; made by `open_postgres`."""

    keeps_time = True

    def __init__(self, url: PostgresUrl, lineage: Lineage, journal_id: str) -> None:
        self.journal_id = journal_id
        self._url = url
        self._lineage = lineage
        self._appends = _Lane(url, lineage, 1, FOR_APPENDING)
        self._others = _Lane(url, lineage, _POOL, {})
        self._appending: set[asyncio.Task[list[Applied]]] = set()
        self._bell = Bell()
        self._listener: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._process = os.getpid()
        self._away = False
        self._closed = False

    def process(self) -> tuple[str, int, int]:
        """The host, the id and the start of this process."""
        return host.this_process()

    def is_gone(self, worker: tuple[str, int, int]) -> bool:
        """Whether a worker's process is known to run no more."""
        return host.is_gone(*worker)

    async def run(self, make: Making[T], mode: Mode) -> T:
        """Run an operation in one transaction; again, where that is safe and needed.

        Raises:
            JournalUnavailable: The server is away for too long, or refuses.
        """
        return await self._persist(self._others, partial(self._transact, make, mode))

    async def append(self, lease: Lease, units: Sequence[Unit], *, again: bool) -> list[Applied]:
        """Append units in one transaction; whoever waits for it may be cancelled, it may not.

        Args:
            again: It may have been done before.
        """
        task = asyncio.ensure_future(self._append(lease, units, again=again))
        self._appending.add(task)
        task.add_done_callback(self._appending.discard)
        return await asyncio.shield(task)

    async def changed(self, seconds: float) -> None:
        """Return when the server tells of a change, at the latest after that many seconds."""
        self._check_process()
        since = self._bell.told()
        if self._connecting is None or self._connecting.done():
            # Whoever waits for less than connecting takes is not to cut it short.
            self._connecting = asyncio.get_running_loop().create_task(self._listen())
        await self._bell.heard(seconds, since=since)

    async def close(self) -> None:
        """Finish the appends under way and let go of every connection."""
        if os.getpid() != self._process:
            return
        self._closed = True
        self._bell.ring()
        await asyncio.gather(*self._appending, return_exceptions=True)
        await self._appends.close()
        await self._others.close()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._listener is not None:
            await _close(self._listener)

    async def _append(self, lease: Lease, units: Sequence[Unit], *, again: bool) -> list[Applied]:
        appender = _Appender(lease, units, self._transact)
        self._lineage.holds(lease)
        verdicts = await self._persist(self._appends, appender, settling=again)
        self._lineage.wrote(units, verdicts)
        return verdicts

    async def _persist(
        self,
        lane: _Lane,
        attempt: Callable[[Connection, bool], Awaitable[T]],
        *,
        settling: bool = False,
    ) -> T:
        if self._closed:
            raise JournalUnavailable("this journal was closed: connect again")
        self._check_process()
        patience = _Patience(PATIENCE_SECONDS)
        while True:
            try:
                return await self._try(lane, attempt, settling=settling)
            except StartOver:
                continue
            except Passing as passing:
                await self._make_way(lane, passing)
                if not await patience.pause():
                    raise JournalUnavailable(
                        f"{self._url.shown} is too busy ({passing}): try again later"
                    ) from passing
            except Lost as lost:
                settling = settling or lost.maybe
                self._is_away(lost)
                if not await patience.pause():
                    with explaining(self._url):
                        raise lost.cause from lost

    async def _make_way(self, lane: _Lane, passing: Passing) -> None:
        """End whoever keeps others waiting and is silent, if that was why it was given up."""
        if is_kept_waiting(passing):
            with suppress(Passing, Lost, SagaError, asyncpg.PostgresError):
                await self._try(lane, end_silent, settling=False)

    def _is_away(self, lost: Lost) -> None:
        """Say so once; it is tried again meanwhile."""
        if not self._away:
            self._away = True
            log.warning("%s: the connection was lost (%s); trying again", self._url.shown, lost)

    def _is_back(self) -> None:
        if self._away:
            self._away = False
            log.warning("%s answers again", self._url.shown)

    def _check_process(self) -> None:
        """Refuse to write on connections that belong to another process, which reads the answers."""
        if os.getpid() != self._process:
            raise JournalUnavailable(
                "this process was forked from the one that opened the journal: connect again here"
            )

    async def _try(
        self, lane: _Lane, attempt: Callable[[Connection, bool], Awaitable[T]], *, settling: bool
    ) -> T:
        try:
            async with lane.connection() as connection:
                result = await attempt(connection, settling)
        except Exception as error:
            # What reached this place unnamed came from connecting: nothing was under way.
            named = meaning(error, maybe=False)
            if named is error:
                with explaining(self._url):
                    raise
            raise named from error
        self._is_back()
        return result

    async def _transact(
        self, make: Making[T], mode: Mode, connection: Connection, settling: bool
    ) -> T:
        if mode is Mode.LOOK:
            return await _carry_out(connection, make(settling))
        try:
            await connection.execute(_BEGIN[mode])
            result = await _carry_out(connection, make(settling))
        except Exception as error:
            if not is_gone(error):
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    await connection.execute("rollback")
            raise
        try:
            await connection.execute("commit")
        except Exception as error:
            raise meaning(error, maybe=mode is Mode.WRITE) from error
        return result

    async def _listen(self) -> None:
        """Make sure that there is a connection that listens; a new one may have missed a change."""
        if self._listener is not None and not self._listener.is_closed():
            return
        # A hint only: whoever asks finds out by itself that the server is away.
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            listener = await connect(self._url)
            try:
                listener.add_termination_listener(self._hear)
                await listener.add_listener("sagas", self._hear)
            except BaseException:
                listener.terminate()
                raise
            self._listener = listener
            self._bell.ring()

    def _hear(self, *_: object) -> None:
        self._bell.ring()


class _Appender:
    """One append: in one statement if that is possible, otherwise as an operation."""

    def __init__(self, lease: Lease, units: Sequence[Unit], transact: Any) -> None:
        self._batch = postgres_append.batch(lease, units)
        self._make = Appending(lease, units)
        self._transact = transact

    async def __call__(self, connection: Connection, settling: bool) -> list[Applied]:
        verdicts = None if settling else await self._at_once(connection)
        if verdicts is None:
            return cast(
                list[Applied],
                await self._transact(self._make, Mode.WRITE, connection, settling),
            )
        return verdicts

    async def _at_once(self, connection: Connection) -> list[Applied] | None:
        if self._batch is None:
            return None
        try:
            answer = await connection.fetchrow(self._batch.statement(), *self._batch.values())
        except asyncpg.UniqueViolationError:
            return None
        except Exception as error:
            raise meaning(error, maybe=True) from error
        return self._batch.verdicts(cast(Record, answer))


async def _carry_out(connection: Connection, operation: Operation[T]) -> T:
    try:
        step = next(operation)
        while True:
            try:
                rows = await _take(connection, step)
            except (asyncpg.UniqueViolationError, Violation):
                step = operation.throw(Violation())
            else:
                step = operation.send(rows)
    except StopIteration as stop:
        return cast(T, stop.value)


async def _take(connection: Connection, step: Step) -> list[Record]:
    match step:
        case Query(statement, values):
            found = await connection.fetch(POSTGRES.render(statement), *values)
        case Entries(rows, priors):
            before = list(zip(*priors, strict=True)) or ((), (), ())
            found = await connection.fetch(_INSERT, *before, *zip(*rows, strict=True))
            if not found:
                raise Violation
        case Hint():
            found = await connection.fetch(_NOTIFY)
    return cast(list[Record], found)


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=_CLOSING_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()
    except BaseException:
        connection.terminate()  # cancelled: nobody closes it otherwise
        raise


async def open_postgres(url: PostgresUrl) -> PostgresDatabase:
    """Open a journal on a server.

    Raises:
        JournalUnavailable: The server cannot be reached or used.
        UnsafeDatabase: It would lose what it acknowledged.
        SchemaMismatch: It holds no journal, or another version of agent-sagas made it.
    """
    lineage = Lineage(url)
    with explaining(url):
        connection = await connect(url)
        try:
            journal_id = await check_schema(connection, url)
            await lineage.check(connection)
        finally:
            await _close(connection)
    return PostgresDatabase(url, lineage, journal_id)
