"""Gates in front of undos: what was asked in a rollback is not asked again in an unwind."""

import pytest

from sagas import Coordinator, Status, savepoint
from tests.behaviour.acting import LIMIT, only_gate, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, costly, keyed, shop
from tests.behaviour.world import Refusal, World, refuse


@shop.saga
async def rolling_back_at_a_price(order: Order) -> str:
    await keyed("first")
    try:
        async with savepoint("block"):
            await costly("it")
            await keyed("refused")
    except Refusal:
        return "left"
    return "stayed"


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("decided", ["before", "after"])
async def test_an_undo_asked_about_in_a_rollback_is_not_asked_about_again(
    house: House, world: World, decided: str
) -> None:
    world.plan("refused", refuse)
    async with house.open() as coordinator:
        await (await coordinator.start(rolling_back_at_a_price, Order(), id="s")).settled()
        gate = await only_gate(coordinator)
        await coordinator.cancel("s", reason="enough")
    if (
        decided == "before"
    ):  # nobody drives the saga: the approval and the cancel are found together
        async with house.open() as coordinator:
            await coordinator.approve(gate, by="ben")
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        if decided == "after":
            await until(lambda: _unwinds(coordinator))
            await coordinator.approve(gate, by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
        assert [each.id for each in await coordinator.store.gates_of("s")] == [gate]
    assert (outcome.status, world.undone) == (Status.COMPENSATED, ["it", "first"])


async def _unwinds(coordinator: Coordinator) -> bool:
    state = await coordinator.state("s")
    return state.unwinding
