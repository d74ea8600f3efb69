"""One worker incarnation after the other: a lease, the writer under it, and what follows its loss.

An incarnation that was declared dead stays dead. The process goes on as the next one, as soon as
the database can be reached.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from approvals import Directory
from approvals.policies import Policies
from sagas.clock import SteadyClock, ticks
from sagas.driving.environment import Environment, Handlers
from sagas.driving.limiter import Limiter
from sagas.driving.reports import Reports
from sagas.driving.writer import LeaseHolder, Writer
from sagas.errors import JournalError, JournalUnavailable, LeaseLost, SagaError
from sagas.heart import Heart
from sagas.ports import Clock, FaultPoints, Store

log = logging.getLogger("sagas")

RETRY_SECONDS = 0.5
SKEW_SECONDS = 300.0
"""A host's clock that differs from the database's by more than this is wrong."""


class Beating(Protocol):
    """What renews a lease until it is stopped."""

    async def stop(self) -> None:
        """Renew it no more."""
        ...


MakeHeart = Callable[
    [LeaseHolder, Callable[[], Awaitable[Store]], SteadyClock | None, Callable[[LeaseLost], None]],
    Beating,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every incarnation of a worker works with.

    Attributes:
        open_store: Opens another store of the same journal.
        max_deaths: How many workers may die of a saga before a person is asked.
        policies: What is asked for beside what the authors of actions ask for.
        heart: Makes what renews a lease.
    """

    store: Store
    open_store: Callable[[], Awaitable[Store]]
    handlers: Handlers
    clock: Clock
    directory: Callable[[], Directory]
    lease_seconds: float
    max_deaths: int
    faults: FaultPoints | None = None
    policies: Policies = field(default_factory=Policies)
    heart: MakeHeart = Heart


class Tenure:
    """The incarnations of one worker.

    Args:
        requested: Called with the ids of sagas for which a request waits.
        lost: Called when an incarnation was declared dead, before the next one begins.
    """

    def __init__(
        self,
        around: Surroundings,
        limiter: Limiter,
        reports: Reports,
        *,
        requested: Callable[[list[str]], None],
        lost: Callable[[LeaseLost], None],
    ) -> None:
        self._around = around
        self._requested = requested
        self._lost = lost
        self._beginning = asyncio.Lock()
        self._heart: Beating | None = None
        self._changing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._is_over = False
        self._limiter = limiter
        self._reports = reports
        self.environment: Environment | None = None

    async def begin(self) -> Environment:
        """The present incarnation; the first one begins when it is asked for.

        Raises:
            SagaError: The host's clock is wrong.
            JournalUnavailable: It is too late to begin.
        """
        async with self._beginning:
            if self.environment is None:
                if self._is_over:
                    raise JournalUnavailable("this coordinator was closed: connect again")
                self._check_clock()
                self.environment = await self._enlist()
            return self.environment

    async def after(self, lost: Environment) -> None:
        """Wait until an incarnation that is declared dead has a successor."""
        if self.environment is lost:
            await self._changed.wait()

    async def stop(self) -> None:
        """Take no new lease, and renew the present one no more."""
        self._is_over = True
        self._changed.set()
        if self._changing is not None:
            self._changing.cancel()
            await asyncio.gather(self._changing, return_exceptions=True)
        async with self._beginning:  # a lease that is being taken is given back too
            pass
        if self._heart is not None:
            await self._heart.stop()

    async def end(self) -> None:
        """Write what is known, and release the lease."""
        if self.environment is not None:
            await self.environment.writer.close()
            try:
                await self._around.store.retire(self.environment.holder.lease)
            except JournalError as error:
                log.warning("the lease could not be released, and will run out: %s", error)

    def _check_clock(self) -> None:
        clock = self._set_by_database()
        if clock is not None and abs(clock.ahead()) > SKEW_SECONDS:
            ahead = clock.ahead()
            raise SagaError(
                f"this host's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} "
                "the database's: set both by a time server, then start the worker again"
            )

    def _set_by_database(self) -> SteadyClock | None:
        clock = self._around.clock
        return clock if isinstance(clock, SteadyClock) and self._around.store.keeps_time else None

    async def _enlist(self) -> Environment:
        around = self._around
        asked = ticks()
        name = f"{socket.gethostname()}:{os.getpid()}"
        holder = LeaseHolder(await around.store.register(name, around.lease_seconds))
        holder.extended(asked=asked)
        self._heart = around.heart(
            holder, around.open_store, self._set_by_database(), self._was_lost
        )
        return Environment(
            journal=around.store,
            rules=around.store,
            desk=around.store,
            handlers=around.handlers,
            clock=around.clock,
            directory=around.directory,
            holder=holder,
            writer=Writer(
                around.store, holder, around.clock, self._requested, faults=around.faults
            ),
            limiter=self._limiter,
            locking=around.store,
            reports=self._reports,
            policies=around.policies,
            faults=around.faults,
            max_deaths=around.max_deaths,
        )

    def _was_lost(self, error: LeaseLost) -> None:
        """Declared dead: stop everything, and begin again."""
        environment = self.environment
        if environment is None or environment.holder.lost is not None:
            return
        log.warning("%s%s", error, "" if self._is_over else "; this process goes on as another")
        environment.holder.lost = error
        self._lost(error)
        if self._is_over:
            return
        self._changing = asyncio.get_running_loop().create_task(self._begin_again(environment))

    async def _begin_again(self, lost: Environment) -> None:
        if self._heart is not None:
            await self._heart.stop()
        while self.environment is lost:
            try:
                self.environment = await self._enlist()
            except JournalError as error:
                log.warning("no new lease can be taken now: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("taking a new lease failed unexpectedly; it is tried again")
                await asyncio.sleep(RETRY_SECONDS)
        self._changed.set()
        self._changed = asyncio.Event()
        await lost.writer.close()
