"""What a saga's body calls besides its steps.

Pure.
"""

from collections.abc import Awaitable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import Token
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast, overload
from uuid import UUID

from sagas.authoring.context import MAX_BECAUSE, current_scope, reason
from sagas.authoring.naming import check_name
from sagas.errors import DefinitionError
from sagas.moments import given_duration, given_instant

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


# The coroutines below say `object` and `None` where others say `Any`: mypy takes an `Any` among the
# arguments of an overload for a reason to give up, and a tuple of results would be `Any` too.
@overload
def parallel(a: Awaitable[A], /) -> Coroutine[object, None, tuple[A]]: ...
@overload
def parallel(a: Awaitable[A], b: Awaitable[B], /) -> Coroutine[object, None, tuple[A, B]]: ...
@overload
def parallel(
    a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], /
) -> Coroutine[object, None, tuple[A, B, C]]: ...
@overload
def parallel(
    a: Awaitable[A],
    b: Awaitable[B],
    c: Awaitable[C],
    d: Awaitable[D],
    /,
) -> Coroutine[object, None, tuple[A, B, C, D]]: ...
@overload
def parallel(
    a: Awaitable[A],
    b: Awaitable[B],
    c: Awaitable[C],
    d: Awaitable[D],
    e: Awaitable[E],
    /,
) -> Coroutine[object, None, tuple[A, B, C, D, E]]: ...
@overload
def parallel(*branches: Awaitable[A]) -> Coroutine[object, None, tuple[A, ...]]: ...
def parallel(*branches: Awaitable[Any]) -> Coroutine[object, None, tuple[Any, ...]]:
    """Run branches at the same time; each is a step, or a coroutine that calls steps.

    When a branch fails, the others begin nothing new, what is running is waited for, and the
    failure of the lowest branch is raised with the others as notes. In an unwind the branches are
    independent of each other.

    Returns:
        The branches' results, in order, once awaited.

    Raises:
        NotInSaga: Called outside a saga's body.
    """
    return current_scope("parallel(...) belongs into a saga's body").parallel(branches)


def savepoint(name: str) -> AbstractAsyncContextManager[None]:
    """A block whose steps are undone, alone, when an exception leaves it.

    The exception goes on after they are undone; a body that catches it can go another way.

    Raises:
        NotInSaga: Called outside a saga's body.
    """
    check_name("savepoint", name)
    return current_scope("savepoint(...) belongs into a saga's body").savepoint(name)


class because:  # noqa: N801  it reads as a word of the body
    """Say why the steps in this block are to run, to the people who are asked to approve them.

    ```python
    with sagas.because("the guest asked for a refund"):
        await refund(order)
    ```

    It is recorded with the gate and shown apart from what would run, as words that nobody has
    verified. It changes nothing of what runs, and may differ when the body runs again. At most 1,000
    characters are kept. In a block within a block the inner words hold.

    Raises:
        DefinitionError: `why` is no text, or blank.
    """

    def __init__(self, why: str) -> None:
        if not isinstance(cast(object, why), str) or not why.strip():
            raise DefinitionError(f"because(...) takes the reason in words, not {why!r}")
        # It is an agent's text, perhaps: what cannot be stored must not end a saga.
        words = why.replace("\x00", "?").encode("utf-8", "replace").decode()
        self._why = words if len(words) <= MAX_BECAUSE else f"{words[: MAX_BECAUSE - 1]}…"
        self._tokens: list[Token[str | None]] = []

    def __enter__(self) -> None:
        """From here on it is the reason."""
        self._tokens.append(reason.set(self._why))

    def __exit__(self, *_: object) -> None:
        """The reason of before holds again."""
        with suppress(ValueError):  # a body that is let go of is closed from somewhere else
            reason.reset(self._tokens.pop())


def now() -> datetime:
    """The present instant, recorded: a body that runs again gets the same one.

    Raises:
        NotInSaga: Called outside a saga's body.
    """
    return current_scope("sagas.now() belongs into a saga's body; elsewhere use a clock").now()


def uuid() -> UUID:
    """A random id, recorded: a body that runs again gets the same one.

    Raises:
        NotInSaga: Called outside a saga's body.
    """
    return current_scope("sagas.uuid() belongs into a saga's body; elsewhere use uuid4()").uuid()


def sleep(duration: timedelta) -> Coroutine[object, None, None]:
    """Sleep durably: it outlives the process, and costs nothing while it lasts.

    Raises:
        NotInSaga: Called outside a saga's body.
        TimerError: `duration` is no timedelta, negative, or longer than a century.
    """
    given_duration("sleep", duration, zero=True)
    return current_scope("sagas.sleep() belongs into a saga's body").sleep(duration)


def event(name: str, *, until: datetime | None = None) -> Coroutine[Any, Any, Any]:
    """Wait durably for an event that `coordinator.send` delivers.

    Events are taken in the order of their arrival, each once; one that came before the wait counts.

    Args:
        until: Give up at this instant (aware). If it has come already, nothing is waited for.

    Returns:
        The event's payload as plain JSON values; None if the time came first.

    Raises:
        NotInSaga: Called outside a saga's body.
        TimerError: `until` has no time zone, or had passed before the saga began.
    """
    check_name("event", name)
    if until is not None:
        given_instant("until", until)
    return current_scope("sagas.event() belongs into a saga's body").event(name, until)
