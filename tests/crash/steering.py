"""A program that steers a session, in a process that may be killed; run again, it goes on."""

import asyncio
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sagas import Catalog, NotExecuted, Reversibility, StepFailed, connect, current_step
from tests.crash.driver import HurriedClock
from tests.crash.faults import KillAt

desk = Catalog("desk")

_LEDGER = "SAGAS_TEST_LEDGER"


def _happen(what: str) -> str:
    """Write an effect down, once for each key, as a partner that honours keys does."""
    path, key = Path(os.environ[_LEDGER]), current_step().idempotency_key
    if not path.exists() or key not in path.read_text():
        with path.open("a") as ledger:
            ledger.write(f"{what} {key}\n")
    return what


@desk.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=timedelta(days=1))
async def book(what: str) -> str:
    """Book it; there are no suites."""
    if what == "suite":
        raise NotExecuted("no suite is left")
    return _happen(what)


@book.compensation()
async def cancel(what: str, result: str) -> None:
    """Cancel it."""
    _happen(f"undo-{what}")


assistant = desk.session("assistant")

LEFT = ["flight", "hotel", "undo-hotel", "inn"]
"""What the program does to the world, however often it was killed over it."""


@dataclass(frozen=True, slots=True)
class Steering:
    """One life of the program.

    Attributes:
        kill_at: The boundary at which it is killed; None to come to its end.
        record: The file that boundaries are written to.
        hurry: How far its clock is ahead, in seconds.
    """

    url: str
    ledger: str
    record: str
    kill_at: int | None
    hurry: float


def main(life: Steering) -> None:
    """Live it."""
    os.environ[_LEDGER] = life.ledger
    asyncio.run(_steer(life))


async def _steer(life: Steering) -> None:
    record = os.open(life.record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    faults = KillAt(life.kill_at, record)
    clock = HurriedClock(life.hurry)
    async with connect(
        life.url, desk, fault_points=faults, clock=clock, max_deaths=99
    ) as coordinator:
        session = await coordinator.session(assistant, "a trip", id="trip")
        await session.call(book, "flight")
        await session.set_savepoint("lodging")
        await session.call(book, "hotel")
        try:
            await session.call(book, "suite")
        except StepFailed:
            await session.roll_back("lodging", reason="no suite")
        await session.call(book, "inn")
        await session.commit("booked")
