"""Connections that are lost: nothing is lost with them, and nothing happens twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from approvals import GateState
from compensations import Choice
from sagas.chain import verify
from sagas.errors import JournalUnavailable
from sagas.journal import postgres
from sagas.model import Status
from sagas.ports import Applied, FoldRequests, MoveGate, Op, OpenGate, Project, Store, Unit
from tests.conformance.support import (
    AT,
    Tale,
    ballot,
    begun,
    consuming,
    gate_of,
    person,
    question,
    registered,
    with_approval,
    with_gate,
    with_question,
)
from tests.journal.conftest import Opening
from tests.journal.proxy import Moment, Proxy
from tests.journal.support import raw

MOMENTS = list(Moment)
COMMIT = b"commit\0"
MARKER = b"cut-here"


@pytest.fixture
async def proxy(migrated_url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of a database that holds a journal."""
    async with Proxy(migrated_url).running() as running:
        yield running


@pytest.fixture
async def store(proxy: Proxy, opened: Opening) -> Store:
    """A store behind the proxy."""
    return await opened(proxy.url)


def marked(tale: Tale, *ops: Op) -> Unit:
    """A unit on whose way the connection is cut."""
    return Unit(tale.saga_id, tale.entries(1, body=f'{{"x":"{MARKER.decode()}"}}'), list(ops))


