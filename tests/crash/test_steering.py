"""A program that steers a session is killed at each boundary, and run again from its start."""

import multiprocessing
from pathlib import Path

import pytest

from sagas import Status, connect
from tests.crash.stages import SOAK, Count
from tests.crash.steering import LEFT, Steering, desk, main

pytestmark = pytest.mark.crash

FIRST, EVERY = (1, 1) if SOAK else (3, 9)
"""At which boundary it is killed first, and how many further on the next time."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.crash.steering", "sagas.journal.sqlite"])


def live(life: Steering) -> int:
    """Live one life; how it ended."""
    process = _processes.Process(target=main, args=(life,))
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


async def test_whenever_it_is_killed_it_does_what_it_would_have_done(
    tmp_path: Path, record_property: Count
) -> None:
    kill_at, is_over, kills = FIRST, False, 0
    while not is_over:
        place = tmp_path / str(kill_at)
        place.mkdir()
        url, ledger = f"sqlite:///{place}/sagas.db", place / "ledger"
        life = Steering(url, str(ledger), str(place / "record"), kill_at, 0.0)
        is_over = live(life) == 0  # it has no boundary of that number
        kills += not is_over
        if not is_over:
            again = Steering(url, str(ledger), str(place / "record"), None, 60.0)
            assert live(again) == 0, f"after a kill at {kill_at}"
        assert [line.split()[0] for line in ledger.read_text().splitlines()] == LEFT, kill_at
        async with connect(url, desk) as coordinator:
            assert (await coordinator.get("trip")).status is Status.COMPLETED
        kill_at += EVERY
    assert kills >= (30 if SOAK else 4)
    record_property("kills", kills)
