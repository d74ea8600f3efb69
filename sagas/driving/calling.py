"""Calling user code so that nothing it does can hang or kill the coordinator.

An attempt ends when its function returns or raises, or when its time is up. A function that
ignores its cancellation is *abandoned*: it is counted and left alone, and if it answers after
all, the answer is still heard. Functions that are not async run in daemon threads of our own, so
that a hanging one never keeps the process from exiting.

Touches: the event loop, threads.
"""

import asyncio
import contextvars
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sagas.authoring import context
from sagas.authoring.context import StepInfo
from sagas.driving.hold import GRACE_SECONDS, Held, Hold


@dataclass(frozen=True, slots=True)
class Returned:
    """The function returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Its time was up."""

    abandoned: bool


Answer = Returned | Raised | TimedOut


class Attempt:
    """One call of one function, running by itself.

    Args:
        info: What `current_step()` says inside.
        finished: Called once, with what became of it.
        late: Called if an abandoned function answers after all.
    """

    __slots__ = ("_abandoned", "_expired", "_finished", "_hold", "_late", "_task", "_timer")

    def __init__(
        self,
        fn: Callable[..., Any],
        arguments: Mapping[str, Any],
        info: StepInfo,
        *,
        is_async: bool,
        timeout: timedelta,
        finished: Callable[[Answer], None],
        late: Callable[[Answer], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._finished = finished
        self._late = late
        self._expired = self._abandoned = False
        ambient = contextvars.copy_context()
        ambient.run(context.scope.set, None)
        ambient.run(context.step.set, info)
        self._hold = Hold()
        work = (
            _run(fn, arguments, self._hold) if is_async else _run_in_thread(fn, arguments, ambient)
        )
        self._task = loop.create_task(work, context=ambient)
        self._task.add_done_callback(self._done)
        self._timer = loop.call_later(timeout.total_seconds(), self._expire, is_async)

    def cancel(self) -> None:
        """Give it up early; only for calls without an effect."""
        self._expired = True
        self._hold.cancel(self._task)

    def _done(self, task: "asyncio.Task[Answer]") -> None:
        self._timer.cancel()
        answer: Answer = TimedOut(abandoned=False) if task.cancelled() else task.result()
        if self._expired and isinstance(answer, Raised):
            answer = TimedOut(abandoned=False)
        if self._abandoned:
            self._late(answer)
        else:
            self._finished(answer)

    def _expire(self, is_async: bool) -> None:
        self._expired = True
        if not is_async:
            self._abandon()
            return
        self._hold.cancel(self._task)
        self._timer = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._abandon)

    def _abandon(self) -> None:
        if not self._abandoned and not self._task.done():
            self._abandoned = True
            self._finished(TimedOut(abandoned=True))


async def call(
    fn: Callable[..., Any],
    arguments: Mapping[str, Any],
    info: StepInfo,
    *,
    is_async: bool,
    timeout: timedelta,
) -> Answer:
    """Make an attempt and wait for it; a late answer is dropped. For calls without an effect."""
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def finished(given: Answer) -> None:
        if not answer.done():
            answer.set_result(given)

    Attempt(
        fn,
        arguments,
        info,
        is_async=is_async,
        timeout=timeout,
        finished=finished,
        late=lambda _: None,
    )
    return await answer


async def _run(fn: Callable[..., Any], arguments: Mapping[str, Any], hold: Hold) -> Answer:
    try:
        return Returned(await Held(fn(**arguments), hold))
    except BaseException as error:  # noqa: BLE001  whatever it raises must not end the worker
        return Raised(error)


async def _run_in_thread(
    fn: Callable[..., Any], arguments: Mapping[str, Any], ambient: contextvars.Context
) -> Answer:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()

    def deliver(given: Answer) -> None:
        if not answer.done():
            answer.set_result(given)

    def run() -> None:
        try:
            given: Answer = Returned(ambient.copy().run(fn, **arguments))
        except BaseException as error:  # noqa: BLE001
            given = Raised(error)
        try:
            loop.call_soon_threadsafe(deliver, given)
        except RuntimeError:
            return  # the loop is closed: the process is ending, and the attempt is in doubt

    threading.Thread(
        target=run, name=f"sagas-{getattr(fn, '__name__', 'call')}", daemon=True
    ).start()
    return await asyncio.shield(answer)


def describe(error: BaseException) -> str:
    """An error's text, at most 2,000 characters, even if its `__str__` fails."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  user code
        text = "<its text cannot be read>"
    text = text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")
    return text if len(text) <= 2000 else f"{text[:2000]}... ({len(text):,} characters)"


def plain_arguments(error: BaseException) -> list[object] | None:
    """An error's arguments, if they are plain JSON values and not large."""
    arguments = list(error.args)
    if all(_is_plain(item) for item in arguments) and len(repr(arguments)) <= 4000:
        return arguments
    return None


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return "\x00" not in value and value.isprintable()
    return value is None or (type(value) in (bool, int) and abs(int(value)) < 2**53)  # type: ignore[call-overload]
