"""Processes killed with SIGKILL at every boundary, one after the other."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from examples.travel.world import World
from tests.crash.nursery import Nursery
from tests.crash.scenarios import SCENARIOS
from tests.crash.sweep import Stage, Sweep, stage_for, sweep

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


def judge(found: Sweep) -> None:
    assert not found.problems, "\n".join(found.problems)
    assert not found.missed
    assert found.kills >= 30


@pytest.mark.parametrize("name", SCENARIOS)
async def test_on_sqlite_a_kill_at_any_boundary_leaves_the_world_as_it_should_be(
    name: str, stage: Open, sqlite_url: str, counted: dict[str, str]
) -> None:
    async with stage(name, sqlite_url) as open_:
        found = await sweep(open_)
    counted[f"{name} on SQLite"] = str(found)
    judge(found)
