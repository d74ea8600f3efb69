"""A process with one release is killed in mid-saga, and one with another takes over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagas.journal import migrate
from tests.behaviour.releases import EDITS
from tests.behaviour.test_deploys import SAME_FOR_AN_UNWIND, SUMMARY

ROOT = Path(__file__).resolve().parents[2]
TARGET = "tests.deploys.deployed:made"
LIMIT = 90.0
COMPENSATED, STUCK, WAITING, BLOCKED = 3, 5, 6, 1

MOMENTS = ("mid-step", "unwinding", "gate")
SHORT = [("renamed", "mid-step"), ("input", "unwinding"), ("inserted", "gate")]
SOAK = "SAGAS_SOAK" in os.environ
"""Whether every edit is deployed at every moment, on both databases."""

CASES = [(kind, moment) for kind in EDITS for moment in MOMENTS] if SOAK else SHORT


class Deploy:
    """A journal, a partner's books, and processes with one release or another."""

    def __init__(self, url: str, directory: Path) -> None:
        self.books = directory / "books"
        self.books.touch()
        self._directory = directory
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SAGAS_")},
            "PYTHONPATH": str(ROOT),
            "SAGAS_DB": url,
            "SAGAS_LEASE": "1",
            "LEDGER": str(self.books),
        }
        self.living: list[subprocess.Popen[str]] = []

    def begin(self, release: str, *words: str, hold: str = "") -> "subprocess.Popen[str]":
        """Start a command."""
        process = subprocess.Popen(
            [sys.executable, "-m", "sagas.cli", *words],
            cwd=self._directory,
            env={**self._environment, "RELEASE": release, "HOLD": hold},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.living.append(process)
        return process

    def say(self, release: str, *words: str) -> tuple[int, str]:
        """Run a command to its end: its exit code, and what it said."""
        process = self.begin(release, *words)
        out, _ = process.communicate(timeout=LIMIT)
        return process.returncode, out

    def run(self, release: str, *words: str) -> tuple[int, str]:
        """Go on with the saga in a process of that release."""
        return self.say(release, "run", TARGET, "--id", "s", *words)

    def killed_once(self, held: str, *words: str) -> None:
        """Run the first release until the partner has done that, and kill its process."""
        process = self.begin("first", *words, hold=held)
        until = time.monotonic() + LIMIT
        while held not in self.done:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, f"{held} was never asked of the partner"
            time.sleep(0.02)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL

    @property
    def done(self) -> list[str]:
        """What the partner was asked, in order."""
        return self.books.read_text().split()

    def asked(self, prefix: str) -> str:
        """The first id in the inbox: `g-` for a gate, `i-` for an intervention."""
        words = self.say("first", "inbox")[1].split()
        return next(word for word in words if word.startswith(prefix))

    def leave(self, moment: str) -> None:
        """Have the first release come so far."""
        start = ("run", TARGET, "--input", "{}", "--id", "s", "--no-wait")
        if moment == "mid-step":
            self.killed_once("car", *start)
            return
        assert self.say("first", *start)[0] == WAITING
        if moment == "gate":
            assert self.say("first", "approve", self.asked("g-"))[0] == 0
        if moment == "unwinding":
            self.say("first", "cancel", "s", "--reason", "it is over")
            self.killed_once("undo-car", "run", TARGET, "--id", "s")


@pytest.fixture
def deploy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deploy]:
    """A deploy on a fresh journal."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    migrate(url)
    deploy = Deploy(url, tmp_path)
    yield deploy
    for process in deploy.living:
        if process.poll() is None:
            process.kill()
            process.communicate()


def cases() -> list[object]:
    """Every edit at every moment on both databases; or a few, one of them on PostgreSQL."""
    both = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.postgres)]
    found = [
        pytest.param(*database.values, kind, moment, marks=database.marks)
        for database in (both if SOAK else both[:1])
        for kind, moment in CASES
    ]
    if not SOAK:
        found.append(pytest.param("postgres", "result", "mid-step", marks=pytest.mark.postgres))
    return list(found)


@pytest.mark.crash
@pytest.mark.parametrize(("deploy", "kind", "moment"), cases(), indirect=["deploy"])
def test_a_deploy_of_edited_code_is_told_before_and_has_no_effect(
    deploy: Deploy, kind: str, moment: str
) -> None:
    deploy.leave(moment)
    before = deploy.done
    is_same = moment == "unwinding" and kind in SAME_FOR_AN_UNWIND

    code, told = deploy.say(kind, "check", TARGET)
    assert code == (0 if is_same else BLOCKED), told
    assert deploy.done == before
    assert is_same or SUMMARY[kind] in " ".join(told.split())

    code, told = deploy.run(kind)
    assert code == (COMPENSATED if is_same else STUCK), told
    again = ["undo-car"] if moment == "unwinding" else []  # under its key, by name and version
    assert deploy.done == [*before, *again, *(["undo-flight"] if is_same else [])]


@pytest.mark.crash
@pytest.mark.parametrize("deploy", ["sqlite"], indirect=True)
def test_the_release_that_began_goes_on_after_a_deploy_was_taken_back(deploy: Deploy) -> None:
    deploy.leave("mid-step")
    assert deploy.run("renamed")[0] == STUCK
    question = deploy.asked("i-")
    deploy.say("first", "resolve", question, "--choice", "resume", "--reason", "taken back")
    code, told = deploy.run("first", "--no-wait")
    assert code == WAITING, told
    assert deploy.done == ["flight", "car", "car"]
