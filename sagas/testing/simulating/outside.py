"""Who asks something outside of a loop of virtual time, and who of them waits for the time itself.

Touches: the event loop.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

AnyFuture = asyncio.Future[Any]

_WAKES = "_set_result_unless_cancelled"
"""What asyncio calls when an `asyncio.sleep` is over; it has no public name."""


class Outside:
    """What a loop knows of those who may be asking something outside of it."""

    def __init__(self) -> None:
        self._asking: list[asyncio.Task[Any] | None] = []
        self._sleeps: WeakSet[AnyFuture] = WeakSet()
        self._threads: WeakSet[AnyFuture] = WeakSet()

    @contextmanager
    def asked(self) -> Generator[None]:
        """What the present task awaits in here is outside, unless it is a sleep."""
        task = asyncio.current_task()
        self._asking.append(task)
        try:
            yield
        finally:
            self._asking.remove(task)

    @property
    def is_asked(self) -> bool:
        """Whether anybody may be asking."""
        return bool(self._asking)

    @property
    def may_answer(self) -> bool:
        """Whether somebody asks who does not merely sleep.

        Who sleeps beside a thread of its own may be looking from time to time whether that is done.
        """
        if not self._asking:
            return False
        return any(not thread.done() for thread in self._threads) or not all(
            task is not None and self._is_asleep(task) for task in self._asking
        )

    def timer(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        """A timer was set."""
        if self._asking and getattr(callback, "__name__", "") == _WAKES:
            self._sleeps.add(args[0])

    def thread(self, work: AnyFuture) -> None:
        """A thread works, until this is done."""
        self._threads.add(work)

    def _is_asleep(self, waiting: AnyFuture) -> bool:
        if waiting in self._sleeps:
            return True
        for_: AnyFuture | None = getattr(waiting, "_fut_waiter", None)  # of a task
        if for_ is not None:
            return self._is_asleep(for_)
        several: list[AnyFuture] = getattr(waiting, "_children", [])  # of `gather`
        left = [one for one in several if not one.done()]
        return bool(left) and all(map(self._is_asleep, left))
