"""An office that is told over a local Slack, and over a board when nothing else is left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from approvals.channels import Channel, Channels, Notice, Receipt, Routes
from approvals.channels.slack.message import message_of, news_of
from approvals.channels.slack.pacing import Pace
from approvals.channels.slack.posting import SlackChannel
from approvals.testing import Message, SlackServer
from sagas import Catalog, Coordinator, Reversibility, approval, connect
from tests.board import Board

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

travel = Catalog("travel")


@travel.action(reversibility=Reversibility.COMPENSATABLE)
async def book_room(city: str) -> None: ...


@book_room.compensation()
async def cancel_room(city: str) -> None: ...


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by=["ana", "bo"], quorum=2, within=4 * HOUR, remind=[HOUR]),
)
async def mail(city: str) -> None: ...


@travel.saga
async def trip(city: str) -> None:
    await book_room(city)
    await mail(city)


class Posting(SlackChannel):
    """Slack, on the way to which a change of a message can be held up."""

    is_open: asyncio.Event
    waits: asyncio.Event

    async def update(self, receipt: Receipt, notice: Notice) -> Receipt:
        """Change it, once the way is open."""
        self.waits.set()
        await self.is_open.wait()
        return await super().update(receipt, notice)


class Office:
    """A coordinator that tells people in Slack, by Slack's clock, when a test says so."""

    def __init__(
        self, coordinator: Coordinator, slack: SlackServer, board: Board, posting: Posting
    ) -> None:
        self.coordinator = coordinator
        self.posting = posting
        self.slack = slack
        self.board = board

    async def tell(self) -> None:
        """Do everything that is due."""
        while await self.look():
            await self.settle()

    async def look(self) -> bool:
        """Begin what is due; whether there was anything."""
        assert self.coordinator._dispatcher is not None
        return await self.coordinator._dispatcher.look()

    async def settle(self) -> None:
        """Wait for what was begun."""
        assert self.coordinator._dispatcher is not None
        await self.coordinator._dispatcher.settled()

    async def later(self, length: timedelta) -> None:
        self.slack.clock.advance(length)
        await self.tell()

    async def ask(self, number: int = 1) -> str:
        """Have a saga wait at a gate, and tell people."""
        gate = await self.untold(number)
        await self.tell()
        return gate

    async def untold(self, number: int) -> str:
        """Have a saga wait at a gate of which nobody is told yet."""
        handle = await self.coordinator.start(trip, f"Oslo {number}", id=f"trip-{number}")
        await handle.settled()
        return (await self.coordinator.store.gates_of(handle.id))[-1].id

    async def told(self) -> list[tuple[str, str, str | None]]:
        """Where each message went, how it stands and what went wrong; the oldest first."""
        found = await self.coordinator.store.deliveries(saga_id=None, state=None, limit=100)
        return [
            (f"{each.channel}:{each.target}", each.state.value, each.error)
            for each in reversed(found)
        ]

    async def states(self) -> list[tuple[str, str]]:
        return [told[:2] for told in await self.told()]

    def story(self) -> list[str]:
        """The message, and what stands below it."""
        message, *below = self.slack.messages("C1")
        assert {each.thread_ts for each in below} <= {message.ts}
        return [each.text.partition(": May")[0] for each in (message, *below)]


@asynccontextmanager
async def office_in(slack: SlackServer, url: str, *, above: int = 10) -> AsyncGenerator[Office]:
    """An office over a journal, some of whose requests are shown together if `above` wait."""
    posting = Posting(
        slack.bot_token,
        message_of,
        story=news_of,
        api_url=slack.base_url,
        timeout=timedelta(seconds=1),
        pace=Pace(timedelta(milliseconds=5)),
        round_up_above=above,
    )
    posting.is_open, posting.waits = asyncio.Event(), asyncio.Event()
    posting.is_open.set()
    board = Board()
    both: list[Channel] = [posting, board]
    routes = Routes(otherwise=["slack:C1", "slack:C2", "board:ana"])
    async with connect(
        url,
        travel,
        channels=Channels(both, routes),
        clock=slack.clock,
        user="eve",
    ) as coordinator:
        yield Office(coordinator, slack, board, posting)


def posts(slack: SlackServer, channel: str = "C1") -> list[Message]:
    return [each for each in slack.messages(channel) if each.thread_ts is None]


async def decide(office: Office, gate: str, *people: str) -> None:
    for person in people:
        await office.coordinator.approve(gate, by=person)
        await office.tell()
