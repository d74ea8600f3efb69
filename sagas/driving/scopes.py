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
from sagas.driving.savepoints import LeftBlock, SavepointBlock
from sagas.driving.timers import Waiting
from sagas.entries import Recorded
from sagas.errors import NotInSaga
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
        return UUID(from_json(self._record("uuid", _random_uuid)))

    def sleep(self, duration: timedelta) -> Coroutine[Any, Any, None]:
        """A durable sleep."""
        self.own("sagas.sleep()")
        return self.refused() or self._waiting("sleep").sleep(duration)

    def event(self, name: str, until: datetime | None) -> Coroutine[Any, Any, Any]:
        """A durable wait for an event."""
        self.own("sagas.event()")
        return self.refused() or self._waiting(f"event-{name}").event(name, until)

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
        for work, scope in placed:
            if isinstance(work, StepCall):
                work.move(scope)
        self.body.open.add(f"{group}.")
        return branching.join(self, group, placed)

    def savepoint(self, name: str) -> AbstractAsyncContextManager[None]:
        """A block that can be unwound alone."""
        self.own("savepoint(...)")
        if (endless := self.refused()) is not None:
            return LeftBlock(endless)
        ordinal, path, is_recorded = self.next_path(name)
        if is_recorded and path not in self.body.drive.state.savepoints:
            self.body.diverge(f"{path} was no savepoint, and is one now")
        inner = BodyScope(self.body, path, self, strand=self.strand)
        return SavepointBlock(self, inner, ordinal, is_recorded=is_recorded)

    def _branch(self, index: int) -> "BodyScope":
        return BodyScope(self.body, self.child(f"{self._groups}.{index}:"), self)

    def _waiting(self, name: str) -> Waiting:
        ordinal, path, is_recorded = self.next_path(name)
        if is_recorded and path not in self.body.drive.state.timers:
            self.body.diverge(f"{path} was no wait, and is one now")
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
