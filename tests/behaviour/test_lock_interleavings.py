"""Two sagas of two locked steps each, in every order in which their steps can meet.

What can meet is a saga's beginning, and each call of it: a call reads, and writes when it is its
turn. A run takes one turn after the other; which one comes next is tried in every way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from sagas import Catalog, Coordinator, Locks, Retry, Reversibility, Status, connect, current_step
from sagas.ports import ReleaseLocks
from sagas.testing.history import read_history
from sagas.testing.oracles import Evidence, overlaps
from tests.behaviour.acting import until
from tests.behaviour.world import Refusal

pads = Catalog("pads")
DAY = timedelta(days=1)
ONCE = Retry(attempts=1)
PATIENT = timedelta(seconds=60)


class Job(BaseModel):
    """Adds one to a cell and then to another one; and then fails, or not."""

    first: str
    second: str
    fails: bool = False


@dataclass
class Cells:
    """What the sagas act on, and whose turn is waited for."""

    values: dict[str, int] = field(default_factory=dict[str, int])
    waiting: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])

    async def turn(self) -> None:
        """Wait for one's turn."""
        name = current_step().saga_id
        self.waiting[name] = asyncio.Event()
        await self.waiting[name].wait()

    def go(self, name: str) -> None:
        """It is this one's turn."""
        self.waiting.pop(name).set()


cells = Cells()


def _cell(cell: str) -> list[str]:
    return [cell]


async def _add(cell: str) -> int:
    found = cells.values.get(cell, 0)
    await cells.turn()
    cells.values[cell] = found + 1
    return found


async def _restore(cell: str, result: int) -> None:
    await cells.turn()
    cells.values[cell] = result


def _action(locks: Locks | None, name: str) -> Any:
    action = pads.action(
        reversibility=Reversibility.REVERSIBLE,
        key_ttl=DAY,
        retry=ONCE,
        timeout=PATIENT,
        conflicts=_cell,
        locks=locks,
        name=name,
    )(_add)
    action.compensation()(_restore)
    return action


add = _action(Locks.WAIT, "add")
add_now = _action(Locks.FAIL, "add_now")
add_carelessly = _action(None, "add_carelessly")


def _body(action: Any, name: str) -> Any:
    async def job(given: Job) -> None:
        await action(given.first)
        await action(given.second)
        if given.fails:
            raise Refusal("no")

    return pads.saga(name=name)(job)


waiting = _body(add, "waiting")
leaving = _body(add_now, "leaving")
careless = _body(add_carelessly, "careless")

Jobs = Sequence[Job]
MEETINGS: dict[str, Jobs] = {
    "in one order": (Job(first="x", second="y"), Job(first="x", second="y")),
    "in opposite orders": (Job(first="x", second="y"), Job(first="y", second="x")),
    "one cell": (Job(first="x", second="x"), Job(first="x", second="x")),
    "one fails": (Job(first="x", second="y", fails=True), Job(first="y", second="x")),
    "both fail": (
        Job(first="x", second="y", fails=True),
        Job(first="y", second="x", fails=True),
    ),
}


