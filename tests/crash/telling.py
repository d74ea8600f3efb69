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
    """A Slack, by its address and the token for it, and how many have messages of their own there."""

    url: str
    token: str
    above: int = 0
    place = "slack:C1"

    def opened(self) -> Channel:
        """Write to it."""
        return SlackChannel(
            self.token,
            message_of,
            story=news_of,
            api_url=self.url,
            round_up_above=self.above,
        )


@dataclass(frozen=True)
class Life:
    """What one process is to do.

    Attributes:
        channel: Makes the channel over which people are told, and names a place of it.
        kill_at: The boundary at which it is killed; None for one that sees it to the end.
        asks: Whether it starts the saga that asks.
        rejects: Whether it rejects what was asked, once that was sent, and tells nobody.
        requests: How many sagas ask.
        spared: How often it comes past that boundary before.
    """

    url: str
    channel: "ByMail | InSlack"
    kill_at: str | None = None
    asks: bool = False
    rejects: bool = False
    requests: int = 1
    spared: int = 0


class KillAt(FaultPoints):
    """Kills this process at one boundary, when it has come past it so often."""

    def __init__(self, point: str | None, spared: int) -> None:
        self._point = point
        self._spared = spared

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Die here, or go on."""
        if point != self._point:
            return
        self._spared -= 1
        if self._spared < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(life: Life) -> None:
    """Live."""
    asyncio.run(_live(life))


async def _live(life: Life) -> None:
    channels = Channels(
        [life.channel.opened()],
        Routes(otherwise=[life.channel.place]),
    )
    faults = KillAt(life.kill_at, life.spared)
    async with connect(
        life.url, office, channels=channels, user="eve", fault_points=faults
    ) as coordinator:
        working = asyncio.ensure_future(coordinator.dispatch())
        if life.asks:
            for number in range(1, life.requests + 1):
                await coordinator.start(settle, f"I-{number}", id=f"settle-{number}")
        says = "" if life.asks else "rejected.1"
        await _settled(coordinator, working, life.requests, says=says)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        if life.rejects:
            [gate] = await coordinator.store.waiting_gates()
            await coordinator.reject(gate.id, by="ana", reason="paid already")


async def _settled(
    coordinator: Coordinator, working: "asyncio.Future[None]", requests: int, *, says: str
) -> None:
    """Wait until every message is recorded as sent, and says what it should."""
    while not working.done():
        found = await coordinator.store.deliveries(saga_id=None, state=None, limit=10)
        if len(found) >= requests and all(
            each.state in _DONE and says in ("", each.says) for each in found
        ):
            return
        await asyncio.sleep(0.02)
    working.result()
