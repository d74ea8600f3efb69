"""Late answers on their way to the journal.

A call that was given up may answer after all: when its saga has been let go of, is driven by
another process, or has ended. So may one whose worker was taken for dead meanwhile. The process that
made the call then reports it, again and again until that is durable. For the worker that drives the
saga it is a request like any other.

Touches: the journal, the event loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sagas import decide
from sagas.driving.log import LogClosed, Submission
from sagas.errors import Corrupt, JournalError
from sagas.ports import Desk, LateAnswer
from sagas.state import SagaState

log = logging.getLogger("sagas")

SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 5.0

LATE = "the call answered after its time was up"


class Reports:
    """What this process has to report.

    Args:
        state_of: Reads a saga from its journal; None if there is none of that id.
        now: The present, in microseconds.
        reported: Told of each saga that has a report to fold.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        state_of: Callable[[str], Awaitable[SagaState | None]],
        now: Callable[[], int],
        reported: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._state_of = state_of
        self._now = now
        self._reported = reported
        self._tasks: dict[asyncio.Task[None], LateAnswer] = {}
        self._closed = False

    def tell(self, late: LateAnswer) -> None:
        """Report a late answer, without waiting."""
        if self._closed:
            _lost(late)
            return
        self._begin(self._tell(late), late)

    def tell_unless(self, submission: Submission, late: LateAnswer) -> None:
        """Report it if the entry that says it is not written here, because the saga is lost."""

        def settled(_: object = None) -> None:
            if isinstance(submission.error, LogClosed):
                self.tell(late)

        if submission.settled:
            settled()
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter.add_done_callback(settled)
        submission.waiters.append(waiter)

    async def settle(self, seconds: float) -> None:
        """Wait until everything is reported, for so long; what comes after it is only logged."""
        await asyncio.sleep(0)  # what was refused just now is to be reported too
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        self._closed = True
        for task, late in list(self._tasks.items()):
            task.cancel()
            _lost(late)

    def _begin(self, work: Awaitable[None], late: LateAnswer) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[task] = late
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        late = self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: %s", late.saga_id, error, exc_info=error)
            _lost(late)

    async def _tell(self, late: LateAnswer) -> None:
        pause = SHORTEST_PAUSE
        while True:
            try:
                await self._tell_once(late)
            except Corrupt:
                raise
            except JournalError as error:
                log.warning("%s: %s cannot be reported now: %s", late.saga_id, late.path, error)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _tell_once(self, late: LateAnswer) -> None:
        state = await self._state_of(late.saga_id)
        if state is None or not matters(state, late):
            return
        await self._desk.report(late, by="sagas", at=self._now())
        self._reported(late.saga_id)


def matters(state: SagaState, late: LateAnswer) -> bool:
    """Whether a late answer says anything that is not known."""
    if late.happened:
        return decide.is_news(
            state,
            late.path,
            late.direction,
            late.key,
            late.payload,
            attempt=late.attempt,
            unprotected=late.unprotected,
        )
    return state.ended is None and decide.is_over(state, late.path, late.direction, late.key)


def _lost(late: LateAnswer) -> None:
    if not late.happened:
        return  # nothing is known that was not known before
    log.error(
        "%s: %s (%s) took effect, and the journal could not be told: look at its destination",
        late.saga_id,
        late.path,
        late.direction,
    )
