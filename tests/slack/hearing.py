"""A desk of tests that commits to a list, and what people click on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagas.slack.reply import Reply

Json = Mapping[str, Any]


@dataclass
class TestDesk:
    """Takes whatever comes; what it raises and waits for is set by a test."""

    __test__ = False

    taken: list[Json] = field(default_factory=list[Json])
    events: list[Json] = field(default_factory=list[Json])
    errors: list[Exception] = field(default_factory=list[Exception])
    body: Json | None = None
    after: Callable[[], Awaitable[None]] | None = None
    go_on: asyncio.Event | None = None
    begun: int = 0

    async def interaction(self, payload: Json) -> Reply:
        """Take a click."""
        await self._fail()
        self.taken.append(payload)
        return Reply(body=self.body, after=self.after)

    async def event(self, event: Json) -> Reply:
        """Take an event."""
        await self._fail()
        self.events.append(event)
        return Reply(after=self.after)

    async def _fail(self) -> None:
        self.begun += 1
        if self.go_on is not None:
            await self.go_on.wait()
        if self.errors:
            raise self.errors.pop(0)
