"""An inbox over a journal of its own, and browsers that are logged in."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from approvals import Gate
from sagas import connect
from sagas.cli.inbox import history
from sagas.coordinator import Coordinator
from sagas.ports import QuestionRow
from sagas.web import links
from sagas.web.app import make_app
from sagas.web.site import Pace, Site
from tests.web import shop

T = TypeVar("T")

ORIGIN = "http://127.0.0.1:8421"
UNHURRIED = Pace(burst=100_000, every=timedelta(milliseconds=1))
SITE = Site(origins=(ORIGIN,), requests=UNHURRIED, attempts=UNHURRIED, decisions=UNHURRIED)
SAME = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
"""What a browser says of a form that a page of the inbox sent."""


@dataclass
class Inbox:
    """An inbox without a network, and who asks it."""

    coordinator: Coordinator
    app: Any
    site: Site
    clients: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])

    def stranger(self, **options: Any) -> httpx.AsyncClient:
        """A browser that nobody is logged in with."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=self.site.url, **options)
        self.clients.append(client)
        return client

    async def link(self, name: str) -> str:
        """The path of a link that logs somebody in."""
        coordinator = self.coordinator
        url = await links.make(
            coordinator.store,
            coordinator.principal(name),
            now=coordinator.now(),
            origin=self.site.url,
        )
        return url.removeprefix(self.site.url)

    async def browser(self, name: str) -> httpx.AsyncClient:
        """A browser that somebody is logged in with."""
        client = self.stranger()
        entered = await client.post(await self.link(name), headers=FORM)
        assert entered.status_code == 303, entered.text
        return client

    async def gate(self, saga: Any = shop.announce, id: str = "spring") -> Gate:  # noqa: A002
        """A gate that waits."""
        await self.coordinator.start(saga, shop.LETTER, id=id)
        return await until(lambda: self.gate_of(id))

    async def gate_of(self, saga_id: str) -> Gate | None:
        """The first gate of a saga, if it has opened."""
        gates = await self.coordinator.store.gates_of(saga_id)
        return gates[0] if gates else None

    async def question(self, id: str = "lamp", saga: Any = shop.buy) -> QuestionRow:  # noqa: A002
        """An intervention that waits."""
        await self.coordinator.start(saga, "a lamp", id=id)

        async def look() -> QuestionRow | None:
            found = await self.coordinator.store.questions_of(id)
            return found[0] if found else None

        return await until(look)

    async def state(self, gate: Gate) -> str:
        """Where a gate stands."""
        found = await self.coordinator.store.gate(gate.id)
        assert found is not None
        return found.state.value


FORM = {**SAME, "content-type": "application/x-www-form-urlencoded"}


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """What there is to see, once there is."""
    while (found := await look()) is None:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0.01)
    return found


def sealed(page: httpx.Response, action: str) -> dict[str, str]:
    """The hidden fields of the form on a page that is sent to that path."""
    [form] = re.findall(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


@pytest.fixture
async def coordinator(journal_url: str, tmp_path: Path) -> AsyncIterator[Coordinator]:
    """A coordinator that drives what it starts."""
    async with connect(
        journal_url, shop.shop, directory=shop.directory(tmp_path), user="ana"
    ) as opened:
        yield opened


@pytest.fixture
async def inbox(coordinator: Coordinator) -> AsyncIterator[Inbox]:
    """An inbox in which nobody has to hurry or to wait."""
    app = make_app(coordinator, SITE, history=history)
    made = Inbox(coordinator, app, SITE)
    yield made
    for client in made.clients:
        await client.aclose()
