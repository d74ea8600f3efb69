"""One life of one process that keeps beasts: it drives their sagas until each is at rest."""

import asyncio
import os
from pathlib import Path

from sagas import Coordinator, connect
from sagas.errors import UnknownSaga
from sagas.model import Status
from tests.crash import beasts
from tests.crash.driver import HurriedClock, faults_of
from tests.crash.orders import Errand, Errands
from tests.crash.scenarios import PERSON

POLL_SECONDS = 0.01


async def keep(errands: Errands, record: int) -> None:
    """Drive the sagas of some errands until each has ended, or waits for a person."""
    async with connect(
        errands.url,
        beasts.beasts,
        lease=errands.lease,
        clock=HurriedClock(errands.hurry),
        user=PERSON,
        fault_points=faults_of(errands, record),
    ) as coordinator:
        beasts.worker = coordinator
        await _raised(errands.barrier)
        if errands.finds:
            working = asyncio.create_task(coordinator.work())
            await _all_at_rest(coordinator, errands)
            working.cancel()
        else:
            await asyncio.gather(*(_run(coordinator, errands, each) for each in errands.errands))


async def _run(coordinator: Coordinator, errands: Errands, errand: Errand) -> None:
    saga = getattr(beasts, errand.saga)
    beast = beasts.Beast(kind=errand.kind, times=errand.times, ledger=errands.ledger)
    handle = await coordinator.start(saga, beast, id=errand.saga_id)
    await handle.outcome()


async def _raised(barrier: str | None) -> None:
    """Say, by a file, that this process is at the barrier, and wait there."""
    if barrier is None:
        return
    await asyncio.to_thread(Path(f"{barrier}-{os.getpid()}").touch)
    while True:
        if await asyncio.to_thread(Path(barrier).exists):
            return
        await asyncio.sleep(POLL_SECONDS)


async def _all_at_rest(coordinator: Coordinator, errands: Errands) -> None:
    waiting = [errand.saga_id for errand in errands.errands]
    while True:
        waiting = [saga_id for saga_id in waiting if not await is_at_rest(coordinator, saga_id)]
        if not waiting:
            return
        await asyncio.sleep(POLL_SECONDS)


async def is_at_rest(coordinator: Coordinator, saga_id: str) -> bool:
    """Whether a saga has ended, or a person is asked and nobody drives it."""
    try:
        row = await coordinator.get(saga_id)
    except UnknownSaga:
        return False
    return row.status.is_end or (row.status is Status.STUCK and row.owner is None)
