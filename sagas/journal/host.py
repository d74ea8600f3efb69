"""Which process this is, and whether another one on this machine still runs.

A process id alone says little: ids are used again, and each container counts its own. So a process
is named by the machine, its boot, the namespace in which process ids are counted, the id, and the
tick at which it started. Where the operating system does not tell (it has no /proc), nobody is
ever known to be gone, and leases alone decide.
"""

import os
import platform
import time
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


def uptime() -> int:
    """Microseconds by a clock that all processes here share and nobody sets.

    It counts on while the machine sleeps. Where the operating system does not name the boots that
    it counts from, this is the time of day.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None) if _boot(host_id()) else None
    return time.clock_gettime_ns(time.CLOCK_REALTIME if clock is None else clock) // 1000


def this_process() -> tuple[str, int, int]:
    """The host, the id and the start of this process: what `is_gone` asks for."""
    return host_id(), os.getpid(), own_start()


def own_start() -> int:
    """The tick at which this process started; 0 where it cannot be told."""
    return _start(os.getpid()) or 0


def is_gone(host: str, pid: int, started: int) -> bool:
    """Whether a process is known to run no more."""
    if host != host_id() or not started or not own_start():
        return False
    found = _start(pid)
    return found != started and not (found is None and _is_hidden(pid))


def is_gone_from_here(host: str, pid: int, started: int) -> bool:
    """The same of a process that worked on a file which only one machine can use at a time.

    One of another boot is gone: this machine was started anew, or the file was moved here.
    """
    boots = _boot(host), _boot(host_id())
    return (all(boots) and boots[0] != boots[1]) or is_gone(host, pid, started)


def _boot(host: str) -> str:
    return host.partition(":")[2].partition(":")[0]


def _start(pid: int) -> int | None:
    """The start tick of a running process; None if there is none of that id."""
    # The second field is the program's name in parentheses and may hold anything.
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if not fields or fields[0] in _ENDED:
        return None
    return int(fields[19])


def _is_hidden(pid: int) -> bool:
    """Whether there is a process of that id of which /proc tells this user nothing."""
    if _read(_PROC / str(pid) / "stat"):
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
