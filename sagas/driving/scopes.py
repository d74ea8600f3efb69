"""What a running body can call: steps, clocks, timers, branches, savepoints."""

import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from pydantic_core import from_json, to_json

from sagas.authoring.action import Action
from sagas.authoring.context import Scope
from sagas.driving import branches as branching
from sagas.driving.places import Body, Place, StepCall
from sagas.driving.savepoints import SavepointBlock
from sagas.driving.timers import Waiting
from sagas.entries import Recorded
from sagas.errors import NotInSaga, Parked
from sagas.model import instant


class BodyScope(Place, Scope):
    """One scope of a running body."""

    def __init__(self, body: Body, path: str, parent: Place | None = None) -> None:
        super().__init__(body, path, parent)
        self._groups = 0

    def call(self, action: object, arguments: bytes) -> StepCall:
        """A step; its path is fixed now."""
        if not isinstance(action, Action):
            raise NotInSaga(f"{action!r} is not an action")
        known = cast(Action[..., Any], action)
        self.own(known.name)
        self.refuse_if_parked()
        return StepCall(self, self.place(known, arguments))

    def now(self) -> datetime:
        """The recorded present."""
        return instant(int(from_json(self._record("now", self.body.drive.now))))

    def uuid(self) -> UUID:
        """A recorded random id."""
        return UUID(from_json(self._record("uuid", _random_uuid)))

    def sleep(self, duration: timedelta) -> Coroutine[Any, Any, None]:
        """A durable sleep."""
        return self._waiting("sagas.sleep()", "sleep").sleep(duration)

    def event(self, name: str, until: datetime | None) -> Coroutine[Any, Any, Any]:
        """A durable wait for an event."""
        return self._waiting("sagas.event()", f"event-{name}").event(name, until)

    def parallel(self, branches: Sequence[Awaitable[Any]]) -> Coroutine[Any, Any, tuple[Any, ...]]:
        """Branches at the same time, each in a scope of its own."""
        self.own("parallel(...)")
        if self.is_parked:
            branching.drop(branches)
            raise Parked
        self._groups += 1
        placed = [(work, self._branch(index)) for index, work in enumerate(branches, start=1)]
        for work, scope in placed:
            if isinstance(work, StepCall):
                work.move(scope)
        return branching.join(self, self.child(str(self._groups)), placed)

    def savepoint(self, name: str) -> AbstractAsyncContextManager[None]:
        """A block that can be unwound alone."""
        self.own("savepoint(...)")
        self.refuse_if_parked()
        ordinal, path, is_recorded = self.next_path(name)
        inner = BodyScope(self.body, path, self)
        return SavepointBlock(self, inner, ordinal, is_recorded=is_recorded)

    def _branch(self, index: int) -> "BodyScope":
        return BodyScope(self.body, self.child(f"{self._groups}.{index}:"), self)

    def _waiting(self, what: str, name: str) -> Waiting:
        self.own(what)
        self.refuse_if_parked()
        ordinal, path, _ = self.next_path(name)
        return Waiting(self, ordinal, path)

    def _record(self, what: str, make: Callable[[], object]) -> bytes:
        self.own(f"sagas.{what}()")
        self.refuse_if_parked()
        ordinal, path, is_recorded = self.next_path(what)
        if is_recorded:
            found = self.body.drive.state.values.get(path)
            if found is None or found.payload is None:
                self.body.diverge(f"{path} was not a recorded value")
            return found.payload
        if self.is_closed:
            self.park()
        self.begin_anew(path)
        value = to_json(make())
        self.body.drive.log.emit(Recorded(path=path, ordinal=ordinal, what=what, payload=value))
        return value


def _random_uuid() -> str:
    return str(UUID(int=random.SystemRandom().getrandbits(128), version=4))
