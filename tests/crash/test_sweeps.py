"""Processes killed with SIGKILL at every boundary, one after the other."""

import asyncio

import pytest

from sagas.journal import migrate
from tests.crash.scenarios import SCENARIOS
from tests.crash.stages import SOAK, Count, Open
from tests.crash.sweep import Sweep, again_and_again, sweep

pytestmark = pytest.mark.crash

SHORT = ("forward", "unheard", "no-car", "rejected", "cut-short", "detour-rejected")
"""What is swept in every run; the long form sweeps all scenarios on both databases."""

PROBED = ("unheard",)
"""In which a destination is asked what became of a call."""

SHORTEST_LIFE = 11
"""Boundaries; with less a process dies before it has done anything that lasts."""

EVERY = 8
"""Of how many lengths one is tried."""

MANY = 3
"""Kills that one saga must survive for its trial to say anything."""

FEWEST = 30


def judge(found: Sweep) -> None:
    """Every boundary of a life that passed untouched was hit, and nothing was wrong."""
    assert not found.problems, "\n".join(found.problems)
    assert found.kills >= FEWEST
    assert found.missed == set()


@pytest.mark.parametrize("name", SCENARIOS if SOAK else SHORT)
async def test_on_sqlite_a_kill_at_any_boundary_leaves_the_world_as_it_should_be(
    name: str, stage: Open, sqlite_url: str, counted: dict[str, str], count: Count
) -> None:
    async with stage(name, sqlite_url) as opened:
        found = await sweep(opened)
    counted[f"{name} on SQLite"] = str(found)
    count("kill -9 at each boundary, SQLite", found.kills)
    judge(found)
    assert name not in PROBED or any(" probe " in boundary for boundary in found.hit), sorted(
        found.hit
    )


@pytest.mark.parametrize("name", SCENARIOS if SOAK else ("forward", "no-car"))
async def test_on_postgres_a_kill_at_any_boundary_leaves_the_world_as_it_should_be(
    name: str, stage: Open, postgres_url: str, counted: dict[str, str], count: Count
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage(name, postgres_url) as opened:
        found = await sweep(opened)
    counted[f"{name} on PostgreSQL"] = str(found)
    count("kill -9 at each boundary, PostgreSQL", found.kills)
    judge(found)


@pytest.mark.parametrize("name", SCENARIOS if SOAK else ("forward", "no-car", "detour-rejected"))
async def test_processes_that_die_again_and_again_bring_a_saga_to_its_end_together(
    name: str, stage: Open, sqlite_url: str, counted: dict[str, str], count: Count
) -> None:
    step = 1 if SOAK else EVERY
    async with stage(name, sqlite_url) as opened:
        found = await sweep(opened, again_and_again, first=SHORTEST_LIFE, step=step)
    counted[f"{name} on SQLite, again and again"] = str(found)
    count("kill -9 again and again", found.kills)
    assert not found.problems, "\n".join(found.problems)
    assert max(trial.kills for trial in found.trials) >= MANY
