"""Running a body, or a branch of it, so that it can be let go of.

A body that catches everything in a loop goes on after it was left: each of its calls is refused, it
catches the refusal, and calls again, for ever. After some refusals its next call does not return,
and whoever runs it stops there. Such a body is never freed, because that would run it on.

An exit in a body ends the body, never the process that drives it.

Touches: the interpreter's reference counts.
"""

import ctypes
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Final, NoReturn

from sagas.errors import Parked

PATIENCE = 100
"""How many refusals a body may catch before it is let go of."""

_LET_GO: Final = object()


class Exited(Exception):
    """The body raised `SystemExit`, which would have ended the worker."""


class Endless(Coroutine[Any, Any, Any]):
    """What a call returns to a body that does not stop: awaited, it never comes back."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Let go of whoever awaits it."""
        yield _LET_GO

    def send(self, value: Any) -> Any:
        """Let go of whoever awaits it."""
        return _LET_GO

    def throw(self, *args: Any) -> NoReturn:
        """Leave by the exception given."""
        error = args[0]
        raise error

    def close(self) -> None:
        """There is nothing to close."""


class Leash:
    """Awaits some work, and lets go of it where it awaits an `Endless`.

    Attributes:
        is_cut: The work is let go of as soon as it is cancelled, or goes on.
    """

    def __init__(self, work: Awaitable[Any]) -> None:
        self._work = work
        self.is_cut = False

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run the work.

        Raises:
            Parked: It was let go of.
            Exited: It raised `SystemExit`.
        """
        inner: Any = self._work.__await__()
        error: BaseException | None = None
        while True:
            if self.is_cut:
                keep_for_ever(inner)
                raise Parked
            try:
                wanted = inner.send(None) if error is None else inner.throw(error)
            except StopIteration as stop:
                return stop.value
            except SystemExit as exit_:
                raise Exited(f"SystemExit({exit_.code!r}) in a saga's body") from exit_
            if wanted is _LET_GO:
                keep_for_ever(inner)
                raise Parked
            error = None
            try:
                yield wanted
            except BaseException as thrown:  # noqa: BLE001  it is handed on
                error = thrown


def keep_for_ever(work: object) -> None:
    """Lose a reference on purpose: not even the interpreter's end may free this and run it on."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(work))
