"""Several worlds looked at as one: a saga that acts on two partners, each with a ledger of its own.

Touches: what the worlds touch.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from sagas.testing.errors import Unexplorable
from sagas.testing.world import Effect, Snapshot, World, is_async

T = TypeVar("T")


class Sourced(Effect):
    """An effect in the ledger of one of several worlds."""

    _world: int

    @classmethod
    def by(cls, source: int, line: Any) -> Any:
        """A line of a ledger, with the world it is from; what is no line stays as it is."""
        try:
            made = cls(*line)
        except TypeError:
            return line
        made._world = source
        return made

    @property
    def source(self) -> int:
        """The world's number."""
        return self._world


class Worlds:
    """A World of several: each is reset, shown and asked for what it did.

    ```python
    report = await explore(book_trip, trip, world=Worlds(hotel, bank))
    ```

    A ledger tells the order of its own effects. What came first of two that different worlds
    recorded, nobody knows, and no rule asks.

    Args:
        worlds: Each with books of its own; providers `beside` each other are one world.

    Raises:
        Unexplorable: One of them is named twice.
    """

    def __init__(self, *worlds: World) -> None:
        if len({id(world) for world in worlds}) < len(worlds):
            raise Unexplorable("one world is there twice: name each once")
        self._worlds = worlds

    @property
    def is_async(self) -> bool:
        """Whether one of them has to be waited for."""
        return any(map(is_async, self._worlds))

    def reset(self) -> Awaitable[None] | None:
        """Let each of them forget everything, in this order."""
        return self._each("reset", lambda _: None)

    def snapshot(self) -> Snapshot:
        """What each of them holds: a list, in this order."""
        return self._each("snapshot", lambda held: held)

    def ledger(self) -> Sequence[Effect] | Awaitable[Sequence[Effect]]:
        """What each of them recorded, one ledger after the other."""
        return self._each("ledger", _one_after_the_other)

    def _each(self, method: str, told: Callable[[list[Any]], T]) -> T | Awaitable[T]:
        calls: list[Callable[[], Any]] = [getattr(world, method) for world in self._worlds]
        return _waited(calls, told) if self.is_async else told([call() for call in calls])


async def _waited(calls: Sequence[Callable[[], Any]], told: Callable[[list[Any]], T]) -> T:
    answers: list[Any] = []
    for call in calls:
        answer = call()
        answers.append(await answer if inspect.isawaitable(answer) else answer)
    return told(answers)


def _one_after_the_other(ledgers: Sequence[Sequence[Any]]) -> Sequence[Effect]:
    lines = [Sourced.by(source, line) for source, ledger in enumerate(ledgers) for line in ledger]
    return cast(Sequence[Effect], lines)
