"""Decisions that say nothing, or are about something else, decide nothing."""

import sqlite3
from contextlib import closing

import pytest

from sagas import Status, parallel
from sagas.errors import Corrupt, Refused
from tests.behaviour.acting import LIMIT, approve_all, only_gate
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, shop
from tests.behaviour.test_gates import asking
from tests.behaviour.world import World


@shop.saga
async def asking_for_both(order: Order) -> None:
    await parallel(gated("one"), gated("other"))


@pytest.mark.parametrize("said", ["", "null", "yes", "APPROVE", "approved"])
async def test_t17_a_vote_that_says_nothing_known_is_no_yes(
    house: House, world: World, said: str
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
    with closing(sqlite3.connect(house.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("update vote set kind = ?", (said,))
        connection.commit()
    async with house.open() as coordinator:
        with pytest.raises(Corrupt, match="which is no vote"):
            await coordinator.approve(gate, by="eve")
        handle = await coordinator.resume("s")
        assert (await handle.settled()).status is Status.WAITING
        assert world.done == ["before"]
        assert await only_gate(coordinator) != gate
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_t19_a_decision_is_for_the_gate_that_it_names_and_was_shown(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_for_both, Order(), id="s")
        await handle.settled()
        one, other = await coordinator.store.waiting_gates()
        with pytest.raises(Refused, match="is not that of what is to be decided"):
            await coordinator.approve(one.id, by="ben", digest=other.digest)
        assert len(await coordinator.store.waiting_gates()) == 2
        await coordinator.approve(other.id, by="ben", digest=other.digest)
        assert [gate.id for gate in await coordinator.store.waiting_gates()] == [one.id]
        await coordinator.approve(one.id, by="ben", digest=one.digest)
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert sorted(world.done) == ["one", "other"]
