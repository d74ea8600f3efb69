"""Renewing a lease from a thread of its own, so that nothing that an action does can hold it up.

An action that blocks the event loop keeps its worker from everything else, but the worker is alive:
taking its sagas away would only put what it is doing in doubt. So the lease is renewed here, over a
connection of its own. A loop that is blocked for too long is taken for dead after all: the lease
runs out, and others go on.

Touches: a thread, a second connection to the database.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sagas.clock import SteadyClock, ticks
from sagas.driving.writer import LeaseHolder
from sagas.errors import JournalError, LeaseLost
from sagas.frozen import is_loop_clock_replaced, sleep_regardless
from sagas.ports import Store

log = logging.getLogger("sagas")

BLOCKED_SECONDS = 60.0
"""For how long a loop that does not answer is covered for, or six leases if that is longer."""

BEATS = 4
"""How often a lease is renewed within its length."""

RETRY_SECONDS = 0.5


class Heart:
    """Renews one lease until it is stopped, or the lease is lost.

    Args:
        open_store: Opens a store of its own.
        clock: Set by the database's clock at each renewal, if there is one to be set.
        lost: Called in the worker's loop if the lease is lost.
    """

    def __init__(
        self,
        holder: LeaseHolder,
        open_store: Callable[[], Awaitable[Store]],
        clock: SteadyClock | None,
        lost: Callable[[LeaseLost], None],
    ) -> None:
        self._holder = holder
        self._open_store = open_store
        self._clock = clock
        self._lost = lost
        self._worker = _Answering()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beating: asyncio.Task[None] | None = None
        self._store: Store | None = None
        self._is_stopped = False
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="sagas-lease", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Beat no more; returns when the thread has ended."""
        self._is_stopped = True
        if self._loop is not None and self._beating is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._beating.cancel)
        await self._ended.wait()  # no thread of the loop's is needed: all of them may be blocked
        self._thread.join()

    def _live(self) -> None:
        try:
            while not self._is_stopped:
                self._beat_until_it_fails()
        finally:
            self._worker.call(self._ended.set)

    def _beat_until_it_fails(self) -> None:
        try:
            asyncio.run(self._beat())
        except asyncio.CancelledError:
            return
        except Exception:
            log.exception("renewing the lease failed unexpectedly; it is begun anew")
            time.sleep(RETRY_SECONDS)

    async def _beat(self) -> None:
        self._beating, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        try:
            while not self._is_stopped:
                await sleep_regardless(self._holder.lease.seconds / BEATS)
                if self._worker.is_gone():
                    self._is_stopped = True
                    return
                # Under a clock that a test froze, nothing could say how long the lease lasts.
                if not is_loop_clock_replaced() and self._worker.may_be_alive(
                    self._holder.lease.seconds
                ):
                    await self._renew()
        except LeaseLost as error:
            self._is_stopped = True
            self._worker.call(self._lost, error)
        finally:
            store, self._store = self._store, None
            if store is not None:
                await store.close()

    async def _renew(self) -> None:
        """Renew the lease; what is wrong with the database may be over the next time.

        Raises:
            LeaseLost: There is nothing to be renewed.
        """
        try:
            if self._store is None:
                self._store = await self._open_store()
            asked = ticks()
            lease = await self._store.renew(self._holder.lease)
        except LeaseLost:
            raise
        except JournalError as error:
            log.warning("the lease could not be renewed: %s", error)
        except Exception:
            log.exception("renewing the lease failed unexpectedly; it is tried again")
        else:
            self._holder.extended(asked=asked)
            if self._clock is not None:
                self._clock.set(lease.at, asked=asked)


class _Answering:
    """The worker's event loop, as seen from another thread; made in the worker's."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._answered_at = self._loop.time()
        self._is_asked = self._was_told = False

    def call(self, fn: Callable[..., None], *args: LeaseLost) -> None:
        """Call a function there; nothing if the loop is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(fn, *args)

    def is_gone(self) -> bool:
        """Whether the loop is closed, so that nothing can be driven in it."""
        return self._loop.is_closed()

    def may_be_alive(self, lease: float) -> bool:
        """Whether the loop answers, or has not been silent for too long."""
        if not self._is_asked:
            self._is_asked = True
            self.call(self._answer)
            return True
        silent, patience = self._loop.time() - self._answered_at, max(BLOCKED_SECONDS, 6 * lease)
        if silent > lease / 2 and not self._was_told:
            self._was_told = True
            log.warning(
                "the event loop has been blocked for %.1f s: an action that blocks belongs into a "
                "function that is not async. The lease is renewed meanwhile, for %g s at most. "
                "It hangs here:\n%s",
                silent,
                patience,
                self._where(),
            )
        return silent <= patience

    def _answer(self) -> None:
        self._answered_at = self._loop.time()
        self._is_asked = self._was_told = False

    def _where(self) -> str:
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return "".join(traceback.format_stack(frame)[-4:]) if frame is not None else "(unknown)"
