"""Five processes that find the same interrupted sagas at one instant: each saga has one owner."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.crash.orders import Blow, Ending, Errand, Errands
from tests.crash.pasture import Pasture
from tests.crash.stages import Count, trials
from tests.crash.stopping import asleep_at_a_boundary, there_is

pytestmark = pytest.mark.crash

RECOVERERS = 5
SAGAS = 3
LEASE_SECONDS = 1.0
HURRY_SECONDS = 120.0
PACE_SECONDS = 0.02
FIRST_CALLS = 6
"""The blow falls when every saga has begun, and none has ended."""


@asynccontextmanager
async def interrupted(
    pasture: Pasture, errands: Sequence[Errand], *, number: int
) -> AsyncGenerator[None]:
    """A process that was to drive some sagas: killed, or stopped for the time of the block."""
    leave = pasture.directory / f"leave-{number}"
    blow = Blow.KILL if number % 2 else Blow.STOP
    order = pasture.errands(
        *errands,
        kill_at=FIRST_CALLS + 2 * number % 8,
        blow=blow,
        leave=str(leave),
        lease=LEASE_SECONDS,
    )
    nursery = pasture.nurseries[0]
    pid = nursery.begin(order)
    if blow is Blow.KILL:
        ending = await asyncio.to_thread(nursery.end)
        assert ending.signal == signal.SIGKILL
        yield
        return
    try:
        async with asleep_at_a_boundary(pid, pasture.url, leave):
            await asyncio.sleep(LEASE_SECONDS * 1.2)
            yield
            os.kill(pid, signal.SIGKILL)
    finally:
        await asyncio.to_thread(nursery.end)


async def recovered(pasture: Pasture, order: Errands, barrier: Path) -> list[Ending]:
    """Let five processes find the sagas when the barrier is raised."""
    nurseries = pasture.nurseries[1 : RECOVERERS + 1]
    pids = [nursery.begin(order) for nursery in nurseries]
    for pid in pids:
        await there_is(Path(f"{barrier}-{pid}"))
    await asyncio.to_thread(barrier.touch)
    return [await asyncio.to_thread(nursery.end) for nursery in nurseries]


async def test_of_five_processes_that_find_a_saga_one_drives_it(
    pasture: Pasture, count: Count
) -> None:
    owners: Counter[int] = Counter()
    for number in trials(2, 200):
        errands = [pasture.errand(f"{number}-{each}", saga="plain") for each in range(SAGAS)]
        barrier = pasture.directory / f"barrier-{number}"
        order = pasture.errands(
            *errands,
            barrier=str(barrier),
            finds=True,
            lease=10,
            hurry=HURRY_SECONDS,
            pace=PACE_SECONDS,
        )
        async with interrupted(pasture, errands, number=number):
            endings = await recovered(pasture, order, barrier)
        for ending in endings:
            assert (ending.code, ending.complaint) == (0, "")
        for errand in errands:
            assert await pasture.wrong(errand) == []
            drivers = [place for place, ending in enumerate(endings) if has_driven(ending, errand)]
            assert len(drivers) == 1, errand
            owners.update(drivers)
        count("five recoverers", 1)
    assert sum(owners.values()) >= SAGAS


def has_driven(ending: Ending, errand: Errand) -> bool:
    """Whether a process made a call for a saga."""
    return any(line.startswith(f"before-call {errand.saga_id} ") for line in ending.reached)
