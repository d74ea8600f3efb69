"""SQLite files: which are taken, how they are kept, and what is told about the others."""

import asyncio
import errno
import fcntl
import os
import pwd
import resource
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from sagas.chain import verify
from sagas.errors import JournalUnavailable
from sagas.journal import open_store, sqlite_file
from sagas.journal.sqlite import SqliteDatabase
from sagas.journal.store import SqlStore
from sagas.ports import Applied, Store
from tests.conformance.support import begun, registered
from tests.journal.conftest import Opening


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def connection_of(store: Store) -> sqlite3.Connection:
    assert isinstance(store, SqlStore)
    assert isinstance(store._database, SqliteDatabase)
    return store._database._engine._connection


async def asked(store: Store, pragma: str) -> object:
    """What the store's own connection says of a setting."""
    connection = connection_of(store)
    assert isinstance(store, SqlStore)
    assert isinstance(store._database, SqliteDatabase)
    return await store._database._thread.do(
        lambda: connection.execute(f"pragma {pragma}").fetchone()[0]
    )


@contextmanager
def locked(path: Path, kind: int) -> Generator[None]:
    """The lock file, held by somebody else."""
    with path.with_name(path.name + "-lock").open("r+") as file:
        fcntl.flock(file, kind)
        yield


async def refusal(url: str) -> str:
    with pytest.raises(JournalUnavailable) as refused:
        await open_store(url)
    message = str(refused.value)
    assert "\n" not in message
    return message


# --- which files ------------------------------------------------------------------------------


async def test_a_file_is_made_for_its_owner_only(sqlite_url: str, opened: Opening) -> None:
    store = await opened(sqlite_url)
    await registered(store)
    files = list(file_of(sqlite_url).parent.glob("sagas.db*"))
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_an_empty_file_becomes_a_journal(sqlite_url: str, opened: Opening) -> None:
    file_of(sqlite_url).touch()
    assert (await opened(sqlite_url)).journal_id


async def test_a_relative_name_is_found_in_the_present_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opening
) -> None:
    monkeypatch.chdir(tmp_path)
    await opened("sqlite:///trips.db")
    assert (tmp_path / "trips.db").exists()


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    assert await refusal(f"sqlite:///{tmp_path}/no/trips.db") == (
        f"the directory {tmp_path}/no does not exist: create it first"
    )


async def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert await refusal(f"sqlite:///{tmp_path}") == (
        f"{tmp_path} is a directory: name a file in it"
    )


@contextmanager
def without_privilege() -> Generator[Path]:
    """A directory of an account to which permissions apply; root is nobody for a while."""
    account = pwd.getpwnam("nobody").pw_uid
    user = os.geteuid()
    directory = Path(tempfile.mkdtemp(prefix="sagas-unprivileged-"))
    if not user:
        os.chown(directory, account, -1)
        os.seteuid(account)
    try:
        yield directory
    finally:
        os.seteuid(user)
        directory.chmod(0o700)
        shutil.rmtree(directory)


async def test_a_directory_that_cannot_be_written_is_named() -> None:
    with without_privilege() as directory:
        directory.chmod(0o500)
        message = await refusal(f"sqlite:///{directory}/trips.db")
    assert message == (
        f"{directory}/trips.db cannot be written (Permission denied): the file and its directory "
        "must be writable for this user, or name another file"
    )


async def test_a_directory_that_cannot_be_entered_is_named() -> None:
    with without_privilege() as directory:
        directory.chmod(0o000)
        message = await refusal(f"sqlite:///{directory}/trips.db")
    assert message.startswith(f"{directory}/trips.db cannot be written (Permission denied)")


@pytest.mark.parametrize("name", ["trips.db", "trips.db-lock"])
async def test_a_file_that_cannot_be_written_is_named(name: str) -> None:
    with without_privilege() as directory:
        await (await open_store(f"sqlite:///{directory}/trips.db")).close()
        (directory / name).chmod(0o400)
        message = await refusal(f"sqlite:///{directory}/trips.db")
    assert message.startswith(f"{directory}/{name} cannot be written (Permission denied)")


async def test_a_log_that_cannot_be_written_is_told_of() -> None:
    with without_privilege() as directory:
        store = await open_store(f"sqlite:///{directory}/trips.db")
        try:
            (directory / "trips.db-wal").chmod(0o000)
            message = await refusal(f"sqlite:///{directory}/trips.db")
        finally:
            await store.close()
    assert message.startswith(f"{directory}/trips.db cannot be written: the file, the files beside")


