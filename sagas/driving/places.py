"""Places in a body: paths, replay, and leaving it when it has to wait.

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
from collections import Counter
from collections.abc import Coroutine, Generator
from contextvars import Token
from typing import Any, NoReturn, cast

from sagas.authoring import context
from sagas.authoring.action import Action
from sagas.authoring.context import Scope
from sagas.driving.drive import Drive
from sagas.driving.gates import Gates
from sagas.driving.steps import Call, Steps
from sagas.errors import NotInSaga, Parked


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

    def diverge(self, detail: str) -> NoReturn:
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


class Place:
    """Where a running body is: one scope, with what is recorded of it."""

    def __init__(self, body: Body, path: str, parent: "Place | None") -> None:
        self.body = body
        self.path = path
        self.parent = parent
        self.task: asyncio.Task[Any] | None = None
        self.parked = False
        self.closed = False
        self._ordinal = 0
        self._names: Counter[str] = Counter()

    # --- calls --------------------------------------------------------------------------------

    def place(self, action: Action[..., Any], arguments: bytes) -> Call:
        """Give a call its path, and hold it against what is recorded there."""
        ordinal, path, is_recorded = self.next_path(action.short_name)
        if is_recorded:
            self._match(action, path, arguments)
        elif self.is_closed:
            self.park()
        return Call(action, path, ordinal, arguments)

    async def perform(self, call: Call) -> Any:
        """Perform a step of this scope."""
        self.refuse_if_parked()
        state = self.body.drive.state
        if call.path not in state.steps:
            self.begin_anew(call.path)
        try:
            return await self.body.steps.perform(call)
        except Parked:
            self.mark_parked()
            raise

    def unvisit(self, ordinal: int) -> None:
        """A call was moved elsewhere: what is recorded in its place has not been visited."""
        if ordinal in self.body.drive.state.calls.get(self.path, {}):
            self.body.unvisited.setdefault(self.path, set()).add(ordinal)

    def next_path(self, name: str) -> tuple[int, str, bool]:
        """The next call's ordinal and path, and whether it is recorded.

        Raises:
            Parked: What is recorded there has another path.
        """
        self._ordinal += 1
        self._names[name] += 1
        path = self.child(f"{name}#{self._names[name]}")
        known = self.body.drive.state.calls.get(self.path, {}).get(self._ordinal)
        if known is not None and known != path:
            self.body.diverge(f"call {self._ordinal} of {self.path} was {known}, and is {path} now")
        self.body.unvisited.get(self.path, set()).discard(self._ordinal)
        return self._ordinal, path, known is not None

    def child(self, name: str) -> str:
        """The path of something in this scope."""
        return f"{self.path}{name}" if self.path.endswith(":") else f"{self.path}/{name}"

    def _match(self, action: Action[..., Any], path: str, arguments: bytes) -> None:
        step = self.body.drive.state.steps.get(path)
        if step is None:
            self.body.diverge(f"{path} was no step, and is one now")
        if (step.action, step.version) != (action.name, action.version):
            self.body.diverge(
                f"{path} was {step.action} version {step.version}, "
                f"and is {action.name} version {action.version} now"
            )
        if not action.inputs.same(step.arguments, arguments):
            self.body.diverge(
                f"{path} was called with {_cut(step.arguments)}, and is called with {_cut(arguments)} now"
            )

    def begin_anew(self, path: str) -> None:
        """Refuse a new call while recorded ones, here or around here, have not been made again."""
        scope: Place | None = self
        while scope is not None:
            missing = self.body.unvisited.get(scope.path)
            if missing:
                recorded = self.body.drive.state.calls[scope.path][min(missing)]
                self.body.diverge(
                    f"{path} is new, but the recorded {recorded} was not called again"
                )
            scope = scope.parent

    # --- who may call, and when ---------------------------------------------------------------

    def own(self, what: str) -> None:
        """Refuse calls from a task that does not own this scope.

        Raises:
            NotInSaga: The task is another one.
        """
        if asyncio.current_task() is not self.task:
            raise NotInSaga(
                f"{what} is called from a task that does not belong to the saga's body, so its place in "
                "the journal would depend on timing: pass the coroutine to `parallel(...)` instead of "
                "gather or create_task, or call the step in the body and await it elsewhere"
            )

    @property
    def is_closed(self) -> bool:
        """Whether nothing new is begun here: a sibling branch failed, or the saga closes."""
        scope: Place | None = self
        while scope is not None:
            if scope.closed:
                return True
            scope = scope.parent
        return self.body.drive.closing

    @property
    def is_parked(self) -> bool:
        """Whether this part of the body, or one around it, waits already."""
        scope: Place | None = self
        while scope is not None:
            if scope.parked:
                return True
            scope = scope.parent
        return self.body.drive.diverged is not None

    def refuse_if_parked(self) -> None:
        """Leave the body again, if it had been left.

        Raises:
            Parked: It had.
        """
        if self.is_parked:
            raise Parked

    def mark_parked(self) -> None:
        """This part of the body has to wait."""
        self.parked = True
        self.body.park()

    def park(self) -> NoReturn:
        """Leave the body.

        Raises:
            Parked: Always.
        """
        self.mark_parked()
        raise Parked


class StepCall(Coroutine[Any, Any, Any]):
    """A step, called and not yet awaited."""

    __slots__ = ("_inner", "call", "scope")

    def __init__(self, scope: "Place", call: Call) -> None:
        self.scope = scope
        self.call = call
        self._inner: Coroutine[Any, Any, Any] | None = None
        scope.body.uncalled.add(self)

    def move(self, scope: "Place") -> None:
        """Make it a branch of its own; possible until it is awaited."""
        self.scope.unvisit(self.call.ordinal)
        self.scope = scope
        self.call = scope.place(self.call.action, self.call.arguments)

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


def enter(place: Place) -> Token[Scope | None]:
    """Make a place the one where calls of this task are recorded."""
    return context.scope.set(cast(Scope, place))


def _cut(encoded: bytes) -> str:
    text = encoded.decode()
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text):,} characters)"
