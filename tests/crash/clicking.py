"""One life of a process that asks in Slack and hears the answer, and may be killed while it does.

Its boundaries are counted from the moment at which it is armed: what is heard is taken, voted for,
acknowledged, and told of; what was approved is claimed, called and recorded.
"""

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from slack_sdk.socket_mode.aiohttp import SocketModeClient

from sagas import Catalog, Coordinator, Reversibility, approval, connect
from sagas.journal.store import SqlStore
from sagas.ports import FaultPoints
from sagas.slack.desk import Desk
from sagas.slack.http import SlackHttp
from tests.crash.driver import HurriedClock
from tests.slack.transports import Access, http, sockets

bank = Catalog("bank")

PATIENCE_SECONDS = 120
_MAX_DEATHS = 10_000
_ledger = Path()
"""Where payments are written down; each process is told by its life."""


@bank.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="ana", within=timedelta(hours=24)),
)
async def pay(invoice: str) -> str:
    """Pay, as nobody can take back: a line in the ledger, which has left the process at once."""
    line = os.open(_ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(line, f"{invoice}\n".encode())
    finally:
        os.close(line)
    return f"paid {invoice}"


@bank.saga
async def settle(invoice: str) -> str:
    """Pay what somebody approves."""
    return await pay(invoice)


@dataclass(frozen=True)
class Life:
    """What one process is to do.

    Attributes:
        folder: Where the directory is, and what it and whoever began it tell each other.
        asks: The saga that it starts, whose approval it is killed over.
        kill_at: At which boundary, counted from 1; or every boundary of that name; None for none.
        hurry: By how many seconds its clock is ahead.
    """

    url: str
    access: Access
    transport: str
    folder: Path
    asks: str
    kill_at: int | str | None
    hurry: float

    @property
    def ledger(self) -> Path:
        """What was paid, a line each."""
        return self.folder / "ledger"

    @property
    def arms(self) -> Path:
        """Once it is there, boundaries count."""
        return self.folder / f"armed-{self.asks}"

    @property
    def reached(self) -> Path:
        """The boundaries that it came to since then, a line each."""
        return self.folder / f"reached-{self.asks}"

    @property
    def address(self) -> Path:
        """Where it is reached by HTTP."""
        return self.folder / f"address-{self.asks}"


class KillAt(FaultPoints):
    """Kills this process at one boundary, once it is armed."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._count = 0

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Die here, or go on."""
        if not self._life.arms.exists():
            return
        self._count += 1
        with self._life.reached.open("a") as file:
            file.write(f"{point} {path}".strip() + "\n")
        if self._life.kill_at in (self._count, point, f"{point} {path}"):
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def watched(faults: KillAt) -> Generator[None]:
    """Have what lies between a click and its acknowledgement be boundaries, too."""
    with ExitStack() as stack:
        for owner, name, what in (
            (Desk, "interaction", "take"),
            (SqlStore, "spend", "spend"),
            (SqlStore, "vote", "vote"),
            (SlackHttp, "__call__", "answer"),
            (SocketModeClient, "send_socket_mode_response", "answer"),
        ):
            stack.enter_context(patch.object(owner, name, _between(owner, name, what, faults)))
        yield


def _between(owner: Any, name: str, what: str, faults: KillAt) -> Any:
    do = getattr(owner, name)

    async def done(self: Any, *args: Any, **named: Any) -> Any:
        await faults.reached(f"before-{what}", "", "")
        found = await do(self, *args, **named)
        await faults.reached(f"after-{what}", "", "")
        return found

    return done


def main(life: Life) -> None:
    """Live."""
    global _ledger  # noqa: PLW0603  a process has one life
    _ledger = life.ledger
    signal.alarm(PATIENCE_SECONDS)
    asyncio.run(_live(life))


async def _live(life: Life) -> None:
    faults = KillAt(life)
    with watched(faults):
        async with connect(
            life.url,
            bank,
            directory=life.folder / "people.toml",
            channels=life.access.channels(),
            clock=HurriedClock(life.hurry),
            max_deaths=_MAX_DEATHS,
            user="eve",
            fault_points=faults,
        ) as coordinator:
            working = asyncio.ensure_future(coordinator.work())
            await coordinator.start(settle, life.asks, id=life.asks)
            await asyncio.gather(working, _hears(life, coordinator))


async def _hears(life: Life, coordinator: Coordinator) -> None:
    if life.transport == "socket":
        async with sockets(coordinator, life.access):
            await asyncio.Event().wait()
    async with http(coordinator, life.access) as url:
        told = life.address.with_suffix(".new")
        told.write_text(url)
        told.rename(life.address)
        await asyncio.Event().wait()
