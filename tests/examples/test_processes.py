"""The services come up together and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.processes import ROOT, ServiceDied, running
from examples.serving import LOOPBACK

PARENT = """
import sys, time
from pathlib import Path
from examples.processes import running
directory = Path(sys.argv[1])
command = ["examples.travel.mailbox", "--store", str(directory / "mail.jsonl")]
with running(directory, {"mail": command}) as services:
    print(services["mail"].port, flush=True)
    time.sleep(60)
"""


def mailbox(directory: Path) -> dict[str, list[str]]:
    return {"mail": ["examples.travel.mailbox", "--store", str(directory / "mail.jsonl")]}


def answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def goes_silent(port: int) -> bool:
    deadline = time.monotonic() + 5
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not answers(port)


def test_a_service_answers_while_the_block_runs(tmp_path: Path) -> None:
    with running(tmp_path, mailbox(tmp_path)) as services:
        assert answers(services["mail"].port)


def test_a_service_is_gone_after_the_block(tmp_path: Path) -> None:
    with running(tmp_path, mailbox(tmp_path)) as services:
        port = services["mail"].port
    assert not answers(port)


def test_a_service_that_died_is_cleaned_up_like_any_other(tmp_path: Path) -> None:
    with running(tmp_path, mailbox(tmp_path)) as services:
        os.kill(services["mail"].pid, signal.SIGKILL)
    with pytest.raises(ProcessLookupError):
        os.kill(services["mail"].pid, 0)


def test_a_service_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    services = running(tmp_path, {"mail": ["examples.travel.mailbox"]})
    with pytest.raises(ServiceDied, match=r"mail did not start: [\s\S]*--store"), services:
        pass


def test_a_service_leaves_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        parent.kill()
    assert goes_silent(port)