@dataclass
class Run:
    """One order of turns."""

    coordinator: Coordinator
    saga: Any
    jobs: Jobs
    number: int

    def name(self, index: int) -> str:
        return f"{self.saga.name}-{self.number}-{index}"

    def cell(self, name: str) -> str:
        return f"{self.saga.name}-{self.number}-{name}"

    async def go(self, prefix: Sequence[int]) -> tuple[list[int], list[list[int]]]:
        """Take turns, at first those of the prefix; which were taken, and which could be."""
        taken: list[int] = []
        could: list[list[int]] = []
        begun: set[int] = set()
        while options := await self.options(begun):
            choice = prefix[len(taken)] if len(taken) < len(prefix) else options[0]
            assert choice in options
            taken.append(choice)
            could.append(options)
            if choice in begun:
                cells.go(self.name(choice))
            else:
                begun.add(choice)
                await self.begin(choice)
        return taken, could

    async def begin(self, index: int) -> None:
        job = self.jobs[index]
        moved = {"first": self.cell(job.first), "second": self.cell(job.second)}
        await self.coordinator.start(self.saga, job.model_copy(update=moved), id=self.name(index))

    async def options(self, begun: set[int]) -> list[int]:
        """Whose turn it may be, once nothing moves any more."""
        for _ in range(2):  # whoever came to rest last may have woken another one just before
            await until(lambda: self.rest(begun), tries=6000)
        fresh = [index for index in range(len(self.jobs)) if index not in begun]
        return sorted([*fresh, *(index for index in begun if self.name(index) in cells.waiting)])

    async def rest(self, begun: set[int]) -> bool:
        return all([await self.rests(index) for index in begun])

    async def rests(self, index: int) -> bool:
        if self.name(index) in cells.waiting:
            return True
        row = await self.coordinator.store.saga(self.name(index))
        return row is not None and row.owner is None and row.wake_at is None

    async def wrong(self) -> list[str]:
        """What is not as it should be, now that nothing moves any more."""
        rows = [await self.coordinator.get(self.name(index)) for index in range(len(self.jobs))]
        found = [f"{row.id} is {row.status}" for row in rows if row.status not in ENDS]
        for cell in {name for job in self.jobs for name in (job.first, job.second)}:
            added = sum(
                (job.first, job.second).count(cell)
                for job, row in zip(self.jobs, rows, strict=True)
                if row.status is Status.COMPLETED
            )
            if cells.values.get(self.cell(cell), 0) != added:
                found.append(f"{cell} is {cells.values.get(self.cell(cell))}, and not {added}")
        histories = [await read_history(self.coordinator.store, row.id) for row in rows]
        found += overlaps(
            [Evidence(history, [], actions=pads.find_action) for history in histories]
        )
        if any(row.saga_id in {saga.id for saga in rows} for row in await self.locks()):
            found.append("something is locked or waited for after the end")
        return found

    async def locks(self) -> Any:
        return await self.coordinator.store.locks()


ENDS = frozenset({Status.COMPLETED, Status.COMPENSATED})


@pytest.fixture
async def coordinator(journal_url: str) -> AsyncIterator[Coordinator]:
    cells.__init__()  # type: ignore[misc]
    async with connect(journal_url, pads) as opened:
        yield opened


Judge = Callable[[Run], Coroutine[Any, Any, list[str]]]


async def every_order(coordinator: Coordinator, saga: Any, jobs: Jobs) -> list[list[str]]:
    """What was wrong in each order."""
    found: list[list[str]] = []
    prefixes: list[list[int]] = [[]]
    while prefixes:
        prefix = prefixes.pop()
        run = Run(coordinator, saga, jobs, len(found))
        taken, could = await run.go(prefix)
        found.append(await run.wrong())
        for place in range(len(prefix), len(taken)):
            prefixes += [[*taken[:place], other] for other in could[place] if other != taken[place]]
    return found


TRIED = [(waiting, meeting) for meeting in MEETINGS] + [(leaving, "in opposite orders")]


@pytest.mark.parametrize(("saga", "meeting"), TRIED, ids=lambda it: getattr(it, "name", it))
async def test_in_no_order_of_turns_is_anything_lost_or_undone_wrongly_or_stuck(
    coordinator: Coordinator, saga: Any, meeting: str
) -> None:
    found = await every_order(coordinator, saga, MEETINGS[meeting])
    print(f"{saga.name}, {meeting}: {len(found)} orders")
    assert len(found) > 1
    assert [wrong for wrong in found if wrong] == []


async def test_without_locks_some_order_loses_an_update(coordinator: Coordinator) -> None:
    found = await every_order(coordinator, careless, MEETINGS["one cell"])
    assert any("and not 4" in each for wrong in found for each in wrong)


def _everything(held: bool) -> ReleaseLocks:
    return ReleaseLocks(held=True)


async def test_what_an_unwind_does_not_hold_shows(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.driving.drive.ReleaseLocks", _everything)
    found = await every_order(coordinator, waiting, MEETINGS["one fails"])
    assert any("holds it" in each for wrong in found for each in wrong)
