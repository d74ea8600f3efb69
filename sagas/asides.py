"""Sagas that a worker holds and cannot drive, because their journal cannot be read here.

What was changed is shown to people, and kept; what another release wrote is left to one that can
read it.
"""

import asyncio
import logging
from contextlib import suppress

from sagas.driving.environment import Environment
from sagas.errors import Corrupt, JournalError, Unreadable
from sagas.model import Status
from sagas.ports import Project, Store, Unit
from sagas.rounds import Rounds

log = logging.getLogger("sagas")

HELD_SECONDS = 5.0
"""Letting go of a saga rings for whoever claims, this worker included: so it is held for a while."""

UNREAD_MICROS = 30_000_000
CHANGED_SECONDS = 60.0


class Asides:
    """Keeps and lets go of what cannot be driven."""

    def __init__(self, store: Store, rounds: Rounds) -> None:
        self._store = store
        self._rounds = rounds
        self._unread: dict[str, Unreadable] = {}
        self._stopping = False

    def stop(self) -> None:
        """Let go of nothing more: the worker lets go of everything."""
        self._stopping = True

    async def put(self, environment: Environment, saga_id: str, error: Corrupt) -> None:
        """Do nothing on the word of a journal that cannot be read."""
        if isinstance(error, Unreadable):
            self._leave(environment, saga_id, error)
        else:
            await self._keep(environment, saga_id, error)

    def is_read(self, saga_id: str) -> None:
        """It can be read after all."""
        self._unread.pop(saga_id, None)

    def unread(self, saga_id: str) -> Unreadable | None:
        """Why this process cannot read a saga that it tried to take up, if it cannot."""
        return self._unread.get(saga_id)

    async def _keep(self, environment: Environment, saga_id: str, error: Corrupt) -> None:
        """Show it to people; whoever let go of it would find it due at once."""
        log.error("%s is not driven: %s", saga_id, error)
        unit = Unit(saga_id, [], [Project(Status.STUCK, str(error), None, release=False)])
        with suppress(JournalError):  # whoever looks into the log knows
            await self._store.commit(environment.holder.lease, [unit])
        self._rounds.later(saga_id, CHANGED_SECONDS)

    def _leave(self, environment: Environment, saga_id: str, error: Unreadable) -> None:
        if saga_id not in self._unread:
            log.error("%s; it is left to a worker that can read it", error)
        self._unread[saga_id] = error
        self._rounds.hold(saga_id)
        loop = asyncio.get_running_loop()
        loop.call_later(HELD_SECONDS, self._release_soon, environment, saga_id)

    def _release_soon(self, environment: Environment, saga_id: str) -> None:
        if not self._stopping:
            self._rounds.run(self._release(environment, saga_id))

    async def _release(self, environment: Environment, saga_id: str) -> None:
        """Let go of a saga, and have somebody look at it again before long."""
        self._rounds.free(saga_id)
        row = await self._store.saga(saga_id)
        if row is None or row.owner != environment.holder.lease.worker or self._stopping:
            return
        wake_at = environment.now() + UNREAD_MICROS
        project = Project(row.status, str(self._unread[saga_id]), wake_at, release=True)
        await self._store.commit(environment.holder.lease, [Unit(saga_id, [], [project])])
