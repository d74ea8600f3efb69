"""File systems that several machines can write: told from the others, and refused."""

from pathlib import Path

import pytest

from sagas.errors import JournalUnavailable
from sagas.journal import filesystem, open_store
from sagas.journal.filesystem import Mount, mount_of, read_mount_program, read_mountinfo

MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
22 27 0:21 / /proc rw,relatime - proc proc rw
40 27 0:50 / /srv/share rw,relatime shared:9 - nfs4 files.example.org:/srv rw,vers=4.2,hard
41 40 8:17 / /srv/share/disk rw,relatime shared:10 master:2 - xfs /dev/sdb1 rw
42 27 0:51 / /mnt/my\\040files rw,relatime - cifs //files/my\\040files rw,vers=3.1.1
43 27 0:52 / /over rw,relatime - ext4 /dev/vdb rw
44 43 0:53 / /over rw,relatime - fuse.sshfs host:/ rw,user_id=0
this line says nothing
"""


def on(path: str) -> Mount:
    found = mount_of(Path(path), read_mountinfo(MOUNTS))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/bo/sagas.db", "ext4"),
        ("/srv/share/sagas.db", "nfs4"),
        ("/srv/shared/sagas.db", "ext4"),
        ("/srv/share/disk/sagas.db", "xfs"),
        ("/mnt/my files/sagas.db", "cifs"),
        ("/over/sagas.db", "fuse.sshfs"),
        ("/", "ext4"),
    ],
)
def test_a_file_is_on_the_innermost_mount_around_it(path: str, kind: str) -> None:
    assert on(path).kind == kind


def test_a_file_is_on_no_mount_where_none_is_listed() -> None:
    assert mount_of(Path("/home/bo/sagas.db"), []) is None


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("nfs", ""),
        ("nfs4", "rw,vers=4.2"),
        ("cifs", ""),
        ("smb3", ""),
        ("smbfs", ""),
        ("afpfs", ""),
        ("afs", ""),
        ("ceph", ""),
        ("lustre", ""),
        ("glusterfs", ""),
        ("fuse.sshfs", ""),
        ("fuse.glusterfs", ""),
        ("fuse.s3fs", ""),
        ("fuse.rclone", ""),
        ("fuse.grpcfuse", ""),
        ("macfuse", ""),
        ("fuse", ""),
        ("9p", "rw,aname=drvfs;path=C:\\,trans=fd,rfd=5,wfd=5"),
        ("9p", "rw,trans=virtio,version=9p2000.L"),
        ("vboxsf", ""),
    ],
)
def test_a_file_system_that_others_can_write_is_shared(kind: str, options: str) -> None:
    assert Mount("/", kind, options).is_shared


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ext4", "rw,discard"),
        ("xfs", ""),
        ("btrfs", ""),
        ("zfs", ""),
        ("overlay", ""),
        ("tmpfs", ""),
        ("apfs", "local,journaled"),
        ("fuseblk", ""),
        ("fuse.fuse-overlayfs", ""),
        ("9p", "rw,trans=fd,rfdno=4,wfdno=4,aname=/"),
        ("virtiofs", ""),
    ],
)
def test_a_file_system_of_this_machine_is_not_shared(kind: str, options: str) -> None:
    assert not Mount("/", kind, options).is_shared


def test_the_mount_program_of_macos_is_understood() -> None:
    mounts = read_mount_program(
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
        "map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)\n"
        "//bo@files/my share on /Volumes/my share (smbfs, nodev, nosuid)\n"
        "and a line of another kind\n"
    )
    assert [(mount.place, mount.kind) for mount in mounts] == [
        ("/", "apfs"),
        ("/System/Volumes/Data/home", "autofs"),
        ("/Volumes/my share", "smbfs"),
    ]


async def test_a_journal_on_a_network_file_system_is_refused_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / / rw - ext4 a rw\n2 1 0:2 / {tmp_path} rw - nfs4 b rw\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", mounts)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(JournalUnavailable) as refused:
        await open_store(f"sqlite:///{link}/sagas.db")
    assert str(refused.value) == (
        f"{link}/sagas.db is on a file system of the kind nfs4, which other machines can write too, "
        "and SQLite would lose data there: name a file on a disk of this machine, or use PostgreSQL"
    )
    assert not (tmp_path / "sagas.db").exists()


async def test_where_the_mounts_are_not_told_the_file_is_taken(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "_MOUNTS", tmp_path / "none")
    await (await open_store(sqlite_url)).close()
