"""`python -m tests.bench.inbox [GATES]`: what deciding costs while thousands of gates are open.

On SQLite and on PostgreSQL, as many real sagas are started and wait at their gates. Then, with no
worker about, gates are decided one after the other and twenty at once, and pages of the inbox are
drawn. Beside every decision a single row is committed to the same database: times are shown, and
what a decision costs in such commits. Every gate that was decided is looked at again in the end.

Touches: databases, the terminal.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import asyncpg
import httpx

from approvals import GateState
from sagas import Coordinator, Status, connect
from sagas.cli.inbox import history, keep_what_was_made
from sagas.journal import migrate
from sagas.web import links
from sagas.web.app import make_app
from sagas.web.pages.together import PAGE
from tests.postgres import running_server
from tests.web import shop
from tests.web.conftest import FORM, ORIGIN, SITE

GATES = 10_000
FEWEST = 100
DECISIONS = 500
AT_ONCE = 20
PAGES = 50
BATCH = 200


Timed = Callable[[], Awaitable[object]]


async def timed(work: Timed) -> float:
    """How long it takes, in milliseconds."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000


def shown(name: str, times: Sequence[float], raw: Sequence[float]) -> str:
    """A line of the report."""
    worst = quantiles(times, n=100)[98]
    return (
        f"{name:<34} median {median(times):6.1f} ms, 99th percentile {worst:6.1f} ms,"
        f" {median(times) / median(raw):5.1f} x a single-row commit ({median(raw):.2f} ms)"
    )


async def park(coordinator: Coordinator, count: int) -> float:
    """Start as many sagas, and wait until each of them waits; the seconds it took."""
    begun = time.perf_counter()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        await asyncio.gather(*(_waiting(coordinator, number) for number in numbers))
    return time.perf_counter() - begun


async def _waiting(coordinator: Coordinator, number: int) -> None:
    handle = await coordinator.start(shop.announce, shop.LETTER, id=f"letter-{number:05}")
    assert (await handle.settled()).status is Status.WAITING


async def measure(url: str, directory: Path, commit: Timed, count: int) -> list[str]:
    """Park sagas, decide some of them, draw the inbox; the lines of the report."""
    async with connect(url, shop.shop, directory=directory, user="ana") as coordinator:
        seconds = await park(coordinator, count)
    lines = [f"{count:,} sagas were started and parked in {seconds:.0f} s"]
    async with connect(url, shop.shop, directory=directory, user="ana") as coordinator:
        decisions = min(DECISIONS, count // 2)
        gates = await coordinator.store.waiting_gates(limit=2 * decisions)
        names = [gate.id for gate in gates]
        raw = [await timed(commit) for _ in range(20)][10:]
        keep_what_was_made()  # as `sagas serve` does, where nothing of what was parked is about
        pages = await _draw(coordinator)
        alone: list[float] = []
        for name in names[:decisions]:
            alone.append(await timed(partial(coordinator.approve, name, by="ben")))
            raw.append(await timed(commit))
        together: list[float] = []
        for first in range(decisions, len(names), AT_ONCE):
            some = names[first : first + AT_ONCE]
            together += await asyncio.gather(
                *(timed(partial(coordinator.approve, name, by="ben")) for name in some)
            )
            raw.append(await timed(commit))
        await _check(coordinator, names)
    lines.append(shown("a decision, one at a time", alone, raw))
    lines.append(shown(f"a decision, {AT_ONCE} at once", together, raw))
    lines.append(shown("a page of the inbox", pages, raw))
    return lines


async def _draw(coordinator: Coordinator) -> list[float]:
    """How long pages of the inbox take, in milliseconds."""
    transport = httpx.ASGITransport(app=make_app(coordinator, SITE, history=history))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        person = coordinator.principal("ben")
        link = await links.make(coordinator.store, person, now=coordinator.now(), origin=ORIGIN)
        entered = await browser.post(link.removeprefix(ORIGIN), headers=FORM)
        assert entered.status_code == 303, entered.text
        assert (await browser.get("/")).text.count('<li class="card') == PAGE
        return [await timed(lambda: browser.get("/")) for _ in range(PAGES)]


async def _check(coordinator: Coordinator, names: Sequence[str]) -> None:
    """Look at what was decided: a decision that is not there voids the run."""
    for name in names:
        gate = await coordinator.store.gate(name)
        assert gate is not None
        assert gate.state is GateState.APPROVED, gate.state


Measure = Callable[[str, Path, Timed, int], Awaitable[list[str]]]
"""Measures at a journal, beside commits to the same database."""


async def on_sqlite(directory: Path, count: int, measure: Measure = measure) -> list[str]:
    """The report for SQLite."""
    with closing(sqlite3.connect(directory / "raw.db", isolation_level=None)) as raw:
        raw.execute("pragma journal_mode = wal")
        raw.execute("pragma synchronous = full")
        raw.execute("create table fact (said text)")

        async def commit() -> None:
            raw.execute("insert into fact values ('a row')")

        url = f"sqlite:///{directory / 'sagas.db'}"
        return await measure(url, shop.directory(directory), commit, count)


async def on_postgres(
    directory: Path, server: str, count: int, measure: Measure = measure
) -> list[str]:
    """The report for PostgreSQL."""
    raw = await asyncpg.connect(server)
    try:
        await raw.execute("create database inbox_bench")
        await raw.execute("create table fact (said text)")
        url = urlsplit(server)._replace(path="/inbox_bench").geturl()
        await asyncio.to_thread(migrate, url)

        async def commit() -> None:
            await raw.execute("insert into fact values ('a row')")

        return await measure(url, shop.directory(directory), commit, count)
    finally:
        await raw.execute("drop table if exists fact")
        await raw.execute("drop database if exists inbox_bench with (force)")
        await raw.close()


def main(arguments: list[str]) -> int:
    """Measure with as many open gates."""
    count = int(arguments[0]) if arguments else GATES
    if count < FEWEST:
        print(f"say at least {FEWEST} gates: of fewer there is no 99th percentile")
        return 2
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        print("SQLite", *asyncio.run(on_sqlite(Path(folder), count)), sep="\n  ")
        if server is None:
            print("PostgreSQL was not measured: no server was found (`make postgres`)")
        else:
            print("PostgreSQL", *asyncio.run(on_postgres(Path(folder), server, count)), sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