async def test_a_directory_in_which_the_files_beside_it_cannot_be_made_is_told_of() -> None:
    with without_privilege() as directory:
        await (await open_store(f"sqlite:///{directory}/trips.db")).close()
        assert not (directory / "trips.db-wal").exists()
        directory.chmod(0o500)
        message = await refusal(f"sqlite:///{directory}/trips.db")
    assert message.startswith(f"{directory}/trips.db cannot be written: the file, the files beside")


async def test_a_file_system_that_is_full_is_told_of_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "trips.db"))

    monkeypatch.setattr(os, "open", full)
    message = await refusal(f"sqlite:///{tmp_path}/trips.db")
    monkeypatch.undo()
    assert message == (f"there is no space left for {tmp_path}/trips.db: make room and start again")


async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("this is not a database, it is a note to myself")
    assert await refusal(f"sqlite:///{notes}") == (
        f"{notes} is not an SQLite database: name another file"
    )
    assert not (tmp_path / "notes.txt-lock").exists()


async def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    assert str(damaged) in await refusal(f"sqlite:///{damaged}")


async def test_a_database_of_somebody_else_is_left_as_it_is(sqlite_url: str) -> None:
    with closing(sqlite3.connect(file_of(sqlite_url))) as connection:
        connection.execute("create table notes (text)")
    message = await refusal(sqlite_url)
    assert message.endswith("holds other tables and no journal: name another file")
    with closing(sqlite3.connect(file_of(sqlite_url))) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("delete",)


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("trusted_schema", 0),
        ("wal_autocheckpoint", 0),
    ],
)
async def test_every_connection_is_set_up_for_keeping_what_it_acknowledged(
    sqlite_url: str, opened: Opening, pragma: str, value: object
) -> None:
    assert await asked(await opened(sqlite_url), pragma) == value


# --- others who use the file ------------------------------------------------------------------


async def test_a_writer_waits_for_another_one(sqlite_url: str, opened: Opening) -> None:
    store = await opened(sqlite_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    with closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None)) as other:
        other.execute("begin immediate")
        commit = asyncio.create_task(store.commit(lease, [tale.unit()]))
        await asyncio.sleep(0.1)
        assert not commit.done()
        other.execute("commit")
        assert await commit == [Applied.YES]


async def test_a_writer_that_never_ends_is_reported(
    sqlite_url: str, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(sqlite_url)
    lease = await registered(store)
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(JournalUnavailable, match=r"keeps .* locked for longer than 0.1 s"):
            await store.renew(lease)
        other.execute("rollback")
    assert (await store.renew(lease)).worker == lease.worker


async def test_a_reader_does_not_wait_for_a_writer(sqlite_url: str, opened: Opening) -> None:
    store = await opened(sqlite_url)
    await begun(store, await registered(store))
    with closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None)) as other:
        other.execute("begin immediate")
        other.execute("update saga set status = 'stuck'")
        async with asyncio.timeout(1):
            row = await store.saga("trip-1")
        other.execute("rollback")
    assert row is not None
    assert row.status == "running"


