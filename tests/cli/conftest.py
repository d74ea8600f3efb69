"""The command line as a test uses it: in this process where it can be, in another where it must."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from sagas.cli import main

ROOT = Path(__file__).resolve().parents[2]
TRIPS = str(Path(__file__).with_name("trips.py"))

OSLO = '{"city": "Oslo"}'


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    def refused(self, *words: str, code: int = 2) -> None:
        """The command was refused in one helpful line."""
        assert self.code == code, self
        assert self.out == ""
        assert self.err.startswith("sagas: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        assert "not expected" not in self.err
        for word in words:
            assert word in self.err


Sagas = Callable[..., Said]
Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, and nothing of ours in the environment."""
    for name in [name for name in os.environ if name.startswith("SAGAS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture
def sagas(capsys: pytest.CaptureFixture[str]) -> Sagas:
    """Run a command in this process."""

    def call(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call


@pytest.fixture
def trip(sagas: Sagas, desk: Path, empty_file: Path) -> Callable[..., str]:
    """Run a saga up to where it has to wait, and return its id."""

    def start(name: str, saga_id: str = "t1", trouble: str = "") -> str:
        if not (desk / "sagas.db").exists():
            shutil.copy(empty_file, desk / "sagas.db")
        given = f'{{"city": "Oslo", "trouble": "{trouble}"}}'
        sagas("run", f"{TRIPS}:travel.{name}", "--input", given, "--id", saga_id, "--no-wait")
        return saga_id

    return start


def in_process_of_its_own(
    *arguments: str, before: Sequence[str] = (), **settings: str
) -> subprocess.Popen[str]:
    """Start a command in another process, in the current directory; `before` starts it."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "sagas.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
    )


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start commands in other processes; what is left of them is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str, before: Sequence[str] = (), **settings: str
    ) -> subprocess.Popen[str]:
        started.append(in_process_of_its_own(*arguments, before=before, **settings))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def first_id(sagas: Sagas, prefix: str) -> str:
    """The first id in the inbox of that kind: `g-` for a gate, `i-` for an intervention."""
    return next(word for word in sagas("inbox").out.split() if word.startswith(prefix))


def everything(database: Path = Path("sagas.db")) -> str:
    """All that a database says, or nothing where there is none."""
    return "".join(_lines(database))


def all_but_votes(database: Path = Path("sagas.db")) -> str:
    """All that a database says, without votes and refused edits: what is refused is recorded."""
    apart = ('INSERT INTO "vote"', 'INSERT INTO "refused_edit"')
    return "".join(
        line
        for line in _lines(database)
        if not line.startswith(apart)
        and not any(f"VALUES('{table}'," in line for table in ("vote", "refused_edit"))
    )


def _lines(database: Path) -> list[str]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())
