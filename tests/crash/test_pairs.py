"""The long form: a second kill at every boundary of the recovery from every first one.

Collected only by `make soak`.
"""

import asyncio
from dataclasses import replace
from functools import partial
from random import Random

import pytest

from sagas.journal import migrate
from tests.crash.scenarios import SCENARIOS
from tests.crash.stages import SEED, SOAK_SECONDS, Count, Open, trials
from tests.crash.sweep import Stage, life_of, sweep, twice

pytestmark = [pytest.mark.crash, pytest.mark.slow]


async def swept_twice(opened: Stage, count: Count) -> None:
    """Kill a first life at each boundary, and each time a second one at each of its own.

    There is seldom time for all of them: each round begins elsewhere.
    """
    boundaries = list(range(1, len((await life_of(opened)).reached) + 1))
    Random(SEED).shuffle(boundaries)  # noqa: S311
    for number in trials(len(boundaries), len(boundaries)):
        # A copy of the stage has a mark of its own, so that each sweep has new sagas.
        found = await sweep(replace(opened), partial(twice, boundaries[number]), fewest=2)
        assert not found.problems, "\n".join(found.problems)
        assert found.kills > 0
        count("kill -9 at one boundary, and at another of the recovery", found.kills)


@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_on_sqlite_a_second_kill_at_any_boundary_of_the_recovery_does_no_harm(
    name: str, stage: Open, sqlite_url: str, count: Count
) -> None:
    async with stage(name, sqlite_url) as opened:
        await swept_twice(opened, count)


@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_on_postgres_a_second_kill_at_any_boundary_of_the_recovery_does_no_harm(
    name: str, stage: Open, postgres_url: str, count: Count
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage(name, postgres_url) as opened:
        await swept_twice(opened, count)
