"""Votes and what takes them back, while a saga waits at a gate."""

from datetime import timedelta

import pytest

from sagas import Status
from sagas.errors import Refused
from tests.behaviour.acting import LIMIT, kinds, only_gate
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order
from tests.behaviour.test_gates import asking, asking_and_caring, gate_of
from tests.behaviour.world import World


@pytest.mark.usefixtures("on_both")
async def test_a_revoked_approval_does_not_run_and_another_gate_asks_again(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:  # nobody drives it here
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
        await coordinator.revoke(gate, reason="wrong room", by="eve")
        handle = await coordinator.resume("s")
        assert (await handle.settled()).status is Status.WAITING
        assert world.done == ["before"]
        second = await only_gate(coordinator)
        assert second != gate
        await coordinator.approve(second, by="ben")
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_what_asks_again_after_a_revocation_can_be_rejected(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking_and_caring, Order(), id="s")).settled()
    async with house.open() as coordinator:
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
        await coordinator.revoke(gate, reason="wrong room", by="eve")
        handle = await coordinator.resume("s")
        await handle.settled()
        await coordinator.reject(await only_gate(coordinator), reason="still wrong", by="eve")
        outcome = await handle.outcome(timeout=LIMIT)
    assert '"still wrong"' in str(outcome.result)


async def test_a_revocation_is_in_the_journal_with_its_reason(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
        await coordinator.revoke(gate, reason="wrong room", by="eve")
        await (await coordinator.resume("s")).settled()
        known = (await coordinator.state("s")).gates[gate]
        assert (known.state, known.decided_by, known.reason) == ("revoked", "eve", "wrong room")
        assert (await kinds(coordinator)).count("GateDecided") == 2


async def test_an_approval_that_was_used_is_not_revoked(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
        await handle.outcome(timeout=LIMIT)
        with pytest.raises(Refused, match="the action has been started"):
            await coordinator.revoke(gate, reason="wrong room", by="eve")
    assert world.done == ["before", "asked"]


async def test_somebody_outside_the_group_does_not_revoke(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
        with pytest.raises(Refused, match="not among the approvers"):
            await coordinator.revoke(gate, reason="wrong room", by="zoe")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_vote_that_finds_an_approval_lapsed_leads_to_another_gate(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
    async with house.open() as coordinator:
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
        house.clock.forward(timedelta(hours=3))
        with pytest.raises(Refused, match="not used in time"):
            await coordinator.approve(gate, by="eve")
        handle = await coordinator.resume("s")
        assert (await handle.settled()).status is Status.WAITING
        await coordinator.approve(await only_gate(coordinator), by="ben")
        assert (await handle.outcome(timeout=LIMIT)).completed


@pytest.mark.usefixtures("on_both")
async def test_t27_a_wrong_digest_decides_nothing_and_the_right_one_does(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        gate = await gate_of(coordinator)
        with pytest.raises(Refused, match="look at it and vote again; nothing was decided"):
            await coordinator.approve(gate.id, by="ben", digest="0123456789abcdef")
        assert await gate_of(coordinator) == gate
        seen = (await coordinator.presentation(gate.id)).seen
        await coordinator.approve(gate.id, by="ben", digest=gate.digest[:8].upper(), seen=seen)
        votes = await coordinator.store.votes(gate.id)
        assert [(vote.digest, vote.refusal, vote.seen) for vote in votes] == [
            ("0123456789abcdef", "wrong-digest", None),
            (gate.digest, None, seen),
        ]
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_vote_without_a_digest_is_for_what_the_gate_asks(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(asking, Order(), id="s")).settled()
        gate = await gate_of(coordinator)
        await coordinator.approve(gate.id, by="ben")
        [vote] = await coordinator.store.votes(gate.id)
    assert vote.digest == gate.digest


async def test_after_the_decision_there_is_nothing_to_withdraw(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        await coordinator.approve(gate, by="ben")
        with pytest.raises(Refused, match="already approved by ben"):
            await coordinator.withdraw(gate, by="ben")
        assert (await handle.outcome(timeout=LIMIT)).completed
