"""A desk in a local Slack: a coordinator that posts what waits, and people who click on it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel, SecretStr

from approvals import Gate, TomlDirectory, approval
from approvals.channels import Channels, Routes
from approvals.channels.slack.groups import SlackGroups
from approvals.channels.slack.message import message_of, news_of
from approvals.channels.slack.posting import SlackChannel
from approvals.channels.slack.settings import SlackSettings
from approvals.testing import Message, Outcome, Person, SlackServer
from approvals.testing.interactions import clicked
from approvals.testing.workspace import View
from reversibility import Reversibility
from sagas import Catalog, connect
from sagas.coordinator import Coordinator
from sagas.errors import JournalError
from sagas.ports import QuestionRow
from sagas.slack.desk import Desk, Reply
from sagas.slack.installed import Installed, installed
from tests.web import shop

PEOPLE = {"ana": "U1", "ben": "U2", "cy": "U3", "dee": "U4"}
LINK = "https://inbox.example.org"

till = Catalog("till")


class Payment(BaseModel):
    to: str
    amount: int
    note: str = ""


@till.action(
    reversibility=Reversibility.COMPENSATABLE,
    approval=approval(by="@desk", quorum=2, within=timedelta(hours=4)),
)
async def pay(payment: Payment) -> str:
    return f"paid {payment.to}"


@pay.compensation()
async def pay_back(payment: Payment) -> None: ...


@till.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@slack:S1", within=timedelta(hours=4)),
)
async def wire(payment: Payment) -> str:
    return f"wired {payment.to}"


@till.saga
async def settle(payment: Payment) -> str:
    return await pay(payment)


@till.saga
async def transfer(payment: Payment) -> str:
    return await wire(payment)


PAYMENT = Payment(to="DE-7", amount=40)


@dataclass
class Counter:
    """Where people of the local Slack are answered."""

    slack: SlackServer
    coordinator: Coordinator
    team: Installed
    desk: Desk
    people: dict[str, Person]
    journal_is_down: bool = False
    replies: list[Reply] = field(default_factory=list[Reply])
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def ana(self) -> Person:
        return self.people["ana"]

    @property
    def ben(self) -> Person:
        return self.people["ben"]

    @property
    def cy(self) -> Person:
        return self.people["cy"]

    @property
    def dee(self) -> Person:
        return self.people["dee"]

    async def asks(
        self,
        saga: Any = shop.announce,
        given: Any = shop.LETTER,
        id: str = "spring",  # noqa: A002
    ) -> Message:
        """The message about a gate that waits."""
        there = len(self.slack.messages("C1"))
        await self.coordinator.start(saga, given, id=id)
        await self.slack.until(lambda: len(self.slack.messages("C1")) > there)
        message = self.slack.messages("C1")[-1]
        await self.recorded((await self.gate(id)).id)
        return message

    async def wonders(self, id: str = "lamp", saga: Any = shop.buy) -> Message:  # noqa: A002
        """The message about an intervention that waits."""
        await self.coordinator.start(saga, "a lamp", id=id)
        await self.slack.until(lambda: self.slack.messages("C1"))
        await self.recorded((await self.question(id)).id)
        return self.slack.messages("C1")[-1]

    async def recorded(self, subject: str) -> None:
        """Wait until it is on record where the messages about it are."""
        store = self.coordinator.store
        while not all(  # noqa: ASYNC110  nothing tells of it
            each.receipt for each in await store.deliveries_about(subject)
        ):
            await asyncio.sleep(0.005)

    async def gate(self, id: str = "spring") -> Gate:  # noqa: A002
        """The last gate of a saga, as it is."""
        return (await self.coordinator.store.gates_of(id))[-1]

    async def state(self, id: str = "spring") -> str:  # noqa: A002
        """Where the gate of a saga stands; what was approved may have been used."""
        state = (await self.gate(id)).state.value
        return "approved" if state == "consumed" else state

    async def question(self, id: str = "lamp") -> QuestionRow:  # noqa: A002
        """The intervention of a saga."""
        return (await self.coordinator.store.questions_of(id))[-1]

    async def opens(self, person: Person, where: Message | View | None, what: str) -> View:
        """The modal that a click opens."""
        before = person.modal
        outcome = await person.click(where, what)
        assert outcome.warning is None
        await self.slack.until(lambda: person.modal is not None and person.modal is not before)
        found = person.modal
        assert found is not None
        return found

    async def rejects(self, person: Person, message: Message, reason: str = "no") -> Outcome:
        """What comes of a rejection with a reason."""
        await self.opens(person, message, "Reject")
        person.fill("reason", reason)
        return await person.submit()

    async def takes(self, payload: Mapping[str, Any]) -> Reply:
        """Have the desk take a payload, as if a transport had brought it."""
        reply = await self.desk.interaction(payload)
        if reply.after is not None:
            await reply.after()
        return reply

    def clicked(self, person: Person, where: Message, what: str) -> dict[str, Any]:
        """What Slack would bring for a click, to be changed before it is brought."""
        tenant: Any = person._tenant  # pyright: ignore[reportPrivateUsage]
        [element] = [
            (block, each)
            for block in where.blocks
            if block["type"] == "actions"
            for each in block["elements"]
            if each.get("text", {}).get("text") == what
        ]
        return clicked(
            tenant, person.profile, where, block=element[0], element=element[1], chosen={}
        )

    async def settled(self) -> None:
        """Wait until everything is done that follows from what was acknowledged."""
        while self.tasks:
            await asyncio.wait(set(self.tasks))

    async def hear(self, request: web.Request) -> web.Response:
        """Take what the local Slack brings, as a transport does."""
        if self.journal_is_down:
            await self.coordinator.store.close()
        try:
            reply = await self._heard(request)
        except JournalError:
            return web.Response(status=503)
        self.replies.append(reply)
        if reply.after is not None:
            task = asyncio.ensure_future(self._after(reply.after))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return web.Response() if reply.body is None else web.json_response(dict(reply.body))

    async def _heard(self, request: web.Request) -> Reply:
        if request.path == "/events":
            return await self.desk.event(await request.json())
        return await self.desk.interaction(json.loads(str((await request.post())["payload"])))

    async def _after(self, step: Any) -> None:
        await step()


def settings_of(slack: SlackServer, **more: Any) -> SlackSettings:
    return SlackSettings(
        bot_token=SecretStr(slack.bot_token),
        teams=frozenset({"T1"}),
        api_url=slack.base_url,
        **more,
    )


def directory(path: Path, people: Mapping[str, str] = PEOPLE) -> TomlDirectory:
    users = [
        f'[users.{name}]\nemail = "{name}@example.org"\n'
        + (f'slack = "T1/{people[name]}"\n' if name in people else "")
        for name in PEOPLE
    ]
    path.write_text("\n".join([*users, '[groups]\ndesk = ["ana", "ben", "cy"]\n']))
    return TomlDirectory.load(path)


@asynccontextmanager
async def counter_in(
    slack: SlackServer,
    folder: Path,
    *,
    people: Mapping[str, str] = PEOPLE,
    otherwise: str = "slack:C1",
    **more: Any,
) -> AsyncGenerator[Counter]:
    """A desk, over a journal of its own."""
    known = {
        name: slack.person(user, name=name, email=f"{name}@example.org")
        for name, user in PEOPLE.items()
    }
    slack.channel("C1", name="approvals", members=PEOPLE.values())
    slack.usergroup("S1", handle="finance", members=["U2"])
    settings = settings_of(slack, **more)
    channel = SlackChannel(
        slack.bot_token,
        message_of,
        story=news_of,
        api_url=slack.base_url,
        round_up_above=settings.round_up_above,
    )
    routes = Routes(interventions=[otherwise], otherwise=[otherwise])
    team = await installed(settings, now=slack.clock.now)
    groups = SlackGroups(team.client, "T1", slack.clock.now)
    async with connect(
        f"sqlite:///{folder / 'desk.db'}",
        shop.shop,
        till,
        directory=directory(folder / "people.toml", people),
        channels=Channels([channel], routes=routes, link=LINK, groups=groups),
        user="olga",
    ) as coordinator:
        desk = Desk(coordinator, team, link=LINK)
        counter = Counter(slack, coordinator, team, desk, known)
        served = web.Application()
        served.router.add_post("/{rest:.*}", counter.hear)
        runner = web.AppRunner(served, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0][:2])
        slack.deliver_to(interactivity=f"{url}/interactivity", events=f"{url}/events")
        work = asyncio.ensure_future(coordinator.work())
        try:
            yield counter
        finally:
            await counter.settled()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await runner.cleanup()
            await team.close()


def words_of(view: View | None) -> str:
    """Everything that a view says."""
    assert view is not None
    return json.dumps(view.body, ensure_ascii=False)
