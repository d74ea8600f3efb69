"""A user's own fake as a World: its calls are recorded, its state is read by its own functions.

```python
bank = Bank()
world = Recording(reset=bank.clear, snapshot=lambda: bank.balances)
partner = world.wrap(bank, "charge", "refund")  # what the actions call
```

Touches: nothing but what it is given.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar, cast

from pydantic import JsonValue

from sagas.authoring.signatures import is_async
from sagas.model import Direction
from sagas.testing.errors import Unexplorable
from sagas.testing.world import Effect
from sagas.testing.worlds.caller import direction_of, key_of

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Recording:
    """A World around a fake of your own.

    Args:
        reset: Makes the fake forget everything; async or not.
        snapshot: What the fake holds, as JSON-able data; async or not.
    """

    def __init__(
        self,
        *,
        reset: Callable[[], object],
        snapshot: Callable[[], JsonValue | Awaitable[JsonValue]],
    ) -> None:
        self._reset = reset
        self._snapshot = snapshot
        self._ledger: list[Effect] = []

    # --- the world ----------------------------------------------------------------------------

    @property
    def is_async(self) -> bool:
        """Whether it has to be waited for."""
        return is_async(self._reset) or is_async(self._snapshot)

    def reset(self) -> Awaitable[None] | None:
        """Reset the fake, and forget what was recorded."""
        done = self._reset()
        if inspect.isawaitable(done):
            return self._forget_after(done)
        self._ledger.clear()
        return None

    def snapshot(self) -> JsonValue | Awaitable[JsonValue]:
        """What the fake holds."""
        return self._snapshot()

    def ledger(self) -> Sequence[Effect]:
        """Every effect since the reset, in the order in which they were recorded."""
        return tuple(self._ledger)

    async def _forget_after(self, reset: Awaitable[object]) -> None:
        await reset
        self._ledger.clear()

    # --- recording ----------------------------------------------------------------------------

    def record(
        self, name: str, *, key: str | None = None, direction: Direction | None = None
    ) -> None:
        """Record an effect, now. For fakes that know their keys, or lose their answers.

        Args:
            key: The key it was asked for under, if not that of the step that calls. A call that
                no step makes is recorded under no key.
            direction: Whether something was undone, if that is not what the step that calls does.
        """
        way = Direction(direction) if direction is not None else direction_of()
        self._ledger.append(Effect(name, way.value, key_of(key)))

    def effect(
        self,
        name: str,
        *,
        key: str | None = None,
        key_from: str | None = None,
        direction: Direction | None = None,
    ) -> "Recorded":
        """Record an effect when a block, or each call of a function, ends without an error.

        As a decorator it takes functions, async or not.

        Args:
            key: As for `record`.
            key_from: The parameter of the function in which the key is sent, so that what is
                recorded is the key that the partner was given.
            direction: As for `record`.
        """
        return Recorded(self, name, key, key_from, direction)

    def wrap(self, fake: T, *methods: str, key_from: str | None = None) -> T:
        """The same object to call, with an effect recorded for each call of these methods.

        Raises:
            Unexplorable: It has no such method.
        """
        for method in methods:
            if not callable(getattr(fake, method, None)):
                raise Unexplorable(f"{type(fake).__name__} has no method {method!r} to record")
        return cast(T, _Wrapped(self, fake, methods, key_from))


class Recorded:
    """A block or a function whose effect is recorded when it ends without an error."""

    def __init__(
        self,
        recording: Recording,
        name: str,
        key: str | None,
        key_from: str | None,
        direction: Direction | None,
    ) -> None:
        self._recording = recording
        self._name = name
        self._key = key
        self._key_from = key_from
        self._direction = direction

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._record(self._key)

    def __call__(self, fn: F) -> F:
        """Decorate a function."""
        signature = inspect.signature(fn) if self._key_from is not None else None
        if signature is not None and self._key_from not in signature.parameters:
            raise Unexplorable(f"{self._name}: the function has no parameter {self._key_from!r}")

        def sent(args: tuple[object, ...], kwargs: dict[str, object]) -> str | None:
            if signature is None:
                return self._key
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments[cast(str, self._key_from)]
            return None if given is None else str(given)

        if is_async(fn):

            @functools.wraps(fn)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                value = await fn(*args, **kwargs)
                self._record(sent(args, kwargs))
                return value

            return cast(F, awaited)

        @functools.wraps(fn)
        def called(*args: Any, **kwargs: Any) -> Any:
            value = fn(*args, **kwargs)
            self._record(sent(args, kwargs))
            return value

        return cast(F, called)

    def _record(self, key: str | None) -> None:
        self._recording.record(self._name, key=key, direction=self._direction)


class _Wrapped:
    """An object with some of its methods recorded."""

    def __init__(
        self, recording: Recording, fake: object, methods: Sequence[str], key_from: str | None
    ) -> None:
        self.__dict__["_fake"] = fake
        for method in methods:
            recorded = recording.effect(method, key_from=key_from)
            self.__dict__[method] = recorded(getattr(fake, method))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_fake"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.__dict__["_fake"], name, value)
