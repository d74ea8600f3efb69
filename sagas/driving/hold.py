"""Holding a call, so that it can be let go of when its event loop is shut down.

A call that ignores its cancellation goes on for as long as it likes, and a late answer is heard.
But `asyncio.run` cancels everything once at its end and then waits: such a call would keep the
process from ever exiting. It gets a moment to clean up, and then nobody waits for it any more.

Touches: the event loop, the interpreter's reference counts.
"""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar, cast

from sagas.driving.leash import keep_for_ever

T = TypeVar("T")

GRACE_SECONDS = 1.0
"""How long a call may take to give up once it is cancelled."""


class Hold:
    """Tells a cancellation by the attempt itself, which a call may outlive, from any other."""

    __slots__ = ("_is_cut", "_own")

    def __init__(self) -> None:
        self._is_cut = False
        self._own = False

    def cancel(self, task: "asyncio.Task[Any]") -> None:
        """Cancel the call because its time is up, or nobody needs it any more."""
        self._own = task.cancel()

    def cut_at(self, error: BaseException) -> bool:
        """Whether to let go of the call, now that this error is thrown into it."""
        task = asyncio.current_task()
        is_foreign = isinstance(error, asyncio.CancelledError) and not self._own
        if is_foreign and not self._is_cut and task is not None:
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self._cut, task)
            return False
        self._own = False
        return self._is_cut

    def _cut(self, task: "asyncio.Task[Any]") -> None:
        self._is_cut = True
        task.cancel()


class Held(Generic[T]):
    """Awaits a call until it ends, or is let go of."""

    def __init__(self, work: Awaitable[T], hold: Hold) -> None:
        self._work = work
        self._hold = hold

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the call."""
        inner: Any = self._work.__await__()
        error: BaseException | None = None
        while True:
            try:
                wanted = inner.send(None) if error is None else inner.throw(error)
            except StopIteration as stop:
                return cast(T, stop.value)
            error = None
            try:
                yield wanted
            except BaseException as thrown:
                if self._hold.cut_at(thrown):
                    keep_for_ever(inner)
                    raise
                error = thrown
