"""Sagas that workers die of: counted, driven apart from each other, and left to a person in time."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from sagas import Catalog, Coordinator, Retry, Reversibility, Status
from sagas.ports import Store
from tests.behaviour.acting import bury, until
from tests.behaviour.conftest import House

LIMIT = 15.0
DEAD = "update worker set state = 'dead' where state = 'alive'"

mine = Catalog("mine")
calls: list[str] = []


@mine.action(reversibility=Reversibility.READ_ONLY, timeout=timedelta(seconds=20))
async def dig(where: str) -> str:
    calls.append(where)
    if where == "deep":
        await asyncio.Event().wait()
    return where


@mine.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=timedelta(hours=1),
    retry=Retry(attempts=2),
)
async def prop(where: str) -> str:
    calls.append(f"prop {where}")
    return where


@prop.compensation()
async def take_down(where: str) -> None:
    calls.append(f"take down {where}")


@mine.saga
async def shaft(where: str) -> str:
    await prop(where)
    return await dig(where)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()


async def hangs(times: int) -> None:
    """Wait until the deadly call was made that often."""

    async def made() -> bool:
        return calls.count("deep") >= times

    await until(made, tries=1500)


async def die(coordinator: Coordinator, saga_id: str) -> None:
    """Let the worker be declared dead while it hangs in the saga's call, as a killed one would be."""
    await bury(coordinator)
    await until(partial(_deaths_are_counted, coordinator.store, saga_id), tries=500)


async def _deaths_are_counted(store: Store, saga_id: str) -> bool:
    row = await store.saga(saga_id)
    return row is not None and row.deaths > 0


async def deaths_of(coordinator: Coordinator, saga_id: str) -> int:
    return (await coordinator.get(saga_id)).deaths


async def killed(house: House, times: int) -> None:
    """A saga whose call has killed that many workers."""
    for number in range(times):
        async with house.open(mine, lease=30.0, grace=0.0) as coordinator:
            if number:
                await coordinator.resume("s")
            else:
                await coordinator.start(shaft, "deep", id="s")
            await hangs(number + 1)
            await die(coordinator, "s")


async def poisoned(coordinator: Coordinator) -> Any:
    handle = await coordinator.resume("s")
    outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.STUCK
    (question,) = await coordinator.store.waiting_questions()
    return question


@pytest.mark.usefixtures("on_both")
async def test_a_saga_that_three_workers_died_of_is_left_to_a_person(house: House) -> None:
    await killed(house, 3)
    before = list(calls)
    async with house.open(mine) as coordinator:
        question = await poisoned(coordinator)
        assert question.kind == "poisoned"
        assert "3 workers died" in question.question
        assert "dig" in question.evidence
    assert calls == before


async def test_two_deaths_are_not_enough(house: House) -> None:
    await killed(house, 2)
    async with house.open(mine, grace=0.0) as coordinator:
        await coordinator.resume("s")
        await hangs(3)


async def test_how_many_deaths_are_enough_can_be_chosen(house: House) -> None:
    await killed(house, 1)
    async with house.open(mine, max_deaths=1) as coordinator:
        assert (await poisoned(coordinator)).kind == "poisoned"


async def test_a_poisoned_saga_can_be_unwound(house: House) -> None:
    await killed(house, 3)
    async with house.open(mine) as coordinator:
        question = await poisoned(coordinator)
        await coordinator.resolve(question.id, "unwind", reason="it is of no use")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert calls[-1] == "take down deep"


async def test_a_poisoned_saga_goes_on_when_a_person_says_so(house: House) -> None:
    await killed(house, 3)
    async with house.open(mine, grace=0.0) as coordinator:
        question = await poisoned(coordinator)
        before = len(calls)
        await coordinator.resolve(question.id, "resume", reason="mended")
        await coordinator.resume("s")
        await hangs(4)
        assert calls[before:] == ["deep"]


async def test_what_comes_further_has_killed_nobody(house: House) -> None:
    await killed(house, 2)
    async with house.open(mine, grace=0.0) as coordinator:
        await coordinator.cancel("s", reason="enough")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert await deaths_of(coordinator, "s") == 0


async def test_the_question_is_asked_once(house: House) -> None:
    await killed(house, 3)
    for _ in range(2):
        async with house.open(mine) as coordinator:
            await poisoned(coordinator)
            await coordinator.send("s", "hello", key=f"k-{_}")
    async with house.open(mine) as coordinator:
        await poisoned(coordinator)
        rows = (await coordinator.load("s")).rows
    assert [row.kind for row in rows].count("InterventionOpened") == 1
