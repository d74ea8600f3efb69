"""Which PostgreSQL server a journal is on, and whether another one has all that we wrote.

After a failover, or when a backup was put back, the same address leads to a server with another
history. Servers commit in one order, and lose a tail of it if anything: so if the last entry that
this process wrote is there, all that it wrote is there.

Touches: PostgreSQL.
"""

import logging
import os
from collections.abc import Sequence

import asyncpg

from sagas.chain import Row
from sagas.errors import UnsafeDatabase
from sagas.journal import host
from sagas.journal.postgres_connection import Connection
from sagas.journal.statements import HASH_AT
from sagas.journal.urls import PostgresUrl
from sagas.ports import Applied, Lease, Unit

log = logging.getLogger("sagas")

_IDENTIFY = """
select (pg_control_system()).system_identifier::text, left(pg_walfile_name(pg_current_wal_lsn()), 8)
"""
_WORKER = "select host, pid, started from worker where id = $1"


class Lineage:
    """The server's identity and its timeline, and what was last written there."""

    def __init__(self, url: PostgresUrl) -> None:
        self._url = url
        self._server: tuple[str, str] | None = None
        self._lease: Lease | None = None
        self._last: Row | None = None

    def holds(self, lease: Lease) -> None:
        """This process is about to write under a lease."""
        self._lease = lease

    def wrote(self, units: Sequence[Unit], verdicts: Sequence[Applied]) -> None:
        """These units were answered: remember the last entry of those that were applied."""
        for unit, verdict in zip(units, verdicts, strict=True):
            if verdict is Applied.YES and unit.rows:
                self._last = unit.rows[-1]

    async def check(self, connection: Connection) -> None:
        """Compare a new connection's server with the one before.

        Raises:
            UnsafeDatabase: It is another one, and lacks what this process wrote.
        """
        found = await _identity(connection)
        if found is None or found == self._server:
            return
        before, self._server = self._server, self._server or found
        if before is None:
            return
        if await self._has_lost(connection):
            raise UnsafeDatabase(
                f"{self._url.shown} is another server than before, or was restored, and lacks "
                "what this process wrote: calls may have been made of which it knows "
                "nothing. Stop every worker, compare the partners' records with `sagas list`, and "
                "start again"
            )
        self._server = found
        log.warning(
            "%s is another server than before (timeline %s, now %s); all that this process wrote "
            "is there",
            self._url.shown,
            *(int(timeline, 16) for _, timeline in (before, found)),
        )

    async def _has_lost(self, connection: Connection) -> bool:
        if self._last is not None:
            last = self._last
            if await connection.fetchval(HASH_AT, last.saga_id, last.seq) != last.hash:
                return True
        if self._lease is None:
            return False
        # Numbers of workers that were lost are given again.
        found = await connection.fetchrow(_WORKER, self._lease.worker)
        return found is None or tuple(found) != (host.host_id(), os.getpid(), host.own_start())


async def _identity(connection: Connection) -> tuple[str, str] | None:
    """The server's own id and its timeline; None where it does not tell."""
    try:
        system, timeline = await connection.fetchrow(_IDENTIFY) or (None, None)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError):
        return None
    except asyncpg.ObjectNotInPrerequisiteStateError:  # it became a standby
        return None
    return (str(system), str(timeline)) if system and timeline else None
