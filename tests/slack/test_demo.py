"""`sagas demo slack` as a newcomer meets it: the address that it prints, a click, the end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from sagas.cli import main

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0


class Demo:
    """The demo as a process, and its page as somebody reads it."""

    def __init__(self, process: subprocess.Popen[str], output: Path, http: httpx.Client) -> None:
        self.process = process
        self._output = output
        self._http = http
        self.url = self.until(lambda: re.search(r"http://127\S+/", self.said()))[0]

    def said(self) -> str:
        return self._output.read_text()

    def until(self, look: Callable[[], T | None]) -> T:
        """What is there once it is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            if found := look():
                return found
            time.sleep(0.05)
        raise AssertionError(f"it never came: {self.said()}")

    def part(self, name: str, **look: str) -> str:
        answer = self._http.get(f"{self.url}screen", params={"as": "U0ANA", **look})
        found: str = answer.raise_for_status().json()["parts"][name]
        return found

    def button(self, label: str) -> dict[str, str] | None:
        """Where a button of the channel stands."""
        found = re.search(rf"<button([^>]*)>{label}</button>", self.part("place"))
        names = r'data-(do|channel|message|block|action)="([^"]*)"'
        return dict(re.findall(names, found[1])) if found else None

    def click(self, where: dict[str, str]) -> None:
        headers = {"Content-Type": "application/json", "Origin": self.url.rsplit("/", 2)[0]}
        said = json.dumps({"as": "U0ANA", **where})
        told = self._http.post(f"{self.url}do", content=said, headers=headers).raise_for_status()
        assert told.json() == {"trouble": ""}

    def children(self) -> list[int]:
        found = ["pgrep", "-P", str(self.process.pid)]
        return [int(id_) for id_ in subprocess.check_output(found, text=True).split()]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    output = tmp_path / "output"
    command = [sys.executable, "-u", "-m", "sagas.cli", "demo", "slack"]
    environment = {**os.environ, "COLUMNS": "200", "TMPDIR": str(tmp_path)}
    with (
        output.open("w") as file,
        subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=file, text=True, env=environment
        ) as process,
    ):
        try:
            with httpx.Client(trust_env=False, timeout=60) as http:
                yield Demo(process, output, http)
        finally:
            process.kill()


def test_a_trip_is_approved_by_a_click_and_ctrl_c_leaves_nothing(
    demo: Demo, tmp_path: Path
) -> None:
    where = demo.until(lambda: demo.button("Approve"))
    demo.click(where)
    demo.until(lambda: "completed" in demo.said())
    demo.until(lambda: "It was done" in demo.part("thread", thread=where["message"]))
    children = demo.children()
    assert len(children) >= 2
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=PATIENCE_SECONDS) == 0
    assert not [id_ for id_ in children if Path(f"/proc/{id_}").exists()]
    assert not list(tmp_path.glob("sagas-demo-*"))


def test_what_runs_beside_the_demo_ends_with_whoever_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sagas.cli.attended", "worker", "sagas.demo.trip:travel"]
    with subprocess.Popen(
        [*command, "--db", f"sqlite:///{tmp_path / 'sagas.db'}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith("drives travel_demo")
        process.stdin.close()  # as the kernel does when they are killed
        assert process.wait(timeout=PATIENCE_SECONDS) == 0


def test_a_port_that_is_taken_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["demo", "slack", "--port", port]) == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err
