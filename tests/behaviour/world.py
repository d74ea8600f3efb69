"""A fake partner: it remembers every effect with its key, and misbehaves on demand."""

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sagas import current_step
from sagas.model import Direction

LONG_AGO = 3600.0


class Refusal(Exception):
    """The partner says no, and nothing happened."""


class Lost(Exception):
    """The connection broke: nobody knows."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that the partner did."""

    saga_id: str
    path: str
    direction: Direction
    what: str
    key: str


Behaviour = Callable[["World", Effect], Awaitable[str]]
Witness = Callable[[Effect, int], Awaitable[bool]]


@dataclass
class World:
    """What the partner was asked, what it did, and how it will behave.

    Attributes:
        calls: Every call, whatever became of it.
        effects: What happened; a known key does nothing a second time.
        witness: Asked before each effect: is its intent in the journal?
        orphans: Calls whose intent was not.
    """

    calls: list[Effect] = field(default_factory=list[Effect])
    effects: list[Effect] = field(default_factory=list[Effect])
    probes: list[str] = field(default_factory=list[str])
    orphans: list[Effect] = field(default_factory=list[Effect])
    witness: Witness | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    under_way: asyncio.Event = field(default_factory=asyncio.Event)
    script: dict[str, deque[Behaviour]] = field(default_factory=lambda: defaultdict(deque))
    results: deque[Any] = field(default_factory=deque[Any])
    hidden: set[str] = field(default_factory=set[str])
    blind: int = 0

    def plan(self, what: str, *behaviours: Behaviour) -> None:
        """The next calls for `what` behave like this, one after the other."""
        self.script[what].extend(behaviours)

    async def do(self, what: str) -> str:
        """What every async action calls: one request to the partner."""
        call = self._arrived(what)
        if self.witness is not None and not await self.witness(call, current_step().attempt):
            self.orphans.append(call)
        script = self.script[what]
        behaviour = script.popleft() if script else succeed
        return await behaviour(self, call)

    def do_at_once(self, what: str) -> str:
        """The same for functions that are not async; it always succeeds."""
        return self.happen(self._arrived(what))

    def lets_go(self) -> bool:
        """Wait in a thread to be let go; False if the world is another test's by then."""
        own = self.let_go
        own.wait(10)
        return own is self.let_go

    def _arrived(self, what: str) -> Effect:
        info = current_step()
        call = Effect(info.saga_id, info.path, info.direction, what, info.idempotency_key)
        self.calls.append(call)
        return call

    def happen(self, call: Effect) -> str:
        """The effect takes place, at most once per key."""
        if all(effect.key != call.key for effect in self.effects):
            self.effects.append(call)
        return f"{call.what}-done"

    def find(self, what: str) -> str | None:
        """What a probe asks: is there an effect under the key of the call?"""
        self.probes.append(what)
        if self.blind:
            self.blind -= 1
            raise Lost("the partner cannot be asked")
        key = current_step().idempotency_key
        if what not in self.hidden and any(effect.key == key for effect in self.effects):
            return f"{what}-done"
        return None

    @property
    def done(self) -> list[str]:
        """The forward effects, in order."""
        return [effect.what for effect in self.effects if effect.direction is Direction.DO]

    @property
    def undone(self) -> list[str]:
        """What was undone, in order (`undo-` left out)."""
        return [
            effect.what.removeprefix("undo-")
            for effect in self.effects
            if effect.direction is Direction.UNDO
        ]

    def count(self, what: str) -> int:
        """How often the partner was called for `what`."""
        return sum(call.what == what for call in self.calls)


async def succeed(world: World, call: Effect) -> str:
    """It works."""
    return world.happen(call)


async def refuse(world: World, call: Effect) -> str:
    """It says no; nothing happened."""
    raise Refusal(f"no {call.what}")


async def refuse_beside(world: World, call: Effect) -> str:
    """It says no once another call is under way."""
    await world.under_way.wait()
    return await refuse(world, call)


async def lose_request(world: World, call: Effect) -> str:
    """The request never arrives, and nobody can know that."""
    raise Lost("before the effect")


async def lose_answer(world: World, call: Effect) -> str:
    """It happens, and the answer is lost."""
    world.happen(call)
    raise Lost("after the effect")


async def hang(world: World, call: Effect) -> str:
    """It happens, and no answer comes."""
    world.happen(call)
    world.under_way.set()
    await asyncio.sleep(LONG_AGO)
    return "never"


async def hang_before(world: World, call: Effect) -> str:
    """No answer comes, and nothing happens."""
    world.under_way.set()
    await asyncio.sleep(LONG_AGO)
    return "never"


async def wait_for_release(world: World, call: Effect) -> str:
    """It works once the test lets it."""
    world.under_way.set()
    await world.released.wait()
    return world.happen(call)


async def ignore_cancellation(world: World, call: Effect) -> str:
    """It takes its time, whoever cancels it."""
    world.under_way.set()
    while not world.released.is_set():
        try:
            await world.released.wait()
        except asyncio.CancelledError:
            continue
    return world.happen(call)


def raising(error: BaseException, *, after: bool = False) -> Behaviour:
    """It raises this, before or after the effect."""

    async def behave(world: World, call: Effect) -> str:
        if after:
            world.happen(call)
        raise error

    return behave


world = World()
"""The one that actions talk to; `renew` empties it before each test."""


def renew() -> World:
    """An empty world in the place of the old one."""
    world.__init__()  # type: ignore[misc]
    return world
