"""What policies add to gates, and that an open gate is tightened and never dropped."""

from datetime import timedelta
from typing import Any

import pytest

from approvals.policies import Policies, policy
from approvals.requirement import approval
from sagas import ApprovalRejected, Coordinator, Status
from sagas.errors import Refused
from tests.behaviour.acting import LIMIT, only_gate, states, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, keyed, separated, shop
from tests.behaviour.world import World

HOUR = timedelta(hours=1)
BY_DESK = policy("all of it", asks=approval(by="@desk", within=HOUR), actions="shop.keyed")
BY_ANA = policy("ana too", asks=approval(by="ana", within=HOUR), actions="shop.gated")
NONE = Policies()


@shop.saga
async def paying_the_price(order: Order) -> str:
    return await keyed("paid")


@shop.saga
async def paying_and_asking(order: Order) -> str:
    await keyed("paid")
    return await gated("asked")


@shop.saga
async def asking_once(order: Order) -> str:
    return await gated("asked")


@shop.saga
async def asking_twice(order: Order) -> str:
    try:
        return await gated("asked")
    except ApprovalRejected:
        return await gated("asked")


@shop.saga
async def asking_for_less(order: Order) -> str:
    try:
        return await gated("much")
    except ApprovalRejected:
        return await gated("little")


@shop.saga
async def asking_separately(order: Order) -> str:
    return await separated("asked")


async def has_states(coordinator: Coordinator, wanted: list[str]) -> bool:
    return await states(coordinator) == wanted


@pytest.mark.usefixtures("on_both")
async def test_a_policy_puts_a_gate_where_the_author_asks_for_none(
    house: House, world: World
) -> None:
    async with house.open(policies=Policies((BY_DESK,))) as coordinator:
        handle = await coordinator.start(paying_the_price, Order(), id="s")
        await handle.settled()
        assert world.done == []
        await coordinator.approve(await only_gate(coordinator), by="ben")
        outcome = await handle.outcome(timeout=LIMIT)
    assert (outcome.result, world.done) == ("paid-done", ["paid"])


async def test_a_name_in_a_policy_that_no_action_has_is_told_when_the_process_begins(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    asked = [
        policy("typed wrongly", asks=BY_DESK.asks, actions=["shpo.keyed", "shop.*"]),
        policy("of others", asks=BY_DESK.asks, actions="payroll.*"),
    ]
    async with house.open(policies=Policies(tuple(asked))):
        pass
    said = [message.partition(": ") for message in caplog.messages]
    assert [(what, why) for what, _, why in said] == [
        (
            "policy 'typed wrongly' asks for nothing here about 'shpo.keyed'",
            "no action of this process is called that (did you mean shop.keyed?)",
        ),
        (
            "policy 'of others' asks for nothing here about 'payroll.*'",
            "no action of this process is called that",
        ),
    ]


async def test_a_policy_about_other_arguments_asks_nobody(house: House) -> None:
    other = policy(
        "elsewhere", asks=approval(by="@desk", within=HOUR), where='what == "something else"'
    )
    async with house.open(policies=Policies((other,))) as coordinator:
        outcome = await coordinator.run(paying_the_price, Order(), id="s", timeout=LIMIT)
    assert outcome.status is Status.COMPLETED


async def test_an_undo_is_not_held_up_by_a_policy(house: House, world: World) -> None:
    everything = policy("all", asks=approval(by="@desk", within=HOUR))
    async with house.open(policies=Policies((everything,))) as coordinator:
        handle = await coordinator.start(paying_and_asking, Order(), id="s")
        await handle.settled()
        await coordinator.approve(await only_gate(coordinator), by="ben")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), by="ben", reason="no")
        outcome = await handle.outcome(timeout=LIMIT)
    assert (outcome.status, world.done, world.undone) == (Status.COMPENSATED, ["paid"], ["paid"])


