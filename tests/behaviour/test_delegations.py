"""Deciding for somebody who is away, while a saga waits at a gate."""

from datetime import timedelta
from typing import Any

import pytest

from approvals.delegation import Delegation, delegation
from sagas import Coordinator, Status
from sagas.errors import Refused
from tests.behaviour.acting import LIMIT, only_gate
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order
from tests.behaviour.test_gates import asking, asking_apart
from tests.behaviour.world import World


async def away(
    house: House, coordinator: Coordinator, by: str = "ben", to: str = "zoe", **different: Any
) -> Delegation:
    """Somebody of the desk lets somebody who is not decide."""
    person = house.people.principal(by)
    assert person is not None
    now = house.clock.now()
    asked: dict[str, Any] = {
        "id": f"d-{by}-{to}",
        "by": person,
        "to": to,
        "now": now,
        "until": now + timedelta(days=2),
        "reason": "on leave",
    }
    return await coordinator.delegate(delegation(**(asked | different)), by=person)


@pytest.mark.usefixtures("on_both")
async def test_a_delegate_decides_under_their_own_name_and_says_for_whom(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        with pytest.raises(Refused, match="not among the approvers"):
            await coordinator.approve(gate, by="zoe")
        await away(house, coordinator)
        await coordinator.approve(gate, by="zoe")
        assert (await handle.outcome(timeout=LIMIT)).completed
        vote = (await coordinator.store.votes(gate))[-1]
        assert (vote.principal, vote.acting_for, vote.delegation) == ("zoe", "ben", "d-ben-zoe")
        [known] = (await coordinator.state("s")).gates.values()
        assert known.decided_by == "zoe for ben"


async def test_a_delegation_that_is_over_or_revoked_gives_no_vote(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
        gate = await only_gate(coordinator)
        await away(house, coordinator, until=house.clock.now() + timedelta(minutes=10))
        await away(house, coordinator, by="eve")
        person = house.people.principal("eve")
        assert person is not None
        await coordinator.undelegate("d-eve-zoe", by=person)
        house.clock.forward(timedelta(minutes=11))
        with pytest.raises(Refused, match="not among the approvers"):
            await coordinator.approve(gate, by="zoe")
        with pytest.raises(Refused, match=r"ben has not asked zoe to decide about shop\.gated"):
            await coordinator.approve(gate, by="zoe", acting_for="ben")


async def test_t21_a_vote_stands_after_its_delegation_unless_the_delegator_lost_the_right(
    house: House, world: World
) -> None:
    for saga_id in ("stands", "falls"):
        async with house.open() as coordinator:
            await (await coordinator.start(asking, Order(), id=saga_id)).settled()
        async with house.open() as coordinator:  # nobody drives it here
            given = await away(house, coordinator, id=f"d-{saga_id}")
            await coordinator.approve(await only_gate(coordinator), by="zoe")
            person = house.people.principal("ben")
            assert person is not None
            await coordinator.undelegate(given.id, by=person)
            if saga_id == "falls":
                house.people.desk.discard("ben")
            handle = await coordinator.resume(saga_id)
            expected = Status.COMPLETED if saga_id == "stands" else Status.WAITING
            assert (await handle.settled()).status is expected


async def test_t7_nobody_decides_about_their_own_saga_through_a_delegate(house: House) -> None:
    async with house.open(user="ana") as coordinator:
        handle = await coordinator.start(asking_apart, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        await away(house, coordinator, by="ana")
        with pytest.raises(Refused, match="the saga acts for ana, for whom you would decide"):
            await coordinator.approve(gate, by="zoe")
        await away(house, coordinator, by="eve")
        await coordinator.approve(gate, by="zoe", acting_for="eve")
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_right_is_not_delegated_further(house: House) -> None:
    house.people.everybody.add("dan")
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
        await away(house, coordinator)
        await away(house, coordinator, by="zoe", to="dan")
        with pytest.raises(Refused, match="not among the approvers"):
            await coordinator.approve(await only_gate(coordinator), by="dan")


async def test_who_has_a_right_of_their_own_uses_that(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
        gate = await only_gate(coordinator)
        await away(house, coordinator, to="eve")
        await coordinator.approve(gate, by="eve")
        [vote] = await coordinator.store.votes(gate)
    assert vote.acting_for is None


async def test_only_whoever_is_away_delegates_and_only_to_somebody_who_is_known(
    house: House,
) -> None:
    async with house.open() as coordinator:
        with pytest.raises(Refused, match="dan is not known"):
            await away(house, coordinator, to="dan")
        given = await away(house, coordinator)
        with pytest.raises(Refused, match="nobody has seen that it is eve"):
            await coordinator.delegate(given, by=coordinator.principal("eve"))
        person = house.people.principal("eve")
        assert person is not None
        mine = await coordinator.delegate(
            delegation(
                id="d-x",
                by=coordinator.principal("ana"),
                to="zoe",
                now=house.clock.now(),
                until=house.clock.now() + timedelta(days=1),
                reason="in the name of another",
            ),
            by=person,
        )
        assert mine.delegator == "eve"
        with pytest.raises(Refused, match="eve has no delegation d-ben-zoe"):
            await coordinator.undelegate("d-ben-zoe", by=person)
