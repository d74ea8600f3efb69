"""The long form: a second kill at every boundary of the recovery from every first one.

Collected only by `make soak`.
"""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from sagas.journal import migrate
from tests.crash.scenarios import SCENARIOS
from tests.crash.stages import SOAK_SECONDS, Open
from tests.crash.sweep import Stage, life_of, sweep, twice

pytestmark = [pytest.mark.crash, pytest.mark.slow]


async def swept_twice(opened: Stage) -> str:
    """Kill a first life at each boundary, and each time a second one at each of its own."""
    kills, boundaries = 0, len((await life_of(opened)).reached)
    for boundary in range(1, boundaries + 1):
        # A copy of the stage has a mark of its own, so that each sweep has new sagas.
        found = await sweep(replace(opened), partial(twice, boundary), fewest=2)
        assert not found.problems, "\n".join(found.problems)
        kills += found.kills
    assert kills >= boundaries * boundaries
    return f"{kills} kills after {boundaries} boundaries"


@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_on_sqlite_a_second_kill_at_any_boundary_of_the_recovery_does_no_harm(
    name: str, stage: Open, sqlite_url: str, counted: dict[str, str]
) -> None:
    async with stage(name, sqlite_url) as opened:
        counted[f"{name} on SQLite, twice"] = await swept_twice(opened)


@pytest.mark.timeout(SOAK_SECONDS)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_on_postgres_a_second_kill_at_any_boundary_of_the_recovery_does_no_harm(
    name: str, stage: Open, postgres_url: str, counted: dict[str, str]
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage(name, postgres_url) as opened:
        counted[f"{name} on PostgreSQL, twice"] = await swept_twice(opened)
