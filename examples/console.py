"""The command line as a demonstration uses it: each command is shown, then what it printed."""

import json
import os
import pwd
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from examples.processes import ROOT
from examples.reconcile import HISTORY, Calls, Effect, compare, journal_effects

PATIENCE = timedelta(seconds=90)


class InboxItem(BaseModel):
    """What matters here of an item in `sagas inbox --json`."""

    id: str
    kind: str
    saga_id: str


INBOX = TypeAdapter(list[InboxItem])


class DemonstrationFailed(Exception):
    """The demonstration cannot go on."""


@dataclass(slots=True)
class Run:
    """A `sagas run` in the background."""

    process: subprocess.Popen[str]
    output: Path

    def finish(self, patience: timedelta | None = PATIENCE) -> int:
        """Wait for its end, show what it printed, and return its exit code.

        Without `patience` it takes as long as somebody needs.
        """
        code = self.process.wait(timeout=patience.total_seconds() if patience else None)
        show(self.output.read_text())
        return code


@dataclass(slots=True)
class Console:
    """A terminal with the demonstration's settings in its environment."""

    directory: Path
    environment: dict[str, str]
    failures: list[str] = field(default_factory=list[str])

    @classmethod
    def open(cls, directory: Path, groups: Sequence[str], services: Mapping[str, str]) -> "Console":
        """Prepare a journal in `directory` and an approvers' file with you in `groups`."""
        user = json.dumps(pwd.getpwuid(os.getuid()).pw_name)
        approvers = directory / "approvers.toml"
        members = "".join(f"{group} = [{user}]\n" for group in groups)
        approvers.write_text(f"[users.{user}]\n\n[groups]\n{members}")
        settings = {
            "SAGAS_DB": f"sqlite:///{directory / 'sagas.db'}",
            "SAGAS_DIRECTORY": str(approvers),
        }
        return cls(directory, {**os.environ, **services, **settings})

    def sagas(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and show what it printed."""
        prompt(arguments)
        finished = self._finished(arguments)
        show(finished.stdout + finished.stderr)
        return finished

    def read(self, *arguments: str) -> str:
        """Run a reading command without a word and return what it printed.

        Raises:
            DemonstrationFailed: the command failed.
        """
        finished = self._finished(arguments)
        if finished.returncode:
            raise DemonstrationFailed(f"sagas {' '.join(arguments)}: {finished.stderr.strip()}")
        return finished.stdout

    @contextmanager
    def background(self, *arguments: str, **settings: str) -> Generator[Run]:
        """Run a command beside the block, with more settings; it is killed if it outlives it."""
        prompt(arguments)
        output = self.directory / f"run-{time.time_ns()}.txt"
        with output.open("w") as file:
            process = subprocess.Popen(
                self._command(arguments),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=ROOT,
                env={**self.environment, **settings},
            )
        with process:
            try:
                yield Run(process, output)
            finally:
                process.kill()

    @contextmanager
    def inbox(self, catalog: str) -> Generator[str]:
        """Serve the inbox beside the block, and give a link that logs you in, once.

        Raises:
            DemonstrationFailed: it cannot be served.
        """
        with self.background("serve", catalog, "--port", "0") as run:
            told = "the inbox is at "
            while told not in (output := run.output.read_text()) or not output.endswith("\n"):
                if run.process.poll() is not None:
                    raise DemonstrationFailed(f"there is no inbox: {output}")
                time.sleep(0.05)
            url = output.partition(told)[2].split()[0]
            prompt(("login", "--url", url))
            yield self.read("login", "--url", url).strip()

    def gate_of(self, saga_id: str, run: Run) -> str:
        """Wait until `run` has a person asked, and return the id of the gate.

        Raises:
            DemonstrationFailed: the run ended, or nobody was asked in time.
        """
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while time.monotonic() < deadline and run.process.poll() is None:
            for item in INBOX.validate_json(self.read("inbox", "--json")):
                if (item.kind, item.saga_id) == ("gate", saga_id):
                    return item.id
        raise DemonstrationFailed(f"{saga_id} asked nobody: {run.output.read_text()}")

    def reconcile(
        self, saga_id: str, calls: Mapping[str, Calls], effects: Sequence[Effect], *, whose: str
    ) -> set[str]:
        """Compare the journal with the services' own books; the kinds of entries it has."""
        history = self.read("history", saga_id, "--json")
        print(f"The journal and {whose}:")
        for line in compare(journal_effects(history, calls), effects):
            self.expect(str(line), line.agrees)
        return {entry.kind for entry in HISTORY.validate_json(history)}

    def expect(self, fact: str, holds: bool) -> None:
        """Say whether a fact holds, and remember if it does not."""
        print(f"  {'ok ' if holds else 'NOT'} {fact}")
        if not holds:
            self.failures.append(fact)

    def verdict(self) -> int:
        """Sum up, and return the exit code of the demonstration."""
        print()
        for failure in self.failures:
            print(f"This did not hold: {failure}")
        print("The journal and the ledgers agree." if not self.failures else "They disagree.")
        return 1 if self.failures else 0

    def _finished(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE.total_seconds(),
            cwd=ROOT,
            env=self.environment,
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "sagas.cli", *arguments]


def perform(
    play: Callable[[Path], int],
    arguments: Sequence[str],
    *,
    web: Callable[[Path], int] | None = None,
) -> int:
    """Play in the directory named, or in a temporary one; return the exit code.

    Args:
        web: What is played with `--web`, if anything is.
    """
    named = [argument for argument in arguments if argument != "--web"]
    chosen = web if "--web" in arguments else play
    if chosen is None:
        print("this is not played in a browser: leave --web out", file=sys.stderr)
        return 2
    try:
        with _scene(named) as directory:
            return chosen(directory)
    except DemonstrationFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


@contextmanager
def _scene(arguments: Sequence[str]) -> Generator[Path]:
    if not arguments:
        with tempfile.TemporaryDirectory() as directory:
            yield Path(directory)
        return
    named = Path(arguments[0]).resolve()
    named.mkdir(parents=True, exist_ok=True)
    if any(named.iterdir()):
        raise DemonstrationFailed(f"{named} is not empty: name another directory")
    yield named


def invite(link: str) -> None:
    """Ask the person at the terminal to decide in a browser."""
    print("Now it is yours: open this link, press Log in, and decide.")
    print(f"    {link}", flush=True)


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def prompt(arguments: tuple[str, ...]) -> None:
    """Print a command as one would type it."""
    print(f"$ sagas {shlex.join(arguments)}", flush=True)


def show(text: str) -> None:
    """Print the output of a command, set in."""
    for line in text.rstrip().splitlines():
        print(f"    {line}")
    sys.stdout.flush()