async def test_author_and_policy_both_have_to_be_satisfied(house: House, world: World) -> None:
    async with house.open(policies=Policies((BY_ANA,))) as coordinator:
        handle = await coordinator.start(asking_once, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        assert (await coordinator.approve(gate, by="ben")).state == "pending"
        assert (await coordinator.approve(gate, by="ana")).state == "approved"
        await handle.outcome(timeout=LIMIT)
    assert world.done == ["asked"]


@pytest.mark.usefixtures("on_both")
async def test_t9_an_open_gate_is_superseded_by_one_that_asks_for_more(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking_once, Order(), id="s")).settled()
        first = await only_gate(coordinator)
    async with house.open(policies=Policies((BY_ANA,))) as coordinator:
        handle = await coordinator.resume("s")
        await coordinator.send("s", "look", key="1")  # whatever makes it look again
        await until(lambda: has_states(coordinator, ["superseded", "pending"]))
        with pytest.raises(Refused, match="replaced"):
            await coordinator.approve(first, by="ben")
        second = await only_gate(coordinator)
        await coordinator.approve(second, by="ben")
        assert world.done == []
        await coordinator.approve(second, by="ana")
        await handle.outcome(timeout=LIMIT)
    assert world.done == ["asked"]


async def test_t9_an_unused_approval_is_void_when_more_is_asked_for(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking_once, Order(), id="s")).settled()
        first = await only_gate(coordinator)
    async with house.open() as coordinator:  # nobody drives the saga here
        await coordinator.approve(first, by="ben")
    async with house.open(policies=Policies((BY_ANA,))) as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        assert await states(coordinator) == ["invalidated", "pending"]
    assert world.done == []


async def test_t9_an_open_gate_stays_when_its_policy_is_gone(house: House, world: World) -> None:
    async with house.open(policies=Policies((BY_DESK,))) as coordinator:
        await (await coordinator.start(paying_the_price, Order(), id="s")).settled()
    async with house.open(policies=NONE) as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        assert (await states(coordinator), world.done) == (["pending"], [])
        await coordinator.approve(await only_gate(coordinator), by="ben")
        await handle.outcome(timeout=LIMIT)
    assert world.done == ["paid"]


async def test_a_rejection_holds_when_its_policy_is_gone(house: House, world: World) -> None:
    async with house.open(policies=Policies((BY_DESK,))) as coordinator:
        await (await coordinator.start(paying_the_price, Order(), id="s")).settled()
        gate = await only_gate(coordinator)
    async with house.open(policies=NONE) as coordinator:
        await coordinator.reject(gate, by="ben", reason="no")
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert (outcome.status, world.done) == (Status.COMPENSATED, [])


@pytest.mark.usefixtures("on_both")
async def test_t20_a_request_that_was_rejected_is_not_put_before_people_again(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_twice, Order(), id="s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), by="ben", reason="never")
        outcome = await handle.outcome(timeout=LIMIT)
        assert await states(coordinator) == ["rejected", "rejected"]
    assert (outcome.status, world.done) == (Status.COMPENSATED, [])
    assert "the same was rejected at asking_twice/gated#1: never" in (outcome.reason or "")


async def test_another_request_after_a_rejection_is_put_before_people(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_for_less, Order(), id="s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), by="ben", reason="too much")
        await handle.settled()
        await coordinator.approve(await only_gate(coordinator), by="ben")
        await handle.outcome(timeout=LIMIT)
    assert world.done == ["little"]


@pytest.mark.parametrize("part", ["requester", "agent", "owner"])
async def test_nobody_for_whom_a_saga_acts_decides_about_it(house: House, part: str) -> None:
    async with house.open() as coordinator:
        parties: Any = {part: "ben"}
        handle = await coordinator.start(asking_separately, Order(), id="s", **parties)
        await handle.settled()
        gate = await only_gate(coordinator)
        with pytest.raises(Refused, match="somebody else has to decide"):
            await coordinator.approve(gate, by="ben")
        await coordinator.approve(gate, by="eve")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPLETED


async def test_a_gate_that_only_those_it_acts_for_could_decide_does_not_open(
    house: House,
) -> None:
    house.people.desk = {"ana", "ben"}
    async with house.open() as coordinator:
        handle = await coordinator.start(asking_separately, Order(), id="s", owner="ben")
        await handle.settled()
        [question] = await coordinator.store.waiting_questions()
    assert "without those for whom it acts (ana, owner ben)" in question.evidence
