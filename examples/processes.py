"""The services of an example as processes of their own: started together, stopped together."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = timedelta(seconds=30)


class ServiceDied(Exception):
    """A service ended, or stayed silent, before it listened: read its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running process that listens on a port of the loopback."""

    name: str
    pid: int
    port: int


@contextmanager
def running(
    directory: Path, commands: Mapping[str, Sequence[str]]
) -> Generator[dict[str, Service]]:
    """Run each command (a module and its arguments) until the block ends.

    What they print on standard error goes to `NAME.log` in `directory`.

    Raises:
        ServiceDied: one of them did not come up; the message has its log.
    """
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            started[name] = _start(command, directory / f"{name}.log")
        yield {
            name: Service(name, process.pid, _announced_port(name, process, directory))
            for name, process in started.items()
        }
    finally:
        _stop(list(started.values()))


def _start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            # Ctrl-C in the terminal is for the parent, which then stops us in order.
            start_new_session=True,
        )


def _announced_port(name: str, process: subprocess.Popen[bytes], directory: Path) -> int:
    assert process.stdout is not None
    line = _first_line(process.stdout.fileno())
    if not line:
        log = (directory / f"{name}.log").read_text(errors="replace").strip()
        raise ServiceDied(f"{name} did not start: {log or 'it printed nothing'}")
    port: int = json.loads(line)["port"]
    return port


def _first_line(descriptor: int) -> bytes:
    """Read up to the first newline; empty if the process ends or says nothing in time."""
    line, deadline = b"", time.monotonic() + PATIENCE.total_seconds()
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        read = os.read(descriptor, 1024) if ready else b""
        if not read:
            return b""
        line += read
    return line


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask all by closing their input, then insist; a process that is gone already is fine."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        with process:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
