"""Entries stay as they were written, whoever asks."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from sagas.errors import Corrupt, Refused
from sagas.ports import Applied, OpenGate, Store
from tests.conformance.support import (
    api_token,
    ballot,
    begun,
    drilled,
    gate_of,
    login_link,
    person,
    proposal,
    registered,
    web_session,
    with_gate,
)
from tests.journal.conftest import Opening
from tests.journal.support import Raw, raw

AGAIN = "insert into entry values ('trip-1', 1, 'x', 1, 1, '{}', null, 'x')"
TOUCHING = {
    "update": "update entry set body = '{}' where seq = 1",
    "delete": "delete from entry where seq = 1",
}


async def _rows(store: Store) -> list[tuple[object, ...]]:
    loaded = await store.load("trip-1")
    assert loaded is not None
    return [tuple(row) for row in loaded.rows]


@pytest.mark.parametrize(
    "statement",
    [
        *TOUCHING.values(),
        "insert or replace into entry values ('trip-1', 1, 'x', 1, 1, '{}', null, 'x')",
        "replace into entry values ('trip-1', 1, 'x', 1, 1, '{}', null, 'x')",
        "update or replace entry set seq = 2 where seq = 1",
        f"{AGAIN} on conflict do update set body = 'x'",
    ],
)
async def test_sqlite_refuses_to_touch_an_entry(
    sqlite_url: str, opened: Opening, statement: str
) -> None:
    store = await opened(sqlite_url)
    await begun(store, await registered(store), count=2)
    before = await _rows(store)
    with (
        closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection,
        pytest.raises(sqlite3.IntegrityError, match=r"entries are never|written already"),
    ):
        connection.execute(statement)
    assert await _rows(store) == before


@pytest.mark.parametrize("role", ["origin", "replica", "local"])
@pytest.mark.parametrize(
    "statement",
    [
        *TOUCHING.values(),
        "truncate entry",
        "truncate entry, saga cascade",
        f"{AGAIN} on conflict (saga_id, seq) do update set body = 'x'",
        "merge into entry using saga on saga.id = entry.saga_id when matched then delete",
    ],
)
async def test_postgres_refuses_to_touch_an_entry(
    migrated_url: str, opened: Opening, statement: str, role: str
) -> None:
    store = await opened(migrated_url)
    await begun(store, await registered(store), count=2)
    before = await _rows(store)
    async with raw(migrated_url) as connection:
        await connection.execute(f"set session_replication_role = {role}")
        with pytest.raises(asyncpg.PostgresError, match="entries are never changed or removed"):
            await connection.execute(statement)
    assert await _rows(store) == before


# --- the role that the page about operating describes -----------------------------------------

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


@pytest.fixture
async def worker_url(migrated_url: str) -> AsyncIterator[str]:
    """The URL for a role with the documented privileges and no more."""
    role = uuid4().hex[:8]
    async with raw(migrated_url) as owner:
        page = OPERATING.read_text().partition("```sql\n")[2].partition("```")[0]
        await owner.execute(re.sub(r"\bto worker\b|\brole worker\b", rf"\g<0>_{role}", page))
    yield migrated_url.replace("//sagas@", f"//worker_{role}@")
    async with raw(migrated_url) as owner:
        await owner.execute(f"drop owned by worker_{role}; drop role worker_{role}")


async def test_the_least_privileged_role_can_drive_and_decide(
    worker_url: str, opened: Opening
) -> None:
    store = await opened(worker_url)
    lease = await registered(store)
    tale, gate = await with_gate(store, lease)
    assert await store.commit(lease, [tale.unit()]) == [Applied.YES]
    await store.vote(gate.id, ballot("bo"), person("bo"))
    with pytest.raises(Refused, match="already approved"):
        await store.edit(gate.id, proposal("cy"))
    await store.cancel(tale.saga_id, by="ana", reason="ill", at=1)
    await store.tidy()
    await store.record(drilled())
    await store.record_link(login_link())
    assert await store.enter("link", web_session())
    await store.see_session("session", 2**60)
    assert await store.spend("form", spender="a", until=2, at=1)
    await store.end_session("session")
    await store.record_token(api_token())
    assert await store.revoke_token("t-1", owner="ana", at=1)
    await store.retire(lease)
    other = await registered(store)
    assert await store.claim(other, now=2**60, only=None, limit=5) == [tale.saga_id]


@pytest.mark.parametrize(
    "statement",
    [
        *TOUCHING.values(),
        "truncate entry",
        "set session_replication_role = replica",
        "alter table entry disable trigger all",
        "drop trigger entry_not_changed on entry",
        "drop table entry",
        "update vote set kind = 'approve'",
        "delete from refused_edit",
        "delete from request",
        "update drill set result = 'passed'",
        "delete from drill",
        "delete from api_token",
        "create table sagas.another (id int)",
    ],
)
async def test_the_least_privileged_role_can_undo_no_protection(
    worker_url: str, statement: str
) -> None:
    async with raw(worker_url) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


# --- gates ------------------------------------------------------------------------------------


async def _tamper(connection: Raw) -> None:
    await connection.execute("update gate set arguments = '{}' where id = 'g-1'")


async def test_a_gate_that_was_tampered_with_takes_no_vote(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    await with_gate(store, await registered(store))
    async with raw(migrated_url) as connection:
        await _tamper(connection)
    with pytest.raises(Refused, match="g-1 was tampered with"):
        await store.vote("g-1", ballot("bo"), person("bo"))
    with pytest.raises(Corrupt, match="g-1 was changed after it was opened"):
        await store.gate("g-1")
    assert await store.votes("g-1") == []


async def test_a_gate_copied_from_another_journal_takes_no_vote(
    sqlite_url: str, migrated_url: str, opened: Opening
) -> None:
    store, foreign = await opened(sqlite_url), await opened(migrated_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    await store.commit(lease, [tale.unit(1, OpenGate(gate_of(foreign, tale.saga_id)))])
    with pytest.raises(Refused, match="tampered with"):
        await store.vote("g-1", ballot("bo"), person("bo"))
