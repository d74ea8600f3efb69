"""A coordinator that Slack reaches over either transport, as `sagas serve` and `sagas slack` do it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from approvals import Gate
from approvals.channels import Channels, Routes
from approvals.channels.slack.manifest import EVENTS_PATH, INTERACTIVITY_PATH
from approvals.channels.slack.message import message_of, news_of
from approvals.channels.slack.pacing import Pace
from approvals.channels.slack.posting import SlackChannel
from approvals.channels.slack.settings import SlackSettings
from approvals.testing import Message, Person, SlackServer
from sagas import Coordinator, connect
from sagas.authoring.catalog import Catalog
from sagas.cli import hearing
from sagas.cli.inbox import history
from sagas.ports import Clock, FaultPoints
from sagas.web import serving
from sagas.web.app import make_app
from sagas.web.site import Site, origins_of

TRANSPORTS = ("http", "socket")

PACE = timedelta(milliseconds=1)
"""Slack's own pace of a message a second would take longer than everything else."""


@dataclass(frozen=True)
class Access:
    """What a process needs to reach a Slack, and to be reached by it; it can be handed on."""

    url: str
    bot_token: str
    app_token: str
    signing_secret: str

    @classmethod
    def to(cls, slack: SlackServer) -> "Access":
        """Of this Slack."""
        return cls(slack.base_url, slack.bot_token, slack.app_token, slack.signing_secret)

    def settings(self) -> SlackSettings:
        """As they would be in the environment."""
        return SlackSettings(
            bot_token=SecretStr(self.bot_token),
            app_token=SecretStr(self.app_token),
            signing_secrets=(SecretStr(self.signing_secret),),
            teams=frozenset({"T1"}),
            api_url=self.url,
        )

    def channels(self) -> Channels:
        """Everything is told in one conversation, each by a message of its own."""
        told = SlackChannel(
            self.bot_token,
            message_of,
            story=news_of,
            api_url=self.url,
            pace=Pace(PACE),
            round_up_above=0,
        )
        return Channels([told], routes=Routes(otherwise=["slack:C1"]))


@asynccontextmanager
async def http(coordinator: Coordinator, access: Access) -> AsyncGenerator[str]:
    """Take signed requests, as `sagas serve` does; gives the address."""
    listener = serving.bound("127.0.0.1", 0)
    origins = origins_of(None, port=listener.getsockname()[1])
    async with hearing.requests(coordinator, access.settings(), access.channels()) as signed:
        app = make_app(coordinator, Site(origins=origins), history=history, signed=signed)
        ready = asyncio.Event()
        running = asyncio.ensure_future(
            serving.serve(app, listener, trusted_proxies=None, ready=ready.set)
        )
        try:
            await ready.wait()
            yield origins[0]
        finally:
            await ended(running)


@asynccontextmanager
async def sockets(coordinator: Coordinator, access: Access) -> AsyncGenerator[None]:
    """Take what comes by Socket Mode, as `sagas slack` does."""
    running = asyncio.ensure_future(
        hearing.by_sockets(coordinator, access.settings(), access.channels(), connections=1)
    )
    try:
        yield
    finally:
        await ended(running)


async def ended(running: "asyncio.Future[Any]") -> None:
    """End what runs."""
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@asynccontextmanager
async def heard(
    slack: SlackServer, coordinator: Coordinator, transport: str
) -> AsyncGenerator[None]:
    """Have Slack bring to this coordinator what people do, over one of the transports."""
    access = Access.to(slack)
    if transport == "socket":
        before = slack.sockets.connected
        async with sockets(coordinator, access):
            await slack.until(lambda: slack.sockets.connected > before)
            yield
        return
    async with http(coordinator, access) as url:
        bring_to(slack, url)
        while not (await slack.emit({"type": "nothing"})).acknowledged:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # it has not asked yet whose the app is
        yield


def bring_to(slack: SlackServer, url: str) -> None:
    """Have this Slack post to an address."""
    slack.deliver_to(interactivity=url + INTERACTIVITY_PATH, events=url + EVENTS_PATH)


def people_in(folder: Path, names: Sequence[str]) -> Path:
    """A directory of people, the first of whom has the id U1 in Slack; all are at the desk."""
    users = [f'[users.{name}]\nslack = "T1/U{n}"\n' for n, name in enumerate(names, start=1)]
    path = folder / "people.toml"
    path.write_text("\n".join([*users, "[groups]", f"desk = {json.dumps(list(names))}", ""]))
    return path


def joined(slack: SlackServer, names: Sequence[str]) -> dict[str, Person]:
    """The same people in a Slack, and the channel that all of them are in."""
    people = {name: slack.person(f"U{n}", name=name) for n, name in enumerate(names, start=1)}
    slack.channel("C1", name="approvals", members=[each.id for each in people.values()])
    return people


@dataclass
class Office:
    """A coordinator, the Slack that it asks in, and who is asked there."""

    slack: SlackServer
    coordinator: Coordinator
    people: dict[str, Person]

    async def asks(self, saga: Any, given: Any, id: str = "spring") -> Message:  # noqa: A002
        """The message about a gate that waits."""
        await self.coordinator.start(saga, given, id=id)
        while not await self.coordinator.store.gates_of(id):  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.005)
        return await self.message(id)

    async def message(self, id: str = "spring") -> Message:  # noqa: A002
        """Where the gate of a saga is told of, once that is on record."""
        gate = await self.gate(id)
        while True:
            for each in await self.coordinator.store.deliveries_about(gate.id):
                if each.receipt is not None:
                    return self._at(each.receipt["ts"])
            await asyncio.sleep(0.005)

    def _at(self, ts: str) -> Message:
        [found] = [each for each in self.slack.messages("C1") if each.ts == ts]
        return found

    async def gate(self, id: str = "spring") -> Gate:  # noqa: A002
        """The gate of a saga, as it is."""
        return (await self.coordinator.store.gates_of(id))[-1]

    async def counted(self, id: str = "spring") -> list[tuple[str, str]]:  # noqa: A002
        """Whose votes count at the gate of a saga, and what each says."""
        votes = await self.coordinator.store.votes((await self.gate(id)).id)
        return [(vote.principal, vote.kind.value) for vote in votes if vote.refusal is None]


@asynccontextmanager
async def office_in(
    slack: SlackServer,
    url: str,
    *catalogs: Catalog,
    directory: Path,
    people: dict[str, Person],
    transport: str | None,
    clock: Clock | None = None,
    works: bool = True,
    faults: FaultPoints | None = None,
) -> AsyncGenerator[Office]:
    """One process over a journal: it drives sagas, tells people, and hears what they do.

    Args:
        transport: None hears nothing.
        works: Otherwise it only drives what it starts, and tells people.
    """
    async with AsyncExitStack() as stack:
        coordinator = await stack.enter_async_context(
            connect(
                url,
                *catalogs,
                directory=directory,
                channels=Access.to(slack).channels(),
                user="olga",
                clock=clock,
                fault_points=faults,
            )
        )
        running = asyncio.ensure_future(coordinator.work() if works else coordinator.dispatch())
        stack.push_async_callback(ended, running)
        if transport is not None:
            await stack.enter_async_context(heard(slack, coordinator, transport))
        yield Office(slack, coordinator, people)
