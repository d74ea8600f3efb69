"""Processes killed with SIGKILL at every boundary, one after the other."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from examples.travel.world import World
from sagas.journal import migrate
from tests.crash.nursery import Nursery
from tests.crash.scenarios import SCENARIOS
from tests.crash.sweep import Stage, Sweep, again_and_again, stage_for, sweep

pytestmark = pytest.mark.crash

Open = Callable[[str, str], AbstractAsyncContextManager[Stage]]


@pytest.fixture
def stage(crash_moods: World, crash_directory: Path, nurseries: Sequence[Nursery]) -> Open:
    """Opens the stage for a scenario on a database, with the partners in the mood for it."""

    @asynccontextmanager
    async def opened(name: str, url: str) -> AsyncGenerator[Stage]:
        scenario = SCENARIOS[name]
        for kind, mood in scenario.moods.items():
            crash_moods.set_mood(kind, mood)
        async with stage_for(scenario, url, crash_directory, nurseries) as stage:
            yield stage

    return opened


SHORTEST_LIFE = 7
"""Boundaries; with less a process dies before it has done anything that lasts."""

EVERY = 8
"""Of how many lengths one is tried."""


def judge(found: Sweep) -> None:
    assert not found.problems, "\n".join(found.problems)
    assert not found.missed
    assert found.kills >= 30


@pytest.mark.parametrize("name", SCENARIOS)
async def test_on_sqlite_a_kill_at_any_boundary_leaves_the_world_as_it_should_be(
    name: str, stage: Open, sqlite_url: str, counted: dict[str, str]
) -> None:
    async with stage(name, sqlite_url) as opened:
        found = await sweep(opened)
    counted[f"{name} on SQLite"] = str(found)
    judge(found)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_on_postgres_a_kill_at_any_boundary_leaves_the_world_as_it_should_be(
    name: str, stage: Open, postgres_url: str, counted: dict[str, str]
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage(name, postgres_url) as opened:
        found = await sweep(opened)
    counted[f"{name} on PostgreSQL"] = str(found)
    judge(found)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_processes_that_die_again_and_again_bring_a_saga_to_its_end_together(
    name: str, stage: Open, sqlite_url: str, counted: dict[str, str]
) -> None:
    async with stage(name, sqlite_url) as opened:
        found = await sweep(opened, again_and_again, first=SHORTEST_LIFE, step=EVERY)
    counted[f"{name} on SQLite, again and again"] = str(found)
    judge(found)
