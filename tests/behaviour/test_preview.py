"""`coordinator.preview`: what an unwind would do, from the journal, at any moment."""

import pytest

from sagas import Status, connect, parallel
from sagas.errors import UnknownSaga
from tests.behaviour.acting import LIMIT, answer
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, keyed, sharing, shop
from tests.behaviour.world import World, refuse


@shop.saga
async def asking_after_two(order: Order) -> str:
    await keyed("first")
    await parallel(keyed("left"), keyed("right"))
    return await gated("asked")


@shop.saga
async def building_upon(order: Order) -> str:
    await sharing("room-1")
    await sharing("car-1")
    await sharing("room-2")
    raise ValueError("in the end, no")


@pytest.mark.usefixtures("on_both")
async def test_what_waits_at_a_gate_can_be_previewed(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking_after_two, Order(), id="s")).settled()
        found = await coordinator.preview("s")
    assert [(item.action, item.wave) for item in found.undone] == [
        ("shop.keyed", 1),
        ("shop.keyed", 1),
        ("shop.keyed", 2),
    ]
    assert found.status is Status.WAITING


async def test_what_depends_on_a_stuck_undo_is_held_by_it_until_there_is_an_answer(
    house: House, world: World
) -> None:
    world.plan("undo-room-2", refuse, refuse, refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(building_upon, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        stuck, held = (await coordinator.preview("s")).undone
        await answer(coordinator, handle, "retry")
        after = await coordinator.preview("s")
    assert (stuck.person is not None, stuck.wave, stuck.held_by) == (True, None, None)
    assert (held.person, held.wave, held.held_by) == (None, None, stuck.path)
    assert after.undone == ()


async def test_a_preview_changes_nothing(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking_after_two, Order(), id="s")).settled()
        before = (await coordinator.load("s")).rows
        await coordinator.preview("s")
        assert (await coordinator.load("s")).rows == before


async def test_without_the_code_the_order_is_the_same(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking_after_two, Order(), id="s")).settled()
        with_code = await coordinator.preview("s")
    async with connect(house.url) as bare:
        without = await bare.preview("s")
    assert [item.path for item in without.undone] == [item.path for item in with_code.undone]
    assert (with_code.has_code, without.has_code) == (True, False)


async def test_a_saga_that_there_is_not_is_not_previewed(house: House) -> None:
    async with house.open() as coordinator:
        with pytest.raises(UnknownSaga):
            await coordinator.preview("nowhere")
