"""The power goes: what SQLite acknowledged is there when it comes back, and the file is whole."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from sagas.chain import verify
from sagas.errors import JournalError
from sagas.journal import open_store, sqlite_file
from sagas.ports import Applied, Store
from tests.conformance.support import begun, registered
from tests.crash.stages import SOAK
from tests.journal.disk import Recorder, Sync, recording

DISKS = 5000 if SOAK else 250
APPENDS = 40


async def _history(url: str) -> Recorder:
    """Appends, each answered before the next, with the log written back now and then."""
    with recording() as recorder:
        store = await open_store(url)
        lease = await registered(store)
        tale = await begun(store, lease)
        recorder.acknowledged()
        for number in range(APPENDS):
            assert await store.commit(lease, [tale.unit(1 + number % 7)]) == [Applied.YES]
            recorder.acknowledged()
        await store.close()
    return recorder


async def _entries(store: Store) -> Sequence[int]:
    loaded = await store.load("trip-1")
    if loaded is None:
        return []
    assert verify(store.journal_id, "trip-1", loaded.rows) is None
    return [row.seq for row in loaded.rows]


async def _losses(recorder: Recorder, disks: int, directory: Path) -> list[str]:
    """What is wrong on disks that lost power at some moment after the beginning."""
    chance = Random(4)  # noqa: S311  a seeded loss can be had again
    moments = [moment for moment in recorder.moments if recorder.told_before(moment)]
    wrong: list[str] = []
    for number in range(disks):
        moment = chance.choice(moments)
        disk = directory / f"disk-{number}"
        disk.mkdir()
        for name, content in recorder.disk(moment, chance).items():
            (disk / name).write_bytes(content)
        told = recorder.told_before(moment)
        found = await _survivors(disk / "sagas.db")
        if found not in (_written_by(told), _written_by(told + 1)):
            wrong.append(f"{disk}: {found} after {told} appends")
        shutil.rmtree(disk)
    return wrong


def _written_by(appends: int) -> list[int]:
    """The numbers of the entries after as many appends."""
    return list(range(1, 2 + sum(1 + number % 7 for number in range(appends - 1))))


async def _survivors(file: Path) -> object:
    """The numbers of the entries that are there, or what is wrong with the file."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            [[said]] = connection.execute("pragma integrity_check")
        store = await open_store(f"sqlite:///{file}")
    except (sqlite3.Error, JournalError) as error:
        return error
    try:
        return await _entries(store) if said == "ok" else said
    finally:
        await store.close()


async def test_what_was_acknowledged_outlives_a_loss_of_power(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOG_LIMIT", 60_000)
    recorder = await _history(sqlite_url)
    synced = [event.file for event in recorder.events if isinstance(event, Sync)]
    assert synced.count("sagas.db-wal") > APPENDS
    assert synced.count("sagas.db") > 2  # the log was written back
    assert await _losses(recorder, DISKS, tmp_path) == []


async def test_the_loss_of_power_would_show_if_nothing_were_synced(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [setting for setting in sqlite_file._SETTINGS if "synchronous" not in setting]
    monkeypatch.setattr(sqlite_file, "_SETTINGS", (*settings, "pragma synchronous = off"))
    recorder = await _history(sqlite_url)
    assert len(await _losses(recorder, 20, tmp_path)) > 5
