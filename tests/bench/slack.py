"""`python -m tests.bench.slack [GATES]`: how soon Slack is answered while thousands of gates are open.

On SQLite and on PostgreSQL, as many real sagas are started, wait at their gates, and are told of in
a local Slack. Then, with no worker about, one process hears what people do there, by HTTP and then by
Socket Mode: clicks one after the other, 100 at once by 100 people on 100 gates, 100 at once on one
gate, and looks at the App Home. Times are those that Slack sees, from bringing a click to its
acknowledgement. The local Slack answers within milliseconds what it is asked in between; Slack itself
takes longer, once for each click where an effect cannot be undone. Beside the clicks a single row is
committed to the same database. Every gate that was clicked on is looked at again in the end.

Touches: databases, processes, the network (loopback only), the terminal.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from approvals import GateState
from approvals.testing import Message, Outcome, Person, SlackServer
from sagas import Catalog, Coordinator, Reversibility, Status, approval, connect
from tests.bench.inbox import BATCH, FEWEST, GATES, Timed, on_postgres, on_sqlite, shown, timed
from tests.postgres import running_server
from tests.slack.transports import TRANSPORTS, Access, bring_to, ended, http, joined, sockets

CROWD = 100
CLICKS = 200
LOOKS = 20
PATIENCE = timedelta(minutes=5)

NAMES = [f"p{number}" for number in range(CROWD)]
DESK = NAMES[:3]

counter = Catalog("counter")


@counter.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", within=timedelta(hours=24)),
)
async def mail(letter: str) -> None:
    """What three people may approve."""


@counter.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@crowd", within=timedelta(hours=24)),
)
async def publish(letter: str) -> None:
    """What a hundred people may approve."""


@counter.saga
async def write(letter: str) -> None:
    """Ask the desk."""
    await mail(letter)


@counter.saga
async def announce(letter: str) -> None:
    """Ask the crowd."""
    await publish(letter)


# --- the process that hears -------------------------------------------------------------------


def hear(url: str, access: Access, transport: str, directory: Path, ready: Connection) -> None:
    """Hear Slack, as `sagas serve` and `sagas slack` do, until killed."""
    asyncio.run(_hear(url, access, transport, directory, ready))


async def _hear(
    url: str, access: Access, transport: str, directory: Path, ready: Connection
) -> None:
    async with connect(
        url, directory=directory, channels=access.channels(), user="olga"
    ) as coordinator:
        telling = asyncio.ensure_future(coordinator.dispatch())
        if transport == "http":
            async with http(coordinator, access) as address:
                ready.send(address)
                await telling
        async with sockets(coordinator, access):
            ready.send("")
            await telling


@asynccontextmanager
async def heard(
    slack: SlackServer, url: str, transport: str, directory: Path
) -> AsyncGenerator[None]:
    """Have another process hear this Slack."""
    mine, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    arguments = (url, Access.to(slack), transport, directory, theirs)
    process = context.Process(target=hear, args=arguments)
    process.start()
    try:
        address = await asyncio.to_thread(mine.recv)
        if address:
            bring_to(slack, address)
        while not (await slack.emit({"type": "nothing"})).acknowledged:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        yield
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        slack.deliver_to(interactivity=None)
        await slack.until(lambda: not slack.sockets.connected)


# --- what is clicked on -----------------------------------------------------------------------


async def park(coordinator: Coordinator, count: int) -> float:
    """Start as many sagas that ask the desk, and some that ask the crowd; the seconds it took."""
    begun = time.perf_counter()
    sagas: list[tuple[Any, str]] = [(write, f"letter-{number}") for number in range(count)]
    crowded = len(TRANSPORTS) * (CROWD + 1)
    sagas += [(announce, f"news-{number}") for number in range(crowded)]
    for first in range(0, len(sagas), BATCH):
        await asyncio.gather(*(_waiting(coordinator, *one) for one in sagas[first : first + BATCH]))
    return time.perf_counter() - begun


async def _waiting(coordinator: Coordinator, saga: Any, id: str) -> None:  # noqa: A002
    handle = await coordinator.start(saga, id, id=id)
    assert (await handle.settled()).status is Status.WAITING


async def told(coordinator: Coordinator, slack: SlackServer, count: int) -> float:
    """Tell of all of them; the seconds it took."""
    begun = time.perf_counter()
    telling = asyncio.ensure_future(coordinator.dispatch())
    await slack.until(lambda: len(slack.space.channels["C1"].messages) >= count, PATIENCE * 4)
    while any(  # noqa: ASYNC110  nothing tells of it
        each.receipt is None
        for each in await coordinator.store.deliveries(saga_id=None, state=None, limit=500)
    ):
        await asyncio.sleep(0.1)
    await ended(telling)
    return time.perf_counter() - begun


class Counter:
    """People at a Slack, and the messages that they click on."""

    def __init__(
        self, slack: SlackServer, coordinator: Coordinator, people: dict[str, Person]
    ) -> None:
        self._slack = slack
        self._coordinator = coordinator
        self.people = people
        self._clicked: list[str] = []
        self._by_ts: dict[str, Message] = {}

    async def messages(self, ids: Iterable[str]) -> list[Message]:
        """The messages about the gates of these sagas."""
        if not self._by_ts:
            self._by_ts = {each.ts: each for each in self._slack.messages("C1")}
        return [await self._message(id) for id in ids]  # noqa: A001

    async def _message(self, id: str) -> Message:  # noqa: A002
        store = self._coordinator.store
        [gate] = await store.gates_of(id)
        self._clicked.append(gate.id)
        [delivery] = await store.deliveries_about(gate.id)
        assert delivery.receipt is not None
        return self._by_ts[delivery.receipt["ts"]]

    async def one_by_one(
        self, messages: Sequence[Message], commit: Timed
    ) -> tuple[list[float], list[float]]:
        """How long acknowledgements take, and commits beside them; milliseconds."""
        times: list[float] = []
        raw: list[float] = []
        for message in messages:
            times += _taken([await self.people[NAMES[0]].click(message, "Approve")])
            raw.append(await timed(commit))
        return times, raw

    async def at_once(self, messages: Sequence[Message]) -> list[float]:
        """How long they take where each person clicks on one of the messages at the same moment."""
        people = self.people.values()
        clicks = [who.click(each, "Approve") for who, each in zip(people, messages, strict=True)]
        outcomes = await asyncio.gather(*clicks)
        for outcome in outcomes:
            await outcome.told(PATIENCE)
        return _taken(outcomes)

    async def looks(self) -> list[float]:
        """How long it takes from opening the App Home until it is there; milliseconds."""
        return [await timed(self._look) for _ in range(LOOKS)]

    async def _look(self) -> None:
        person = self.people[NAMES[0]]
        before = person.home.body if person.home is not None else None
        assert (await person.open_home()).acknowledged
        await self._slack.until(
            lambda: person.home is not None and person.home.body is not before, PATIENCE
        )

    async def check(self) -> str:
        """Look at what was decided: a click that is lost voids the run."""
        store = self._coordinator.store
        gates = sorted(set(self._clicked))
        for name in gates:
            gate = await store.gate(name)
            assert gate is not None
            assert gate.state is GateState.APPROVED, gate.state
            counted = [vote for vote in await store.votes(name) if vote.refusal is None]
            assert len(counted) == 1, counted
        return f"{len(gates)} gates were clicked on: one decision each, and no click is lost"


def _taken(outcomes: Iterable[Outcome]) -> list[float]:
    """How long acknowledgements took, in milliseconds; one that is missing voids the run."""
    found: list[float] = []
    for outcome in outcomes:
        assert outcome.acknowledged, outcome.delivery
        assert outcome.delivery is not None
        assert outcome.delivery.seconds is not None
        found.append(outcome.delivery.seconds * 1000)
    return found


async def measure(url: str, directory: Path, commit: Timed, count: int) -> list[str]:
    """Park sagas, tell of them, and click; the lines of the report."""
    _write_people(directory)
    async with SlackServer(ack_within=PATIENCE) as slack:
        people = joined(slack, NAMES)
        channels = Access.to(slack).channels()
        async with connect(
            url, counter, directory=directory, channels=channels, user="olga"
        ) as coordinator:
            parked = await park(coordinator, count)
            crowded = len(TRANSPORTS) * (CROWD + 1)
            posted = await told(coordinator, slack, count + crowded)
        lines = [f"{count:,} sagas were parked in {parked:.0f} s, and told of in {posted:.0f} s"]
        async with connect(url, directory=directory, user="olga") as coordinator:
            for number, transport in enumerate(TRANSPORTS):
                at = Counter(slack, coordinator, people)
                async with heard(slack, url, transport, directory):
                    lines += await _measured(at, transport, number, commit, count)
                lines.append(f"{transport}: {await at.check()}")
    return lines


async def _measured(
    at: Counter, transport: str, number: int, commit: Timed, count: int
) -> list[str]:
    clicks = min(CLICKS, count // 2)
    first = await at.messages(f"letter-{number * clicks + each}" for each in range(clicks))
    base = number * (CROWD + 1)
    own = await at.messages(f"news-{base + each}" for each in range(CROWD))
    [one] = await at.messages([f"news-{base + CROWD}"])
    alone, raw = await at.one_by_one(first, commit)
    apart = await at.at_once(own)
    together = await at.at_once([one] * CROWD)
    homes = await at.looks()
    return [
        shown(f"{transport}: a click, one at a time", alone, raw),
        shown(f"{transport}: 100 at once on 100 gates", apart, raw),
        shown(f"{transport}: 100 at once on one gate", together, raw),
        shown(f"{transport}: the App Home", homes, raw),
    ]


def _write_people(directory: Path) -> None:
    users = [f'[users.{name}]\nslack = "T1/U{n}"\n' for n, name in enumerate(NAMES, start=1)]
    groups = ["[groups]", f"desk = {DESK}", f"crowd = {NAMES}", ""]
    directory.write_text("\n".join([*users, *groups]))


def main(arguments: list[str]) -> int:
    """Measure with as many open gates."""
    count = int(arguments[0]) if arguments else GATES
    if count < FEWEST:
        print(f"say at least {FEWEST} gates: of fewer there is no 99th percentile")
        return 2
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        print("SQLite", *asyncio.run(on_sqlite(Path(folder), count, measure)), sep="\n  ")
        if server is None:
            print("PostgreSQL was not measured: no server was found (`make postgres`)")
        else:
            found = asyncio.run(on_postgres(Path(folder), server, count, measure))
            print("PostgreSQL", *found, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
