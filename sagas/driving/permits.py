"""Permits of one call: asked for before its intent, given back when its outcome is known.

A permit that was taken and not used costs others a moment and nothing else; what a dead process
held lapses at the instant at which its call is over at the latest.

Touches: the event loop's clock.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from compensations import InterventionKind
from sagas.allotment import TICK, Demand, Kind, Mark, Refused, Want
from sagas.authoring.limit import Limited
from sagas.authoring.signatures import is_async
from sagas.driving.drive import SHORT_WAIT, Drive
from sagas.driving.hold import GRACE_SECONDS
from sagas.driving.limiter import Limiter
from sagas.driving.log import LogClosed
from sagas.errors import DefinitionError, JournalError, NotExecuted, Parked
from sagas.model import span

log = logging.getLogger("sagas")

BEGINS_WITHIN = timedelta(seconds=5)
"""A call that is not begun this long after its permits were asked for is not made with them."""

ENDS_WITHIN = timedelta(seconds=GRACE_SECONDS + 5)
"""By how much an end may be known later than the time for the call is up."""

GOES_ON = timedelta(minutes=1)
"""An abandoned call holds its place for its time-out once more, and at least for so long."""

_REPORT_SECONDS = 0.05
"""A start is told of this soon, or a process that dies costs others more than its period."""


class Permit:
    """What one call may begin with.

    Args:
        asked_at: When it was asked for, in the loop's time.
    """

    def __init__(self, limiter: Limiter, want: Want, asked_at: float) -> None:
        self._limiter = limiter
        self._want = want
        self._loop = asyncio.get_running_loop()
        self._begin_by = asked_at + want.begins_within / 1_000_000
        self._carried = self._begun = self._over = False

    def carried(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The function, called with this permit: it tells when it begins, and is never too late.

        From here on `ended` is called.
        """
        self._carried = True

        def begins() -> None:
            if self._loop.time() > self._begin_by:
                raise NotExecuted("its permit had lapsed before it began", retry_after=timedelta())
            self._begun = True
            self._loop.call_soon_threadsafe(self._began)

        if is_async(fn):

            @functools.wraps(fn)
            async def called(**arguments: Any) -> Any:
                begins()
                return await fn(**arguments)

            return called

        @functools.wraps(fn)
        def called_in_thread(**arguments: Any) -> Any:
            begins()
            return fn(**arguments)

        return called_in_thread

    def unused(self) -> None:
        """The call is not made, unless a function carries the permit."""
        if not self._carried:
            self._give_back()

    def ended(self, *, goes_on: bool = False) -> None:
        """Its time is over: the call itself is, or goes on all the same, but not for ever."""
        if goes_on:
            self._mark_calls(max(self._want.lasts, span(GOES_ON)))
        elif self._begun:
            self._mark_calls(None)
        else:
            self._give_back()

    def _give_back(self) -> None:
        if not self._over:
            self._over = True
            self._limiter.give_back(self._want)

    def _began(self) -> None:
        for demand in self._want.demands:
            if demand.rate is not None:
                start, keep = self._want.start, demand.per + TICK
                mark = Mark(demand.bucket, Kind.START, start, start, keep=keep)
                self._limiter.note(mark, within=min(demand.per / 20_000_000, _REPORT_SECONDS))

    def _mark_calls(self, keep: int | None) -> None:
        for demand in self._want.demands:
            if demand.concurrent is not None:
                holder, start = self._want.holder, self._want.start
                self._limiter.note(Mark(demand.bucket, Kind.CALL, holder, start, keep=keep))


async def permitted(
    drive: Drive,
    limits: Sequence[Limited],
    arguments: Mapping[str, object],
    *,
    holder: str,
    timeout: timedelta,
    begins_within: timedelta = BEGINS_WITHIN,
) -> Permit | None:
    """Wait until a call may begin; None if nothing limits it.

    Args:
        holder: Names the call; the same for all its attempts.
        timeout: The longest that the call may take.

    Raises:
        Parked: The wait is long, or the saga closes.
    """
    if not limits:
        return None
    limiter = drive.environment.limiter
    want = Want(
        process=limiter.process,
        saga_id=drive.saga_id,
        holder=holder,
        start=limiter.start(),
        demands=await _demands(drive, limits, arguments),
        begins_within=span(begins_within),
        lasts=span(timeout + ENDS_WITHIN),
    )
    was_fenced = drive.fenced
    answer = await _asked(drive, want)
    if isinstance(answer, Refused):
        drive.short_of = answer.lacking[0].replace("\n", " for ")
        drive.look_by(drive.now() + max(answer.after - SHORT_WAIT // 2, 0))
        raise Parked
    permit = Permit(limiter, want, answer)
    if drive.stopping or drive.is_kept or (drive.fenced and not was_fenced):
        permit.unused()
        raise Parked
    drive.paused += 1
    return permit


async def _asked(drive: Drive, want: Want) -> float | Refused:
    """Ask, and stop waiting when the saga closes.

    Raises:
        Parked: It does.
    """
    asked = drive.environment.limiter.ask(want)

    def give_up() -> None:
        if not asked.done():
            asked.set_result(None)

    if not drive.fenced:  # an unwind waits, however long it takes
        drive.readers.add(give_up)
    try:
        answer = await asked
    except JournalError as error:
        drive.log.close(error)
        raise LogClosed from error
    finally:
        drive.readers.discard(give_up)
    if answer is None:
        raise Parked
    return answer


async def _demands(
    drive: Drive, limits: Sequence[Limited], arguments: Mapping[str, object]
) -> tuple[Demand, ...]:
    try:
        return tuple(limited.demand(arguments) for limited in limits)
    except DefinitionError as error:
        if not drive.fenced:
            await drive.ask_and_park(
                InterventionKind.DEFECT, "a limit's key cannot be computed", str(error)
            )
        log.warning("%s: %s; it is undone under the limit without a key", drive.saga_id, error)
        return tuple(limited.keyless() for limited in limits)
