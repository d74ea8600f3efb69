"""Processes that are killed between a click in Slack and what it allows: decided once, done once.

A vote that was acknowledged is never lost, and nothing that cannot be undone runs without one, or
twice. Every life takes up what the one before left, asks for an approval of its own, and is killed
over that.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from approvals import GateState
from approvals.testing import Message, Outcome, Person, SlackServer
from compensations import Choice, InterventionKind
from sagas import Coordinator, Status, connect
from sagas.journal import migrate
from sagas.ports import DeliveryState
from tests.crash.clicking import Life, bank, main
from tests.crash.stages import SOAK, Count, is_over
from tests.journal.templates import Ground, ground_on
from tests.slack.transports import Access, bring_to, joined, people_in

pytestmark = pytest.mark.crash

HURRY = timedelta(seconds=60)
"""Longer than a dead process keeps its sagas."""

ACK_WITHIN = timedelta(seconds=60)

POINTS = (
    "before-take",
    "before-vote",
    "after-vote",
    "after-take",
    "after-answer",
    "before-call",
    "after-call",
)
"""Those that matter most, by name; the long form finds every one by counting."""

EVERY = range(1, 100)
"""More boundaries, by number, than there are between a click and its end."""

SHORT = [("sqlite", "socket", POINTS[1::2]), ("postgres", "http", POINTS[::2])]
LONG = [
    (database, transport, EVERY)
    for database in ("sqlite", "postgres")
    for transport in ("http", "socket")
]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["tests.crash.clicking", "asyncpg", "slack_sdk.web.async_client", "uvicorn"]
)


@pytest.fixture(scope="module")
def ground(postgres_server: str) -> Iterator[Ground]:
    """A PostgreSQL database for the journals of all tests."""
    with ground_on(postgres_server) as made:
        yield made


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Ground | str:
    """Where the journal is made."""
    name = "ground" if request.param == "postgres" else "sqlite_url"
    found: Ground | str = request.getfixturevalue(name)
    return found


@pytest.fixture
async def url(site: Ground | str) -> str:
    """A new journal."""
    if isinstance(site, Ground):
        return await site.renew()
    await asyncio.to_thread(migrate, site)
    return site


@dataclass
class Sweep:
    """Lives, one after the other, and what their kills came to."""

    slack: SlackServer
    reader: Coordinator
    url: str
    transport: str
    folder: Path
    ana: Person
    process: ForkServerProcess | None = None
    lives: int = 0
    kills: int = 0
    lost: int = 0
    """Clicks that were not acknowledged, whether their vote counts or not."""
    doubts: int = 0
    """How often nobody but a person could say whether it was paid."""
    reached: list[str] = field(default_factory=list[str])
    """Where each life was killed."""

    @property
    def ledger(self) -> list[str]:
        """What was paid."""
        path = self.folder / "ledger"
        return path.read_text().split() if path.exists() else []

    async def begin(self, kill_at: int | str | None) -> Life:
        """Have a process live, and wait until it hears."""
        self.lives += 1
        life = Life(
            url=self.url,
            access=Access.to(self.slack),
            transport=self.transport,
            folder=self.folder,
            asks=f"I-{self.lives}",
            kill_at=kill_at,
            hurry=self.lives * HURRY.total_seconds(),
        )
        self.slack.clock.advance(HURRY)
        self.process = _processes.Process(target=main, args=(life,))
        self.process.start()
        await self._hears(life)
        return life

    async def _hears(self, life: Life) -> None:
        if self.transport == "socket":
            await self.slack.until(lambda: self.slack.sockets.connected)
            return
        await self.until_there(life.address)
        bring_to(self.slack, life.address.read_text())
        while not (await self.slack.emit({"type": "nothing"})).acknowledged:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # it has not asked yet whose the app is

    async def until_there(self, path: Path) -> None:
        """Wait for a file that a process leaves."""
        while not _is_there(path):
            assert self.process is not None
            assert self.process.is_alive(), self.process.exitcode
            await asyncio.sleep(0.01)

    async def message(self, saga_id: str) -> Message:
        """The message about the gate of a saga, once it is on record."""
        store = self.reader.store
        while True:
            for gate in await store.gates_of(saga_id):
                for each in await store.deliveries_about(gate.id):
                    if each.receipt is not None:
                        return self._at(each.receipt["ts"])
            await asyncio.sleep(0.01)

    def _at(self, ts: str) -> Message:
        [found] = [each for each in self.slack.messages("C1") if each.ts == ts]
        return found

    async def votes(self, saga_id: str) -> list[str]:
        """Whose votes count at the gate of a saga."""
        [gate] = await self.reader.store.gates_of(saga_id)
        votes = await self.reader.store.votes(gate.id)
        return [vote.principal for vote in votes if vote.refusal is None]

    async def click(self, saga_id: str) -> Outcome:
        """What comes of a click on Approve."""
        return await self.ana.click(await self.message(saga_id), "Approve")

    async def is_over(self, life: Life) -> bool:
        """Wait until the process is dead, or what was approved is done and told."""
        while True:
            assert self.process is not None
            if not self.process.is_alive():
                return True
            row = await self.reader.get(life.asks)
            if row.status.is_end and await self._is_told(life.asks):
                return False
            await asyncio.sleep(0.01)

    async def _is_told(self, saga_id: str) -> bool:
        [gate] = await self.reader.store.gates_of(saga_id)
        told = await self.reader.store.deliveries_about(gate.id)
        return all(
            each.state is DeliveryState.UPDATED and (each.says or "").endswith("done")
            for each in told
        )

    async def end(self) -> int | None:
        """Kill the process if it lives; how it ended."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.kill()
        await asyncio.to_thread(process.join)
        code = process.exitcode
        process.close()
        await self.slack.until(lambda: not self.slack.sockets.connected)
        return code

    async def trial(self, kill_at: int | str | None) -> bool:
        """Kill a process over a click, and have another one go on; whether it was killed."""
        life = await self.begin(kill_at)
        await self.message(life.asks)
        life.arms.touch()
        outcome = await self.click(life.asks)
        killed = await self.is_over(life)
        await self._judge(life.asks, acknowledged=outcome.acknowledged)
        assert await self.end() == -signal.SIGKILL
        if life.reached.exists():
            self.reached.append(life.reached.read_text().splitlines()[-1])
        if killed:
            self.kills += 1
            self.lost += not outcome.acknowledged
            await self._go_on(life.asks)
        return killed

    async def _judge(self, saga_id: str, *, acknowledged: bool) -> None:
        """Look at what has to be so at every moment."""
        done, votes = self.ledger.count(saga_id), await self.votes(saga_id)
        assert done <= 1, f"{saga_id} was paid {done} times"
        assert len(votes) <= 1, f"{saga_id} was decided by {votes}"
        assert votes or not done, f"{saga_id} was paid without a vote"
        assert votes or not acknowledged, f"the vote about {saga_id} was acknowledged, and is lost"

    async def _go_on(self, saga_id: str) -> None:
        """Have another process see to the end what one was killed over."""
        await self.begin(None)
        before = await self.votes(saga_id)
        again = await self.click(saga_id) if await self._has_buttons(saga_id) else None
        if not before:
            assert again is not None
            assert again.acknowledged
        while not (await self.reader.get(saga_id)).status.is_end:
            await self._answer(saga_id)
            await asyncio.sleep(0.01)
        await self._judge(saga_id, acknowledged=True)
        row, [gate] = await self.reader.get(saga_id), await self.reader.store.gates_of(saga_id)
        assert (row.status, gate.state) == (Status.COMPLETED, GateState.CONSUMED)
        assert (self.ledger.count(saga_id), await self.votes(saga_id)) == (1, ["ana"])
        await self.end()

    async def _has_buttons(self, saga_id: str) -> bool:
        message = await self.message(saga_id)
        return any(block["type"] == "actions" for block in message.blocks) and "Approve" in str(
            message.blocks
        )

    async def _answer(self, saga_id: str) -> None:
        """Say what became of a payment, where no process knows."""
        for question in await self.reader.store.questions_of(saga_id):
            if question.state != "open":
                continue
            assert question.kind == InterventionKind.IN_DOUBT, question
            self.doubts += 1
            is_paid = saga_id in self.ledger
            await self.reader.resolve(
                question.id,
                Choice.HAPPENED if is_paid else Choice.RETRY,
                reason="the ledger says so",
                result=f"paid {saga_id}" if is_paid else None,
                by="ana",
            )


def _is_there(path: Path) -> bool:
    return path.exists()


@asynccontextmanager
async def sweeping(url: str, transport: str, folder: Path) -> AsyncGenerator[Sweep]:
    """Where lives take place."""
    directory = people_in(folder, ["ana"])
    async with (
        SlackServer(ack_within=ACK_WITHIN) as slack,
        connect(url, bank, directory=directory, user="eve") as reader,
    ):
        ana = joined(slack, ["ana"])["ana"]
        sweep = Sweep(slack, reader, url, transport, folder, ana)
        try:
            yield sweep
        finally:
            await sweep.end()


@pytest.mark.parametrize(
    ("site", "transport", "points"), LONG if SOAK else SHORT, indirect=["site"]
)
async def test_a_process_that_dies_over_a_click_leaves_one_decision_and_one_payment(
    url: str, tmp_path: Path, count: Count, transport: str, points: Sequence[int | str]
) -> None:
    async with sweeping(url, transport, tmp_path) as sweep:
        for point in points:
            if not await sweep.trial(point):
                assert sweep.kills, f"{point} was not reached"
                assert not isinstance(point, str), f"{point} was not reached"
                break
            if SOAK and is_over():
                break
        count("clicks, killed over", sweep.kills)
