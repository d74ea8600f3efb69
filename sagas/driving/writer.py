"""Group commit: one batch in flight, and what waits when it returns goes into the next.

There is no timed wait. A saga alone pays for its own commits; a hundred sagas share them.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from sagas.clock import ticks
from sagas.driving.log import SagaLog
from sagas.errors import JournalError, JournalUnavailable, LeaseLost
from sagas.model import micros
from sagas.ports import Applied, Clock, CreateSaga, FaultPoints, Lease, Store, Unit

logger = logging.getLogger("sagas")

TRUSTED = 0.8
"""How much of a lease its holder relies on."""

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 2.0

Batch = list[tuple[SagaLog, Unit]]


class LeaseHolder:
    """The lease of this process, and until when it may be trusted.

    The deadline is a margin before the database's own, by a clock that goes on while the machine
    sleeps.
    """

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.lost: LeaseLost | None = None
        self._trusted_until = 0

    def extended(self, *, asked: int) -> None:
        """The database granted or extended the lease.

        Args:
            asked: The ticks before it was asked: the lease runs from there at the latest.
        """
        self._trusted_until = asked + round(self.lease.seconds * TRUSTED * 1_000_000)

    def caught_up(self, control: int) -> None:
        """Every request counted in `control` is folded, so appends need not look for them.

        Until then each guarded append has its own saga checked: a request that was acknowledged
        is never overtaken.
        """
        self.lease = replace(self.lease, control=control)

    @property
    def is_trusted(self) -> bool:
        """Whether the lease was not lost, and lasts for a while."""
        return self.lost is None and ticks() <= self._trusted_until

    def check(self) -> None:
        """Refuse to go on with a lease that may be over.

        Raises:
            LeaseLost: It was lost, or could not be renewed in time.
        """
        if self.lost is not None:
            raise LeaseLost(*self.lost.args)
        if not self.is_trusted:
            raise LeaseLost("the lease could not be renewed in time")


class Writer:
    """Writes the entries of every saga that this process drives.

    Args:
        requested: Called with the ids of sagas for which a request waits.
    """

    def __init__(
        self,
        store: Store,
        holder: LeaseHolder,
        clock: Clock,
        requested: Callable[[list[str]], None],
        *,
        faults: FaultPoints | None = None,
    ) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._requested = requested
        self._faults = faults
        self._dirty: dict[SagaLog, None] = {}
        self._writing: list[SagaLog] = []
        self._dead: JournalError | None = None
        self._awake: asyncio.Future[None] | None = None
        self._stopping = False
        self._task = asyncio.get_running_loop().create_task(self._write(), name="sagas-writer")

    def wake(self, log: SagaLog) -> None:
        """There is something to write for a saga."""
        if self._dead is not None:
            log.close(self._dead)
            return
        self._dirty[log] = None
        if self._awake is not None and not self._awake.done():
            self._awake.set_result(None)

    async def close(self) -> None:
        """Write what is queued, then stop."""
        self._stopping = True
        if self._awake is not None and not self._awake.done():
            self._awake.set_result(None)
        await asyncio.wait({self._task})

    async def _write(self) -> None:
        try:
            await self._write_until_stopped()
        finally:
            self._dead = JournalError("the writer has stopped: nothing more is written here")
            for log in [*self._writing, *self._dirty]:
                log.close(self._dead)  # whoever waits would wait for ever

    async def _write_until_stopped(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._dirty:
                if self._stopping:
                    return
                self._awake = loop.create_future()
                await self._awake
                await asyncio.sleep(0)  # what this turn of the loop still emits comes along
            await self._flush()

    async def _flush(self) -> None:
        logs, self._dirty = self._dirty, {}
        now = micros(self._clock.now())
        units = [(log, unit) for log in logs if (unit := log.seal(now)) is not None]
        if not units:
            return
        self._writing = [log for log, _ in units]
        try:
            answers = await self._ride_out(units)
        except Exception as error:  # noqa: BLE001  a dead writer would hang every saga
            for log, _ in units:
                log.close(_as_journal_error(error))
            return
        for (log, _), answer in zip(units, answers, strict=True):
            if log.settle(answer):
                self._dirty[log] = None
        self._writing = []
        if Applied.REQUESTED in answers:
            await self.announce()

    async def _ride_out(self, units: Batch) -> list[Applied]:
        """Append, again and again while the database cannot.

        What became of a call is known here and nowhere else: it is not thrown away because a disk
        is full for a minute. Sagas that begin are not waited for; there is nothing to lose.
        """
        again, pause = False, SHORTEST_PAUSE
        while True:
            try:
                return await self._commit([unit for _, unit in units], again=again)
            except JournalUnavailable as error:
                _give_up_beginnings(units, error)
                if not units or self._stopping or self._holder.lost is not None:
                    raise
                logger.warning("%s; what is to be written is kept, and tried again", error)
            again = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _commit(self, units: list[Unit], *, again: bool) -> list[Applied]:
        if self._faults is None:
            return await self._hand_over(units, again=again)
        kinds = ",".join(row.kind for unit in units for row in unit.rows)
        await self._faults.reached("before-append", units[0].saga_id, kinds)
        answers = await self._hand_over(units, again=again)
        await self._faults.reached("after-append", units[0].saga_id, kinds)
        return answers

    async def _hand_over(self, units: list[Unit], *, again: bool) -> list[Applied]:
        """Append, with what is used up as of this instant: a unit may have waited for long."""
        now = micros(self._clock.now())
        handed = [unit.used_at(now) for unit in units]
        return await self._store.commit(self._holder.lease, handed, again=again)

    async def announce(self) -> None:
        """Find out for which sagas a request waits."""
        try:
            control, sagas = await self._store.raised(self._holder.lease)
        except JournalError:
            return  # the next refused commit asks again
        if sagas:
            self._requested(sagas)
        else:
            self._holder.caught_up(control)


def _give_up_beginnings(units: Batch, error: JournalUnavailable) -> None:
    """Take out of a batch what begins a saga, and tell whoever waits for it."""
    beginnings = [each for each in units if any(isinstance(op, CreateSaga) for op in each[1].ops)]
    for each in beginnings:
        units.remove(each)
        each[0].close(error)


def _as_journal_error(error: Exception) -> JournalError:
    if isinstance(error, JournalError):
        return error
    wrapped = JournalError(f"the journal failed unexpectedly: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
