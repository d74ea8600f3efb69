"""Sleeps, clocks, ids and events: durable, and the same in every run."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time

import sagas
from sagas import Status, StepInterrupted, parallel
from sagas.errors import PayloadError, Refused
from tests.behaviour.acting import LIMIT, approve_all, kinds
from tests.behaviour.conftest import House
from tests.behaviour.shop import HOUR, Order, gated, keyed, shop
from tests.behaviour.world import World, wait_for_release


@shop.saga
async def sleeping(order: Order) -> str:
    await keyed("before")
    await sagas.sleep(HOUR)
    return await keyed("after")


@shop.saga
async def napping(order: Order) -> str:
    await sagas.sleep(timedelta(milliseconds=50))
    return "awake"


@shop.saga
async def dozing(order: Order) -> str:
    await sagas.sleep(timedelta(seconds=1.2))  # longer than what is waited for in place
    return "awake"


@shop.saga
async def recording(order: Order) -> list[str]:
    first = [sagas.now().isoformat(), str(sagas.uuid()), str(sagas.uuid())]
    await keyed(" ".join(first))
    await gated("asked")
    return first


@shop.saga
async def listening(order: Order) -> Any:
    await keyed("before")
    return await sagas.event("go")


@shop.saga
async def listening_for_a_while(order: Order) -> Any:
    until = sagas.now() + HOUR
    return await sagas.event("go", until=until)


@shop.saga
async def listening_twice(order: Order) -> list[Any]:
    first = await sagas.event("go")
    return [first, await sagas.event("go")]


@shop.saga
async def listening_in_branches(order: Order) -> list[Any]:
    return list(await parallel(sagas.event("go"), sagas.event("go"), sagas.event("stop")))


@shop.saga
async def impatient(order: Order) -> str:
    try:
        async with asyncio.timeout(0.05):
            await sagas.sleep(timedelta(milliseconds=900))
    except StepInterrupted:
        await gated("asked")
        return "interrupted"
    return "slept"


@shop.saga
async def listening_until(order: Order) -> Any:
    await keyed("before")
    return await sagas.event("go", until=datetime.fromisoformat(order.choice))


@shop.saga
async def listening_until_twice(order: Order) -> list[Any]:
    until = sagas.now() + HOUR
    first = await sagas.event("one", until=until)
    second = await sagas.event("two", until=until)
    return [first, second, await keyed("after")]


@shop.saga
async def sleeping_backwards(order: Order) -> None:
    await keyed("before")
    await sagas.sleep(timedelta(seconds=-1))


@pytest.mark.usefixtures("on_both")
async def test_a_sleep_outlives_the_process(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(sleeping, Order(), id="s")
        assert (await handle.settled()).status is Status.WAITING
    house.clock.forward(timedelta(hours=2))
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "after-done"
    assert world.done == ["before", "after"]


async def test_a_sleep_is_not_over_early(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(sleeping, Order(), id="s")
        await handle.settled()
        house.clock.forward(timedelta(minutes=59))
        await coordinator.resume("s")
        assert world.done == ["before"]


async def test_a_sleep_ends_by_the_clock_that_is_frozen(house: House, world: World) -> None:
    with freeze_time(tick=True, real_asyncio=True) as frozen:
        async with house.open(clock=None) as coordinator:
            handle = await coordinator.start(sleeping, Order(), id="s")
            await handle.settled()
            frozen.tick(timedelta(minutes=61))
            outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.completed


@pytest.mark.usefixtures("on_both")
async def test_a_timer_fires_when_it_is_due_and_not_when_somebody_happens_to_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.worker.POLL_SECONDS", 300.0)
    async with house.open() as coordinator:
        outcome = await coordinator.run(dozing, Order(), id="s", timeout=LIMIT)
    assert outcome.result == "awake"


@pytest.mark.usefixtures("on_both")
async def test_a_timer_that_another_process_set_fires_when_it_is_due(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(dozing, Order(), id="s")).settled()
    monkeypatch.setattr("sagas.worker.POLL_SECONDS", 300.0)
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).result == "awake"
        assert (await kinds(coordinator)).count("TimerFired") == 1


async def test_a_nap_is_slept_in_place(house: House) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(napping, Order(), id="s", timeout=LIMIT)
    assert outcome.result == "awake"


async def test_clocks_and_ids_are_the_same_in_every_run(house: House, world: World) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(recording, Order(), id="s")).settled()
    house.clock.forward(timedelta(minutes=1))
    async with house.open() as coordinator:
        await approve_all(coordinator)
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result is not None
    assert world.done[0] == " ".join(outcome.result)
    assert len(set(outcome.result)) == 3


@pytest.mark.usefixtures("on_both")
async def test_an_event_before_during_or_after_the_wait_is_taken(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        early = await coordinator.start(listening, Order(), id="early")
        assert await coordinator.send("early", "go", {"n": 1}, key="a")
        late = await coordinator.start(listening, Order(), id="late")
        await late.settled()
        assert await coordinator.send("late", "go", [1, 2], key="a")
        assert (await early.outcome(timeout=LIMIT)).result == {"n": 1}
        assert (await late.outcome(timeout=LIMIT)).result == [1, 2]
    async with house.open() as coordinator:
        await (await coordinator.start(listening, Order(), id="away")).settled()
    async with house.open() as coordinator:
        await coordinator.send("away", "go", "back", key="a")
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("away")).outcome(timeout=LIMIT)
    assert outcome.result == "back"


async def test_an_event_is_delivered_once_for_each_key(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(listening_twice, Order(), id="s")
        assert await coordinator.send("s", "go", 1, key="a")
        assert not await coordinator.send("s", "go", 2, key="a")
        await coordinator.send("s", "other", 3, key="b")
        await coordinator.send("s", "go", 4, key="c")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == [1, 4]


async def test_each_branch_takes_an_event_of_its_own(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(listening_in_branches, Order(), id="s")
        await coordinator.send("s", "go", 1, key="a")
        await coordinator.send("s", "stop", 2, key="b")
        await handle.settled()
        await coordinator.send("s", "go", 3, key="c")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result is not None
    assert sorted(outcome.result[:2]) == [1, 3]
    assert outcome.result[2] == 2


async def test_an_event_that_does_not_come_in_time_is_none(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(listening_for_a_while, Order(choice="x"), id="s")
        await handle.settled()
        house.clock.forward(timedelta(hours=2))
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await kinds(coordinator))[-2:] == ["TimerFired", "Ended"]
    assert outcome.completed
    assert outcome.result is None


async def test_an_event_in_time_wins_over_the_deadline(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(listening_for_a_while, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await coordinator.send("s", "go", "in time", key="a")
        house.clock.forward(timedelta(hours=2))
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "in time"


async def test_an_interrupted_sleep_is_interrupted_again(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(impatient, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await approve_all(coordinator)
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "interrupted"


async def test_an_event_after_the_end_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        await coordinator.run(napping, Order(), id="s", timeout=LIMIT)
        with pytest.raises(Refused, match="ended"):
            await coordinator.send("s", "go", 1, key="a")


@pytest.mark.parametrize("payload", [float("nan"), {1: 2, "1": 3}, "\ud800", "\x00", object()])
async def test_an_event_that_cannot_be_stored_is_refused(house: House, payload: Any) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(listening, Order(), id="s")).settled()
        with pytest.raises(PayloadError):
            await coordinator.send("s", "go", payload, key="a")
        assert "EventReceived" not in await kinds(coordinator)


async def test_waits_may_share_an_instant_that_comes_during_the_first(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(listening_until_twice, Order(), id="s")
        await handle.settled()
        house.clock.forward(timedelta(hours=2))
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == [None, None, "after-done"]


async def test_an_event_that_came_in_time_is_taken_by_a_wait_that_begins_too_late(
    house: House, world: World
) -> None:
    world.plan("before", wait_for_release)
    async with house.open() as coordinator:
        soon = (datetime.now(UTC) + HOUR).isoformat()
        handle = await coordinator.start(listening_until, Order(choice=soon), id="s")
        await world.under_way.wait()
        await coordinator.send("s", "go", "in time", key="a")
        house.clock.forward(2 * HOUR)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "in time"


MISTAKES = [
    ("2020-01-01T00:00:00+00:00", r"2020-01-01.* had passed when s began: give an instant"),
    ("2100-01-01T00:00:00", "no time zone"),
]


@pytest.mark.parametrize(("until_", "words"), MISTAKES)
async def test_an_instant_that_cannot_be_waited_for_is_a_defect(
    house: House, world: World, until_: str, words: str
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(listening_until, Order(choice=until_), id="s")
        outcome = await handle.outcome(timeout=LIMIT)
        assert "TimerSet" not in await kinds(coordinator)
    assert outcome.status is Status.STUCK
    assert outcome.reason is not None
    assert re.search(words, outcome.reason)


async def test_a_sleep_that_is_negative_is_a_defect(house: House, world: World) -> None:
    async with house.open() as coordinator:
        outcome = await coordinator.run(sleeping_backwards, Order(), id="s", timeout=LIMIT)
    assert outcome.status is Status.STUCK
    assert outcome.reason is not None
    assert "sleep is a timedelta, not negative" in outcome.reason


async def test_an_instant_that_passed_while_nobody_ran_is_no_mistake(
    house: House, world: World
) -> None:
    soon = (datetime.now(UTC) + HOUR).isoformat()
    async with house.open() as coordinator:
        await (await coordinator.start(listening_until, Order(choice=soon), id="s")).settled()
    house.clock.forward(timedelta(days=1))
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.completed
