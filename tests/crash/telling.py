"""One life of a process that tells people what waits for them, and may be killed while it does."""

import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import timedelta

from approvals.channels import Channel, Channels, Routes
from approvals.channels.mail import Mail
from approvals.channels.slack.message import message_of, news_of
from approvals.channels.slack.posting import SlackChannel
from sagas import Catalog, Coordinator, Reversibility, approval, connect
from sagas.ports import DeliveryState, FaultPoints

POINTS = ("after-claim", "before-post", "after-post", "before-record", "after-record")
"""Between each two steps: taken in hand, sent, recorded."""

SENT_AND_NOT_RECORDED = ("after-post", "before-record")
"""Where nobody can know that it was sent."""

_DONE = {DeliveryState.SENT, DeliveryState.UPDATED}

office = Catalog("office")


@office.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="ana", within=timedelta(hours=1)),
)
async def pay(invoice: str) -> None: ...


@office.saga
async def settle(invoice: str) -> None:
    await pay(invoice)


@dataclass(frozen=True)
class ByMail:
    """A mail server, by its port."""

    port: int
    place = "mail:ana@example.org"

    def opened(self) -> Channel:
        """Write to it."""
        return Mail(host="127.0.0.1", port=self.port, sender="sagas@example.org", security="none")


@dataclass(frozen=True)
class InSlack:
    """A Slack, by its address and the token for it."""

    url: str
    token: str
    place = "slack:C1"

    def opened(self) -> Channel:
        """Write to it."""
        return SlackChannel(self.token, message_of, story=news_of, api_url=self.url)


@dataclass(frozen=True)
class Life:
    """What one process is to do.

    Attributes:
        channel: Makes the channel over which people are told, and names a place of it.
        kill_at: The boundary at which it is killed; None for one that sees it to the end.
        asks: Whether it starts the saga that asks.
        rejects: Whether it rejects what was asked, once that was sent, and tells nobody.
    """

    url: str
    channel: "ByMail | InSlack"
    kill_at: str | None = None
    asks: bool = False
    rejects: bool = False


class KillAt(FaultPoints):
    """Kills this process at one boundary."""

    def __init__(self, point: str | None) -> None:
        self._point = point

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Die here, or go on."""
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


def main(life: Life) -> None:
    """Live."""
    asyncio.run(_live(life))


async def _live(life: Life) -> None:
    channels = Channels([life.channel.opened()], Routes(otherwise=[life.channel.place]))
    async with connect(
        life.url, office, channels=channels, user="eve", fault_points=KillAt(life.kill_at)
    ) as coordinator:
        working = asyncio.ensure_future(coordinator.dispatch())
        if life.asks:
            await coordinator.start(settle, "I-1", id="settle-1")
        await _settled(coordinator, working, says="" if life.asks else "rejected.1")
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        if life.rejects:
            [gate] = await coordinator.store.waiting_gates()
            await coordinator.reject(gate.id, by="ana", reason="paid already")


async def _settled(coordinator: Coordinator, working: "asyncio.Future[None]", *, says: str) -> None:
    """Wait until every message is recorded as sent, and says what it should."""
    while not working.done():
        found = await coordinator.store.deliveries(saga_id=None, state=None, limit=10)
        if found and all(each.state in _DONE and says in ("", each.says) for each in found):
            return
        await asyncio.sleep(0.02)
    working.result()
