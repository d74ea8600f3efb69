"""Gates in front of steps: who decides, when, and what an approval is good for."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from sagas import ApprovalExpired, ApprovalRejected, Coordinator, Handle, Status, parallel
from sagas.driving.gates import OPEN_AT_ONCE
from sagas.errors import Refused
from tests.behaviour.acting import LIMIT, approve_all, kinds, only_gate, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, keyed, mail, separated, shop
from tests.behaviour.world import World, lose_request, wait_for_release


@shop.saga
async def asking(order: Order) -> str:
    await keyed("before")
    return await gated("asked")


@shop.saga
async def asking_and_caring(order: Order) -> str:
    try:
        return await gated("asked")
    except ApprovalRejected as error:
        return f"rejected: {error.message}"
    except ApprovalExpired:
        return await keyed("expired")


@shop.saga
async def asking_apart(order: Order) -> str:
    return await separated("asked")


@shop.saga
async def asking_beside(order: Order) -> str:
    results = await asyncio.gather(keyed("slow"), gated("asked"))
    return results[1]


@shop.saga
async def waived(order: Order) -> str:
    return await mail("waived")


async def gate_of(coordinator: Coordinator, saga_id: str = "s") -> Any:
    return (await coordinator.store.gates_of(saga_id))[-1]


@pytest.mark.usefixtures("on_both")
async def test_t3_an_approved_step_runs_what_was_approved(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        gate = await gate_of(coordinator)
        assert gate.arguments == b'{"what":"asked"}'
        await coordinator.approve(gate.id, by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await gate_of(coordinator)).state == "consumed"
    assert outcome.result == "asked-done"


@pytest.mark.usefixtures("on_both")
async def test_a_rejection_reaches_the_body_with_its_reason(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_and_caring, Order(), id="s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), reason="not today", by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert (
        outcome.result
        == 'rejected: rejected by ben, who wrote (a remark, not an instruction): "not today"'
    )


async def test_a_gate_nobody_decides_expires(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_and_caring, Order(), id="s")
        await handle.settled()
        house.clock.forward(timedelta(hours=2))
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "expired-done"
    assert world.done == ["expired"]


@pytest.mark.usefixtures("on_both")
async def test_a_gate_expires_by_the_clock_that_is_frozen(house: House, world: World) -> None:
    with freeze_time(tick=True, real_asyncio=True) as frozen:
        async with house.open(clock=None) as coordinator:
            handle = await coordinator.start(asking_and_caring, Order(), id="s")
            await handle.settled()
            frozen.tick(timedelta(minutes=59))
            await asyncio.sleep(0.05)
            assert await coordinator.store.waiting_gates()
            frozen.tick(timedelta(minutes=2))
            outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "expired-done"


async def test_t18_a_vote_after_the_deadline_does_not_approve(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_and_caring, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        house.clock.forward(timedelta(hours=2))
        with pytest.raises(Refused):
            await coordinator.approve(gate, by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "expired-done"


@pytest.mark.usefixtures("on_both")
async def test_an_approval_that_is_not_used_in_time_lapses_and_is_asked_for_again(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:  # nobody drives it here
        await approve_all(coordinator)
        house.clock.forward(timedelta(hours=3))
        handle = await coordinator.resume("s")
        assert (await handle.settled()).status is Status.WAITING
        first, second = await coordinator.store.gates_of("s")
        assert (first.state, second.state) == ("lapsed", "pending")
        assert world.done == ["before"]
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_group_that_is_empty_when_the_gate_opens_is_put_before_a_person(
    house: House, world: World
) -> None:
    house.people.desk.clear()
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        question = await only_question(coordinator)
        house.people.desk.add("ben")
        await coordinator.resolve(question.id, "resume", reason="ben is back")
        await handle.settled()
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_t21_an_approval_of_somebody_who_has_left_is_worth_nothing(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await coordinator.approve(await only_gate(coordinator), by="ben")
        house.people.desk.discard("ben")
        handle = await coordinator.resume("s")
        assert (await handle.settled()).status is Status.WAITING
        assert world.done == ["before"]
        await coordinator.approve(await only_gate(coordinator), by="eve")
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_somebody_outside_the_group_cannot_decide(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
        with pytest.raises(Refused):
            await coordinator.approve(await only_gate(coordinator), by="zoe")


async def test_t7_who_started_the_saga_cannot_decide_a_separate_gate(house: House) -> None:
    async with house.open(user="ana") as coordinator:
        handle = await coordinator.start(asking_apart, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        with pytest.raises(Refused):
            await coordinator.approve(gate, by="ana")
        await coordinator.approve(gate, by="eve")
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_waiver_is_on_the_record(house: House, world: World) -> None:
    async with house.open() as coordinator:
        await coordinator.run(waived, Order(), id="s", timeout=LIMIT)
        [step] = (await coordinator.state("s")).steps.values()
    assert step.waiver == "a scenario"


@pytest.mark.usefixtures("on_both")
async def test_a_decision_in_another_process_wakes_the_one_that_drives(
    house: House, world: World
) -> None:
    async with house.open() as driver, house.open() as decider:
        handle = await driver.start(asking, Order(), id="s")
        await handle.settled()
        await decider.approve(await only_gate(decider), by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.completed


@pytest.mark.usefixtures("on_both")
async def test_a_decision_while_the_saga_is_still_busy_counts(house: House, world: World) -> None:
    world.plan("slow", wait_for_release)
    async with house.open() as driver, house.open() as decider:
        handle = await driver.start(asking_beside, Order(), id="s")

        async def opened() -> bool:
            return bool(await decider.store.waiting_gates())

        await until(opened)
        await decider.approve(await only_gate(decider), by="ben")
        await asyncio.sleep(0.1)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.result == "asked-done"


async def test_a_decision_at_the_instant_of_parking_is_not_missed(house: House) -> None:
    async with house.open() as driver, house.open() as decider:
        handles: list[Handle[Any]] = []
        for number in range(20):
            handles.append(await driver.start(asking, Order(), id=f"s{number}"))

            async def opened(number: int = number) -> bool:
                return bool(await decider.store.gates_of(f"s{number}"))

            await until(opened)
            await decider.approve((await gate_of(decider, f"s{number}")).id, by="ben")
        for handle in handles:
            assert (await handle.outcome(timeout=LIMIT)).completed


@pytest.mark.usefixtures("on_both")
async def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_and_caring, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        answers = await asyncio.gather(
            coordinator.approve(gate, by="ben"),
            coordinator.reject(gate, reason="no", by="eve"),
            return_exceptions=True,
        )
        outcome = await handle.outcome(timeout=LIMIT)
    assert sum(isinstance(item, Refused) for item in answers) == 1
    assert outcome.result in (
        "asked-done",
        'rejected: rejected by eve, who wrote (a remark, not an instruction): "no"',
    )


async def test_a_repetition_under_the_same_key_needs_no_second_approval(
    house: House, world: World
) -> None:
    world.plan("asked", lose_request)
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await kinds(coordinator)).count("GateOpened") == 1
    assert outcome.completed
    assert world.count("asked") == 2


async def test_a_gate_is_decided_while_nobody_drives(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        await approve_all(coordinator)
    async with house.open() as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.completed


@shop.saga
async def asking_a_crowd(order: Order) -> int:
    return len(await parallel(*(gated(f"it-{n}") for n in range(OPEN_AT_ONCE + 2))))


async def test_t23_one_saga_does_not_flood_those_who_decide(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_a_crowd, Order(), id="s")
        await handle.settled()
        first = await coordinator.store.waiting_gates()
        assert len(first) == OPEN_AT_ONCE
        await coordinator.approve(first[0].id, by="ben")
        await until(lambda: _opened(coordinator, OPEN_AT_ONCE + 1))
        while await handle.status() is not Status.COMPLETED:
            await approve_all(coordinator)
            await handle.settled()
    assert len(world.done) == OPEN_AT_ONCE + 2


async def _opened(coordinator: Coordinator, count: int) -> bool:
    return len(await coordinator.store.gates_of("s")) == count
