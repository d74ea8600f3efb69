"""Rounds: looking, again and again, for sagas that are due and that this process is to drive.

Wake-ups are hints and rows are the truth: whatever one round misses, the next one finds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from itertools import islice
from typing import Any

from sagas.driving.environment import Environment
from sagas.ports import Store, Suspects

SWEEP_SECONDS = 3.0
CROWD = 200
"""Whoever follows more sagas than this asks which are due, before naming any."""

DUE_AT_MOST = 5_000
AT_ONCE = 10
"""How many sagas are read at the same time."""

TakeUp = Callable[[Environment, str], Awaitable[None]]


class Wanted:
    """The sagas that this process is to drive whenever they are due."""

    def __init__(self) -> None:
        self.everything = False
        self._followed: set[str] = set()
        self._queue: dict[str, None] = {}

    def follow(self, saga_id: str) -> None:
        """Drive this saga whenever it is due and nobody else does."""
        self._followed.add(saga_id)

    def follows(self, saga_id: str) -> bool:
        """Whether this saga is wanted by name."""
        return saga_id in self._followed

    def unfollow(self, saga_id: str) -> None:
        """Leave this saga to others."""
        self._followed.discard(saga_id)
        self._queue.pop(saga_id, None)

    def queue(self, saga_id: str) -> None:
        """Drive this saga, which is due, as soon as there is room: first come, first served."""
        self._queue[saga_id] = None

    def asked_for(self, saga_ids: Iterable[str]) -> None:
        """There was room for them, so they wait for it no more.

        One that was not to be had is with somebody else, or has ended: it is looked at with all
        that is followed, or it would keep the place of those behind it for ever.
        """
        for saga_id in saga_ids:
            if saga_id in self._queue:
                del self._queue[saga_id]
                self._followed.add(saga_id)

    @property
    def anything(self) -> bool:
        """Whether there is anything that is to be driven."""
        return bool(self.everything or self._followed or self._queue)

    @property
    def is_crowd(self) -> bool:
        """Whether naming all that is followed would take long."""
        return not self.everything and len(self._followed) > CROWD

    def candidates(self, room: int, due: set[str] | None = None) -> list[str] | None:
        """Which sagas may be taken now; None for every one.

        Args:
            due: What is due, where that is known.
        """
        if self.everything:
            return None
        followed = self._followed if due is None else self._followed & due
        return [*islice(self._queue, room), *sorted(followed - self._queue.keys())]


class Rounds:
    """Makes one round after the other.

    Args:
        wanted: What this process is to drive.
        room: How many more sagas it can drive now.
        suspects: Which of those it may take that workers have died of.
        take_up: Called with each saga that it holds and is to drive.
    """

    def __init__(
        self,
        store: Store,
        known: list[tuple[str, int]],
        wanted: Wanted,
        *,
        room: Callable[[], int],
        suspects: Callable[[], Suspects],
        drives: Callable[[str], bool],
        take_up: TakeUp,
    ) -> None:
        self._store = store
        self._known = known
        self._wanted = wanted
        self._room = room
        self._suspects = suspects
        self._drives = drives
        self._take_up = take_up
        self._again: set[str] = set()
        self._later: set[str] = set()
        self._swept_at = 0.0
        self._looking = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, environment: Callable[[], Environment | None]) -> "asyncio.Task[None]":
        """Make a round; it is made to its end even if whoever asked for it is cancelled.

        What was claimed is driven.
        """
        return self.run(self._round(environment))

    def run(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do something that is to be finished before this worker closes."""
        task = asyncio.get_running_loop().create_task(work, name="sagas-look")
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def finished(self) -> None:
        """Wait for the rounds under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def again(self, saga_id: str) -> None:
        """Take this saga up in the next round: this worker holds it."""
        self._later.discard(saga_id)
        self._again.add(saga_id)

    def later(self, saga_id: str, seconds: float) -> None:
        """Take it up after a while."""
        self._later.add(saga_id)
        asyncio.get_running_loop().call_later(seconds, self.again, saga_id)

    def hold(self, saga_id: str) -> None:
        """Leave it alone, although this worker holds it."""
        self._later.add(saga_id)

    def free(self, saga_id: str) -> None:
        """It is held no more."""
        self._later.discard(saga_id)

    def forget(self) -> None:
        """This worker holds nothing any more."""
        self._again.clear()

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does, the next round meets it too

    async def _round(self, present: Callable[[], Environment | None]) -> None:
        async with self._looking:
            environment = present()
            if environment is None:
                return
            await self._sweep(environment)
            again, self._again = self._again, set()
            held = [*again, *await self._claim(environment)]
            for first in range(0, len(held), AT_ONCE):
                if present() is None:
                    return  # this worker closes, and lets go of all that it holds
                few = held[first : first + AT_ONCE]
                await asyncio.gather(*(self._take_up(environment, saga_id) for saga_id in few))

    async def _sweep(self, environment: Environment) -> None:
        """Find what this worker holds and does not drive, whatever lost it."""
        now = asyncio.get_running_loop().time()
        if now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        held = await self._store.held(environment.holder.lease)
        self._again.update(
            saga_id for saga_id in held if not self._drives(saga_id) and saga_id not in self._later
        )

    async def _claim(self, environment: Environment) -> list[str]:
        room, now = self._room(), environment.now()
        if room <= 0 or not self._wanted.anything:
            return []
        only = self._wanted.candidates(room, await self._due(now))
        claimed = await self._store.claim(
            environment.holder.lease,
            now=now,
            only=only,
            limit=room,
            known=self._known,
            suspects=self._suspects(),
        )
        self._wanted.asked_for(claimed if only is None else only)
        return claimed

    async def _due(self, now: int) -> set[str] | None:
        """What is due, if it is needed and can be told."""
        if not self._wanted.is_crowd:
            return None
        due = await self._store.due(now=now, limit=DUE_AT_MOST)
        return set(due) if len(due) < DUE_AT_MOST else None
