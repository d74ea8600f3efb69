"""Planning an unwind takes work in proportion to its steps: counted in calls, never in time."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from sagas import Catalog, Reversibility, Status, connect, parallel, savepoint

store = Catalog("store")
store_action = store.action(reversibility=Reversibility.COMPENSATABLE, repeatable=True)


@store_action
async def keep(item: str) -> None: ...


@keep.compensation(repeatable=True)
async def give_up(item: str) -> None: ...


@store.saga
async def in_sequence(count: int) -> None:
    for number in range(count):
        await keep(str(number))
    raise ValueError("in the end, no")


@store.saga
async def side_by_side(count: int) -> None:
    await parallel(*(keep(str(number)) for number in range(count)))
    raise ValueError("in the end, no")


@store.saga
async def in_a_block(count: int) -> None:
    async with savepoint("block"):
        for number in range(count):
            await keep(str(number))
        raise ValueError("in the end, no")


PLANNING = (
    "/compensations/",
    "/sagas/decide.py",
    "/sagas/state.py",
    "/sagas/fold.py",
    "/sagas/driving/undoing.py",
)


@contextmanager
def counted() -> Generator[list[int]]:
    """How many calls are made of what plans, and of what it asks."""
    count = [0]

    def see(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and any(part in frame.f_code.co_filename for part in PLANNING):
            count[0] += 1

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        yield count
    finally:
        sys.setprofile(before)


async def cost(saga: str, count: int, place: Path) -> int:
    given = {it.name: it for it in store.sagas}[f"store.{saga}"]
    async with connect(f"sqlite:///{place}/{count}.db", store) as coordinator:
        with counted() as calls:
            outcome = await coordinator.run(given, count, id="s")
    assert outcome.status is Status.COMPENSATED
    return calls[0]


@pytest.mark.parametrize("saga", ["in_sequence", "side_by_side", "in_a_block"])
async def test_twice_the_steps_are_twice_the_work(saga: str, tmp_path: Path) -> None:
    assert await cost(saga, 80, tmp_path) < 2.4 * await cost(saga, 40, tmp_path)
