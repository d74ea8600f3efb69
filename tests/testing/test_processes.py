"""Explorations with real processes: each life is one, and is killed by the operating system."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from sagas import Catalog, Limit, Reversibility
from sagas.journal import migrate
from sagas.testing import (
    Effect,
    Evidence,
    Provider,
    Responder,
    Unexplorable,
    explore_crashes,
)
from tests.testing import remote
from tests.testing.remote import journey, outlaw, purchase, stay

SOAK = "SAGAS_SOAK" in os.environ


@pytest.fixture
def partner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv(remote.FILE_VARIABLE, str(tmp_path / "partner.db"))
    world = remote.partner()
    yield world
    world.close()


def children() -> set[str]:
    """The processes that this one has begun, and that are still there."""
    told = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    )
    return {line for line in told.stdout.splitlines() if "sagas" in line}


async def test_the_schedules_are_those_of_simulated_processes(partner: Provider) -> None:
    simulated = await explore_crashes(stay, "Rome", world=partner)

    real = await explore_crashes(stay, "Rome", world=partner, processes=True)

    assert real.violations == []
    assert real.schedules == simulated.schedules
    assert real.faults_landed == simulated.faults_landed == real.faults_planned > 5


async def test_a_process_is_killed_and_another_one_goes_on(partner: Provider) -> None:
    effects: list[Effect] = []

    def noted(evidence: Evidence) -> Iterator[str]:
        effects[:] = evidence.ledger
        yield from ()

    await explore_crashes(
        purchase, "Rome", world=partner, processes=True, only="kill:6:1", rules=[noted]
    )

    pids = [effect.key.split()[1] for effect in effects]
    assert len(pids) == len({*pids, str(os.getpid())} - {str(os.getpid())}) == 2


async def test_a_violation_names_real_processes_where_it_says_how_to_see_it_again(
    partner: Provider,
) -> None:
    report = await explore_crashes(
        purchase, "Rome", world=partner, processes=True, only="untouched"
    )

    assert "explore_crashes(..., processes=True, seed=0, only='untouched')" in str(report)


async def test_people_and_time_go_on_in_the_process_that_recovers(partner: Provider) -> None:
    report = await explore_crashes(
        journey, "Rome", world=partner, processes=True, only="kill:24:1 kill:1:2"
    )

    assert report.violations == []
    assert [effect.name for effect in partner.ledger()] == ["seat", "room", "room", "letter"]


async def test_it_survives_on_postgres(partner: Provider, postgres_url: str) -> None:
    migrate(postgres_url)

    report = await explore_crashes(stay, "Rome", world=partner, processes=True, url=postgres_url)

    assert report.violations == []
    assert report.faults_landed > 5


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
async def test_a_whole_journey_survives(partner: Provider) -> None:
    report = await explore_crashes(journey, "Rome", world=partner, processes=True)

    assert report.violations == []
    assert report.faults_landed > 30


@pytest.mark.skipif(not SOAK, reason="the long form: SAGAS_SOAK=1")
async def test_a_whole_journey_survives_on_postgres(partner: Provider, postgres_url: str) -> None:
    migrate(postgres_url)

    report = await explore_crashes(journey, "Rome", world=partner, processes=True, url=postgres_url)

    assert report.violations == []
    assert report.faults_landed > 30


async def test_nothing_is_left_running(partner: Provider) -> None:
    before = children()

    await explore_crashes(stay, "Rome", world=partner, processes=True, only="untouched")

    assert children() == before


# --- what cannot be ---------------------------------------------------------------------------------


async def refused(saga: Any, world: Any, **options: Any) -> str:
    with pytest.raises(Unexplorable) as refusal:
        await explore_crashes(saga, "Rome", world=world, processes=True, **options)
    return str(refusal.value)


async def test_a_world_in_the_memory_of_the_test_is_refused(partner: Provider) -> None:
    told = await refused(stay, Provider())

    assert "stay/room#1 took effect, and the world's ledger is empty" in told
    assert "Provider(at=path)" in told


async def test_a_saga_that_no_module_holds_is_refused(partner: Provider) -> None:
    hidden = Catalog("hidden")

    @hidden.saga
    async def unheard(city: str) -> str:
        return city

    assert "define it in a module" in await refused(unheard, partner)


async def test_a_rate_is_refused_where_a_database_keeps_the_time(
    partner: Provider, sqlite_url: str
) -> None:
    metered = Catalog("metered")

    @metered.action(
        reversibility=Reversibility.READ_ONLY,
        limits=[Limit("partner", rate=1, per=timedelta(hours=1))],
    )
    async def ask(city: str) -> str:
        return city

    @metered.saga
    async def question(city: str) -> str:
        return await ask(city)

    with pytest.raises(Unexplorable, match="'partner' has a rate"):
        await explore_crashes(question, "Rome", world=partner, url=sqlite_url)


async def test_people_that_cannot_be_pickled_are_refused(partner: Provider) -> None:
    people = Responder(decide=lambda gate: "approve")

    assert "cannot be pickled" in await refused(stay, partner, people=people)


async def test_what_does_not_happen_to_processes_is_refused(partner: Provider) -> None:
    assert "processes=True" in await refused(stay, partner, only="refuse:1:do:stay/room#1")


async def test_an_action_that_ends_its_process_is_named(
    partner: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(remote.CRIME_VARIABLE, "exit")

    assert "ended by itself" in await refused(outlaw, partner)


async def test_an_action_that_hangs_is_ended_and_shown(
    partner: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(remote.CRIME_VARIABLE, "hang")

    told = await refused(outlaw, partner, patience=4.0)

    assert "did not within 4 s" in told
    assert "remote.py" in told


async def test_a_result_that_no_other_process_can_read_is_refused(
    partner: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(remote.CRIME_VARIABLE, "local")

    assert "cannot be pickled" in await refused(outlaw, partner)


async def test_a_module_that_begins_a_thread_is_refused(
    partner: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    busy = import_module("busy")
    try:
        assert "begins the thread 'beside'" in await refused(busy.idle, partner)
    finally:
        busy.over.set()
        busy.thread.join()
        del sys.modules["busy"]


BUSY = """
import threading
from sagas import Catalog, Limit, Reversibility
over = threading.Event()
thread = threading.Thread(target=over.wait, name="beside", daemon=True)
thread.start()
catalog = Catalog("busy")
@catalog.saga
async def idle(city: str) -> str:
    return city
"""
