"""Which process this is, and whether another one on this machine still runs.

A process id alone says little: ids are used again, and each container counts its own. So a process
is named by the machine, its boot, the namespace in which process ids are counted, the id, and the
tick at which it started. Where the operating system does not tell (it has no /proc), nobody is
ever known to be gone, and leases alone decide.
"""

import os
import platform
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_ENDED = frozenset("ZXx")  # waiting to be reaped, or dead


@cache
def host_id() -> str:
    """The machine, its boot and its space of process ids."""
    machine = _read(Path("/etc/machine-id")) or platform.node()
    boot = _read(_PROC / "sys/kernel/random/boot_id")
    try:
        namespace = (_PROC / "self/ns/pid").readlink().name
    except OSError:
        namespace = ""
    return f"{machine}:{boot}:{namespace}"


def own_start() -> int:
    """The tick at which this process started; 0 where it cannot be told."""
    return _start(os.getpid()) or 0


def is_gone(host: str, pid: int, started: int) -> bool:
    """Whether a process is known to run no more."""
    if host != host_id() or not started or not own_start():
        return False
    return _start(pid) != started


def _start(pid: int) -> int | None:
    """The start tick of a running process; None if there is none of that id."""
    # The second field is the program's name in parentheses and may hold anything.
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if not fields or fields[0] in _ENDED:
        return None
    return int(fields[19])


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
