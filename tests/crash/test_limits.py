"""Several workers and one partner, one of them killed: what the partner's own ledger says."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sagas import Status, connect
from sagas.journal import migrate
from tests.crash.limited import AT_ONCE, PERIOD, RATE, booking, partners

pytestmark = pytest.mark.crash

WORKERS, SAGAS = 3, 18
PATIENCE_SECONDS = 60.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Line:
    """A call that begins or ends, as the partner saw it."""

    what: str
    at: float
    pid: int
    key: str


def read(ledger: Path) -> list[Line]:
    lines = [line.split() for line in ledger.read_text().splitlines()]
    return [Line(what, float(at), int(pid), key) for what, at, pid, key in lines]


def most_in_a_period(starts: Sequence[float]) -> int:
    period = PERIOD.total_seconds()
    return max(sum(first <= other < first + period for other in starts) for first in starts)


def most_at_once(lines: Sequence[Line], killed: int, killed_at: float) -> int:
    """A call of the process that was killed was over then, if it had not ended before."""
    changes: list[tuple[float, int]] = []
    for begins in (line for line in lines if line.what == "begins"):
        ends = [
            line.at
            for line in lines
            if (line.what, line.pid, line.key) == ("ends", begins.pid, begins.key)
            and line.at > begins.at
        ]
        if begins.pid == killed and not ends:
            ends = [max(killed_at, begins.at)]
        changes += [(begins.at, 1), (ends[0], -1)]
    now = most = 0
    for _, change in sorted(changes, key=lambda change: (change[0], change[1])):
        now += change
        most = max(most, now)
    return most


@contextmanager
def workers(url: str, ledger: Path) -> Generator[list["subprocess.Popen[bytes]"]]:
    """Processes that drive what is due."""
    command = [sys.executable, "-m", "tests.crash.limited", url, str(ledger)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        started.extend(
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(WORKERS)
        )
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


async def begun(url: str) -> None:
    """Sagas that wait for a word."""
    async with connect(url, partners) as coordinator:
        for number in range(SAGAS):
            saga_id = f"booking-{number}"
            await (await coordinator.start(booking, saga_id, id=saga_id)).settled()


async def let_go(url: str) -> None:
    """Say it, to all of them."""
    async with connect(url) as coordinator:
        for number in range(SAGAS):
            await coordinator.send(f"booking-{number}", "go", True, key="go")


async def kill_one(
    processes: Sequence["subprocess.Popen[bytes]"], ledger: Path
) -> tuple[int, float]:
    """Kill a process in the middle of a call, once the limit has held calls up."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            lines = read(ledger)
            ended = {(line.pid, line.key) for line in lines if line.what == "ends"}
            begun = [line for line in lines if line.what == "begins"]
            busy = [line.pid for line in begun if (line.pid, line.key) not in ended]
            if len(begun) > RATE and busy:
                at = time.monotonic()
                [victim] = [process for process in processes if process.pid == busy[-1]]
                victim.kill()
                victim.wait()
                return victim.pid, at
            await asyncio.sleep(0.005)


async def all_ended(url: str) -> set[Status]:
    async with connect(url) as reader, asyncio.timeout(PATIENCE_SECONDS):
        while True:
            rows = await reader.list(limit=100)
            if all(row.status.is_end for row in rows):
                return {row.status for row in rows}
            await asyncio.sleep(0.05)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    """An empty journal."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    migrate(found)
    return found


async def test_a_partner_is_never_called_more_often_than_it_allows_by_any_number_of_workers(
    url: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    await begun(url)
    with workers(url, ledger) as processes:
        await let_go(url)
        killed, killed_at = await kill_one(processes, ledger)
        assert await all_ended(url) == {Status.COMPLETED}
        lines = read(ledger)
    cut_off = {line.key for line in lines if line.pid == killed and line.what == "begins"}
    assert cut_off <= {line.key for line in lines if line.what == "ends"}
    assert len({line.pid for line in lines}) > 1
    assert most_in_a_period([line.at for line in lines if line.what == "begins"]) == RATE
    assert most_at_once(lines, killed, killed_at) == AT_ONCE
