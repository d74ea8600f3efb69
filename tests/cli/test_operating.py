"""What an operator reads: the log of a worker, what a saga waits for, how a worker ends."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sagas import SagaError, connect
from tests.cli.conftest import ROOT, Sagas, Spawn, first_id
from tests.cli.test_run import until

GIVEN = ("--input", '"today"')

CODE = """
from datetime import timedelta
from sagas import Catalog, Limit, Reversibility, approval

travel = Catalog("travel")
scarce = Limit("scarce", rate=1, per=timedelta(days=1))

@travel.action(reversibility=Reversibility.READ_ONLY, limits=[scarce])
async def look() -> None: ...

@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def write() -> None: ...

@travel.saga
async def looking(day: str) -> None:
    await look()

@travel.saga
async def writing(day: str) -> None:
    await write()

@travel.saga
async def wrong(day: str) -> None:
    raise TypeError("not callable")
"""

TWICE = """
import asyncio, os, signal
from sagas.cli.stopping import interruptible

async def main():
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(60)
    return 1

raise SystemExit(interruptible(main(), "stopped", clean=True))
"""


@pytest.fixture
def code(desk: Path) -> Path:
    """The code of sagas, in the directory where commands are given."""
    path = desk / "operated.py"
    path.write_text(CODE)
    return path


def test_show_says_that_a_saga_waits_for_a_permit(sagas: Sagas, code: Path) -> None:
    sagas("run", f"{code}:travel.looking", *GIVEN, "--id", "first")
    sagas("run", f"{code}:travel.looking", *GIVEN, "--id", "second", "--no-wait")
    assert "it waits for a permit of the limit scarce" in sagas("show", "second").out


def test_the_story_parts_a_question_from_what_is_known(sagas: Sagas, code: Path) -> None:
    sagas("run", f"{code}:travel.wrong", *GIVEN, "--id", "t1")
    assert "the body has a defect: " in " ".join(sagas("history", "t1").out.split())


def test_a_worker_tells_in_its_log_which_saga_is_stuck_and_on_what(
    sagas: Sagas, spawn: Spawn, code: Path
) -> None:
    sagas("run", f"{code}:travel.writing", *GIVEN, "--id", "t1", "--no-wait")
    sagas("approve", first_id(sagas, "g-"))
    code.write_text(CODE.replace("    await write()", "    await look()"))
    process = spawn("worker", f"{code}:travel")
    until(sagas, "list", has="stuck")
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert "Z t1: stuck: the body no longer does what it did\n" in err


def test_a_worker_tells_in_its_log_what_it_takes_up_from_one_that_died(
    sagas: Sagas, spawn: Spawn, code: Path
) -> None:
    code.write_text(CODE.replace("None: ...", "None:\n    import os; os._exit(9)", 1))
    spawn("run", f"{code}:travel.looking", *GIVEN, "--id", "t1").wait(timeout=30)
    code.write_text(CODE.replace(", limits=[scarce]", ""))
    process = spawn("worker", f"{code}:travel")
    until(sagas, "list", has="completed")
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert "Z t1: taken up; workers that died of it: 1\n" in err


def test_a_signal_that_comes_twice_at_once_is_one_request() -> None:
    command = [sys.executable, "-c", TWICE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "sagas: stopped\n")


async def test_a_grace_that_is_no_number_of_seconds_is_refused_with_what_it_should_be() -> None:
    with pytest.raises(SagaError, match="a number of seconds from 0 to 86400, not 0:00:05"):
        async with connect("sqlite:///sagas.db", grace=timedelta(seconds=5)):  # type: ignore[arg-type]
            raise AssertionError("it was accepted")
