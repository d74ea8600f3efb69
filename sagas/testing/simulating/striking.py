"""Where the planned faults of one life strike, and what a run without them would meet there.

Touches: the event loop.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NoReturn

from reversibility import Reversibility
from sagas.authoring import context
from sagas.authoring.action import Action
from sagas.authoring.context import StepInfo
from sagas.driving.hold import GRACE_SECONDS
from sagas.errors import JournalUnavailable, NotExecuted, PayloadError
from sagas.model import Direction
from sagas.ports import FaultPoints
from sagas.testing.errors import in_one_line
from sagas.testing.oracles import Call
from sagas.testing.simulating.faults import (
    ALWAYS,
    BOUNDARIES,
    CALLS,
    STORAGE,
    TURNS,
    Fault,
    Kind,
)

SLOW_SECONDS = 5.0

LATE_SECONDS = GRACE_SECONDS + 0.001
"""How long after it was cancelled a call answers that is too late."""

OUTAGE_SECONDS = 400 * 86_400.0
"""Longer than most keys are known, and than most approvals are valid."""


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
        told: The calls that answered in the end: in which life, of which path and direction.
        cancels: How often somebody asked for the saga to be undone, and was not refused.
        calls: Every call of an action or a compensation, in order.
        final: The keys of those that cannot be undone.
        results: What each call returned, by its key.
        answers: The first attempt that answered, of each path and direction of which one did.
        landed: The faults that struck, by their places, with the turn in which they did first.
        durable: The number of the saga's last entry that is durable.
        begun: The turn of its life in which the saga's first entry became durable; 0 before.
        raised: What each call raised by itself that says nothing about itself: neither that it
            did not happen, nor that it was lost on its way; by its path and direction.
        left: The calls that answered or raised while a task that they began went on.
    """

    boundaries: list[list[str]] = field(default_factory=list[list[str]])
    storage: list[list[str]] = field(default_factory=list[list[str]])
    turns: list[int] = field(default_factory=list[int])
    calls: list[Call] = field(default_factory=list[Call])
    results: dict[str, object] = field(default_factory=dict[str, object])
    answers: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    landed: dict[tuple[object, ...], int] = field(default_factory=dict[tuple[object, ...], int])
    final: set[str] = field(default_factory=set[str])
    durable: int = 0
    begun: int = 0
    told: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    cancels: int = 0
    raised: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    left: dict[tuple[str, str], None] = field(default_factory=dict[tuple[str, str], None])


