"""Finding that a test has frozen time, and whether anything could still wait.

Freezing replaces `time.time` and `time.monotonic`. A wall clock that stands still is what a test
wants. The event loop's clock must go on: else every wait is endless, and what was to happen during
the freeze never happens after it. Nothing is imported to find out; a look costs less than a
microsecond.

Touches: clocks, the running event loop.
"""

import asyncio
import time
from types import BuiltinFunctionType

from sagas.errors import SagaError

FROZEN = (
    "the event loop's clock was replaced, so nothing that waits here would go on: "
    "let asyncio keep its own clock, as with freeze_time(..., real_asyncio=True)"
)


def is_wall_clock_replaced() -> bool:
    """Whether `time.time` tells what somebody has made up."""
    return type(time.time) is not BuiltinFunctionType


def is_loop_clock_replaced() -> bool:
    """Whether the running loop goes by a clock that was replaced.

    A loop that keeps its own time although `time.monotonic` was replaced is nearer to the true
    clock than to the made-up one.
    """
    if type(time.monotonic) is BuiltinFunctionType:
        return False
    loop = asyncio.get_running_loop()
    if getattr(loop, "keeps_own_time", False):
        return False
    now = loop.time()
    true = time.clock_gettime(time.CLOCK_MONOTONIC)
    return abs(now - time.monotonic()) < abs(now - true)


def check_loop_clock() -> None:
    """Refuse to wait for ever.

    Raises:
        SagaError: The running loop's clock was replaced; the message says what to do.
    """
    if is_loop_clock_replaced():
        raise SagaError(FROZEN)


async def sleep_regardless(seconds: float) -> None:
    """Sleep by the loop's clock; or, if that was replaced, in a thread, where time goes on."""
    if is_loop_clock_replaced():
        await asyncio.to_thread(time.sleep, seconds)
    else:
        await asyncio.sleep(seconds)
