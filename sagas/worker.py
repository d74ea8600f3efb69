"""Driving many sagas in one process: which of them run here, and what became of each drive.

A saga is owned only while it is being driven; a parked one belongs to nobody, and costs nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from sagas.asides import Asides
from sagas.authoring.saga import Saga
from sagas.discreet import logging_without
from sagas.driving.drive import Drive, first_line
from sagas.driving.environment import Environment
from sagas.driving.limiter import Limiter
from sagas.driving.log import LogClosed, SagaLog, Taken
from sagas.driving.reports import Reports
from sagas.driving.run import Done, ParkedUntil, Result, Run
from sagas.entries import Started
from sagas.errors import (
    Corrupt,
    JournalError,
    JournalUnavailable,
    LeaseLost,
    Unreadable,
    UnsafeDatabase,
)
from sagas.fold import fold, parties_of
from sagas.frozen import (
    is_loop_clock_replaced,
    is_wall_clock_replaced,
    sleep_regardless,
)
from sagas.model import Status, micros
from sagas.ports import CreateSaga, Project, Suspects
from sagas.restoring import entries_of, restored
from sagas.rounds import Rounds, Wanted
from sagas.state import SagaState
from sagas.tenure import Surroundings, Tenure

log = logging.getLogger("sagas")

POLL_SECONDS = 1.0
RETRY_SECONDS = 0.5
LATER_SECONDS = 5.0
SHORTEST_SECONDS = 0.01
MENTIONED = 10
"""So many sagas are named in one line of the log."""

Finished = Callable[[str, Result, SagaState], None]


class Worker:
    """Drives sagas under one lease after the other.

    Args:
        concurrency: How many sagas are driven at the same time.
        grace: Seconds for which `close` waits for calls under way.
        finished: Told how each drive ended.
    """

    def __init__(
        self,
        around: Surroundings,
        *,
        concurrency: int,
        grace: float,
        finished: Finished,
    ) -> None:
        self._store = around.store
        self._handlers = around.handlers
        self._max_deaths = around.max_deaths
        self._concurrency = concurrency
        self._grace = grace
        self._finished = finished
        self._clock = around.clock
        self._wanted = Wanted()
        self._reports = Reports(
            around.store,
            state_of=self._state_of,
            now=lambda: micros(around.clock.now()),
            reported=self.follow,
        )
        self._limiter = Limiter(around.store)
        self._tenure = Tenure(
            around, self._limiter, self._reports, requested=self._requested, lost=self._lost
        )
        self._rounds = Rounds(
            around.store,
            around.handlers.sagas,
            self._wanted,
            room=lambda: self._concurrency - len(self._drives),
            suspects=self._may_take,
            drives=self._tasks_of,
            take_up=self._try,
        )
        self._asides = Asides(around.store, self._rounds)
        self._drives: dict[str, Drive] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._suspects: set[str] = set()
        self._beginning: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False
        self._breaking: asyncio.Future[UnsafeDatabase] = asyncio.get_running_loop().create_future()

    # --- life ---------------------------------------------------------------------------------

    async def begin(self) -> Environment:
        """Take a lease and start the upkeep, once.

        Raises:
            JournalUnavailable: This worker is being closed.
            UnsafeDatabase: It had to let go of everything.
        """
        self._check_open()
        environment = await self._tenure.begin()
        self._check_open()
        if self._watching is None:
            loop = asyncio.get_running_loop()
            self._watching = loop.create_task(self._watch(), name="sagas-watch")
        return environment

    def _check_open(self) -> None:
        if self._breaking.done():
            raise UnsafeDatabase(*self._breaking.result().args)
        if self._stopping:
            raise JournalUnavailable(
                "this coordinator is being closed, and begins nothing more: connect again"
            )

    async def close(self) -> None:
        """Begin nothing new, wait for what runs, write what is known, release the lease."""
        self._stopping = True
        self._asides.stop()
        for drive in self._drives.values():
            drive.stopping = True
        if self._tasks:  # the lease is renewed meanwhile, or their outcomes could not be written
            _, left = await asyncio.wait(self._tasks.values(), timeout=self._grace)
            self._tell_left(left)
        await self._reports.settle(self._grace)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._rounds.finished()
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._limiter.close()
        await self._tenure.stop()
        await self._tenure.end()

    def _tell_left(self, left: set[asyncio.Task[None]]) -> None:
        sagas = sorted(saga_id for saga_id, task in self._tasks.items() if task in left)
        if sagas:
            more = f" and {len(sagas) - MENTIONED} more" if len(sagas) > MENTIONED else ""
            log.warning(
                "calls still run after the grace of %g s, and are in doubt for whoever goes on: %s",
                self._grace,
                ", ".join(sagas[:MENTIONED]) + more,
            )

    # --- beginning ----------------------------------------------------------------------------

    async def start(
        self, saga: Saga[Any, Any], started: Started, create: CreateSaga, saga_id: str
    ) -> bool:
        """Begin a new saga; False if its id is taken. Returns when its start is durable.

        Two beginnings of one id in this process are made one after the other, so that the loser
        finds a saga and does not disturb the one that is driven. If this worker is busy with as
        many sagas as it may drive, the new one waits in the journal for its turn.
        """
        environment = await self.begin()
        async with self._lock(saga_id):
            while True:
                while saga_id in self._drives:
                    if await self._has_begun(self._drives[saga_id]):
                        return False
                try:
                    return await self._start(environment, saga, started, create, saga_id)
                except LeaseLost:  # nothing was written: this process slept, and was declared dead
                    if self._stopping:
                        raise
                await self._tenure.after(environment)
                environment = await self.begin()

    async def _start(
        self,
        environment: Environment,
        saga: Saga[Any, Any],
        started: Started,
        create: CreateSaga,
        saga_id: str,
    ) -> bool:
        self._check_open()
        state = SagaState(saga_id, saga=saga.name, version=saga.version)
        state.parties = parties_of(started)
        state.input = started.payload or b"null"
        state.deadline = state.due = started.deadline
        saga_log = SagaLog(state, self._store.journal_id, None, environment.writer.wake)
        if len(self._drives) < self._concurrency:
            submission = saga_log.emit(started, ops=[create])
            self._launch(Drive(environment, saga_log, saga), fresh=True)
        else:
            turn = Project(Status.RUNNING, "waits for its turn", create.at, release=True)
            submission = saga_log.emit(started, ops=[create, turn])
            self._wanted.queue(saga_id)
        try:
            await saga_log.durable(submission)
        except BaseException:
            if isinstance(saga_log.error, Taken):
                return False
            if saga_log.error is not None:
                raise saga_log.error from None
            raise
        return True

    def _lock(self, saga_id: str) -> asyncio.Lock:
        """What keeps a beginning and a take-up of one saga apart."""
        found = self._beginning.get(saga_id)
        if found is None:
            found = self._beginning[saga_id] = asyncio.Lock()
        return found

    async def _has_begun(self, drive: Drive) -> bool:
        """Whether a saga that is driven here is durable; waits until that is known."""
        if not drive.state.head:
            with suppress(LogClosed):
                await drive.log.drained()
        if drive.log.error is not None and drive.saga_id in self._tasks:
            await asyncio.wait({self._tasks[drive.saga_id]})
        return drive.state.head > 0

    # --- looking ------------------------------------------------------------------------------

    def follow(self, saga_id: str) -> None:
        """Drive this saga whenever it is due and nobody else does."""
        self._wanted.follow(saga_id)

    def unfollow(self, saga_id: str) -> None:
        """Leave this saga to others."""
        self._wanted.unfollow(saga_id)

    def unread(self, saga_id: str) -> Unreadable | None:
        """Why this process cannot read a saga that it tried to take up, if it cannot."""
        return self._asides.unread(saga_id)

    def follows(self, saga_id: str) -> bool:
        """Whether this process drives the saga whenever it is due."""
        return self._wanted.follows(saga_id)

    def follow_all(self) -> None:
        """Drive every saga that is due."""
        self._wanted.everything = True

    def drives(self, saga_id: str) -> bool:
        """Whether the saga is being driven here now."""
        return saga_id in self._drives

    async def look(self) -> None:
        """Take what is due now."""
        if not self._stopping:
            await self.begin()
            await asyncio.shield(self._rounds.begin(self._present))

    async def look_if_begun(self) -> None:
        """Take what is due now, if this process drives anything."""
        if self._tenure.environment is not None:
            await self.look()

    def _present(self) -> Environment | None:
        return None if self._stopping else self._tenure.environment

    def _tasks_of(self, saga_id: str) -> bool:
        return saga_id in self._tasks

    def _may_take(self) -> Suspects:
        """A saga that workers died of is driven beside no other such saga."""
        return Suspects(max(self._max_deaths - 1, 1), limit=0 if self._suspects else 1)

    async def _try(self, environment: Environment, saga_id: str) -> None:
        """Take a saga up; what is wrong with one of them keeps no other from being driven."""
        try:
            async with self._lock(saga_id):
                await self._take_up(environment, saga_id)
        except LeaseLost:
            raise
        except Corrupt as error:
            await self._asides.put(environment, saga_id, error)
        except JournalError as error:
            self._try_again(saga_id, error)
        except Exception as error:
            log.exception("%s: it cannot be taken up", saga_id)
            self._try_again(saga_id, error, after=LATER_SECONDS)

    async def _take_up(self, environment: Environment, saga_id: str) -> None:
        task = self._tasks.get(saga_id)
        if task is not None:  # it has let go of the saga, or is about to: look again when it ends
            task.add_done_callback(lambda _: self._look_again(saga_id))
            return
        loaded = await self._store.load(saga_id)
        if loaded is None or loaded.row.owner != environment.holder.lease.worker:
            return
        if self._stopping:  # it is let go of with everything else
            return
        saga = self._handlers.saga(loaded.row.saga, loaded.row.version)
        if saga is None:
            return
        state = restored(self._store.journal_id, loaded)
        self._asides.is_read(saga_id)
        saga_log = SagaLog(
            state, self._store.journal_id, loaded.rows[-1].hash, environment.writer.wake
        )
        present, deaths = loaded.row.wake_at or 0, loaded.row.deaths
        if deaths >= self._may_take().deaths:
            self._suspects.add(saga_id)
        if deaths:
            log.info("%s: taken up; workers that died of it: %d", saga_id, deaths)
        self._launch(
            Drive(
                environment,
                saga_log,
                saga,
                control=loaded.row.folded,
                present=present,
                deaths=deaths,
                locked=loaded.locks,
            )
        )

    async def _state_of(self, saga_id: str) -> SagaState | None:
        loaded = await self._store.load(saga_id)
        return None if loaded is None else fold(saga_id, entries_of(loaded.rows))

    def _look_again(self, saga_id: str) -> None:
        if not self._stopping:
            self._rounds.again(saga_id)
            self._rounds.begin(self._present)

    # --- driving ------------------------------------------------------------------------------

    def _launch(self, drive: Drive, *, fresh: bool = False) -> None:
        self._drives[drive.saga_id] = drive
        task = asyncio.get_running_loop().create_task(self._drive(drive, fresh=fresh))
        self._tasks[drive.saga_id] = task

    async def _drive(self, drive: Drive, *, fresh: bool) -> None:
        saga_id = drive.saga_id
        try:
            with logging_without(lambda: drive.log.redaction):
                result = await Run(drive).go(fresh=fresh)
            self._rest(drive)
            if isinstance(result, ParkedUntil) and result.status is Status.STUCK:
                for asked in drive.state.questions.values():
                    log.info("%s: stuck: %s", saga_id, first_line(asked.question))
            if not drive.stopping or isinstance(result, Done):
                self._finished(saga_id, result, drive.state)
        except Taken:
            log.debug("%s: its id is taken", saga_id)
        except JournalError as error:
            self._try_again(saga_id, error)
        except Exception as error:
            log.exception("%s: driving it failed unexpectedly", saga_id)
            self._try_again(saga_id, error, after=LATER_SECONDS)
        finally:
            drive.log.close(LeaseLost(f"{saga_id} is not driven here any more"))
            if self._tasks.get(saga_id) is asyncio.current_task():
                self._drives.pop(saga_id, None)
                self._tasks.pop(saga_id, None)
                self._suspects.discard(saga_id)

    def _rest(self, drive: Drive) -> None:
        """Under a clock that a test has frozen, what waits between calls goes by the loop's clock."""
        if drive.rests and not drive.stopping and is_wall_clock_replaced():
            until = min(drive.rests)
            left = (until - drive.now()) / 1_000_000
            asyncio.get_running_loop().call_later(left, self._rested, drive.saga_id, until)

    def _rested(self, saga_id: str, until: int) -> None:
        self._rounds.run(self._take_rested(saga_id, until))

    async def _take_rested(self, saga_id: str, until: int) -> None:
        environment = self._present()
        if environment is None:
            return
        known = self._handlers.sagas
        lease = environment.holder.lease
        for found in await self._store.claim(
            lease, now=until, only=[saga_id], limit=1, known=known
        ):
            self._look_again(found)

    def _try_again(self, saga_id: str, error: Exception, *, after: float = RETRY_SECONDS) -> None:
        """Driving failed; if this worker still owns the saga then, it takes it up again."""
        if not self._stopping:
            reason = (
                str(error)
                if isinstance(error, JournalError)
                else f"{type(error).__name__}: {error}"
            )
            told = isinstance(error, LeaseLost)  # once for the worker, not for each of its sagas
            level = logging.DEBUG if told else logging.WARNING
            log.log(level, "%s: %s; it is taken up again from the journal", saga_id, reason)
            self._rounds.later(saga_id, after)

    # --- upkeep -------------------------------------------------------------------------------

    def _requested(self, sagas: list[str]) -> None:
        for saga_id in sagas:
            drive = self._drives.get(saga_id)
            if drive is not None:
                asyncio.get_running_loop().create_task(_fold_soon(drive))

    async def broken(self) -> NoReturn:
        """Wait until nothing more may be done here.

        Raises:
            UnsafeDatabase: The database would lose what it acknowledged, or has.
        """
        raise await asyncio.shield(self._breaking)  # whoever waits may stop waiting

    def _break(self, error: UnsafeDatabase) -> None:
        """The database cannot be trusted: let go of everything, and begin nothing."""
        if not self._breaking.done():
            log.error("nothing more is done here: %s", error)
            self._breaking.set_result(error)
        self._stopping = True
        for drive in list(self._drives.values()):
            drive.stopping = True
            drive.log.close(error)

    def _lost(self, error: LeaseLost) -> None:
        """Declared dead: stop everything."""
        self._rounds.forget()
        for drive in list(self._drives.values()):
            drive.stopping = True
            drive.log.close(error)

    async def _watch(self) -> None:
        pause = RETRY_SECONDS
        while not self._breaking.done():
            if await self._watched():
                pause = RETRY_SECONDS
            else:
                await sleep_regardless(pause)
                pause = min(2 * pause, LATER_SECONDS)

    async def _watched(self) -> bool:
        """Wait for a change, and see to it; False if that failed."""
        if is_loop_clock_replaced():
            await sleep_regardless(RETRY_SECONDS)
            return True
        try:
            await self._store.changed(await self._pause())
            await self._hear()
            await self.look()
        except UnsafeDatabase as error:
            self._break(error)
        except LeaseLost:  # told where the next one is taken
            return False
        except JournalError as error:
            log.warning("the database cannot be asked now: %s", error)
            return False
        except Exception:
            log.exception("looking for due sagas failed unexpectedly; it is tried again")
            return False
        return True

    async def _pause(self) -> float:
        """Seconds until the next look: until a parked saga is due, if that is soon."""
        now = micros(self._clock.now())
        due = await self._store.next_due(after=now, before=now + round(POLL_SECONDS * 1_000_000))
        return POLL_SECONDS if due is None else max((due - now) / 1_000_000, SHORTEST_SECONDS)

    async def _hear(self) -> None:
        """Fold requests for sagas that are being driven and may not append for a while."""
        environment = self._tenure.environment
        if self._drives and environment is not None:
            await environment.writer.announce()


async def _fold_soon(drive: Drive) -> None:
    try:
        await drive.fold()
    except BaseException as error:
        if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
            raise
