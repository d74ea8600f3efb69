"""One message in hand: sent, looked for or repaired; and what follows from how that went.

Nothing is held to have been sent that may not have been, and nothing to be unsent that may have
been. What failed goes to the next place of its route; where there is none it is tried for hours,
and then given up aloud.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from approvals.channels import (
    Channel,
    ChannelError,
    MessageLost,
    Notice,
    OutcomeUnknown,
    Rejected,
    Reroute,
    Retry,
    Stop,
)
from compensations import Retry as RetryPolicy
from sagas.model import micros, span
from sagas.ports import Delivery, DeliveryState, Settlement

log = logging.getLogger("sagas")

AGAIN = RetryPolicy(attempts=30, first=timedelta(seconds=2), longest=timedelta(minutes=10))
"""About four hours, where there is nowhere else to turn to."""

PATIENCE = 5
"""So many attempts are made at one place while there is another one to try."""

ANSWER_SECONDS = 60.0
"""Past this a channel that does not answer is taken for one whose answer was lost."""


Attempt = Callable[[Channel, Delivery, Notice], Awaitable[Settlement]]


async def send(
    channel: Channel, delivery: Delivery, notice: Notice, attempt: "Attempt | None" = None
) -> Settlement:
    """Do what a message needs now, and say what became of it.

    Args:
        attempt: How that is done; left out, the message shows nothing but this notice.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await (attempt or _attempt)(channel, delivery, notice)
    except ChannelError as error:
        return after_failure(delivery, notice, error)
    except Exception as error:
        if not isinstance(error, (TimeoutError, OSError)):
            log.exception("%s: the channel failed unexpectedly", channel.name)
        told = OutcomeUnknown(f"{type(error).__name__}: {error}")
        return after_failure(delivery, notice, told)


async def _attempt(channel: Channel, delivery: Delivery, notice: Notice) -> Settlement:
    if delivery.state is DeliveryState.STALE:
        receipt = await channel.update(delivery.receipt or {}, notice)
        return Settlement(
            state=DeliveryState.UPDATED, at=micros(notice.at), says=notice.version, receipt=receipt
        )
    return await instead_of_posting(channel, delivery, notice) or await posted(channel, notice)


async def instead_of_posting(
    channel: Channel, delivery: Delivery, notice: Notice
) -> Settlement | None:
    """What becomes of a message that is there by now, or not needed any more; None if neither."""
    at = micros(notice.at)
    if delivery.state is DeliveryState.UNKNOWN:
        found = await channel.find(notice)
        if found is not None:  # it says what it said then; if that is over, it is repaired
            return Settlement(state=DeliveryState.SENT, at=at, says=delivery.says, receipt=found)
        if not notice.is_open:
            why = "it may have arrived, cannot be found, and needs no answer any more"
            return Settlement(state=DeliveryState.LOST, at=at, error=why)
    if not notice.is_open:
        return Settlement(state=DeliveryState.MOOT, at=at)
    return None


async def posted(channel: Channel, notice: Notice) -> Settlement:
    """A message that was posted."""
    receipt = await channel.post(notice)
    at = micros(notice.at)
    return Settlement(state=DeliveryState.SENT, at=at, says=notice.version, receipt=receipt)


def after_failure(delivery: Delivery, notice: Notice, error: ChannelError) -> Settlement:
    """What follows from an attempt that failed."""
    if delivery.state is DeliveryState.STALE:
        return _unrepaired(delivery, notice, error)
    at = micros(notice.at)
    if _is_over(delivery, error):
        return Settlement(state=DeliveryState.DEAD, at=at, error=str(error), reroute=True)
    may_have_arrived = delivery.state is DeliveryState.UNKNOWN or isinstance(error, OutcomeUnknown)
    return Settlement(
        state=DeliveryState.UNKNOWN if may_have_arrived else DeliveryState.QUEUED,
        at=at,
        next_at=at + span(_wait(delivery, error)),
        error=str(error),
        pause=_pause(error, at),
    )


def _is_over(delivery: Delivery, error: ChannelError) -> bool:
    """Whether a place is given up."""
    if isinstance(error, Rejected) or delivery.attempts >= AGAIN.attempts:
        return True
    if not delivery.rest:
        return False  # somebody may mend it, and nobody else would be told
    return isinstance(error, (Reroute, Stop)) or delivery.attempts >= PATIENCE


def _unrepaired(delivery: Delivery, notice: Notice, error: ChannelError) -> Settlement:
    at = micros(notice.at)
    is_gone = isinstance(error, (MessageLost, Reroute, Rejected))
    if is_gone or delivery.attempts >= AGAIN.attempts:
        # Whoever is still to decide has no message any more: the next place is told.
        return Settlement(state=DeliveryState.LOST, at=at, error=str(error), reroute=notice.is_open)
    return Settlement(
        state=DeliveryState.STALE,
        at=at,
        next_at=at + span(_wait(delivery, error)),
        error=str(error),
        pause=_pause(error, at),
    )


def _wait(delivery: Delivery, error: ChannelError) -> timedelta:
    asked = error.after if isinstance(error, Retry) else None
    own = AGAIN.delay(max(delivery.attempts, 1), salt=f"{delivery.subject} {delivery.target}")
    return max(asked or own, own)


def _pause(error: ChannelError, at: int) -> int | None:
    asked = error.after if isinstance(error, Retry) else None
    return None if asked is None else at + span(asked)
