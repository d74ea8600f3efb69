"""What PostgreSQL answers when it does not do what it was asked: ridden out, or told in one line."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum

import pytest

from sagas.errors import JournalUnavailable
from sagas.ports import Applied, OpenGate, Store
from tests.conformance.support import AT, Tale, begun, gate_of, question, registered
from tests.journal.conftest import Opening
from tests.journal.support import Raw, raw

FAULTS = 2

RIDDEN_OUT = {
    "40001": "serialization failure",
    "40P01": "deadlock",
    "40003": "statement completion unknown",
    "55P03": "lock not available",
    "57014": "statement timeout",
    "53200": "out of memory",
    "53400": "configuration limit exceeded",
    "53300": "too many connections",
    "57P01": "the administrator ends the session",
    "57P02": "another session crashed",
    "57P03": "the server starts up or shuts down",
    "57P05": "the session was idle for too long",
    "25P03": "the session was idle in a transaction for too long",
    "25006": "the server is no longer the primary",
    "08000": "connection exception",
    "08003": "the connection does not exist",
    "08006": "connection failure",
    "08P01": "protocol violation",
}
REFUSED = {
    "53100": r"has no space left \(made up\): make room and start again",
    "42501": r"made up: grant it, or use a user who has it",
    "58030": r"cannot be used: made up",
    "XX001": r"cannot be used: made up",
}


class When(StrEnum):
    """When the server answers so."""

    STATEMENT = "statement"
    COMMIT = "commit"


async def entries(store: Store, tale: Tale) -> None:
    """An append of one statement."""
    lease = await registered(store)
    assert await store.commit(lease, [tale.unit()]) == [Applied.YES]


async def entries_and_more(store: Store, tale: Tale) -> None:
    """An append of several."""
    lease = await registered(store)
    gate = OpenGate(gate_of(store, tale.saga_id, f"g-{tale.saga_id}"))
    unit = tale.unit(1, gate, question(f"i-{tale.saga_id}"))
    assert await store.commit(lease, [unit]) == [Applied.YES]


async def request(store: Store, tale: Tale) -> None:
    """Something that a person asks for."""
    await store.cancel(tale.saga_id, by="ana", reason="ill", at=AT)


Asking = Callable[[Store, Tale], Awaitable[None]]
OPERATIONS: tuple[tuple[Asking, str], ...] = (
    (entries, "entry"),
    (entries_and_more, "entry"),
    (request, "request"),
)
operations = pytest.mark.parametrize(
    ("ask", "table"), OPERATIONS, ids=[ask.__name__ for ask, _ in OPERATIONS]
)


@asynccontextmanager
async def answering(rival: Raw, table: str, code: str, when: When) -> AsyncGenerator[None]:
    """Let the server answer so, some times."""
    kind = (
        "create constraint trigger fault after insert on {} deferrable initially deferred"
        if when is When.COMMIT
        else "create trigger fault after insert on {}"
    ).format(table)
    await rival.execute(
        f"""
        create sequence fault_count;
        create function fault() returns trigger language plpgsql as $$
        begin
            if nextval('fault_count') <= {FAULTS} then
                raise exception 'made up' using errcode = '{code}';
            end if;
            return null;
        end $$;
        {kind} for each row execute function fault();
        """
    )
    yield
    await rival.execute("drop function fault cascade; drop sequence fault_count")


async def asked(rival: Raw) -> int:
    """How often the server was asked."""
    return int(await rival.fetchval("select last_value from fault_count"))


@pytest.mark.parametrize("when", When)
@operations
async def test_what_passes_is_ridden_out_and_done_once(
    migrated_url: str, opened: Opening, ask: Asking, table: str, when: When
) -> None:
    store = await opened(migrated_url)
    lease = await registered(store)
    async with raw(migrated_url) as rival:
        for code, what in RIDDEN_OUT.items():
            tale = await begun(store, lease, f"trip-{code}")
            rows = f"select count(*) from {table} where saga_id = $1"
            before = await rival.fetchval(rows, tale.saga_id)
            async with answering(rival, table, code, when):
                await ask(store, tale)
                assert await asked(rival) == FAULTS + 1, what
            assert await rival.fetchval(rows, tale.saga_id) == before + 1, what


@pytest.mark.parametrize("when", When)
@operations
async def test_what_does_not_pass_by_itself_is_told_in_one_line_and_nothing_is_written(
    migrated_url: str, opened: Opening, ask: Asking, table: str, when: When
) -> None:
    store = await opened(migrated_url)
    lease = await registered(store)
    async with raw(migrated_url) as rival:
        for code, told in REFUSED.items():
            tale = await begun(store, lease, f"trip-{code}")
            same = replace(tale)
            count = await rival.fetchval(f"select count(*) from {table}")
            async with answering(rival, table, code, when):
                with pytest.raises(JournalUnavailable, match=told) as refused:
                    await ask(store, tale)
                assert await asked(rival) == 1
            assert "\n" not in str(refused.value)
            assert await rival.fetchval(f"select count(*) from {table}") == count
            await ask(store, same)  # the store goes on once the reason is gone


async def test_a_connection_to_a_server_that_is_no_longer_the_primary_is_not_used_again(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    sessions = (
        "select array_agg(pid) from pg_stat_activity"
        " where application_name = 'agent-sagas' and datname = current_database()"
    )
    async with raw(migrated_url) as rival:
        before = await rival.fetchval(sessions)
        async with answering(rival, "entry", "25006", When.STATEMENT):
            assert await store.commit(lease, [tale.unit()]) == [Applied.YES]
            assert await asked(rival) == FAULTS + 1
        assert set(await rival.fetchval(sessions)) - set(before)
