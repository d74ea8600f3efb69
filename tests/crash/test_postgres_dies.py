"""The server is what dies: sagas outlast it, in the process that drives them."""

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from sagas.journal import migrate
from tests import postgres
from tests.behaviour.acting import until
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
SAGAS = 3
OWNED = "select count(*) > 0 from sagas.saga where owner is not null"


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


@pytest.mark.parametrize("how", ["immediate", "fast", "sessions"])
async def test_a_process_with_several_sagas_outlives_the_end_of_all_its_sessions(
    stage: Open, postgres_url: str, count: Count, how: str
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    async with stage("rejected", postgres_url) as opened:
        for number in trials(2, 20):
            saga_ids = [opened.name(f"{number}-{which}") for which in range(SAGAS)]
            order = opened.order(*saga_ids).model_copy(
                update={"pace": PACE_SECONDS, "patience": 60}
            )
            opened.nurseries[0].begin(order)
            await at_work(postgres_url)
            await asyncio.sleep(PACE_SECONDS * (number % 4))
            await (end_sessions(postgres_url) if how == "sessions" else restart(postgres_url, how))
            ending = await asyncio.to_thread(opened.nurseries[0].end)
            for saga_id in saga_ids:
                await outlived(opened, saga_id, ending)
            count(f"PostgreSQL: all sessions ended ({how})", 1)


async def at_work(url: str) -> None:
    """Wait until the process has something to lose."""
    connection = await asyncpg.connect(url)
    try:
        await until(lambda: connection.fetchval(OWNED), tries=6000)
    finally:
        connection.terminate()


async def end_sessions(url: str) -> None:
    """End every session of the process, as an administrator would."""
    connection = await asyncpg.connect(url)
    try:
        ended = await connection.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'agent-sagas' and datname = current_database()"
        )
    finally:
        connection.terminate()
    assert ended


async def restart(url: str, mode: str) -> None:
    """Restart the server: `immediate` lets it finish nothing."""
    connection = await asyncpg.connect(url)
    try:
        data = Path(await connection.fetchval("show data_directory"))
    finally:
        connection.terminate()
    await asyncio.to_thread(_restart, data, mode)


def _restart(data: Path, mode: str) -> None:
    postmaster = (data / "postmaster.pid").read_text().split("\n", 1)[0]
    programs = Path(f"/proc/{postmaster}/exe").resolve().parent
    account = postgres._Account.unprivileged()
    done = postgres._control(programs, account, data.parent, "restart", "-m", mode)
    assert done, postgres._logs(data.parent)
