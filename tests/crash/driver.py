"""One life of one process: connect, drive the sagas of an order, and see them to their ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from examples.travel.booking import travel
from sagas import Coordinator, connect
from tests.crash.backends import kill_a_backend
from tests.crash.faults import KillAt, die, stop
from tests.crash.orders import Blow, Life, Order
from tests.crash.person import Person
from tests.crash.scenarios import PERSON, SCENARIOS, Scenario, detours, trip_of

MAX_DEATHS = 10_000
"""The workers here die on purpose: no saga is left to a person for that."""


class HurriedClock:
    """A clock that is ahead by a fixed time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> datetime:
        """The present instant and then some."""
        return datetime.fromtimestamp(time.time() + self._seconds, UTC)


def faults_of(life: Life, record: int) -> KillAt:
    """The boundaries of a life, and the blow that falls at one of them."""
    strikes: dict[Blow, Callable[[], Awaitable[None]]] = {
        Blow.KILL: die,
        Blow.STOP: partial(stop, Path(life.leave)),
        Blow.BACKEND: partial(kill_a_backend, life.url),
    }
    return KillAt(life.kill_at, record, pace=life.pace, strike=strikes[life.blow])


async def live(order: Order, record: int) -> None:
    """Drive the sagas of an order until all have ended, or until this process is killed.

    Args:
        record: The file descriptor that boundaries are written to.

    Raises:
        Astonished: A person was asked what they should never be asked.
    """
    scenario = SCENARIOS[order.scenario]
    faults = faults_of(order, record)
    async with connect(
        order.url,
        travel,
        detours,
        directory=order.directory,
        lease=order.lease,
        max_deaths=MAX_DEATHS,
        clock=HurriedClock(order.hurry),
        user=PERSON,
        fault_points=faults,
    ) as coordinator:
        person = Person(coordinator, scenario, faults, Path(order.mail))
        faults.before_call = person.cut_in
        watching = asyncio.create_task(person.look_after(order.saga_ids))
        sagas = [see_to_its_end(coordinator, scenario, saga_id) for saga_id in order.saga_ids]
        ending = asyncio.ensure_future(asyncio.gather(*sagas))
        await asyncio.wait((watching, ending), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            ending.cancel()
            watching.result()  # it only ever ends by an error
        watching.cancel()
        await ending


async def see_to_its_end(coordinator: Coordinator, scenario: Scenario, saga_id: str) -> None:
    """Start a saga, or take it up again, and wait until it has ended."""
    handle = await coordinator.start(
        scenario.saga, trip_of(saga_id), id=saga_id, deadline=scenario.deadline
    )
    while True:
        outcome = await handle.outcome()
        if outcome.status.is_end:
            return
        await asyncio.sleep(0.01)  # it is stuck, and the person is on it
