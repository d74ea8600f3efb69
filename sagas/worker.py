"""Driving many sagas in one process: the lease, the writer, and who is woken when.

Wake-ups are hints and rows are the truth: whatever this process misses, the next look at the
database finds. A saga is owned only while it is being driven; a parked one belongs to nobody.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from approvals import Directory
from sagas.authoring.saga import Saga
from sagas.chain import Row, verify
from sagas.driving.drive import Drive
from sagas.driving.environment import Environment, Handlers
from sagas.driving.frozen import (
    is_loop_clock_replaced,
    is_wall_clock_replaced,
    sleep_regardless,
)
from sagas.driving.limiter import Limiter
from sagas.driving.log import LogClosed, SagaLog, Taken
from sagas.driving.reports import Reports
from sagas.driving.run import Done, Result, Run
from sagas.driving.writer import LeaseHolder, Writer
from sagas.entries import Entry, Started, read
from sagas.errors import Corrupt, JournalError, LeaseLost, Unreadable, UnsafeDatabase
from sagas.fold import fold
from sagas.model import Status, micros
from sagas.ports import Clock, CreateSaga, FaultPoints, Loaded, Project, Store, Unit
from sagas.state import SagaState

log = logging.getLogger("sagas")

POLL_SECONDS = 1.0
SHORTEST_SECONDS = 0.01
RETRY_SECONDS = 0.5
LATER_SECONDS = 5.0
UNREAD_MICROS = 30_000_000
SWEEP_SECONDS = 3.0
SET_ASIDE_SECONDS = 60.0
GRACE_SECONDS = 10.0

Finished = Callable[[str, Result, SagaState], None]


class Worker:
    """Drives sagas under one lease.

    Args:
        finished: Told how each drive ended.
    """

    def __init__(
        self,
        store: Store,
        handlers: Handlers,
        *,
        clock: Clock,
        directory: Callable[[], Directory],
        lease_seconds: float,
        concurrency: int,
        finished: Finished,
        faults: FaultPoints | None,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._directory = directory
        self._lease_seconds = lease_seconds
        self._concurrency = concurrency
        self._finished = finished
        self._faults = faults
        self._limiter = Limiter(store)
        self._environment: Environment | None = None
        self._reports = Reports(
            store,
            state_of=self._state_of,
            now=lambda: micros(clock.now()),
            reported=self.follow,
        )
        self._drives: dict[str, Drive] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._followed: set[str] = set()
        self._again: set[str] = set()
        self._later: set[str] = set()
        self._unread: dict[str, Unreadable] = {}
        self._rounds: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Lock()
        self._beginning: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._swept_at = 0.0
        self._all = False
        self._upkeep: list[asyncio.Task[None]] = []
        self._stopping = False
        self._breaking: asyncio.Future[UnsafeDatabase] = asyncio.get_running_loop().create_future()
        self._starting = asyncio.Lock()

    # --- life ---------------------------------------------------------------------------------

    async def begin(self) -> Environment:
        """Take a lease and start the upkeep, once."""
        async with self._starting:
            if self._environment is None:
                self._environment = await self._enlist()
                loop = asyncio.get_running_loop()
                self._upkeep = [
                    loop.create_task(self._renew(), name="sagas-lease"),
                    loop.create_task(self._watch(), name="sagas-watch"),
                ]
            return self._environment

    async def close(self) -> None:
        """Begin nothing new, wait for what runs, write what is known, release the lease."""
        self._stopping = True
        for drive in self._drives.values():
            drive.stopping = True
        if self._tasks:  # the lease is renewed meanwhile, or their outcomes could not be written
            await asyncio.wait(self._tasks.values(), timeout=GRACE_SECONDS)
        await self._reports.settle(GRACE_SECONDS)
        for task in self._upkeep:
            task.cancel()
        await asyncio.gather(*self._upkeep, *self._rounds, return_exceptions=True)
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._limiter.close()
        if self._environment is not None:
            await self._environment.writer.close()
            try:
                await self._store.retire(self._environment.holder.lease)
            except JournalError as error:
                log.warning("the lease could not be released, and will run out: %s", error)

    async def _enlist(self) -> Environment:
        name = f"{socket.gethostname()}:{os.getpid()}"
        asked_at = asyncio.get_running_loop().time()
        holder = LeaseHolder(await self._store.register(name, self._lease_seconds))
        holder.extended(asked_at=asked_at)
        writer = Writer(self._store, holder, self._clock, self._requested, faults=self._faults)
        return Environment(
            journal=self._store,
            desk=self._store,
            handlers=self._handlers,
            clock=self._clock,
            directory=self._directory,
            holder=holder,
            writer=writer,
            limiter=self._limiter,
            reports=self._reports,
            faults=self._faults,
        )

    # --- driving ------------------------------------------------------------------------------

    async def start(
        self, saga: Saga[Any, Any], started: Started, create: CreateSaga, saga_id: str
    ) -> bool:
        """Begin a new saga; False if its id is taken. Returns when its start is durable.

        Two beginnings of one id in this process are made one after the other, so that the loser
        finds a saga and does not disturb the one that is driven.
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
                environment = await self._next_after(environment)

    async def _start(
        self,
        environment: Environment,
        saga: Saga[Any, Any],
        started: Started,
        create: CreateSaga,
        saga_id: str,
    ) -> bool:
        state = SagaState(saga_id, saga=saga.name, version=saga.version, starter=started.starter)
        state.input = started.payload or b"null"
        state.deadline = state.due = started.deadline
        saga_log = SagaLog(state, self._store.journal_id, None, environment.writer.wake)
        submission = saga_log.emit(started, ops=[create])
        self._launch(Drive(environment, saga_log, saga), fresh=True)
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

    def follow(self, saga_id: str) -> None:
        """Drive this saga whenever it is due and nobody else does."""
        self._followed.add(saga_id)

    def unfollow(self, saga_id: str) -> None:
        """Leave this saga to others."""
        self._followed.discard(saga_id)

    def follows(self, saga_id: str) -> bool:
        """Whether this process drives the saga whenever it is due."""
        return saga_id in self._followed

    def follow_all(self) -> None:
        """Drive every saga that is due."""
        self._all = True

    async def look(self) -> None:
        """Take what is due now.

        The round is made to its end even if whoever asked for it is cancelled: what was claimed
        is driven.
        """
        if self._stopping:
            return
        await self.begin()
        await asyncio.shield(self._look_around())

    def _look_around(self) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(self._round(), name="sagas-look")
        self._rounds.add(task)
        task.add_done_callback(self._looked)
        return task

    def _looked(self, task: "asyncio.Task[None]") -> None:
        self._rounds.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does, the next round meets it too

    async def _round(self) -> None:
        async with self._looking:
            environment = self._environment
            if environment is None or self._stopping:
                return
            await self._sweep(environment)
            again, self._again = self._again, set()
            for saga_id in [*again, *await self._claim(environment)]:
                await self._try(environment, saga_id)

    async def _claim(self, environment: Environment) -> list[str]:
        only = None if self._all else sorted(self._followed)
        room = self._concurrency - len(self._drives)
        if room <= 0 or only == []:
            return []
        return await self._store.claim(
            environment.holder.lease,
            now=environment.now(),
            only=only,
            limit=room,
            known=self._handlers.sagas,
        )

    async def _sweep(self, environment: Environment) -> None:
        """Find what this worker holds and does not drive, whatever lost it."""
        now = asyncio.get_running_loop().time()
        if now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        held = await self._store.held(environment.holder.lease)
        self._again.update(id_ for id_ in held if id_ not in self._tasks and id_ not in self._later)

    async def look_if_begun(self) -> None:
        """Take what is due now, if this process drives anything."""
        if self._environment is not None:
            await self.look()

    def drives(self, saga_id: str) -> bool:
        """Whether the saga is being driven here now."""
        return saga_id in self._drives

    async def _try(self, environment: Environment, saga_id: str) -> None:
        """Take a saga up; what is wrong with one of them keeps no other from being driven."""
        try:
            async with self._lock(saga_id):
                await self._take_up(environment, saga_id)
        except LeaseLost:
            raise
        except Unreadable as error:
            self._leave_unread(environment, saga_id, error)
        except Corrupt as error:
            await self._set_aside(environment, saga_id, error)
        except JournalError as error:
            self._try_again(saga_id, str(error))
        except Exception as error:
            log.exception("%s: it cannot be taken up", saga_id)
            self._try_again(saga_id, f"{type(error).__name__}: {error}", after=LATER_SECONDS)

    async def _take_up(self, environment: Environment, saga_id: str) -> None:
        task = self._tasks.get(saga_id)
        if task is not None:  # it has let go of the saga, or is about to: look again when it ends
            task.add_done_callback(lambda _: self._look_again(saga_id))
            return
        loaded = await self._store.load(saga_id)
        if loaded is None or loaded.row.owner != environment.holder.lease.worker:
            return
        saga = self._handlers.saga(loaded.row.saga, loaded.row.version)
        if saga is None:
            return
        check_intact(self._store.journal_id, loaded)
        state = fold(saga_id, entries_of(loaded.rows))
        self._unread.pop(saga_id, None)
        saga_log = SagaLog(
            state, self._store.journal_id, loaded.rows[-1].hash, environment.writer.wake
        )
        present = loaded.row.wake_at or 0
        self._launch(Drive(environment, saga_log, saga, control=loaded.row.folded, present=present))

    async def _set_aside(self, environment: Environment, saga_id: str, error: Corrupt) -> None:
        """Nothing is done on the word of a journal that was changed; look again in a while.

        It is kept: whoever let go of it would find it due at once.
        """
        log.error("%s is not driven: %s", saga_id, error)
        unit = Unit(saga_id, [], [Project(Status.STUCK, str(error), None, release=False)])
        with suppress(JournalError):  # whoever looks into the log knows
            await self._store.commit(environment.holder.lease, [unit])
        self._retry(saga_id, SET_ASIDE_SECONDS)

    async def _state_of(self, saga_id: str) -> SagaState | None:
        loaded = await self._store.load(saga_id)
        return None if loaded is None else fold(saga_id, entries_of(loaded.rows))

    def _leave_unread(self, environment: Environment, saga_id: str, error: Unreadable) -> None:
        """A saga that this release cannot read is left to one that can; it is held for a moment,
        because letting go of it rings for whoever claims, this worker included.
        """
        if saga_id not in self._unread:
            log.error("%s; it is left to a worker that can read it", error)
        self._unread[saga_id] = error
        self._later.add(saga_id)
        loop = asyncio.get_running_loop()
        loop.call_later(LATER_SECONDS, self._release_soon, environment, saga_id)

    def _release_soon(self, environment: Environment, saga_id: str) -> None:
        if not self._stopping:
            work = self._release(environment, saga_id)
            task = asyncio.get_running_loop().create_task(work, name="sagas-release")
            self._rounds.add(task)
            task.add_done_callback(self._looked)

    async def _release(self, environment: Environment, saga_id: str) -> None:
        """Let go of a saga, and have somebody look at it again before long."""
        self._later.discard(saga_id)
        row = await self._store.saga(saga_id)
        if row is None or row.owner != environment.holder.lease.worker or self._stopping:
            return
        wake_at = environment.now() + UNREAD_MICROS
        project = Project(row.status, str(self._unread[saga_id]), wake_at, release=True)
        await self._store.commit(environment.holder.lease, [Unit(saga_id, [], [project])])

    def unread(self, saga_id: str) -> Unreadable | None:
        """Why this process cannot read a saga that it tried to take up, if it cannot."""
        return self._unread.get(saga_id)

    def _look_again(self, saga_id: str) -> None:
        if not self._stopping:
            self._again.add(saga_id)
            self._look_around()

    def _launch(self, drive: Drive, *, fresh: bool = False) -> None:
        self._drives[drive.saga_id] = drive
        task = asyncio.get_running_loop().create_task(self._drive(drive, fresh=fresh))
        self._tasks[drive.saga_id] = task

    async def _drive(self, drive: Drive, *, fresh: bool) -> None:
        saga_id = drive.saga_id
        try:
            result = await Run(drive).go(fresh=fresh)
            self._rest(drive)
            if not drive.stopping or isinstance(result, Done):
                self._finished(saga_id, result, drive.state)
        except Taken:
            log.debug("%s: its id is taken", saga_id)
        except JournalError as error:
            self._try_again(saga_id, str(error))
        except Exception as error:
            log.exception("%s: driving it failed unexpectedly", saga_id)
            self._try_again(saga_id, f"{type(error).__name__}: {error}", after=LATER_SECONDS)
        finally:
            drive.log.close(LeaseLost(f"{saga_id} is not driven here any more"))
            if self._tasks.get(saga_id) is asyncio.current_task():
                self._drives.pop(saga_id, None)
                self._tasks.pop(saga_id, None)

    def _rest(self, drive: Drive) -> None:
        """Under a clock that a test has frozen, what waits between calls goes by the loop's clock."""
        if drive.rests and not drive.stopping and is_wall_clock_replaced():
            until = min(drive.rests)
            left = (until - drive.now()) / 1_000_000
            asyncio.get_running_loop().call_later(left, self._rested, drive.saga_id, until)

    def _rested(self, saga_id: str, until: int) -> None:
        task = asyncio.get_running_loop().create_task(self._take_rested(saga_id, until))
        self._rounds.add(task)
        task.add_done_callback(self._looked)

    async def _take_rested(self, saga_id: str, until: int) -> None:
        environment = self._environment
        if environment is None or self._stopping:
            return
        known = self._handlers.sagas
        lease = environment.holder.lease
        for found in await self._store.claim(
            lease, now=until, only=[saga_id], limit=1, known=known
        ):
            self._look_again(found)

    def _try_again(self, saga_id: str, reason: str, *, after: float = RETRY_SECONDS) -> None:
        """Driving failed; this worker still owns the saga, and takes it up again."""
        if not self._stopping:
            log.warning("%s: %s; it is taken up again from the journal", saga_id, reason)
            self._retry(saga_id, after)

    def _retry(self, saga_id: str, after: float) -> None:
        self._later.add(saga_id)
        asyncio.get_running_loop().call_later(after, self._now_again, saga_id)

    def _now_again(self, saga_id: str) -> None:
        self._later.discard(saga_id)
        self._again.add(saga_id)

    # --- upkeep -------------------------------------------------------------------------------

    def _requested(self, sagas: list[str]) -> None:
        for saga_id in sagas:
            drive = self._drives.get(saga_id)
            if drive is not None:
                asyncio.get_running_loop().create_task(_fold_soon(drive))

    async def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            environment = self._environment
            if environment is None:
                continue
            asked_at = loop.time()
            try:
                await self._store.renew(environment.holder.lease)
                environment.holder.extended(asked_at=asked_at)
            except LeaseLost as error:
                self._lost(environment, error)
                await self._begin_again(environment)
            except JournalError as error:
                log.warning("the lease could not be renewed: %s", error)
            except Exception:
                log.exception("renewing the lease failed unexpectedly; it is tried again")

    def _lost(self, environment: Environment, error: LeaseLost) -> None:
        """Declared dead: stop everything."""
        log.warning("this worker was declared dead; its sagas are driven by others: %s", error)
        environment.holder.lost = error
        self._again.clear()
        for drive in list(self._drives.values()):
            drive.stopping = True
            drive.log.close(error)

    async def _next_after(self, lost: Environment) -> Environment:
        """The incarnation after one that was declared dead, once the upkeep has noticed."""
        while True:
            current = await self.begin()
            if current is not lost or self._stopping:
                return current
            await asyncio.sleep(RETRY_SECONDS / 10)

    async def _begin_again(self, lost: Environment) -> None:
        """Go on as a new incarnation, as soon as the database can be reached."""
        while self._environment is lost:
            try:
                self._environment = await self._enlist()
            except JournalError as error:
                log.warning("no new lease can be taken now: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
        await lost.writer.close()

    async def broken(self) -> NoReturn:
        """Wait until nothing more may be done here.

        Raises:
            UnsafeDatabase: The database would lose what it acknowledged, or has.
        """
        raise await self._breaking

    def _break(self, error: UnsafeDatabase) -> None:
        """The database cannot be trusted: let go of everything, and begin nothing."""
        if not self._breaking.done():
            log.error("nothing more is done here: %s", error)
            self._breaking.set_result(error)
        self._stopping = True
        for drive in list(self._drives.values()):
            drive.stopping = True
            drive.log.close(error)

    async def _watch(self) -> None:
        while True:
            try:
                if is_loop_clock_replaced():
                    await sleep_regardless(RETRY_SECONDS)
                    continue
                await self._store.changed(await self._pause())
                await self._hear()
                await self.look()
            except UnsafeDatabase as error:
                self._break(error)
                return
            except JournalError as error:
                log.warning("the database cannot be asked now: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("looking for due sagas failed unexpectedly; it is tried again")
                await asyncio.sleep(RETRY_SECONDS)

    async def _pause(self) -> float:
        """Seconds until the next look: until a parked saga is due, if that is soon."""
        now = micros(self._clock.now())
        due = await self._store.next_due(after=now, before=now + round(POLL_SECONDS * 1_000_000))
        return POLL_SECONDS if due is None else max((due - now) / 1_000_000, SHORTEST_SECONDS)

    async def _hear(self) -> None:
        """Fold requests for sagas that are being driven and may not append for a while."""
        if self._drives and self._environment is not None:
            await self._environment.writer.announce()


async def _fold_soon(drive: Drive) -> None:
    try:
        await drive.fold()
    except BaseException as error:
        if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
            raise


def check_intact(journal_id: str, loaded: Loaded) -> None:
    """Refuse entries that are not those that were written.

    Raises:
        Corrupt: One was changed, removed, inserted or moved.
    """
    row = loaded.row
    broken = verify(journal_id, row.id, loaded.rows, head=row.head, head_hash=row.head_hash)
    if broken is not None:
        raise Corrupt(
            f"{broken.reason}; restore the journal from a backup (`sagas verify {row.id}` checks it)"
        )


def entries_of(rows: Sequence[Row]) -> list[tuple[int, int, Entry]]:
    """Stored rows as entries.

    Raises:
        Corrupt: One cannot be read.
    """
    entries, unread = readable(rows)
    if unread is not None:
        raise unread
    return entries


def readable(rows: Sequence[Row]) -> tuple[list[tuple[int, int, Entry]], Corrupt | None]:
    """Stored rows as entries, up to the first that cannot be read; and why it cannot."""
    entries: list[tuple[int, int, Entry]] = []
    for row in rows:
        payload = None if row.payload is None else row.payload.encode()
        try:
            entries.append((row.seq, row.at, read(row.kind, row.version, row.body, payload)))
        except Corrupt as error:
            return entries, type(error)(f"{row.saga_id}, entry {row.seq}: {error}")
    return entries, None
