"""Telling a process that has ended from one that runs, and from one that is hidden."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from sagas.journal import host

LONG_GONE = 1


@pytest.fixture
def child() -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        yield process
        process.kill()


def started(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19])


def test_a_process_that_runs_is_not_gone(child: subprocess.Popen[bytes]) -> None:
    assert not host.is_gone(host.host_id(), child.pid, started(child.pid))


def test_a_process_that_has_ended_is_gone(child: subprocess.Popen[bytes]) -> None:
    began = started(child.pid)
    child.kill()
    child.wait()
    assert host.is_gone(host.host_id(), child.pid, began)


def test_a_process_that_waits_to_be_reaped_is_gone(child: subprocess.Popen[bytes]) -> None:
    began = started(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert host.is_gone(host.host_id(), child.pid, began)


def test_an_id_that_is_used_again_is_another_process(child: subprocess.Popen[bytes]) -> None:
    assert host.is_gone(host.host_id(), child.pid, LONG_GONE)


def test_a_process_that_the_system_hides_is_not_gone(
    child: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / str(os.getpid())
    own.mkdir()
    (own / "stat").write_text(Path("/proc/self/stat").read_text())
    name, began = host.host_id(), started(child.pid)
    monkeypatch.setattr(host, "_PROC", tmp_path)
    assert not host.is_gone(name, child.pid, began)
    child.kill()
    child.wait()
    assert host.is_gone(name, child.pid, began)


def test_nobody_is_known_to_be_gone_from_another_machine() -> None:
    assert not host.is_gone("elsewhere:boot:pid", os.getpid(), LONG_GONE)


def test_whoever_used_this_file_on_another_boot_is_gone() -> None:
    machine, _, space = host.host_id().partition(":")
    assert host.is_gone_from_here(f"{machine}:another:{space}", os.getpid(), LONG_GONE)
