"""The server is what dies: sagas outlast it, in the process that drives them."""

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from sagas.journal import migrate
from tests import postgres
from tests.crash.orders import Blow, Ending
from tests.crash.stages import SOAK, Count, Open, trials
from tests.crash.sweep import Stage

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(
        postgres.SERVER_VARIABLE in os.environ, reason="that server is not ours to kill"
    ),
]

FIRST = 3
EVERY = 1 if SOAK else 6
PACE_SECONDS = 0.3


async def outlived(stage: Stage, saga_id: str, ending: Ending) -> None:
    """The process brought the saga to its end, whatever it had to say meanwhile."""
    assert ending.code == 0, ending.said
    assert await stage.wrong_in_the_end(saga_id) == []


@pytest.mark.timeout(600)
async def test_a_process_outlives_the_death_of_its_servers_backend_at_any_boundary(
    stage: Open, postgres_url: str, count: Count
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    kills = 0
    async with stage("forward", postgres_url) as opened:
        boundary = FIRST
        while True:
            saga_id = opened.name(boundary)
            order = opened.order(saga_id).model_copy(
                update={"kill_at": boundary, "blow": Blow.BACKEND, "patience": 60}
            )
            ending = await asyncio.to_thread(opened.nurseries[0].run, order)
            await outlived(opened, saga_id, ending)
            if len(ending.reached) < boundary:
                break
            kills, boundary = kills + 1, boundary + EVERY
    count("a backend of PostgreSQL killed", kills)
    assert kills >= 5


async def test_a_process_outlives_an_immediate_restart_of_the_server(
    stage: Open, postgres_url: str, count: Count
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage("rejected", postgres_url) as opened:
        for number in trials(2, 20):
            saga_id = opened.name(number)
            order = opened.order(saga_id).model_copy(update={"pace": PACE_SECONDS, "patience": 60})
            opened.nurseries[0].begin(order)
            await asyncio.sleep(PACE_SECONDS * (1 + number % 4))
            await restart_at_once(postgres_url)
            ending = await asyncio.to_thread(opened.nurseries[0].end)
            await outlived(opened, saga_id, ending)
            count("PostgreSQL restarted at once", 1)


async def restart_at_once(url: str) -> None:
    """Restart the server without letting it finish anything."""
    connection = await asyncpg.connect(url)
    try:
        data = Path(await connection.fetchval("show data_directory"))
    finally:
        connection.terminate()
    await asyncio.to_thread(_restart, data)


def _restart(data: Path) -> None:
    postmaster = (data / "postmaster.pid").read_text().split("\n", 1)[0]
    programs = Path(f"/proc/{postmaster}/exe").resolve().parent
    account = postgres._Account.unprivileged()
    done = postgres._control(programs, account, data.parent, "restart", "-m", "immediate")
    assert done, postgres._logs(data.parent)
