"""Four workers on one journal, all killed again and again at random, while sagas keep coming."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import pytest

from sagas.journal import migrate
from tests.crash.nursery import Nursery
from tests.crash.orders import Ending
from tests.crash.stages import SEED, SHARE_SECONDS, SOAK, SOAK_SECONDS, Count, Open, is_over
from tests.crash.sweep import HURRY_SECONDS, Stage

pytestmark = pytest.mark.crash

KILLS = 12
LONG_KILLS = 400
PACE_SECONDS = 0.02
NEW_SAGAS = 3
MOST_GRACE = 16.0
WINDOW = 12
"""How many of the latest sagas a life looks after; whatever is older is driven in the end."""


@dataclass(slots=True)
class Storm:
    """Kills, and what they hit."""

    saga_ids: list[str] = field(default_factory=list[str])
    endings: list[Ending] = field(default_factory=list[Ending])
    began: float = field(default_factory=time.monotonic)

    @property
    def kills(self) -> int:
        """How many lives were killed."""
        return sum(ending.signal == signal.SIGKILL for ending in self.endings)

    @property
    def has_raged(self) -> bool:
        """Whether enough kills landed, enough of them in mid-call; chance may ask for more."""
        enough = self.kills >= KILLS and self.in_flight >= KILLS * 0.3
        return (enough and not self.may_last) or self.kills >= KILLS * 4 + LONG_KILLS * SOAK

    @property
    def may_last(self) -> bool:
        """Whether this is the long form, and there is time left for it."""
        is_late = is_over() or time.monotonic() - self.began > SHARE_SECONDS
        return SOAK and self.kills < LONG_KILLS and not is_late

    @property
    def in_flight(self) -> int:
        """How many of them while a call was under way."""
        return sum(
            has_call_in_flight(ending.reached)
            for ending in self.endings
            if ending.signal == signal.SIGKILL
        )

    def __str__(self) -> str:
        return f"{self.kills} kills, {self.in_flight} with a call under way, {len(self.saga_ids)} sagas"


def has_called(reached: Sequence[str]) -> bool:
    """Whether a life was long enough for a call."""
    return any(line.startswith("before-call") for line in reached)


def has_call_in_flight(reached: Sequence[str]) -> bool:
    """Whether a life was killed between the beginning of a call and its end."""
    calls = [line.partition(" ")[2] for line in reached if line.startswith("before-call")]
    answers = [line.partition(" ")[2] for line in reached if line.startswith("after-call")]
    return len(calls) > len(answers)


async def rage(stage: Stage, seed: int) -> Storm:
    """Kill workers at random until there were enough kills."""
    storm, chance = Storm(), Random(seed)  # noqa: S311  a seeded storm can be had again

    async def lane(nursery: Nursery) -> None:
        grace = 1.0
        while not storm.has_raged:
            storm.saga_ids += [stage.name(len(storm.saga_ids) + new) for new in range(NEW_SAGAS)]
            latest = storm.saga_ids[-WINDOW:]
            order = stage.order(*latest).model_copy(update={"pace": PACE_SECONDS})
            pid = nursery.begin(order)
            ending = asyncio.ensure_future(asyncio.to_thread(nursery.end))
            await asyncio.wait((ending,), timeout=grace * chance.uniform(0.1, 0.8))
            if not ending.done():
                os.kill(pid, signal.SIGKILL)
            ended = await ending
            storm.endings.append(ended)
            if ended.signal == signal.SIGKILL and not has_called(ended.reached):
                grace = min(grace * 2, MOST_GRACE)  # a slow machine: it did not even get that far

    await asyncio.gather(*map(lane, stage.nurseries))
    return storm


async def calm(stage: Stage, storm: Storm) -> list[str]:
    """Let one more life bring every saga to its end, and say what is wrong with any."""
    order = stage.order(*storm.saga_ids).model_copy(
        update={"hurry": HURRY_SECONDS, "patience": 600}
    )
    storm.endings.append(await asyncio.to_thread(stage.nurseries[0].run, order))
    problems = [
        f"a life ended with {ending.code} (signal {ending.signal}): {ending.said}"
        for ending in storm.endings
        if ending.signal != signal.SIGKILL and ending.code != 0
    ]
    for saga_id in storm.saga_ids:
        problems += [f"{saga_id}: {text}" for text in await stage.wrong_in_the_end(saga_id)]
    return problems


async def weathered(stage: Stage) -> Storm:
    storm = await rage(stage, SEED)
    problems = await calm(stage, storm)
    assert not problems, "\n".join(problems)
    assert storm.kills >= KILLS
    assert storm.in_flight >= KILLS * 0.3
    return storm


@pytest.mark.timeout(SOAK_SECONDS if SOAK else 120)
@pytest.mark.parametrize("name", ["forward", "rejected"])
async def test_on_sqlite_random_kills_under_load_do_no_harm(
    name: str, stage: Open, sqlite_url: str, counted: dict[str, str], count: Count
) -> None:
    async with stage(name, sqlite_url) as opened:
        storm = await weathered(opened)
    counted[f"{name} on SQLite, at random"] = str(storm)
    count("kill -9 at random under load, SQLite", storm.kills)


@pytest.mark.timeout(SOAK_SECONDS if SOAK else 120)
@pytest.mark.parametrize("name", ["forward", "rejected"])
async def test_on_postgres_random_kills_under_load_do_no_harm(
    name: str, stage: Open, postgres_url: str, counted: dict[str, str], count: Count
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage(name, postgres_url) as opened:
        storm = await weathered(opened)
    counted[f"{name} on PostgreSQL, at random"] = str(storm)
    count("kill -9 at random under load, PostgreSQL", storm.kills)
