"""Which file systems an SQLite journal is refused on: those that several machines can write.

The log of SQLite (WAL) needs memory that all its users share, and locks that all of them see. A
file system that is reached over a network gives neither, and the file is damaged without an error.

Touches: /proc/self/mountinfo, or the program `mount` on macOS.
"""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import compile as pattern

_MOUNTS = Path("/proc/self/mountinfo")
_PROGRAM = "/sbin/mount"
_PROGRAM_SECONDS = 2.0
_ESCAPE = pattern(r"\\([0-7]{3})")
_LINE = pattern(r".+ on (?P<place>/.*) \((?P<kind>[^,)]+)(?P<options>[^)]*)\)")

# fmt: off
_SHARED = frozenset(
    (
        "9pfs", "acfs", "afpfs", "afs", "beegfs", "ceph", "cephfs", "cifs", "coda", "cvmfs",
        "davfs", "gfs", "gfs2", "glusterfs", "gpfs", "lustre", "moosefs", "ncpfs", "nfs",
        "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "quobyte", "smb",
        "smb2", "smb3", "smbfs", "vboxsf", "vmhgfs", "webdav",
    )
)
# fmt: on
_LOCAL_FUSE = frozenset(
    ("bindfs", "cryfs", "encfs", "fuse-overlayfs", "gocryptfs", "mergerfs", "securefs")
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system.

    Attributes:
        place: The directory on which it is mounted.
        kind: Its type, as the operating system names it.
        options: What it was mounted with, separated by commas.
    """

    place: str
    kind: str
    options: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether several machines may use it at the same time."""
        family, _, name = self.kind.partition(".")
        if family in ("fuse", "macfuse", "osxfuse"):
            return name not in _LOCAL_FUSE
        if family == "9p":
            # The same protocol shares a host's directories, and carries the files of sandboxes.
            options = self.options.split(",")
            return "trans=fd" not in options or any("drvfs" in option for option in options)
        return family in _SHARED


def shared_file_system(path: Path) -> str | None:
    """The type of the file system a path is on, if SQLite must not be used there.

    None where it may be used, and where the operating system does not tell.
    """
    mount = mount_of(path.resolve(), _mounts())
    return mount.kind if mount is not None and mount.is_shared else None


def mount_of(path: Path, mounts: Iterable[Mount]) -> Mount | None:
    """Where a path without links is mounted: the longest prefix; of equal ones, the latest."""
    around = {str(path), *map(str, path.parents)}
    found: Mount | None = None
    for mount in mounts:
        if mount.place in around and (found is None or len(mount.place) >= len(found.place)):
            found = mount
    return found


def read_mountinfo(text: str) -> Iterator[Mount]:
    """The mounts of a process, as Linux lists them; see proc_pid_mountinfo(5)."""
    for line in text.splitlines():
        fields, mark, rest = line.partition(" - ")
        parts, kinds = fields.split(" "), rest.split(" ")
        if mark and len(parts) > 4:
            yield Mount(_unescaped(parts[4]), kinds[0], kinds[-1])


def read_mount_program(text: str) -> Iterator[Mount]:
    """The mounts of a machine, as the program `mount` of macOS and the BSDs lists them."""
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            yield Mount(found["place"], found["kind"], found["options"].replace(" ", ""))


def _mounts() -> list[Mount]:
    try:
        return list(read_mountinfo(_MOUNTS.read_text(errors="surrogateescape")))
    except OSError:
        return list(read_mount_program(_listed()))


def _listed() -> str:
    try:
        return subprocess.run(  # noqa: S603  the program is ours to name
            [_PROGRAM], check=True, capture_output=True, text=True, timeout=_PROGRAM_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _unescaped(place: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), place)
