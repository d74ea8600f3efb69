"""Where the planned faults of one life strike, and what a run without them would meet there.

Touches: the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sagas.authoring import context
from sagas.authoring.context import StepInfo
from sagas.errors import JournalUnavailable, NotExecuted
from sagas.ports import FaultPoints
from sagas.testing.oracles import Call
from sagas.testing.simulating.faults import ALWAYS, CALLS, STORAGE, TURNS, Fault, Kind


class Escape(BaseException):
    """No `Exception`: what a library that is careless about its errors lets out."""


class NotStorable:
    """A value of no type that could be stored."""


@dataclass(slots=True)
class Seen:
    """What a run met, over all its lives: where faults could have struck.

    Attributes:
        boundaries: For each life, its boundaries in words.
        storage: For each life, its storage calls.
        turns: For each life, the turns of its event loop.
        calls: Every call of an action or a compensation, in order.
        results: What each call returned, by its key.
        landed: The faults that struck, by their places.
        durable: The number of the saga's last entry that is durable.
    """

    boundaries: list[list[str]] = field(default_factory=list[list[str]])
    storage: list[list[str]] = field(default_factory=list[list[str]])
    turns: list[int] = field(default_factory=list[int])
    calls: list[Call] = field(default_factory=list[Call])
    results: dict[str, object] = field(default_factory=dict[str, object])
    landed: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])
    durable: int = 0


class Striking(FaultPoints):
    """The faults of one life.

    Args:
        life: Which life it is, counted from 1.
        die: Ends the process; nothing of it goes on.
        outside: Says that something outside may be asked.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        seen: Seen,
        life: int,
        *,
        die: Callable[[], None],
        outside: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._seen = seen
        self._die = die
        self._outside = outside
        self._kills = {f.at: f for f in faults if f.kind is Kind.KILL and f.life == life}
        self._storage = {f.at: f for f in faults if f.kind in STORAGE and f.life == life}
        self.turns = {f.at: f for f in faults if f.kind in TURNS and f.life == life}
        self._calls = [f for f in faults if f.kind in CALLS]
        self._boundaries: list[str] = []
        self._stored: list[str] = []
        seen.boundaries.append(self._boundaries)
        seen.storage.append(self._stored)
        self.dead = False

    # --- boundaries and calls -------------------------------------------------------------------

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """A boundary: the process may end here."""
        if self.dead:
            await never()
        self._boundaries.append(f"{point} {path}")
        fault = self._kills.get(len(self._boundaries))
        if fault is not None:
            self.land(fault)
            self._die()
            await never()

    async def called(self, saga_id: str, path: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """A call is made; it may go wrong before or after it takes effect."""
        await self.reached("before-call", saga_id, path)
        info = context.step.get()
        if info is None:
            return await call()
        self._seen.calls.append(
            Call(info.path, info.direction, info.idempotency_key, info.attempt, self._seen.durable)
        )
        fault = self._fault_of(info)
        if fault is not None:
            await self._before(fault)
        with self._outside():
            value = await call()
        self._seen.results[info.idempotency_key] = value
        await self.reached("after-call", saga_id, path)
        return value if fault is None else await self._after(fault)

    async def _before(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.REFUSE:
                self.land(fault)
                raise NotExecuted("it was refused")
            case Kind.LOSE_REQUEST:
                self.land(fault)
                raise ConnectionError("the request was lost")
            case Kind.HANG_BEFORE:
                self.land(fault)
                await never()
            case _:
                return  # it strikes when the call has taken effect

    async def _after(self, fault: Fault) -> object:
        self.land(fault)
        match fault.kind:
            case Kind.LOSE_ANSWER:
                raise ConnectionError("the answer was lost")
            case Kind.HANG:
                await never()
            case Kind.CRASH:
                raise Escape("it raised what is no Exception")
            case Kind.CANCEL_CALL:
                raise asyncio.CancelledError
            case _:
                pass
        return NotStorable()

    def _fault_of(self, info: StepInfo) -> Fault | None:
        for fault in self._calls:
            if (fault.path, fault.direction) == (info.path, info.direction) and fault.at in (
                ALWAYS,
                info.attempt,
            ):
                return fault
        return None

    # --- storage --------------------------------------------------------------------------------

    async def stores(self, what: str) -> Fault | None:
        """A storage call begins; gives the fault that strikes when it is done.

        Raises:
            JournalUnavailable: It fails at once.
        """
        if self.dead:
            await never()
        self._stored.append(what)
        fault = self._storage.get(len(self._stored))
        if fault is not None:
            self.land(fault)
            if fault.kind is Kind.STORE_DOWN:
                raise JournalUnavailable("the database did not answer, and did nothing")
        return fault

    async def stored(self, fault: Fault | None, durable: int) -> None:
        """It is done; its answer may be lost.

        Raises:
            JournalUnavailable: It is.
        """
        self._seen.durable = max(self._seen.durable, durable)
        if self.dead:
            await never()
        if fault is not None:
            raise JournalUnavailable("the database did it, and its answer was lost")

    def land(self, fault: Fault) -> None:
        """Note that a fault struck."""
        self._seen.landed.add(fault.place)


async def never() -> NoReturn:
    """Wait for ever."""
    while True:
        await asyncio.get_running_loop().create_future()
