"""What is told before a deploy: nothing is called, nothing is written, and it is right."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import sagas
from sagas import Catalog, Coordinator, connect, parallel, savepoint
from sagas.driving.rehearsal import (
    IMPATIENCE_SECONDS,
    PATIENCE_SECONDS,
    Lack,
    Rehearsal,
    Trouble,
    Verdict,
    rehearse,
)
from tests.behaviour.conftest import House
from tests.behaviour.releases import EDITS, FIRST
from tests.behaviour.shop import Order, hasty, keyed, shop
from tests.behaviour.test_deploys import (
    MOMENTS,
    SAME_FOR_AN_UNWIND,
    SUMMARY,
    Leave,
    die,
    in_unwinding,
)
from tests.behaviour.world import Refusal, World, refuse

Body = Callable[[Order], Any]


async def checked(coordinator: Coordinator) -> list[Rehearsal]:
    """What is found out about each saga."""
    return [found async for found in coordinator.check()]


async def only(coordinator: Coordinator) -> Rehearsal:
    """What is found out about the one saga, and that nothing was written for it."""
    before = await coordinator.load("s")
    [found] = await checked(coordinator)
    assert await coordinator.load("s") == before
    return found


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda it: it.__name__)
@pytest.mark.parametrize("kind", EDITS)
async def test_every_edit_is_told_before_it_is_deployed(
    house: House,
    world: World,
    tmp_path: Path,
    kind: str,
    moment: Leave,
) -> None:
    await die(house, world, tmp_path, moment)
    before = list(world.calls)
    async with house.open(EDITS[kind].build()[0]) as coordinator:
        found = await only(coordinator)
    same = moment is in_unwinding and kind in SAME_FOR_AN_UNWIND
    assert found.verdict is (Verdict.SAME if same else Verdict.BLOCKED)
    assert same or SUMMARY[kind] in found.diff
    assert world.calls == before


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda it: it.__name__)
async def test_the_same_code_takes_the_same_way(
    house: House, world: World, tmp_path: Path, moment: Leave
) -> None:
    await die(house, world, tmp_path, moment)
    async with house.open(FIRST.build()[0]) as coordinator:
        assert (await only(coordinator)).verdict is Verdict.SAME


async def test_code_that_is_missing_is_named_once(
    house: House, world: World, tmp_path: Path
) -> None:
    await die(house, world, tmp_path, in_unwinding)
    async with house.open(Catalog("deployed")) as coordinator:
        found = await only(coordinator)
    assert found.lacks == (
        Lack("saga", "deployed.trip", 1),
        Lack("action", "deployed.book", 1),
        Lack("action", "deployed.rent", 1),
    )


# --- bodies of every shape ---------------------------------------------------------------------


async def everything(order: Order) -> str:
    """A body that uses all there is."""
    await keyed("first")
    sagas.now()
    sagas.uuid()
    await parallel(keyed("left"), hasty("right"))
    try:
        async with savepoint("block"):
            await keyed("inside")
            await keyed("refused")
    except Refusal:
        await keyed("another way")
    await sagas.sleep(timedelta(milliseconds=1))
    await sagas.event("never")
    return "done"


async def waiting(order: Order) -> str:
    """A body that waits for an event with a deadline."""
    await keyed("first")
    found = await sagas.event("paid", until=sagas.now() + timedelta(days=1))
    return str(found)


async def caught(order: Order) -> str:
    """A body that goes another way after a step failed."""
    try:
        await keyed("refused")
    except Exception:  # noqa: BLE001  whatever a step raises
        await keyed("instead")
    await sagas.event("never")
    return "done"


def of(body: Body) -> tuple[Catalog, Any]:
    """A catalog with that body alone, always under one name."""
    made = Catalog("bodies")
    return made, made.saga(name="saga")(body)


def running(house: House, made: Catalog) -> AbstractAsyncContextManager[Coordinator]:
    """A coordinator that has the shop's actions besides."""
    return connect(house.url, made, shop, directory=house.people, user="ana", clock=house.clock)


async def left(house: House, body: Body) -> None:
    """Run a body to where it waits."""
    made, saga = of(body)
    async with running(house, made) as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).settled()


async def found_of(house: House, body: Body) -> Rehearsal:
    """What is found out about the one saga with another body."""
    async with running(house, of(body)[0]) as coordinator:
        return await only(coordinator)


