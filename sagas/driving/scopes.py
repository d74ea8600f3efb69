"""What a running body can call: steps, clocks, timers, branches, savepoints."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from pydantic_core import from_json, to_json

from sagas import divergence
from sagas.authoring import context
from sagas.authoring.action import Action
from sagas.authoring.context import Scope
from sagas.chance import random_uuid
from sagas.driving import branches as branching
from sagas.driving.places import Body, Place, StepCall
from sagas.driving.savepoints import LeftBlock, SavepointBlock
from sagas.driving.timers import Waiting
from sagas.entries import Recorded
from sagas.errors import NotInSaga, Parked
from sagas.model import instant


class BodyScope(Place, Scope):
    """One scope of a running body."""

    def __init__(
        self, body: Body, path: str, parent: Place | None = None, *, strand: Place | None = None
    ) -> None:
        super().__init__(body, path, parent, strand=strand)
        self._groups = 0

    def call(self, action: object, arguments: bytes) -> Coroutine[Any, Any, Any]:
        """A step; its path is fixed now."""
        if not isinstance(action, Action):
            raise NotInSaga(f"{action!r} is not an action")
        known = cast(Action[..., Any], action)
        self.own(known.name)
        return self.refused() or StepCall(self, self.place(known, arguments))

    def now(self) -> datetime:
        """The recorded present."""
        return instant(int(from_json(self._record("now", self.body.drive.now))))

    def uuid(self) -> UUID:
        """A recorded random id."""
        return UUID(from_json(self._record("uuid", lambda: str(random_uuid()))))

    def sleep(self, duration: timedelta) -> Coroutine[Any, Any, None]:
        """A durable sleep."""
        self.own("sagas.sleep()")
        return self.refused() or self._waiting("sleep", "sagas.sleep()").sleep(duration)

    def event(self, name: str, until: datetime | None) -> Coroutine[Any, Any, Any]:
        """A durable wait for an event."""
        self.own("sagas.event()")
        label = f'sagas.event("{name}")'
        return self.refused() or self._waiting(f"event-{name}", label).event(name, until)

    def parallel(self, branches: Sequence[Awaitable[Any]]) -> Coroutine[Any, Any, tuple[Any, ...]]:
        """Branches at the same time, each in a scope of its own."""
        self.own("parallel(...)")
        if self.is_parked:
            branching.drop(branches)
        if (endless := self.refused()) is not None:
            return endless
        self._groups += 1
        group = self.child(str(self._groups))
        placed = [(work, self._branch(index)) for index, work in enumerate(branches, start=1)]
        try:
            for work, scope in placed:
                if isinstance(work, StepCall):
                    work.move(scope)
        except Parked:
            branching.drop(branches)
            raise
        self.body.open.add(f"{group}.")
        return branching.join(self, group, placed)

    def savepoint(self, name: str) -> AbstractAsyncContextManager[None]:
        """A block that can be unwound alone."""
        self.own("savepoint(...)")
        if (endless := self.refused()) is not None:
            return LeftBlock(endless)
        label = f'savepoint("{name}")'
        ordinal, path, is_recorded = self.next_path(name, lambda: label)
        state = self.body.drive.state
        if is_recorded and path not in state.savepoints:
            self.body.diverge(divergence.other_kind(state, path, "no savepoint", label))
        inner = BodyScope(self.body, path, self, strand=self.strand)
        return SavepointBlock(self, inner, ordinal, is_recorded=is_recorded)

    def _branch(self, index: int) -> "BodyScope":
        return BodyScope(self.body, self.child(f"{self._groups}.{index}:"), self)

    def _waiting(self, name: str, label: str) -> Waiting:
        ordinal, path, is_recorded = self.next_path(name, lambda: label)
        state = self.body.drive.state
        if is_recorded and path not in state.timers:
            self.body.diverge(divergence.other_kind(state, path, "no wait", label))
        return Waiting(self, ordinal, path, label)

    def _record(self, what: str, make: Callable[[], object]) -> bytes:
        self.own(f"sagas.{what}()")
        self.refuse_if_parked()
        label = f"sagas.{what}()"
        ordinal, path, is_recorded = self.next_path(what, lambda: label)
        if is_recorded:
            state = self.body.drive.state
            found = state.values.get(path)
            if found is None or found.payload is None:
                self.body.diverge(divergence.other_kind(state, path, "no recorded value", label))
            return found.payload
        if self.is_closed:
            self.park()
        self.begin_anew(path, lambda: label)
        value = to_json(make())
        self.body.drive.log.emit(Recorded(path=path, ordinal=ordinal, what=what, payload=value))
        return value


def begin(body: Body) -> "asyncio.Task[Any]":
    """Run a body from its beginning.

    Raises:
        Misfit: The recorded input is not what the body takes any more.
    """
    saga = body.drive.saga
    given = saga.input.recall(body.drive.state.input)
    root = body.root = BodyScope(body, saga.short_name)
    ambient = contextvars.copy_context()
    ambient.run(context.step.set, None)
    ambient.run(context.reason.set, None)
    return body.run(saga.fn(given), root, ambient)