async def numbers(store: Store, saga_id: str = "trip-1") -> Sequence[int]:
    loaded = await store.load(saga_id)
    assert loaded is not None
    assert verify(store.journal_id, saga_id, loaded.rows) is None
    return [row.seq for row in loaded.rows]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_append_in_one_statement_lands_once(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    for expected in range(2, 12):
        proxy.cut(MARKER, moment)
        assert await store.commit(lease, [marked(tale)]) == [Applied.YES]
        assert await numbers(store) == list(range(1, expected + 1))
    assert proxy.cuts == 10


async def test_a_lost_connection_is_told_once_and_so_is_its_return(
    store: Store, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    tale = await begun(store, lease := await registered(store))
    proxy.cut(MARKER, MOMENTS[0])
    await store.commit(lease, [marked(tale)])
    assert proxy.cuts == 1
    told = [record.getMessage() for record in caplog.records]
    assert [text.split(" ", 1)[1].partition(" (")[0] for text in told] == [
        "the connection was lost",
        "answers again",
    ]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_append_of_several_statements_lands_once(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    for number in range(10):
        proxy.cut(COMMIT, moment)
        gate = OpenGate(gate_of(store, tale.saga_id, f"g-{number}"))
        ops: list[Op] = [gate, question(f"i-{number}")]
        assert await store.commit(lease, [tale.unit(1, *ops)]) == [Applied.YES]
    assert proxy.cuts == 10
    assert await numbers(store) == list(range(1, 12))
    assert len(await store.waiting_gates()) == 10
    assert len(await store.waiting_questions()) == 10


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_append_that_is_lost_twice_lands_once(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    proxy.cut(MARKER, moment)
    proxy.cut(COMMIT, moment)
    assert await store.commit(lease, [marked(tale)]) == [Applied.YES]
    assert proxy.cuts == 2
    assert await numbers(store) == [1, 2]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_saga_whose_creation_was_lost_is_not_taken(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    proxy.cut(b"travel.book_trip", moment)
    assert await store.commit(lease, [Tale(store).beginning(2)]) == [Applied.YES]
    assert proxy.cuts == 1
    assert await numbers(store) == [1, 2]


async def test_a_saga_that_another_created_is_taken_although_the_answer_was_lost(
    store: Store, proxy: Proxy
) -> None:
    lease = await registered(store)
    await begun(store, lease)
    rival = Tale(store)
    rival.entries()
    rival.head = 0
    proxy.cut(b"travel.book_trip", Moment.AFTER)
    assert await store.commit(lease, [rival.beginning()]) == [Applied.TAKEN]
    assert proxy.cuts == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_approval_whose_use_was_lost_is_used_once(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    tale, gate = await with_approval(store, lease)
    proxy.cut(COMMIT, moment)
    assert await store.commit(lease, [tale.unit(1, consuming(gate))]) == [Applied.YES]
    assert await store.commit(lease, [tale.unit(1, consuming(gate))]) == [Applied.MOVED]
    assert proxy.cuts == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_gate_is_moved_without_an_entry_although_the_answer_was_lost(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    tale, gate = await with_gate(store, lease)
    move = MoveGate(gate.id, GateState.PENDING, GateState.CANCELLED, AT)
    proxy.cut(COMMIT, moment)
    assert await store.commit(lease, [Unit(tale.saga_id, [], [move])]) == [Applied.YES]
    assert proxy.cuts == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_release_whose_answer_was_lost_is_a_release(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    proxy.cut(MARKER, moment)
    release = Project(Status.WAITING, None, AT, release=True)
    assert await store.commit(lease, [marked(tale, release)]) == [Applied.YES]
    row = await store.saga(tale.saga_id)
    assert row is not None
    assert (row.status, row.owner, proxy.cuts) == (Status.WAITING, None, 1)


async def test_a_release_without_entries_whose_answer_was_lost_is_a_release(
    store: Store, proxy: Proxy
) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    proxy.cut(MARKER, Moment.AFTER)
    release = Project(Status.WAITING, MARKER.decode(), AT, release=True)
    assert await store.commit(lease, [Unit(tale.saga_id, [], [release])]) == [Applied.YES]
    assert proxy.cuts == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_of_a_batch_whose_answer_was_lost_each_unit_is_told_the_truth(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease = await registered(store)
    tales = [await begun(store, lease, f"trip-{number}") for number in range(3)]
    await store.commit(lease, [Tale(store, "trip-1", 1, tales[1].hash).unit()])
    proxy.cut(MARKER, moment)
    assert await store.commit(lease, [marked(tale) for tale in tales]) == [
        Applied.YES,
        Applied.CONFLICT,
        Applied.YES,
    ]
    assert proxy.cuts == 1


async def test_a_worker_that_died_after_its_append_learns_that_it_landed(
    store: Store, proxy: Proxy, migrated_url: str
) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    async with raw(migrated_url) as rival:
        await rival.execute(
            """
            create function bury() returns trigger language plpgsql as
            $$ begin update sagas.worker set state = 'dead'; return null; end $$;
            create trigger bury after insert on entry execute function bury();
            """
        )
    proxy.cut(MARKER, Moment.AFTER)
    units = [marked(tale), Tale(store, "trip-2").beginning()]
    assert await store.commit(lease, units) == [Applied.YES, Applied.YES]
    assert await store.commit(lease, [tale.unit()]) == [Applied.FENCED]
    assert proxy.cuts == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_claim_whose_answer_was_lost_takes_sagas_once(
    store: Store, proxy: Proxy, moment: Moment
) -> None:
    lease, other = await registered(store), await registered(store)
    for number in range(4):
        await begun(store, other, f"trip-{number}")
    await store.retire(other)
    await store.claim(lease, now=AT, only=[], limit=5)  # frees them
    proxy.cut(COMMIT, moment)
    claimed = await store.claim(lease, now=AT, only=None, limit=3)
    assert len(claimed) == 3
    rows = await store.sagas(status=None, saga=None, since=None, limit=9)
    assert {row.id for row in rows if row.owner == lease.worker} == set(claimed)
    assert proxy.cuts == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_what_the_desk_asks_is_asked_once(store: Store, proxy: Proxy, moment: Moment) -> None:
    lease = await registered(store)
    tale = await with_question(store, lease)
    await store.commit(lease, [tale.unit(1, OpenGate(gate_of(store, tale.saga_id)))])
    for _ in range(4):
        proxy.cut(COMMIT, moment)
    await store.cancel(tale.saga_id, by="ana", reason="ill", at=AT)
    assert await store.send(tale.saga_id, "landed", b"1", key="a", by="gds", at=AT)
    decided = await store.vote("g-1", ballot("bo"), person("bo"))
    assert decided.state is GateState.APPROVED
    answered = await store.answer("i-1", Choice.RETRY, by="bo", reason="again", payload=None, at=AT)
    assert answered.choice == "retry"
    assert proxy.cuts == 4
    control, requests = await store.requests(tale.saga_id)
    assert control == 4
    assert [request.kind for request in requests] == ["cancel", "event", "gate", "answer"]
    assert len(await store.votes("g-1")) == 1


@pytest.mark.parametrize("moment", MOMENTS)
async def test_requests_are_folded_once(store: Store, proxy: Proxy, moment: Moment) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    await store.cancel(tale.saga_id, by="ana", reason="ill", at=AT)
    proxy.cut(COMMIT, moment)
    fold = FoldRequests((1,), 1)
    assert await store.commit(lease, [tale.unit(1, fold)]) == [Applied.YES]
    assert await store.requests(tale.saga_id) == (1, [])
    assert proxy.cuts == 1


async def test_work_goes_on_when_the_server_has_ended_every_session(
    store: Store, migrated_url: str
) -> None:
    lease = await registered(store)
    tale = await begun(store, lease)
    async with raw(migrated_url) as admin:
        ended = await admin.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'agent-sagas' and datname = current_database()"
        )
    assert len(ended) >= 2
    assert await store.commit(lease, [tale.unit()]) == [Applied.YES]
    assert (await store.renew(lease)).worker == lease.worker
    assert await numbers(store) == [1, 2]


async def test_a_lost_listener_is_replaced(store: Store, proxy: Proxy, opened: Opening) -> None:
    desk = await opened(proxy.url)
    await begun(store, await registered(store))
    await store.changed(0.05)
    wait = asyncio.create_task(store.changed(30))
    await asyncio.sleep(0.05)
    proxy.cut_all()
    async with asyncio.timeout(5):
        await wait  # whatever was told meanwhile may have been missed
        await store.changed(0.05)
        await store.changed(0.05)
        wait = asyncio.create_task(store.changed(30))
        await asyncio.sleep(0.1)
        await desk.cancel("trip-1", by="ana", reason="ill", at=AT)
        await wait


async def test_a_server_that_stays_away_is_reported_in_one_line(
    store: Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 0.2)
    lease = await registered(store)
    proxy.is_deaf = True
    proxy.cut_all()
    with pytest.raises(JournalUnavailable, match=r"127\.0\.0\.1:\d+/sagas_\w+ cannot be reached"):
        await store.commit(lease, [Tale(store).beginning()])
    with pytest.raises(JournalUnavailable, match="is the server running there"):
        await store.saga("trip-1")


async def test_waiting_for_a_change_bears_a_server_that_is_away(store: Store, proxy: Proxy) -> None:
    proxy.is_deaf = True
    proxy.cut_all()
    async with asyncio.timeout(2):
        await store.changed(0.1)


async def test_a_closed_store_says_so(migrated_url: str, opened: Opening) -> None:
    store = await opened(migrated_url)
    await store.close()
    with pytest.raises(JournalUnavailable, match="was closed: connect again"):
        await store.saga("trip-1")
