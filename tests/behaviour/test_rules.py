"""Standing rules: gates that are decided beforehand, and what takes that back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals import ApprovalDefinitionError
from approvals.rule import Budget, StandingRule, standing_rule
from sagas import Coordinator, Status
from sagas.entries import GateConsumed, GateDecided
from sagas.errors import Refused
from sagas.ports import FaultPoints
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, approve_all, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, doubled, gated, separated, shop
from tests.behaviour.world import World


@shop.saga
async def buying(order: Order) -> str:
    return await gated(order.choice)


@shop.saga
async def buying_apart(order: Order) -> str:
    return await separated(order.choice)


@shop.saga
async def buying_with_two(order: Order) -> str:
    return await doubled(order.choice)


class Meddling(FaultPoints):
    """Does something once a rule has decided a gate, before the approval is used."""

    def __init__(self, act: Callable[[str], Awaitable[object]]) -> None:
        self._act = act

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == "after-append" and "GateOpened,GateDecided" in path:
            await self._act(saga_id)


async def given(
    house: House, coordinator: Coordinator, *, by: str = "ben", **different: Any
) -> StandingRule:
    """A rule for `gated`, after somebody has decided one by hand."""
    person = house.people.principal(by)
    assert person is not None
    now = house.clock.now()
    asked: dict[str, Any] = {
        "id": "r-1",
        "action": "shop.gated",
        "version": 1,
        "by": person,
        "reason": "always the same",
        "now": now,
        "until": now + timedelta(days=1),
        "uses": 2,
        "where": 'what matches "4*"',
    }
    return await coordinator.create_rule(standing_rule(**(asked | different)), by=person)


async def bought(coordinator: Coordinator, saga: Any = buying, *, choice: str = "40") -> None:
    """One that people decided, so that it is known what a rule would be about."""
    handle = await coordinator.start(saga, Order(choice=choice), id="first")
    await handle.settled()
    await approve_all(coordinator, by="eve")
    await approve_all(coordinator, by="ben")
    await handle.outcome(timeout=LIMIT)


async def states(coordinator: Coordinator, saga_id: str = "s") -> list[tuple[str, str | None]]:
    """How the gates of a saga were decided, and by whom."""
    gates = await coordinator.store.gates_of(saga_id)
    return [(gate.state.value, gate.decided_by) for gate in gates]


async def waits(coordinator: Coordinator) -> bool:
    """Whether a gate waits for people."""
    return bool(await coordinator.store.waiting_gates())


@pytest.mark.usefixtures("on_both")
async def test_a_call_within_a_rule_runs_without_asking_and_is_on_the_record(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await bought(coordinator)
        await given(house, coordinator, budget=Budget(total=Decimal(99), path="what"))
        outcome = await coordinator.run(buying, Order(choice="41.5"), id="s", timeout=LIMIT)
        assert outcome.result == "41.5-done"
        assert await states(coordinator) == [("consumed", "rule r-1")]
        entries = [entry for _, _, entry in entries_of((await coordinator.load("s")).rows)]
        [decided] = [entry for entry in entries if isinstance(entry, GateDecided)]
        assert (decided.state, decided.by, decided.rule) == ("approved", "rule r-1", "r-1")
        assert decided.reason == "always the same"
        [consumed] = [entry for entry in entries if isinstance(entry, GateConsumed)]
        assert (consumed.rule, consumed.amount) == ("r-1", "41.5")
        [use] = await coordinator.store.rule_uses("r-1")
        assert (use.saga_id, use.gate_id, use.units) == ("s", decided.gate, 41_500_000)
        rule = await coordinator.store.rule("r-1")
        assert rule is not None
        assert (rule.used, rule.spent) == (1, Decimal("41.5"))


async def test_t1_people_are_asked_about_nothing_but_what_no_rule_allows(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await bought(coordinator)
        await given(house, coordinator, uses=9)
        for number, choice in enumerate(["40", "41", "50", "42"]):
            await (
                await coordinator.start(buying, Order(choice=choice), id=f"s-{number}")
            ).settled()
        [gate] = await coordinator.store.waiting_gates()
        assert gate.arguments == b'{"what":"50"}'
        await approve_all(coordinator)
        assert (await (await coordinator.resume("s-2")).outcome(timeout=LIMIT)).completed


async def test_a_rule_that_is_used_up_or_over_asks_people_again(house: House) -> None:
    async with house.open() as coordinator:
        await bought(coordinator)
        await given(house, coordinator, uses=1)
        await coordinator.run(buying, Order(choice="40"), id="s-1", timeout=LIMIT)
        await (await coordinator.start(buying, Order(choice="40"), id="s-2")).settled()
        assert await states(coordinator, "s-2") == [("pending", None)]
        await given(house, coordinator, id="r-2", until=house.clock.now() + timedelta(hours=1))
        house.clock.forward(timedelta(minutes=59, seconds=59))
        await coordinator.run(buying, Order(choice="40"), id="s-3", timeout=LIMIT)
        house.clock.forward(timedelta(seconds=1))
        await (await coordinator.start(buying, Order(choice="40"), id="s-4")).settled()
        assert await states(coordinator, "s-4") == [("pending", None)]


@pytest.mark.usefixtures("on_both")
async def test_of_two_sagas_that_race_for_the_last_use_one_runs_and_one_asks(
    house: House, world: World
) -> None:
    both = asyncio.Barrier(2)

    async def wait(_: str) -> None:
        await both.wait()

    meddling = Meddling(wait)
    async with (
        house.open(fault_points=meddling) as one,
        house.open(fault_points=meddling) as other,
    ):
        await bought(one)
        await given(house, one, uses=1)
        handles = [
            await coordinator.start(buying, Order(choice="40"), id=saga_id)
            for coordinator, saga_id in ((one, "s-1"), (other, "s-2"))
        ]
        ends = [await handle.settled() for handle in handles]
        assert {end.status for end in ends} == {Status.COMPLETED, Status.WAITING}
        assert world.done == ["40", "40"]
        found = [await states(one, saga_id) for saga_id in ("s-1", "s-2")]
        assert sorted(found, key=len) == [
            [("consumed", "rule r-1")],
            [("invalidated", "rule r-1"), ("pending", None)],
        ]
        assert len(await one.store.rule_uses("r-1")) == 1


@pytest.mark.usefixtures("on_both")
async def test_race_a_rule_revoked_while_its_approval_is_unused_invalidates_it(
    house: House, world: World
) -> None:
    async def revoke(_: str) -> None:
        person = house.people.principal("eve")
        assert person is not None
        await coordinator.revoke_rule("r-1", by=person, reason="not any more")

    async with house.open(fault_points=Meddling(revoke)) as coordinator:
        await bought(coordinator)
        await given(house, coordinator)
        handle = await coordinator.start(buying, Order(choice="40"), id="s")
        assert (await handle.settled()).status is Status.WAITING
        assert await states(coordinator) == [("invalidated", "rule r-1"), ("pending", None)]
        first, _ = (await coordinator.state("s")).gates.values()
        assert first.reason == "rule r-1 does not allow it any more: it was revoked by eve"
        assert await coordinator.store.rule_uses("r-1") == []
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_t21_a_grantor_removed_before_the_use_invalidates_the_approval(
    house: House, world: World
) -> None:
    async def remove(_: str) -> None:
        house.people.desk.discard("ben")

    async with house.open(fault_points=Meddling(remove)) as coordinator:
        await bought(coordinator)
        await given(house, coordinator)
        handle = await coordinator.start(buying, Order(choice="40"), id="s")
        assert (await handle.settled()).status is Status.WAITING
        assert await states(coordinator) == [("invalidated", "rule r-1"), ("pending", None)]
        assert world.done == ["40"]
        await (await coordinator.start(buying, Order(choice="40"), id="s-2")).settled()
        assert await states(coordinator, "s-2") == [("pending", None)]


async def test_an_approval_that_a_person_takes_back_is_not_given_again_by_the_rule(
    house: House, world: World
) -> None:
    async def take_back(saga_id: str) -> None:
        [gate] = await coordinator.store.gates_of(saga_id)
        await coordinator.revoke(gate.id, reason="not this one", by="eve")

    async with house.open(fault_points=Meddling(take_back)) as coordinator:
        await bought(coordinator)
        await given(house, coordinator)
        handle = await coordinator.start(buying, Order(choice="40"), id="s")
        await handle.settled()
        await until(lambda: waits(coordinator))
        assert await states(coordinator) == [("revoked", "eve"), ("pending", None)]
        assert world.done == ["40"]


async def test_a_vote_at_a_gate_that_a_rule_decided_is_told_so(house: House, world: World) -> None:
    said: list[str] = []

    async def vote(saga_id: str) -> None:
        [gate] = await coordinator.store.gates_of(saga_id)
        with pytest.raises(Refused) as refused:
            await coordinator.reject(gate.id, reason="no", by="eve")
        said.append(str(refused.value))

    async with house.open(fault_points=Meddling(vote)) as coordinator:
        await bought(coordinator)
        await given(house, coordinator)
        await coordinator.run(buying, Order(choice="40"), id="s", timeout=LIMIT)
    [words] = said
    assert words.startswith("already approved by rule r-1 at ")


async def test_t7_a_rule_does_not_decide_for_a_saga_that_its_grantor_started(
    house: House,
) -> None:
    async with house.open(user="zoe") as coordinator:
        await bought(coordinator, buying_apart)
    async with house.open(user="ana") as coordinator:
        for number, name in enumerate(("ana", "ben")):
            await given(house, coordinator, id=f"r-{number}", by=name, action="shop.separated")
            handle = await coordinator.start(buying_apart, Order(choice="40"), id=name)
            await handle.settled()
        assert await states(coordinator, "ana") == [("pending", None)]
        assert await states(coordinator, "ben") == [("consumed", "rule r-1")]


@pytest.mark.usefixtures("on_both")
async def test_a_rule_says_beforehand_what_it_would_have_allowed(house: House) -> None:
    async with house.open() as coordinator:
        await bought(coordinator)
        for number, choice in enumerate(["41", "50", "42"]):
            await (
                await coordinator.start(buying, Order(choice=choice), id=f"s-{number}")
            ).settled()
        rule = await given(house, coordinator)
        tried = await coordinator.try_rule(rule, last=3)
        assert [(one.gate.arguments, one.why_not) for one in tried] == [
            (b'{"what":"41"}', None),
            (b'{"what":"50"}', 'what matches "4*" does not hold'),
            (b'{"what":"42"}', None),
        ]
        assert [one.why_not for one in await coordinator.try_rule(rule)][-1] == "it is used up"


async def test_a_rule_is_refused_to_whoever_could_not_approve_alone(house: House) -> None:
    async with house.open() as coordinator:
        with pytest.raises(Refused, match=r"no gate has stood in front of shop\.gated version 1"):
            await given(house, coordinator)
        await bought(coordinator)
        with pytest.raises(Refused, match=r"zoe alone could not approve shop\.gated"):
            await given(house, coordinator, by="zoe")
        with pytest.raises(Refused, match=r"no gate has stood in front of shop\.gated version 2"):
            await given(house, coordinator, version=2)
        assert await coordinator.store.rules(action=None, live_at=None, limit=9) == []


async def test_what_two_have_to_approve_has_no_rule(house: House) -> None:
    async with house.open() as coordinator:
        await bought(coordinator, buying_with_two)
        with pytest.raises(Refused, match="a standing rule is the approval of one person"):
            await given(house, coordinator, action="shop.doubled")


async def test_a_program_makes_no_rule_on_its_own_word(house: House) -> None:
    async with house.open() as coordinator:
        await bought(coordinator)
        rule = await given(house, coordinator)
        with pytest.raises(Refused, match="nobody has seen that it is ben"):
            await coordinator.create_rule(rule, by=coordinator.principal("ben"))


async def test_a_rule_holds_from_when_it_is_made_and_no_longer_than_it_may(house: House) -> None:
    async with house.open() as coordinator:
        await bought(coordinator)
        later = house.clock.now() + timedelta(days=60)
        with pytest.raises(ApprovalDefinitionError, match="ends within 90 days"):
            await given(house, coordinator, now=later, until=later + timedelta(days=60))