@pytest.mark.parametrize("body", [everything, waiting, caught], ids=lambda it: it.__name__)
@pytest.mark.usefixtures("on_both")
async def test_a_body_of_any_shape_is_rehearsed_to_where_it_waits(
    house: House, world: World, body: Body
) -> None:
    world.plan("refused", refuse)
    await left(house, body)
    before = list(world.calls)
    assert (await found_of(house, body)).verdict is Verdict.SAME
    assert world.calls == before


async def short(order: Order) -> str:
    """A body that waits for nothing more."""
    await keyed("first")
    return "done"


async def inserting(order: Order) -> str:
    """A body that does something else before it waits."""
    await keyed("first")
    await keyed("more")
    return await waiting(order)


async def hanging(order: Order) -> str:
    """A body that waits for what no journal records."""
    await keyed("first")
    await asyncio.sleep(3600)
    return "never"


async def blocking(order: Order) -> str:
    """A body that holds up its thread."""
    await keyed("first")
    time.sleep(20)  # noqa: ASYNC251  that is the mistake
    return "never"


async def broken(order: Order) -> str:
    """A body with a name that is not there."""
    await keyed("first")
    return undefined  # type: ignore[name-defined,no-any-return] # noqa: F821


async def forgetful(order: Order) -> str:
    """A body that forgets an await."""
    await keyed("first")
    keyed("second")  # type: ignore[unused-coroutine]
    return "done"


async def odd(order: Order) -> str:
    """A body that does not return what it says."""
    await keyed("first")
    return 7  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("first", "second", "trouble", "words"),
    [
        (waiting, inserting, Trouble.DIVERGED, "call 2 of saga was saga/now#1"),
        (waiting, short, Trouble.DIVERGED, "it ended without calling the recorded saga/now#1"),
        (waiting, hanging, Trouble.HANGS, "waits for something that is not recorded"),
        (waiting, blocking, Trouble.HANGS, "blocks its thread"),
        (broken, broken, Trouble.DEFECT, "NameError"),
        (broken, forgetful, Trouble.DEFECT, "never awaited: saga/keyed#2"),
        (broken, odd, Trouble.DEFECT, "its result cannot be stored"),
    ],
    ids=lambda it: getattr(it, "__name__", None),
)
async def test_what_is_wrong_with_a_body_is_told(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    first: Body,
    second: Body,
    trouble: Trouble,
    words: str,
) -> None:
    if trouble is Trouble.HANGS:
        monkeypatch.setattr("sagas.reader.PATIENCE_SECONDS", 0.5)
        monkeypatch.setattr("sagas.driving.rehearsal.PARTING_SECONDS", 0.1)
    await left(house, first)
    found = await found_of(house, second)
    assert [item.trouble for item in found.findings] == [trouble]
    assert words in found.diff


async def test_code_that_mends_a_defect_is_told_to_be_the_same(house: House) -> None:
    await left(house, broken)
    assert (await found_of(house, short)).verdict is Verdict.SAME


async def test_after_one_body_has_hung_others_of_its_kind_are_given_less_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    async def recorded(*args: Any, patience: float, **more: Any) -> Rehearsal:
        given.append(patience)
        return await rehearse(*args, patience=0.01, **more)

    monkeypatch.setattr("sagas.reader.rehearse", recorded)
    made, saga = of(waiting)
    async with running(house, made) as coordinator:
        for number in range(3):
            await (await coordinator.start(saga, Order(), id=f"s-{number}")).settled()
    async with running(house, of(hanging)[0]) as coordinator:
        assert len(await checked(coordinator)) == 3
    assert given == [PATIENCE_SECONDS, IMPATIENCE_SECONDS, IMPATIENCE_SECONDS]


async def test_sagas_are_checked_page_by_page_and_ended_ones_left_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.reader.PAGE", 2)
    made, saga = of(waiting)
    async with running(house, made) as coordinator:
        for number in range(5):
            await (await coordinator.start(saga, Order(), id=f"s-{number}")).settled()
        await coordinator.run(ending(made), Order(), id="ended")
        found = await checked(coordinator)
    assert [item.saga_id for item in found] == [f"s-{number}" for number in range(5)]


def ending(made: Catalog) -> Any:
    """A saga that ends."""
    return made.saga(name="short")(short)
