"""An event loop whose time goes on only when nothing is left to be done.

What waits for an hour is woken at once, and an hour has passed. Where something outside is asked (a
socket, a thread), the loop waits for it in real time, and its own time stands still meanwhile; what
does not answer within a second is taken to wait for the time itself. Who sleeps does so in any case.

The technique is that of simulated time in discrete-event simulation: the next event sets the clock.

Touches: sockets, threads.
"""

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from sagas.authoring.context import StepInfo, step
from sagas.testing.simulating.outside import Outside

T = TypeVar("T")

PATIENCE_SECONDS = 1.0
"""How long something outside may take to answer before time goes on."""

RESOLUTION_SECONDS = 1e-6

MOST_ROUNDS = 50_000

_OWN = 1
"""Every loop listens to itself."""


class Stalled(Exception):
    """It never comes to rest; why, the message says."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Tells its own time.

    Args:
        threads: Runs what is not async; shared by the loops of one exploration.

    Attributes:
        keeps_own_time: For `sagas.frozen`: no frozen clock of this process has a say here.
    """

    keeps_own_time = True

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        *,
        start: float = 0.0,
    ) -> None:
        self._told = start
        self._outside = Outside()
        self._counted: Callable[[int], None] | None = None
        self._turns = 0
        self._talkers: dict[int, StepInfo] = {}
        self._threads = threads
        super().__init__(_Selector(self))
        # What is due now is due: after months, a float has no room for the nanosecond that asyncio
        # adds to the present.
        self._clock_resolution = RESOLUTION_SECONDS

    def time(self) -> float:
        """Seconds, in virtual time."""
        return self._told

    def advance(self, seconds: float) -> None:
        """Let time pass; what was to happen meanwhile happens next."""
        self._told += max(seconds, 0.0)

    def outside(self) -> AbstractContextManager[None]:
        """Something that this loop does not know of may be asked in here."""
        return self._outside.asked()

    def hang_up(self) -> None:
        """Close the sockets that a process leaves open when it dies, as its system would."""
        inside: Any = self
        for transport in list(inside._transports.values()):  # noqa: SLF001  no public name
            connected, transport._sock = transport._sock, None  # noqa: SLF001
            if connected is not None:
                connected.close()

    @property
    def asks_outside(self) -> bool:
        """Whether something outside may be asked."""
        return self._outside.is_asked

    @property
    def patience(self) -> float:
        """How long something outside may take to answer now (seconds)."""
        return PATIENCE_SECONDS if self._outside.may_answer else 0

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call back in the next turn.

        Each such turn is counted: it is a point at which somebody else could get in between. Not
        counted are those of a call that has opened a socket: in how many pieces the answer comes,
        nobody can know.
        """
        if self._counted is None or self._talks(context):
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(self._count, callback, args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back at a time."""
        self._outside.timer(callback, args)
        return super().call_at(when, callback, *args, context=context)

    def opened(self) -> None:
        """A socket is waited for, perhaps by a call of an action."""
        info = step.get()
        if info is not None:
            self._talkers[id(info)] = info

    def _talks(self, around: contextvars.Context | None) -> bool:
        if not self._talkers:
            return False
        info = step.get() if around is None else around.get(step)
        return id(info) in self._talkers

    def _count(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._turns += 1
        counted = self._counted
        if counted is not None:
            counted(self._turns)
        callback(*args)

    def count(self, counted: Callable[[int], None] | None) -> None:
        """Have the turns counted from now on, or no more."""
        self._turns = 0
        self._counted = counted

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run it in a thread, and wait for it here: nothing else goes on meanwhile.

        What takes longer than a second may be waiting for something else here, so it is left to go
        on beside.
        """
        if executor is not None:
            beside = super().run_in_executor(executor, func, *args)
            self._outside.thread(beside)
            return beside
        work = self._threads.submit(func, *args)
        answer: asyncio.Future[T] = self.create_future()
        try:
            answer.set_result(work.result(PATIENCE_SECONDS))
        except NotYet:
            if work.done():  # it raised this itself
                answer.set_exception(work.exception() or NotYet())
            else:
                goes_on = asyncio.wrap_future(work, loop=self)
                self._outside.thread(goes_on)
                return goes_on
        except BaseException as error:  # noqa: BLE001  it is the caller's
            answer.set_exception(error)
        return answer


class _Selector(selectors.BaseSelector):
    """Waits in the loop's own time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()
        self._rounds = 0
        self._watched = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; time goes on if nothing is, and nothing outside is asked."""
        loop, real = self._loop, self._real
        watched = self._watched > _OWN
        self._rounds += 1
        if self._rounds > MOST_ROUNDS:
            raise Stalled(f"it did not come to rest in {MOST_ROUNDS:,} rounds of the event loop")
        if timeout is not None and timeout <= 0:
            return real.select(0) if watched or loop.asks_outside else []
        if watched or loop.asks_outside:
            ready = real.select(loop.patience)
            if ready:
                return ready
        if timeout is None:
            raise Stalled("everything waits, and nothing will ever happen")
        loop.advance(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._loop.opened()
        key = self._real.register(fileobj, events, data)
        self._watched += 1
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._real.unregister(fileobj)
        self._watched -= 1
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()
