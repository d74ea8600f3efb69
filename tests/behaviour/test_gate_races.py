"""Two things that happen to a gate at one instant: one of them wins, and everybody is told which.

The races of a store with itself are in tests/conformance; those of people in two processes in
test_decision_races.py.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from approvals import Gate
from sagas import ApprovalExpired, Coordinator, Outcome, Status
from sagas.errors import Refused
from tests.behaviour.acting import LIMIT, kinds
from tests.behaviour.conftest import House, ShiftedClock
from tests.behaviour.shop import Order, gated, keyed, publish, shop
from tests.behaviour.world import World

pytestmark = pytest.mark.usefixtures("on_both")

ROUNDS = 3
HASTY = 12


@shop.saga
async def announcing(order: Order) -> str:
    try:
        return await publish(order.choice)
    except ApprovalExpired:
        return "expired"


@shop.saga
async def preparing(order: Order) -> str:
    await keyed(f"{order.choice}-paper")
    return await gated(order.choice)


async def waiting(house: House, saga: Any, number: int = 0) -> str:
    """The gate of a saga that nobody drives."""
    name = f"s{number}"
    async with house.open() as coordinator:
        await (await coordinator.start(saga, Order(choice=name), id=name)).settled()
        [gate] = [gate.id for gate in await coordinator.store.waiting_gates()]
    return gate


async def told(decision: Any) -> Gate | str:
    """What somebody was told."""
    try:
        found: Gate = await decision
    except Refused as refused:
        return str(refused)
    return found


async def end(coordinator: Coordinator, number: int = 0) -> Outcome[Any]:
    return await (await coordinator.resume(f"s{number}")).outcome(timeout=LIMIT)


async def state_of(coordinator: Coordinator, gate: str) -> str:
    found = await coordinator.store.gate(gate)
    assert found is not None
    return found.state.value


async def test_race_approve_against_expire(house: House, world: World) -> None:
    late = ShiftedClock(timedelta(hours=1, seconds=1))
    for number in range(ROUNDS):
        gate = await waiting(house, announcing, number)
        async with house.open(clock=late) as driver, house.open() as desk:
            outcome, said = await asyncio.gather(
                end(driver, number), told(desk.approve(gate, by="ben"))
            )
            state = await state_of(desk, gate)
        if isinstance(said, Gate):
            assert (state, outcome.result) == ("consumed", f"s{number}-done")
        else:
            assert "nobody decided" in said
            assert (state, outcome.result) == ("expired", "expired")
        assert world.count(f"s{number}") == (state == "consumed")


async def test_race_approve_against_cancel(house: House, world: World) -> None:
    for number in range(ROUNDS):
        gate = await waiting(house, preparing, number)
        async with house.open() as driver, house.open() as desk:
            _, said, outcome = await asyncio.gather(
                driver.cancel(f"s{number}", reason="ill"),
                told(desk.approve(gate, by="ben")),
                end(driver, number),
            )
            state = await state_of(desk, gate)
        ran = world.count(f"s{number}") > 0
        assert ran == (state == "consumed")
        if not isinstance(said, Gate):
            assert "no longer needed" in said
            assert state == "cancelled"
        assert outcome.status in (
            Status.COMPENSATED,
            Status.COMPLETED if ran else Status.COMPENSATED,
        )


async def test_race_consume_against_cancel(house: House, world: World) -> None:
    for number in range(ROUNDS):
        gate = await waiting(house, preparing, number)
        async with house.open() as desk:
            await desk.approve(gate, by="ben")
        async with house.open() as driver, house.open() as desk:
            outcome, _ = await asyncio.gather(
                end(driver, number),
                asyncio.gather(desk.cancel(f"s{number}", reason="ill"), return_exceptions=True),
            )
            state = await state_of(desk, gate)
        ran = world.count(f"s{number}") > 0
        assert (state, ran) in (("consumed", True), ("invalidated", False))
        assert outcome.status is Status.COMPENSATED or ran


async def test_race_consume_against_revoke(house: House, world: World) -> None:
    for number in range(ROUNDS):
        gate = await waiting(house, announcing, number)
        async with house.open() as desk:
            await desk.approve(gate, by="ben")
        async with house.open() as driver, house.open() as desk:
            handle = await driver.resume(f"s{number}")
            said, settled = await asyncio.gather(
                told(desk.revoke(gate, reason="wait", by="eve")), handle.settled()
            )
            if isinstance(said, Gate):
                await handle.settled()
                assert (world.count(f"s{number}"), said.state) == (0, "revoked")
                await driver.cancel(f"s{number}", reason="no")
                await handle.outcome(timeout=LIMIT)
            else:
                assert "the action has been started" in said
                assert settled.status is Status.COMPLETED
                assert world.count(f"s{number}") == 1


async def test_t6_race_consume_against_consume_of_two_workers_and_many_tasks(
    house: House, world: World
) -> None:
    gate = await waiting(house, announcing)
    async with house.open() as desk:
        await desk.approve(gate, by="ben")
    async with AsyncExitStack() as stack:
        drivers = [await stack.enter_async_context(house.open()) for _ in range(2)]
        handles = await asyncio.gather(
            *(drivers[number % 2].resume("s0") for number in range(HASTY))
        )
        outcomes = await asyncio.gather(*(each.outcome(timeout=LIMIT) for each in handles))
        assert {outcome.result for outcome in outcomes} == {"s0-done"}
        assert (await kinds(drivers[0], "s0")).count("GateConsumed") == 1
    assert world.count("s0") == 1


async def test_t6_a_double_click_is_one_vote(house: House, world: World) -> None:
    gate = await waiting(house, announcing)
    async with house.open() as one, house.open() as other:
        decided = await asyncio.gather(
            *(desk.approve(gate, by="ben") for desk in (one, other) for _ in range(HASTY // 2))
        )
        assert {each.decided_by for each in decided} == {"ben"}
        assert len(await one.store.votes(gate)) == 1
        assert (await end(one)).result == "s0-done"
    assert world.count("s0") == 1


async def test_race_approve_against_edit(house: House, world: World) -> None:
    for number in range(ROUNDS):
        gate = await waiting(house, preparing, number)
        async with house.open() as one, house.open() as other:
            before = await one.store.gate(gate)
            assert before is not None
            edited, said = await asyncio.gather(
                told(one.edit(gate, '{"what": "lies"}', reason="mine", by="eve")),
                told(other.approve(gate, by="ben", digest=before.digest)),
            )
            after = await one.store.gate(gate)
            assert after is not None
            if isinstance(said, Gate):
                assert "already approved" in str(edited)
                assert (after.state, after.digest) == ("approved", before.digest)
            else:
                assert "look at it and vote again" in said
                assert (after.state, after.revision) == ("pending", 2)
                await one.reject(gate, reason="no", by="ben")
            await end(one, number)
    assert "lies" not in world.done


async def test_race_approve_against_a_restart(house: House, world: World) -> None:
    for number in range(ROUNDS):
        gate = await waiting(house, announcing, number)
        async with house.open() as desk:
            async with house.open() as dying:
                handle = await dying.resume(f"s{number}")
                deciding = asyncio.create_task(desk.approve(gate, by="ben"))
                await asyncio.sleep(0.002 * number)
            await deciding
            del handle
            async with house.open() as reborn:
                assert (await end(reborn, number)).result == f"s{number}-done"
        assert world.count(f"s{number}") == 1
