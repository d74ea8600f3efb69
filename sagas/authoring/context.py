"""What a body and an action can ask of the saga they run in.

Nothing here does anything by itself: the interpreter puts a `Scope` into a context variable
before it runs a body, and a `StepInfo` before it calls an action.

Pure.
"""

from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sagas.errors import NotInSaga
from sagas.model import Direction


@dataclass(frozen=True, slots=True)
class Undone:
    """The forward call that a compensation undoes."""

    idempotency_key: str


@dataclass(frozen=True, slots=True)
class StepInfo:
    """Where an action, compensation or probe is being called.

    Attributes:
        idempotency_key: The key to send with the call. In a probe it is the key of the call
            that is asked about.
        attempt: 1 for the first.
        locks: The lock tokens of the step's locks, by key: whoever holds a key later has a larger
            one, so that a destination can refuse what comes too late.
    """

    saga_id: str
    path: str
    attempt: int
    direction: Direction
    idempotency_key: str
    forward_key: str | None = None
    locks: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def undoes(self) -> Undone:
        """In a compensation and its probe: the forward call, with its key.

        Raises:
            NotInSaga: This is no compensation.
        """
        if self.forward_key is None:
            raise NotInSaga("current_step().undoes has a value only inside a compensation")
        return Undone(self.forward_key)


class Scope(Protocol):
    """A part of a body in which steps are called one after the other."""

    def call(self, action: object, arguments: bytes) -> Coroutine[Any, Any, Any]:
        """A step, its path fixed now."""
        ...

    def now(self) -> datetime:
        """The recorded present."""
        ...

    def uuid(self) -> UUID:
        """A recorded random id."""
        ...

    def sleep(self, duration: timedelta) -> Coroutine[Any, Any, None]:
        """A durable sleep."""
        ...

    def event(self, name: str, until: datetime | None) -> Coroutine[Any, Any, Any]:
        """A durable wait for an event."""
        ...

    def parallel(self, branches: Sequence[Awaitable[Any]]) -> Coroutine[Any, Any, tuple[Any, ...]]:
        """Branches at the same time."""
        ...

    def savepoint(self, name: str) -> AbstractAsyncContextManager[None]:
        """A block that can be unwound alone."""
        ...


MAX_BECAUSE = 1_000
"""As many characters of why are recorded."""

reason: ContextVar[str | None] = ContextVar("sagas_because", default=None)
"""Why what is called next is to run, in the words of the body."""

scope: ContextVar[Scope | None] = ContextVar("sagas_scope", default=None)
step: ContextVar[StepInfo | None] = ContextVar("sagas_step", default=None)


def current_scope(what: str) -> Scope:
    """The scope of the body that is running.

    Raises:
        NotInSaga: There is none.
    """
    found = scope.get()
    if found is None:
        raise NotInSaga(what)
    return found


def current_step() -> StepInfo:
    """Where this action, compensation or probe is being called.

    Raises:
        NotInSaga: Called outside of one.
    """
    found = step.get()
    if found is None:
        raise NotInSaga(
            "current_step() has a value only inside an action, compensation or probe that a saga calls"
        )
    return found
