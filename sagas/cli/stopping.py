"""Ending a command by a signal: the first lets what runs finish, the second waits for nothing.

Nothing is lost either way. What a process leaves behind that is ended at once is in doubt, as after
any crash, and is settled by whoever takes its sagas up.

Touches: the process's signals.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

from sagas.cli.failing import INTERRUPTED, complain

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ECHO_SECONDS = 0.25
"""A wrapper such as `timeout` signals the process and its group: that is one request, not two."""


def interruptible(main: Coroutine[Any, Any, int], farewell: str, *, clean: bool = False) -> int:
    """Run to the end, or until a signal; then let running actions finish, and say goodbye.

    Args:
        clean: Whether being stopped is the usual end.
    """
    code, stopped = asyncio.run(_until_signalled(main))
    if stopped is None:
        return code
    print(f"sagas: {farewell}", file=sys.stderr)
    return 0 if clean else exit_code(stopped)


def exit_code(number: signal.Signals) -> int:
    """What shells make of a process that a signal ended."""
    return INTERRUPTED if number is signal.SIGINT else 128 + number


async def _until_signalled(main: Coroutine[Any, Any, int]) -> tuple[int, signal.Signals | None]:
    loop = asyncio.get_running_loop()
    task = loop.create_task(main)
    received: list[signal.Signals] = []
    first = 0.0

    def stop(number: signal.Signals) -> None:
        nonlocal first
        if not received:
            first = loop.time()
            received.append(number)
            task.cancel()
        elif loop.time() - first > ECHO_SECONDS:
            _at_once(number)

    for number in ENDING:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task, None
    except asyncio.CancelledError:
        if not received:
            raise
        return 0, received[0]


def _at_once(number: signal.Signals) -> NoReturn:
    complain("ended at once: whoever goes on finds out what became of the calls under way")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code(number))