async def test_a_full_disk_is_reported_and_loses_nothing(sqlite_url: str, opened: Opening) -> None:
    store = await opened(sqlite_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    pages = await asked(store, "page_count")
    await asked(store, f"max_page_count = {pages}")
    with pytest.raises(JournalUnavailable, match="no space left"):
        await store.commit(lease, [tale.unit(2000)])
    await asked(store, "max_page_count = 100000")
    loaded = await store.load(tale.saga_id)
    assert loaded is not None
    assert len(loaded.rows) == 1


@contextmanager
def files_no_longer_than(length: int) -> Generator[None]:
    """A limit on the length of what this process writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("pages", range(10))
async def test_a_log_that_may_not_grow_is_reported_and_loses_nothing(
    sqlite_url: str, opened: Opening, pages: int
) -> None:
    store = await opened(sqlite_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    unit = tale.unit(400)
    with files_no_longer_than(_log_length(sqlite_url) + 4120 * pages + 100):
        with pytest.raises(JournalUnavailable, match=r"could not be read or written|no space left"):
            await store.commit(lease, [unit])
        loaded = await store.load(tale.saga_id)
        assert loaded is not None
        assert len(loaded.rows) == 1
    assert await store.commit(lease, [unit], again=True) == [Applied.YES]
    assert await asked(store, "integrity_check") == "ok"
    loaded = await store.load(tale.saga_id)
    assert loaded is not None
    assert [row.seq for row in loaded.rows] == list(range(1, 402))


_CONTENDER = """
import asyncio, sys
from sagas.journal import open_store
from sagas.ports import Applied
from tests.conformance.support import begun, registered

async def main():
    store = await open_store(sys.argv[1])
    lease = await registered(store)
    tale = await begun(store, lease, f"trip-{lease.worker}")
    for _ in range(500):
        assert await store.commit(lease, [tale.unit()]) == [Applied.YES]
    await store.close()

asyncio.run(main())
"""


async def test_of_a_thousand_appends_by_two_processes_at_once_none_is_lost(
    sqlite_url: str, opened: Opening
) -> None:
    store = await opened(sqlite_url)
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _CONTENDER, sqlite_url)
        for _ in range(2)
    ]
    assert [await process.wait() for process in processes] == [0, 0]
    for row in await store.sagas(status=None, saga=None, since=None, limit=9):
        loaded = await store.load(row.id)
        assert loaded is not None
        assert verify(store.journal_id, row.id, loaded.rows) is None
        assert len(loaded.rows) == 501


_PASSER_BY = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("select count(*) from saga").fetchone()[0])
connection.close()
"""


async def _passed_by(url: str) -> int:
    """How many sagas another process sees, which opens the file and closes it again."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PASSER_BY, str(file_of(url)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return int(said)


async def test_a_second_store_in_one_process_leaves_the_log_of_the_first_in_place(
    sqlite_url: str, opened: Opening
) -> None:
    store = await opened(sqlite_url)
    await opened(sqlite_url)
    await begun(store, await registered(store), "trip-1")
    assert await _passed_by(sqlite_url) == 1  # the last to close a file removes its log
    await begun(store, await registered(store), "trip-2")
    assert await _passed_by(sqlite_url) == 2


async def test_the_files_beside_a_link_are_those_beside_the_file(
    sqlite_url: str, tmp_path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOG_LIMIT", 50_000)
    await opened(sqlite_url)
    (tmp_path / "link.db").symlink_to(file_of(sqlite_url))
    store = await opened(f"sqlite:///{tmp_path}/link.db")
    assert not (tmp_path / "link.db-lock").exists()
    await _write(store, 5)
    assert _log_length(sqlite_url) < 200_000


async def test_a_forked_process_must_open_the_journal_itself(
    sqlite_url: str, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(sqlite_url)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(JournalUnavailable, match=r"was forked .*: connect again here"):
        await store.saga("trip-1")
    monkeypatch.undo()


async def test_a_closed_store_says_so(sqlite_url: str, opened: Opening) -> None:
    store = await opened(sqlite_url)
    await store.close()
    with pytest.raises(JournalUnavailable, match="was closed: connect again"):
        await store.saga("trip-1")


async def test_a_store_is_closed_twice_without_complaint(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    await store.close()
    await store.close()


# --- the log ----------------------------------------------------------------------------------


async def _write(store: Store, rounds: int) -> None:
    lease = await registered(store)
    tale = await begun(store, lease, f"trip-{lease.worker}")
    for _ in range(rounds):
        assert await store.commit(lease, [tale.unit(400)]) == [Applied.YES]


def _log_length(url: str) -> int:
    path = file_of(url)
    return path.with_name(path.name + "-wal").stat().st_size


async def test_the_log_is_written_back_when_it_is_long(
    sqlite_url: str, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOG_LIMIT", 200_000)
    store = await opened(sqlite_url)
    lengths: list[int] = []
    for _ in range(10):
        await _write(store, 2)
        lengths.append(_log_length(sqlite_url))
    assert max(lengths) < 500_000
    assert any(after < before for before, after in pairwise(lengths))


async def test_the_log_is_not_written_back_while_somebody_else_may_write(
    sqlite_url: str, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOG_LIMIT", 50_000)
    store = await opened(sqlite_url)
    with locked(file_of(sqlite_url), fcntl.LOCK_SH):
        await _write(store, 10)
        assert _log_length(sqlite_url) > 200_000


async def test_nobody_writes_while_the_log_is_written_back(
    sqlite_url: str, opened: Opening
) -> None:
    store = await opened(sqlite_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    with locked(file_of(sqlite_url), fcntl.LOCK_EX):
        commit = asyncio.create_task(store.commit(lease, [tale.unit()]))
        await asyncio.sleep(0.1)
        assert not commit.done()
    assert await commit == [Applied.YES]


async def test_nothing_is_lost_when_the_log_is_written_back_again_and_again(
    sqlite_url: str, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOG_LIMIT", 20_000)
    stores = [await opened(sqlite_url) for _ in range(2)]
    await asyncio.gather(*(_write(store, 20) for store in stores))
    for row in await stores[0].sagas(status=None, saga=None, since=None, limit=9):
        loaded = await stores[0].load(row.id)
        assert loaded is not None
        assert [entry.seq for entry in loaded.rows] == list(range(1, 8002))
