"""Running a body: paths, replay, branches, savepoints, and leaving it when it has to wait.

A *scope* is a part of a body in which calls are made one after the other: the body itself, a
branch of `parallel`, a block under `savepoint`. The k-th call of a scope has the same path in
every run, because the path is fixed when the call is made, by the task that owns the scope. When
a body runs again, the k-th call must be the k-th recorded one; anything else has *diverged* and is
put before a person before it can have an effect.

A body that has to wait is left: `Parked` is raised at its await, its scope marked first, so that
every later call there raises it again before it takes a path. What the body returns or raises
after that is ignored.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Token
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from sagas.authoring import context
from sagas.authoring.action import Action
from sagas.authoring.context import Scope
from sagas.driving.drive import Drive
from sagas.driving.gates import Gates
from sagas.driving.log import GateMoved, Withdrawn
from sagas.driving.steps import Call, Steps
from sagas.entries import (
    EventTaken,
    Interrupted,
    ParallelClosed,
    Recorded,
    RollbackBegan,
    SavepointSet,
    TimerFired,
    TimerSet,
)
from sagas.errors import NotInSaga, Parked, StepInterrupted
from sagas.fold import Event, Timer
from sagas.model import instant, micros, span


class Body:
    """The scopes of one run of a body."""

    def __init__(self, drive: Drive, steps: Steps, gates: Gates) -> None:
        self.drive = drive
        self.steps = steps
        self.gates = gates
        self.parked = False
        self.news_at_park = 0
        self.uncalled: set[StepCall] = set()
        self.unvisited = {path: set(calls) for path, calls in drive.state.calls.items() if calls}

    def park(self) -> None:
        """A part of the body has to wait."""
        if not self.parked:
            self.parked, self.news_at_park = True, self.drive.news

    @property
    def has_news(self) -> bool:
        """Whether an outcome came after a part of the body was left to wait."""
        return self.parked and self.drive.news != self.news_at_park

    def root(self, name: str) -> "BodyScope":
        """The scope of the body itself."""
        return BodyScope(self, name, None)

    def diverge(self, detail: str) -> None:
        """The body no longer does what is recorded.

        Raises:
            Parked: Always.
        """
        self.drive.diverged = self.drive.diverged or detail
        self.park()
        raise Parked

    def left_unvisited(self) -> str | None:
        """A recorded call that the body did not make again, if any."""
        for scope, ordinals in self.unvisited.items():
            if ordinals:
                return self.drive.state.calls[scope][min(ordinals)]
        return None


class StepCall(Coroutine[Any, Any, Any]):
    """A step, called and not yet awaited."""

    __slots__ = ("_inner", "call", "scope")

    def __init__(self, scope: "BodyScope", call: Call) -> None:
        self.scope = scope
        self.call = call
        self._inner: Coroutine[Any, Any, Any] | None = None
        scope.body.uncalled.add(self)

    def move(self, scope: "BodyScope") -> None:
        """Make it a branch of its own; possible until it is awaited."""
        self.scope.unvisit(self.call.ordinal)
        self.scope = scope
        action = self.call.action
        self.call = scope.place(action, self.call.arguments)

    def _begin(self) -> Coroutine[Any, Any, Any]:
        if self._inner is None:
            self.scope.body.uncalled.discard(self)
            self._inner = self.scope.perform(self.call)
        return self._inner

    def __await__(self) -> Generator[Any, Any, Any]:
        """Perform the step."""
        return self._begin().__await__()

    def send(self, value: Any) -> Any:
        """Perform the step, as a task does."""
        return self._begin().send(value)

    def throw(self, *args: Any) -> Any:
        """Deliver an exception, as a task does."""
        return self._begin().throw(*args)

    def close(self) -> None:
        """Drop it."""
        if self._inner is not None:
            self._inner.close()


class BodyScope(Scope):
    """One scope of a running body."""

    def __init__(self, body: Body, path: str, parent: "BodyScope | None") -> None:
        self.body = body
        self.path = path
        self.parent = parent
        self.task: asyncio.Task[Any] | None = None
        self.parked = False
        self.closed = False
        self._ordinal = 0
        self._names: Counter[str] = Counter()
        self._groups = 0

    # --- calls --------------------------------------------------------------------------------

    def call(self, action: object, arguments: bytes) -> StepCall:
        """A step; its path is fixed now."""
        if not isinstance(action, Action):
            raise NotInSaga(f"{action!r} is not an action")
        self._own(action.name)
        self._refuse_if_parked()
        return StepCall(self, self.place(action, arguments))

    def place(self, action: Action[..., Any], arguments: bytes) -> Call:
        """Give a call its path, and hold it against what is recorded there."""
        ordinal, path, is_recorded = self._place(action.short_name)
        if is_recorded:
            self._match(action, path, arguments)
        elif self.is_closed:
            self._park()
        return Call(action, path, ordinal, arguments)

    async def perform(self, call: Call) -> Any:
        """Perform a step of this scope."""
        self._refuse_if_parked()
        state = self.body.drive.state
        if call.path not in state.steps:
            self._begin_anew(call.path)
        try:
            return await self.body.steps.perform(call)
        except Parked:
            self._mark_parked()
            raise

    def unvisit(self, ordinal: int) -> None:
        """A call was moved elsewhere: what is recorded in its place has not been visited."""
        if ordinal in self.body.drive.state.calls.get(self.path, {}):
            self.body.unvisited.setdefault(self.path, set()).add(ordinal)

    def _place(self, name: str) -> tuple[int, str, bool]:
        self._ordinal += 1
        self._names[name] += 1
        path = self._child(f"{name}#{self._names[name]}")
        known = self.body.drive.state.calls.get(self.path, {}).get(self._ordinal)
        if known is not None and known != path:
            self.body.diverge(f"call {self._ordinal} of {self.path} was {known}, and is {path} now")
        self.body.unvisited.get(self.path, set()).discard(self._ordinal)
        return self._ordinal, path, known is not None

    def _child(self, name: str) -> str:
        return f"{self.path}{name}" if self.path.endswith(":") else f"{self.path}/{name}"

    def _match(self, action: Action[..., Any], path: str, arguments: bytes) -> None:
        step = self.body.drive.state.steps.get(path)
        if step is None:
            self.body.diverge(f"{path} was no step, and is one now")
            return
        if (step.action, step.version) != (action.name, action.version):
            self.body.diverge(
                f"{path} was {step.action} version {step.version}, "
                f"and is {action.name} version {action.version} now"
            )
        if not action.inputs.same(step.arguments, arguments):
            self.body.diverge(
                f"{path} was called with {_cut(step.arguments)}, and is called with {_cut(arguments)} now"
            )

    def _begin_anew(self, path: str) -> None:
        """Refuse a new call while recorded ones, here or around here, have not been made again."""
        scope: BodyScope | None = self
        while scope is not None:
            missing = self.body.unvisited.get(scope.path)
            if missing:
                recorded = self.body.drive.state.calls[scope.path][min(missing)]
                self.body.diverge(
                    f"{path} is new, but the recorded {recorded} was not called again"
                )
            scope = scope.parent

    # --- who may call, and when ---------------------------------------------------------------

    def _own(self, what: str) -> None:
        if asyncio.current_task() is not self.task:
            raise NotInSaga(
                f"{what} is called from a task that does not belong to the saga's body, so its place in "
                "the journal would depend on timing: pass the coroutine to `parallel(...)` instead of "
                "gather or create_task, or call the step in the body and await it elsewhere"
            )

    @property
    def is_closed(self) -> bool:
        """Whether nothing new is begun here: a sibling branch failed, or the saga closes."""
        scope: BodyScope | None = self
        while scope is not None:
            if scope.closed:
                return True
            scope = scope.parent
        return self.body.drive.closing

    @property
    def _is_parked(self) -> bool:
        scope: BodyScope | None = self
        while scope is not None:
            if scope.parked:
                return True
            scope = scope.parent
        return self.body.drive.diverged is not None

    def _refuse_if_parked(self) -> None:
        if self._is_parked:
            raise Parked

    def _mark_parked(self) -> None:
        self.parked = True
        self.body.park()

    def _park(self) -> None:
        self._mark_parked()
        raise Parked

    # --- recorded values ----------------------------------------------------------------------

    def now(self) -> datetime:
        """The recorded present."""
        value = self._record("now", lambda: to_json(self.body.drive.now()))
        return instant(int(from_json(value)))

    def uuid(self) -> UUID:
        """A recorded random id."""
        drawn = self._record("uuid", lambda: to_json(str(UUID(int=_random_bits(), version=4))))
        return UUID(from_json(drawn))

    def _record(self, what: str, make: Any) -> bytes:
        self._own(f"sagas.{what}()")
        self._refuse_if_parked()
        ordinal, path, is_recorded = self._place(what)
        if is_recorded:
            found = self.body.drive.state.values.get(path)
            if found is None or found.payload is None:
                self.body.diverge(f"{path} was not a recorded value")
            else:
                return found.payload
        if self.is_closed:
            self._park()
        self._begin_anew(path)
        value: bytes = make()
        self.body.drive.log.emit(Recorded(path=path, ordinal=ordinal, what=what, payload=value))
        return value

    # --- timers and events --------------------------------------------------------------------

    def sleep(self, duration: timedelta) -> Coroutine[Any, Any, None]:
        """A durable sleep."""
        self._own("sagas.sleep()")
        self._refuse_if_parked()
        ordinal, path, _ = self._place("sleep")
        return self._sleep(ordinal, path, duration)

    def event(self, name: str, until: datetime | None) -> Coroutine[Any, Any, Any]:
        """A durable wait for an event."""
        self._own("sagas.event()")
        self._refuse_if_parked()
        ordinal, path, _ = self._place(f"event-{name}")
        return self._event(ordinal, path, name, until)

    async def _sleep(self, ordinal: int, path: str, duration: timedelta) -> None:
        drive = self.body.drive
        timer = await self._timer(ordinal, path, "sleep", drive.now() + span(duration))
        while not timer.fired:
            if timer.until is None or drive.now() >= timer.until:
                await drive.log.commit(TimerFired(path=path))
                break
            await self._wait(ordinal, path, timer.until)

    async def _event(self, ordinal: int, path: str, name: str, until: datetime | None) -> Any:
        drive = self.body.drive
        deadline = None if until is None else micros(until)
        timer = await self._timer(ordinal, path, name, deadline)
        while not timer.fired and timer.event is None:
            event = _first(drive.state.events, name)
            if event is not None:
                event.taken = True
                await drive.log.commit(EventTaken(path=path, event=event.seq))
            elif timer.until is not None and drive.now() >= timer.until:
                await drive.log.commit(TimerFired(path=path))
            elif timer.until is not None:
                await self._wait(ordinal, path, timer.until)
            else:
                self._park()
        return None if timer.event is None else from_json(drive.state.events[timer.event].payload)

    async def _timer(self, ordinal: int, path: str, what: str, until: int | None) -> Timer:
        drive = self.body.drive
        if path not in drive.state.timers:
            if self.is_closed:
                self._park()
            self._begin_anew(path)
            await drive.log.commit(TimerSet(path=path, ordinal=ordinal, what=what, until=until))
        timer = drive.state.timers[path]
        if timer.interrupted:
            raise StepInterrupted(f"{path}: the body had stopped waiting for it")
        return timer

    async def _wait(self, ordinal: int, path: str, until: int) -> None:
        if self.is_closed:
            self._park()
        try:
            await self.body.drive.pause(until)
        except Parked:
            self._mark_parked()
            raise
        except asyncio.CancelledError:
            if self.body.drive.closing:
                self._park()
            await self.body.drive.log.commit(Interrupted(path=path, ordinal=ordinal))
            raise StepInterrupted(f"{path}: the body stopped waiting for it") from None

    # --- branches -----------------------------------------------------------------------------

    def parallel(self, branches: Sequence[Awaitable[Any]]) -> Coroutine[Any, Any, tuple[Any, ...]]:
        """Branches at the same time, each in a scope of its own."""
        self._own("parallel(...)")
        if self._is_parked:
            _drop(branches)
            raise Parked
        self._groups += 1
        scopes = [
            BodyScope(self.body, self._child(f"{self._groups}.{index}:"), self)
            for index in range(1, len(branches) + 1)
        ]
        for branch, scope in zip(branches, scopes, strict=True):
            if isinstance(branch, StepCall):
                branch.move(scope)
        return self._parallel(self._child(str(self._groups)), branches, scopes)

    async def _parallel(
        self, path: str, branches: Sequence[Awaitable[Any]], scopes: Sequence["BodyScope"]
    ) -> tuple[Any, ...]:
        recorded = self.body.drive.state.closed.get(path)
        if recorded is not None:
            _close_but(scopes, recorded)
        tasks = [_branch(branch, scope) for branch, scope in zip(branches, scopes, strict=True)]
        await self._join(path, tasks, scopes)
        failures = [error for task in tasks if (error := _failure(task)) is not None]
        if failures:
            await self._cancel_gates(path)
            raise _with_notes(failures)
        if any(isinstance(task.exception(), Parked) for task in tasks):
            self._park()
        return tuple(task.result() for task in tasks)

    async def _join(
        self, path: str, tasks: "Sequence[asyncio.Task[Any]]", scopes: Sequence["BodyScope"]
    ) -> None:
        """Wait for every branch; once one fails, the others begin nothing new."""
        pending = set(tasks)
        while pending:
            try:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                for task in pending:
                    task.cancel()
                continue
            for index, task in enumerate(tasks):
                if (
                    task in done
                    and _failure(task) is not None
                    and not any(s.closed for s in scopes)
                ):
                    _close_but(scopes, index)
                    if path not in self.body.drive.state.closed and not self.body.drive.closing:
                        self.body.drive.log.emit(ParallelClosed(path=path, branch=index))

    async def _cancel_gates(self, path: str) -> None:
        while not self.body.drive.closing:
            try:
                await self.body.gates.cancel(f"{path}.", "another branch failed")
            except (GateMoved, Withdrawn):
                await self.body.drive.folded()
            else:
                return

    # --- savepoints ---------------------------------------------------------------------------

    def savepoint(self, name: str) -> AbstractAsyncContextManager[None]:
        """A block that can be unwound alone."""
        self._own("savepoint(...)")
        self._refuse_if_parked()
        ordinal, path, is_recorded = self._place(name)
        return SavepointBlock(self, ordinal, path, is_recorded=is_recorded)


class SavepointBlock(AbstractAsyncContextManager[None]):
    """`async with savepoint(...)`."""

    def __init__(self, outer: BodyScope, ordinal: int, path: str, *, is_recorded: bool) -> None:
        self._outer = outer
        self._ordinal = ordinal
        self._is_recorded = is_recorded
        self._path = path
        self._token: Token[Scope | None] | None = None

    async def __aenter__(self) -> None:
        """Open the block's scope."""
        outer = self._outer
        if not self._is_recorded:
            if outer.is_closed:
                outer._park()  # noqa: SLF001  the block is a part of the scope
            outer._begin_anew(self._path)  # noqa: SLF001
            outer.body.drive.log.emit(SavepointSet(path=self._path, ordinal=self._ordinal))
        scope = BodyScope(outer.body, self._path, outer)
        scope.task = outer.task
        self._token = context.scope.set(scope)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it; if an exception leaves it, have its steps undone first."""
        if self._token is not None:
            context.scope.reset(self._token)
        body = self._outer.body
        savepoint = body.drive.state.savepoints.get(self._path)
        if (body.parked and isinstance(error, Parked)) or body.drive.closing:
            return
        if error is None:
            if savepoint is not None and savepoint.began:
                body.diverge(f"{self._path} was rolled back, and is left without an exception now")
            return
        if isinstance(error, Parked) or (savepoint is not None and savepoint.done):
            return
        await self._roll_back(error)

    async def _roll_back(self, error: BaseException) -> None:
        """Leave the body; the steps are undone from the journal before it runs again."""
        drive = self._outer.body.drive
        if self._past_pivot():
            drive.escaped = error if isinstance(error, Exception) else None
        else:
            reason = f"{type(error).__name__}: {error}".strip(": ")
            await drive.log.commit(
                RollbackBegan(
                    path=self._path, reason=reason[:500], generation=drive.state.generation + 1
                )
            )
        self._outer._park()  # noqa: SLF001

    def _past_pivot(self) -> bool:
        """Whether the block holds an irreversible step that may have happened."""
        return any(
            step.reversibility.is_pivot and step.may_have_happened
            for step in self._outer.body.drive.state.steps.values()
            if step.path.startswith(f"{self._path}/")
        )


def _drop(branches: Sequence[Awaitable[Any]]) -> None:
    for branch in branches:
        if isinstance(branch, Coroutine):
            branch.close()


def _branch(branch: Awaitable[Any], scope: BodyScope) -> "asyncio.Task[Any]":
    async def run() -> Any:
        context.scope.set(scope)
        scope.task = asyncio.current_task()
        return await branch

    return asyncio.get_running_loop().create_task(run())


def _failure(task: "asyncio.Task[Any]") -> BaseException | None:
    """How a branch failed, if it did: waiting is no failure."""
    if not task.done():
        return None
    if task.cancelled():
        return asyncio.CancelledError()
    error = task.exception()
    return None if isinstance(error, Parked) else error


def _close_but(scopes: Sequence[BodyScope], failed: int) -> None:
    for index, scope in enumerate(scopes):
        scope.closed = index != failed


def _with_notes(failures: list[BaseException]) -> BaseException:
    first = failures[0]
    for other in failures[1:]:
        first.add_note(f"another branch failed too: {type(other).__name__}: {other}")
    return first


def _first(events: dict[int, Event], name: str) -> Event | None:
    return next((item for item in events.values() if item.name == name and not item.taken), None)


def _random_bits() -> int:
    return random.SystemRandom().getrandbits(128)


def _cut(encoded: bytes) -> str:
    text = encoded.decode()
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text):,} characters)"
