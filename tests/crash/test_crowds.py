"""Many sagas at once: those that wait cost next to nothing, and those that were left are taken up."""

import asyncio
import gc
import os
import signal
import sqlite3
import time
import tracemalloc
from contextlib import closing, suppress
from datetime import timedelta

import asyncpg
import pytest

from sagas import Catalog, Coordinator, Retry, Reversibility, connect, event
from sagas.model import Status
from sagas.ports import FaultPoints
from tests.crash.beasts import beasts
from tests.crash.driver import HurriedClock
from tests.crash.pasture import Pasture
from tests.crash.stages import SOAK, SOAK_SECONDS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(SOAK_SECONDS if SOAK else 120)]

PARKED = 10_000 if SOAK else 200
FEW = 100
BYTES_EACH = 5_000
"""50 MB for 10,000 sagas."""

CONNECTIONS = 8
LEFT = 500
HURRY_SECONDS = 120.0
PATIENCE_SECONDS = 100.0

crowd = Catalog("crowd")

under_way: asyncio.Event | None = None
may_end: asyncio.Event | None = None


@crowd.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=timedelta(days=1),
    retry=Retry(attempts=2, first=timedelta(milliseconds=5)),
)
async def linger(number: int) -> None:
    """Take as long as the test wants."""
    assert under_way is not None
    assert may_end is not None
    under_way.set()
    await may_end.wait()


@linger.compensation()
async def undo_linger(number: int, result: None) -> None:
    """There is nothing to undo."""


@crowd.saga
async def wait(number: int) -> str:
    """Wait for what never comes, mostly."""
    return str(await event("never"))


@crowd.saga
async def stay(number: int) -> None:
    """One long call."""
    await linger(number)


async def park(coordinator: Coordinator, numbers: range) -> None:
    """Start sagas, and wait until each of them waits."""
    for start in range(numbers.start, numbers.stop, FEW):
        some = range(start, min(start + FEW, numbers.stop))
        handles = [await coordinator.start(wait, number, id=f"w-{number}") for number in some]
        for handle in handles:
            assert (await handle.settled()).status is Status.WAITING


async def connections(url: str) -> int:
    """How many connections there are to a database, but for this one."""
    if url.startswith("sqlite"):
        return 0
    connection = await asyncpg.connect(url)
    try:
        return int(
            await connection.fetchval(
                "select count(*) from pg_stat_activity where application_name = 'agent-sagas'"
                " and datname = current_database()"
            )
        )
    finally:
        await connection.close()


async def test_a_saga_that_waits_costs_neither_memory_nor_a_connection(
    either_url: str, counted: dict[str, str], request: pytest.FixtureRequest
) -> None:
    async with connect(either_url, crowd) as coordinator:
        working = asyncio.create_task(coordinator.work())
        await park(coordinator, range(FEW))
        tasks = len(asyncio.all_tasks())
        tracemalloc.start()
        try:
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            await park(coordinator, range(FEW, FEW + PARKED))
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (after - before) / PARKED < BYTES_EACH
        assert len(asyncio.all_tasks()) <= tasks + 3
        assert await connections(either_url) <= CONNECTIONS
        await coordinator.send("w-7", "never", "at last", key="once")
        outcome = await (await coordinator.resume("w-7")).outcome(timeout=PATIENCE_SECONDS)
        assert outcome.result == "at last"
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    counted[request.node.name] = f"{(after - before) / PARKED:.0f} bytes for each of {PARKED}"


async def shut_out(url: str) -> None:
    """Take everything for oneself, as only somebody can whom no transaction stands in the way."""
    if url.startswith("sqlite"):
        await asyncio.to_thread(_lock_file, url.removeprefix("sqlite:///"))
        return
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '60s'")
            await connection.execute(
                "lock table sagas.worker, sagas.saga, sagas.entry in access exclusive mode"
            )
    finally:
        await connection.close()


def _lock_file(path: str) -> None:
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("begin exclusive")
        connection.execute("rollback")


async def test_no_transaction_is_open_while_an_action_runs(either_url: str) -> None:
    global under_way, may_end
    under_way, may_end = asyncio.Event(), asyncio.Event()
    async with connect(either_url, crowd) as coordinator:
        handle = await coordinator.start(stay, 1, id="s-1")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await under_way.wait()
            for _ in range(5):
                await shut_out(either_url)
        assert (await coordinator.get("s-1")).status is Status.RUNNING
        may_end.set()
        assert (await handle.outcome(timeout=PATIENCE_SECONDS)).completed


class Watch(FaultPoints):
    """Notes when the first call of each saga is made.

    Attributes:
        calls: By saga, in seconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self.calls: dict[str, float] = {}

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Note it."""
        if point == "before-call":
            self.calls.setdefault(saga_id, time.monotonic())


async def left(coordinator: Coordinator) -> int:
    """How many sagas have not ended."""
    return len(await coordinator.list(status=Status.RUNNING, limit=2 * LEFT))


async def all_called(pasture: Pasture) -> None:
    """Wait until every saga is in the middle of its call."""
    while True:
        if pasture.ledger.number_of_calls("call") == LEFT:
            return
        await asyncio.sleep(0.05)


async def none_left(coordinator: Coordinator) -> None:
    """Wait until every saga has ended."""
    while True:
        if not await left(coordinator):
            return
        await asyncio.sleep(0.05)


async def test_the_recovery_of_500_sagas_begins_at_once_and_leaves_none_behind(
    pasture: Pasture, counted: dict[str, str], request: pytest.FixtureRequest
) -> None:
    errands = [pasture.errand(number, kind="hang") for number in range(LEFT)]
    pid = pasture.nurseries[0].begin(pasture.errands(*errands))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await all_called(pasture)
    os.kill(pid, signal.SIGKILL)
    ending = await asyncio.to_thread(pasture.nurseries[0].end)
    assert ending.signal == signal.SIGKILL
    assert await left(pasture.reader) == LEFT
    watch, began = Watch(), time.monotonic()
    clock = HurriedClock(HURRY_SECONDS)
    async with connect(pasture.url, beasts, fault_points=watch, clock=clock) as coordinator:
        working = asyncio.create_task(coordinator.work())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await none_left(coordinator)
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    rows = await pasture.reader.list(limit=2 * LEFT)
    assert [row.status for row in rows] == [Status.COMPLETED] * LEFT
    assert len(watch.calls) == LEFT
    first, last = (when(watch.calls.values()) - began for when in (min, max))
    counted[request.node.name] = f"the first call after {first:.2f} s, the last saga's {last:.2f} s"
    assert first < 10
