"""What is real, for simulated processes: asked from a loop of virtual time, it answers at once.

What it is asked goes to an event loop of its own, in which real time passes, and whoever asks
stands still until the answer is there. So a run goes the same way on each database, and as it goes
in memory: an answer never comes a little earlier or later than in another run.

Touches: threads, the database of a URL.
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar, cast

from sagas.journal import open_database
from sagas.journal.bell import Bell
from sagas.journal.operation import Hint, Making, Mode, Operation, Violation
from sagas.journal.store import Database
from sagas.ports import Applied, CreateSaga, Lease, Project, Unit

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""Nothing changes that is not heard of, so that nobody has to look each second."""


class RealTime:
    """An event loop in a thread of its own, which begins when it is needed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have it done there, and wait for it here."""
        return asyncio.run_coroutine_threadsafe(work, self._running()).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.SelectorEventLoop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="sagas-real-time", daemon=True
            )
            self._thread.start()
        return self._loop

    def close(self) -> None:
        """End it."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class PromptDatabase:
    """A database as one simulated process sees it.

    Args:
        users: Everybody who sees it: they are told of what one of them does.
    """

    keeps_time = False

    def __init__(
        self, database: Database, real_time: RealTime, users: "list[PromptDatabase]"
    ) -> None:
        self.journal_id = database.journal_id
        self._database = database
        self._real_time = real_time
        self._bell = Bell()
        self._closed = False
        self._users = users
        users.append(self)

    @classmethod
    def open(cls, url: str, real_time: RealTime, users: "list[PromptDatabase]") -> "PromptDatabase":
        """Connect.

        Raises:
            JournalError: As `open_database`.
        """
        return cls(real_time.do(open_database(url)), real_time, users)

    def process(self) -> tuple[str, int, int]:
        """The host, the id and the start of the real process."""
        return self._database.process()

    def is_gone(self, worker: tuple[str, int, int]) -> bool:
        """Whether a real process is known to run no more."""
        return self._database.is_gone(worker)

    async def run(self, make: Making[T], mode: Mode) -> T:
        """Run an operation in one transaction."""
        hints: list[Hint] = []

        def listening(again: bool) -> Operation[T]:
            return _listening(make(again), hints)

        result = self._real_time.do(self._database.run(listening, mode))
        if mode is Mode.WRITE:
            self._ring(own=bool(hints))
        return result

    async def append(self, lease: Lease, units: Sequence[Unit], *, again: bool) -> list[Applied]:
        """Append units in one transaction; `again` if it may have been done before."""
        answers = self._real_time.do(self._database.append(lease, units, again=again))
        self._ring(own=any(_is_awaited(op) for unit in units for op in unit.ops))
        return answers

    async def changed(self, seconds: float) -> None:
        """Return when somebody changed something."""
        patience = seconds if seconds < 1 else PATIENCE_SECONDS
        await self._bell.heard(patience, since=self._bell.told())

    async def close(self) -> None:
        """Let go of it."""
        self.disconnect()

    def disconnect(self) -> None:
        """The same, from anywhere."""
        if self._closed:
            return
        self._closed = True
        self._users.remove(self)
        self._real_time.do(self._database.close())

    def _ring(self, *, own: bool) -> None:
        for user in self._users:
            if own or user is not self:
                user._bell.ring()  # noqa: SLF001


def _is_awaited(op: object) -> bool:
    return isinstance(op, CreateSaga) or (isinstance(op, Project) and op.release)


def _listening(operation: Operation[T], hints: list[Hint]) -> Operation[T]:
    """The same operation, with its hints noted."""
    try:
        step = next(operation)
        while True:
            if isinstance(step, Hint):
                hints.append(step)
            try:
                rows = yield step
            except Violation as violation:
                step = operation.throw(violation)
            else:
                step = operation.send(rows)
    except StopIteration as stop:
        return cast(T, stop.value)
