"""Decisions at one instant: one of them counts, and everybody is told the truth."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from approvals import OperatingSystemDirectory
from approvals.quorum import Refusal
from sagas import ApprovalRejected
from tests.behaviour.acting import LIMIT, kinds, only_gate
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, publish, shop
from tests.behaviour.world import World

PEOPLE = 100
ANYBODY: Any = OperatingSystemDirectory()


@shop.saga
async def asking_the_public(order: Order) -> str:
    try:
        return await publish("news")
    except ApprovalRejected:
        return "rejected"


class Deciders:
    """People in another process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def ready(cls, house: House, gate: str, people: range, end: str = "tell") -> "Deciders":
        """Let them come, and wait until they have."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.behaviour.deciders", house.url, gate),
            *(str(people.start), str(people.stop), end),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return cls(process)

    async def decide(self) -> Sequence[str]:
        """Give the word; what each of them was told, if they live to tell."""
        told, _ = await self.process.communicate(b"now\n")
        return json.loads(told) if told else []


@pytest.mark.usefixtures("on_both")
async def test_t6_approve_against_reject_of_a_hundred_in_two_processes_one_wins_and_all_are_told(
    house: House, world: World
) -> None:
    house.people = ANYBODY
    async with house.open(clock=None) as coordinator:
        handle = await coordinator.start(asking_the_public, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        half = PEOPLE // 2
        crowds = await asyncio.gather(
            Deciders.ready(house, gate, range(half)),
            Deciders.ready(house, gate, range(half, PEOPLE)),
        )
        told = [
            text for crowd in await asyncio.gather(*(c.decide() for c in crowds)) for text in crowd
        ]
        outcome = await handle.outcome(timeout=LIMIT)
        [won] = [text for text in told if not text.startswith("already")]
        state, _, winner = won.partition(" by ")
        others = [text for text in told if text != won]
        assert len(others) == PEOPLE - 1
        assert {text.split(" at ")[0] for text in others} == {f"already {state} by {winner}"}
        votes = await coordinator.store.votes(gate)
        assert [(vote.principal, vote.refusal) for vote in votes[:1]] == [(winner, None)]
        assert [vote.refusal for vote in votes[1:]] == [Refusal.ALREADY_DECIDED] * (PEOPLE - 1)
        assert (await kinds(coordinator)).count("GateDecided") == 1
    assert outcome.result == ("news-done" if state == "approved" else "rejected")
    assert world.done == (["news"] if state == "approved" else [])


@pytest.mark.usefixtures("on_both")
async def test_race_a_crash_after_the_votes_commit_and_the_same_vote_again_is_one_vote(
    house: House, world: World
) -> None:
    house.people = ANYBODY
    async with house.open(clock=None) as coordinator:
        await (await coordinator.start(asking_the_public, Order(), id="s")).settled()
        gate = await only_gate(coordinator)
    dying = await Deciders.ready(house, gate, range(1), "die")
    assert await dying.decide() == []
    assert dying.process.returncode == 9
    async with house.open(clock=None) as coordinator:
        decided = await coordinator.approve(gate, by="person-0")
        assert (decided.state, decided.decided_by) == ("approved", "person-0")
        [vote] = await coordinator.store.votes(gate)
        assert vote.refusal is None
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "news-done"
    assert world.done == ["news"]
