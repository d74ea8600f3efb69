"""Putting away what a killed process leaves in memory, so that nothing of it goes on or complains.

Touches: the event loop.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import Any

MOST_AWAITS = 100
"""How often what is put away may wait for something at its end."""

CARRIED = ("_work", "_coro")
"""Where what carries a coroutine for another task keeps it: our own, and anyio's `TaskHandle`."""

Work = Coroutine[Any, Any, Any]


def put_away(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[Any]") -> None:
    """End a task that will not go on, as if its loop had thrown it out of its last await."""
    # Nobody will ever wait for it, and that is meant.
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    work = task.get_coro()
    if not isinstance(work, CoroutineType):
        return
    never_begun = getcoroutinestate(work) == CORO_CREATED
    # What it does at its end may ask for the loop that it runs in.
    asyncio._set_running_loop(loop)  # noqa: SLF001
    asyncio.tasks._enter_task(loop, task)  # noqa: SLF001
    try:
        for inner in (work, *(_within(work) if never_begun else ())):
            _close(inner)
    finally:
        asyncio.tasks._leave_task(loop, task)  # noqa: SLF001
        asyncio._set_running_loop(None)  # noqa: SLF001


def _close(work: Work) -> None:
    for _ in range(MOST_AWAITS):
        with suppress(BaseException):  # what it does at its end reaches nobody
            work.close()
            return


def _within(work: "CoroutineType[Any, Any, Any]") -> list[Work]:
    """What a coroutine that was never begun would have awaited: nobody else will either.

    If it were left to the garbage collector, that would complain, wherever it happens to run.
    """
    frame = work.cr_frame
    held = [] if frame is None else list(frame.f_locals.values())
    # Another task is put away by itself, with what it would have awaited.
    carriers = [value for value in held if not isinstance(value, asyncio.Future)]
    held += [getattr(value, name, None) for value in carriers for name in CARRIED]
    return [value for value in held if isinstance(value, CoroutineType)]