class Striking(FaultPoints):
    """The faults of one life.

    Args:
        life: Which life it is, counted from 1.
        die: Ends the process; nothing of it goes on. The next begins that many seconds later.
        outside: Says that something outside may be asked.
        find: Finds an action by its name and version.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        seen: Seen,
        life: int,
        *,
        die: Callable[[float], None],
        outside: Callable[[], AbstractContextManager[None]],
        find: Callable[[str, int], Action[..., Any] | None],
    ) -> None:
        self._seen = seen
        self._life = life
        self._die = die
        self._outside = outside
        self._find = find
        self._kills = {f.at: f for f in faults if f.kind in BOUNDARIES and f.life == life}
        self._late: list[asyncio.Future[None]] = []
        self._hanging: list[asyncio.Future[None]] = []
        self._storage = {f.at: f for f in faults if f.kind in STORAGE and f.life == life}
        self.turns = {f.at: f for f in faults if f.kind in TURNS and f.life == life}
        self._calls = [f for f in faults if f.kind in CALLS]
        self._begun: list[tuple[StepInfo, asyncio.Task[Any]]] = []
        self._boundaries: list[str] = []
        self._stored: list[str] = []
        seen.boundaries.append(self._boundaries)
        seen.storage.append(self._stored)
        self.turn = 0
        self.dead = False

    # --- boundaries and calls -------------------------------------------------------------------

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """A boundary: the process may end here."""
        if self.dead:
            await self._never()
        self._boundaries.append(f"{point} {path}")
        fault = self._kills.get(len(self._boundaries))
        if fault is not None:
            self.land(fault)
            self._die(OUTAGE_SECONDS if fault.kind is Kind.OUTAGE else 0.0)
            await self._never()

    async def called(
        self,
        saga_id: str,
        path: str,
        call: Callable[[], Awaitable[Any]],
        *,
        action: tuple[str, int],
        reversibility: Reversibility,
        arguments: Mapping[str, object],
    ) -> Any:
        """A call is made; it may go wrong before or after it takes effect."""
        await self.reached("before-call", saga_id, path)
        info = context.step.get()
        if info is None:
            return await call()
        if reversibility.has_effect and not reversibility.is_undoable:
            self._seen.final.add(info.idempotency_key)
        self._note(info, self._find(*action), arguments)
        fault = self._fault_of(info)
        if fault is not None:
            await self._before(fault)
        value = await self._made(info, call)
        self._seen.results[info.idempotency_key] = value
        self._seen.answers.setdefault((info.path, info.direction), info.attempt)
        await self.reached("after-call", saga_id, path)
        if fault is not None:
            value = await self._after(fault, value)
        self._seen.told.append((self._life, info.path, info.direction))
        return value

    def _note(
        self, info: StepInfo, action: Action[..., Any] | None, arguments: Mapping[str, object]
    ) -> None:
        """Note a call that is about to be made."""
        digest = None
        if action is not None and info.direction is Direction.DO:
            digest = _digest(action, arguments)
        self._seen.calls.append(
            Call(
                info.path,
                info.direction,
                info.idempotency_key,
                info.attempt,
                self._seen.durable,
                digest,
            )
        )

    async def _made(self, info: StepInfo, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the call itself gives; see what it leaves behind."""
        try:
            with self._outside():
                value = await call()
        except Exception as error:
            if not isinstance(error, NotExecuted | OSError):
                self._seen.raised[(info.path, info.direction)] = in_one_line(error)
            self._look_behind(info)
            raise
        self._look_behind(info)
        return value

    def _look_behind(self, info: StepInfo) -> None:
        """Note it if a task goes on that a call began, and that call is over."""
        if any(begun is info and _goes_on(task) for begun, task in self._begun):
            self._seen.left[(info.path, info.direction)] = None

    def begin(
        self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any
    ) -> "asyncio.Task[Any]":
        """Make a task, and remember which call it is of."""
        task = asyncio.Task(work, loop=loop, **options)
        ambient: contextvars.Context | None = options.get("context")
        info = context.step.get() if ambient is None else ambient.get(context.step)
        if info is not None:
            self._begun.append((info, task))
        return task

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
                await self._never()
            case Kind.COME_LATE:
                self.land(fault)
                await self._outlast()
            case _:
                return  # it strikes when the call has taken effect

    async def heard(self) -> bool:
        """Wait for the answers that are still to come; tells whether there were any."""
        late, self._late = self._late, []
        for answer in late:
            await answer
        return bool(late)

    async def _outlast(self) -> None:
        """Wait until nobody waits for the answer any more."""
        over = asyncio.get_running_loop().create_future()
        self._late.append(over)
        try:
            await asyncio.sleep(OUTAGE_SECONDS)
        except asyncio.CancelledError:
            await asyncio.sleep(LATE_SECONDS)
        finally:
            if not over.done():
                over.set_result(None)

    async def _after(self, fault: Fault, value: object) -> object:
        self.land(fault)
        match fault.kind:
            case Kind.LOSE_ANSWER:
                raise ConnectionError("the answer was lost")
            case Kind.HANG:
                await self._never()
            case Kind.CRASH:
                raise Escape("it raised what is no Exception")
            case Kind.CANCEL_CALL:
                raise asyncio.CancelledError
            case Kind.POISON:
                return NotStorable()
            case Kind.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
            case _:
                pass
        return value

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
            await self._never()
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
        if durable and not self._seen.durable:
            self._seen.begun = self.turn
        self._seen.durable = max(self._seen.durable, durable)
        if self.dead:
            await self._never()
        if fault is not None:
            raise JournalUnavailable("the database did it, and its answer was lost")

    @property
    def has_begun(self) -> bool:
        """Whether there is a saga yet."""
        return self._seen.durable > 0

    def cancelled(self) -> None:
        """Note that somebody asked for the saga to be undone, and that this was accepted."""
        self._seen.cancels += 1

    def land(self, fault: Fault) -> None:
        """Note that a fault struck."""
        self._seen.landed.setdefault(fault.place, self.turn)

    async def _never(self) -> NoReturn:
        """Wait for ever, and be there until the process is gone.

        What nothing refers to but itself, the garbage collector would end in the middle of a life.
        """
        while True:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._hanging.append(future)
            await future


def _digest(action: Action[..., Any], arguments: Mapping[str, object]) -> str:
    """The digest of what an action is given, as its intent would have it."""
    try:
        return sha256(action.inputs.encode(dict(arguments))).hexdigest()
    except PayloadError as error:
        return str(error)  # what no intent can hold


def _goes_on(task: "asyncio.Task[Any]") -> bool:
    """Whether a task that a call began is neither done nor about to end."""
    if task is asyncio.current_task() or task.get_name().startswith("sagas-"):
        return False  # it is the call, or one of ours that a call woke, such as the limiter's
    return not task.done() and not task.cancelling()
