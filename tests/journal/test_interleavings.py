"""What PostgreSQL must do when two come at the same time: each order of steps that matters."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import pytest

from sagas.errors import LeaseLost
from sagas.journal import statements
from sagas.journal.postgres_connection import connect
from sagas.journal.urls import PostgresUrl, parse
from sagas.model import Status
from sagas.ports import Applied, FoldRequests, Project, Store, Unit
from tests.conformance.support import AT, LEASE_SECONDS, Tale, begun, registered
from tests.journal.conftest import Opening
from tests.journal.support import Raw, raw, rendered

T = TypeVar("T")


async def _held_up(awaitable: Awaitable[T]) -> "asyncio.Task[T]":
    """A task that is known to be waiting for somebody."""
    task = asyncio.ensure_future(awaitable)
    assert isinstance(task, asyncio.Task)
    done, _ = await asyncio.wait({task}, timeout=0.15)
    assert not done
    return task


async def _append_halfway(rival: Raw, store: Store, worker: int, tale: Tale) -> None:
    """Begin a transaction that has inserted an entry under the worker's fence."""
    await rival.execute("begin")
    assert await rival.fetch(rendered(statements.FENCE), worker)
    [row] = tale.entries()
    await rival.execute("insert into entry values ($1, $2, $3, $4, $5, $6, $7, $8)", *row)


async def test_a_take_over_waits_for_an_append_under_way_and_sees_it(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    dying = await store.register("dying", 0.0)
    tale = await begun(store, dying)
    successor = await registered(store)
    async with raw(migrated_url) as rival:
        await _append_halfway(rival, store, dying.worker, tale)
        claim = await _held_up(store.claim(successor, now=AT, only=None, limit=5))
        await rival.execute("commit")
    assert await claim == [tale.saga_id]
    loaded = await store.load(tale.saga_id)
    assert loaded is not None
    assert [row.seq for row in loaded.rows] == [1, 2]


@pytest.mark.parametrize("together", [True, False])
async def test_an_append_that_comes_during_a_take_over_is_refused(
    migrated_url: str, opened: Opening, together: bool
) -> None:
    store = await opened(migrated_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    async with raw(migrated_url) as rival:
        await rival.execute("begin")
        await rival.execute(rendered(statements.BURY), lease.worker, True)
        twice = Project(Status.WAITING, None, None, release=False)
        ops = [] if together else [twice, twice]  # which takes more than one statement
        commit = await _held_up(store.commit(lease, [tale.unit(1, *ops)]))
        await rival.execute("commit")
    assert await commit == [Applied.FENCED]
    loaded = await store.load(tale.saga_id)
    assert loaded is not None
    assert len(loaded.rows) == 1


async def test_a_renewal_that_comes_during_a_take_over_is_refused(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    lease = await registered(store)
    async with raw(migrated_url) as rival:
        await rival.execute("begin")
        await rival.execute(rendered(statements.BURY), lease.worker, True)
        renewal = await _held_up(store.renew(lease))
        await rival.execute("commit")
    with pytest.raises(LeaseLost):
        await renewal


async def test_a_renewal_that_came_first_saves_the_worker(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    lease = await store.register("late", 0.0)
    tale = await begun(store, lease)
    other = await registered(store)
    async with raw(migrated_url) as rival:
        await rival.execute("begin")
        await rival.execute(rendered(statements.RENEW), lease.worker, int(LEASE_SECONDS * 1e6))
        claim = await _held_up(store.claim(other, now=AT, only=None, limit=5))
        await rival.execute("commit")
    assert await claim == []
    assert await store.commit(lease, [tale.unit()]) == [Applied.YES]


async def test_a_request_waits_for_an_intent_under_way(migrated_url: str, opened: Opening) -> None:
    store = await opened(migrated_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    async with raw(migrated_url) as rival:
        await _append_halfway(rival, store, lease.worker, tale)
        asked = await _held_up(store.cancel(tale.saga_id, by="ana", reason="ill", at=AT))
        await rival.execute("commit")
    await asked
    assert (await store.requests(tale.saga_id))[0] == 1


async def test_an_intent_that_comes_during_a_request_is_refused(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    lease = await registered(store)
    tale = await begun(store, lease)
    async with raw(migrated_url) as rival:
        await rival.execute("begin")
        await rival.fetch(rendered(statements.LOCK_WORKER), lease.worker)
        await rival.execute(rendered(statements.RAISE_SAGA), tale.saga_id)
        await rival.execute(rendered(statements.RAISE_WORKER), lease.worker)
        commit = await _held_up(store.commit(lease, [tale.unit(guarded=True)]))
        await rival.execute("commit")
    assert await commit == [Applied.REQUESTED]


async def test_a_request_follows_a_saga_that_changes_hands_meanwhile(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    lease, successor = await registered(store), await registered(store)
    tale = await begun(store, lease)
    async with raw(migrated_url) as rival:
        await rival.execute("begin")
        await rival.execute("update saga set owner = $1", successor.worker)
        asked = await _held_up(store.cancel(tale.saga_id, by="ana", reason="ill", at=AT))
        await rival.execute("commit")
    await asked
    assert await store.raised(lease) == (0, [])
    assert await store.raised(successor) == (1, [tale.saga_id])


async def test_a_saga_that_somebody_has_locked_is_left_to_the_next_claim(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    lease, other = await registered(store), await registered(store)
    for name in ("trip-1", "trip-2"):
        await begun(store, lease, name)
    await store.retire(lease)
    async with raw(migrated_url) as rival:
        await rival.execute("begin")
        await rival.fetch(rendered(statements.LOCK_SAGA), "trip-1")
        assert await store.claim(other, now=AT, only=None, limit=5) == ["trip-2"]
        await rival.execute("rollback")
    assert await store.claim(other, now=AT, only=None, limit=5) == ["trip-1"]


@pytest.mark.slow
async def test_a_worker_stopped_inside_a_transaction_is_waited_for_some_seconds_only(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    dying = await store.register("stopped", 0.0)
    tale = await begun(store, dying)
    url = parse(migrated_url)
    assert isinstance(url, PostgresUrl)
    stopped = await connect(url)
    try:
        await _append_halfway(stopped, store, dying.worker, tale)
        async with asyncio.timeout(7):
            claimed = await store.claim(await registered(store), now=AT, only=None, limit=5)
    finally:
        stopped.terminate()
    assert claimed == [tale.saga_id]
    loaded = await store.load(tale.saga_id)
    assert loaded is not None
    assert len(loaded.rows) == 1


async def test_a_load_is_one_snapshot(migrated_url: str, opened: Opening) -> None:
    store, desk = await opened(migrated_url), await opened(migrated_url)
    lease = await registered(store)
    await begun(store, lease)
    stop = asyncio.get_running_loop().time() + 0.5

    async def ask() -> None:
        number = 0
        while asyncio.get_running_loop().time() < stop:
            number += 1
            await desk.send("trip-1", "tick", b"1", key=str(number), by="clock", at=AT)

    asking = asyncio.create_task(ask())
    looks = 0
    while not asking.done():
        loaded = await store.load("trip-1")
        assert loaded is not None
        assert loaded.row.control == len(loaded.requests)
        control, requests = await store.requests("trip-1")
        assert control == len(requests)
        looks += 1
    await asking
    assert looks > 5


async def test_whatever_comes_together_the_server_finds_nobody_waiting_in_a_circle(
    migrated_url: str, opened: Opening
) -> None:
    stores = [await opened(migrated_url) for _ in range(3)]
    names = [f"trip-{number}" for number in range(6)]
    lease = await registered(stores[0])
    for name in names:
        await begun(stores[0], lease, name)
    await stores[0].retire(lease)
    stop = asyncio.get_running_loop().time() + 1.5
    rounds = {"drives": 0, "requests": 0}

    async def drive(store: Store) -> None:
        while asyncio.get_running_loop().time() < stop:
            lease = await store.register("driver", 0.05)
            claimed: list[str] = []
            with suppress(LeaseLost):  # somebody may have buried it already
                claimed = await store.claim(lease, now=AT, only=None, limit=4)
            release = Project(Status.WAITING, None, AT, release=True)
            units = [Unit(name, [], [FoldRequests((), 0), release]) for name in claimed]
            await store.commit(lease, units)
            rounds["drives"] += 1

    async def ask(store: Store, number: int) -> None:
        while asyncio.get_running_loop().time() < stop:
            name = names[(number + rounds["requests"]) % len(names)]
            key = f"{number}-{rounds['requests']}"
            await store.send(name, "tick", b"1", key=key, by="clock", at=AT)
            rounds["requests"] += 1

    async with asyncio.timeout(30):
        await asyncio.gather(
            *(drive(store) for store in stores for _ in range(2)),
            *(ask(store, number) for number, store in enumerate(stores)),
        )
    assert min(rounds.values()) > 10
    for store in stores:
        await store.close()  # the server counts when a session ends
    async with raw(migrated_url) as admin:
        await asyncio.sleep(0.2)
        assert (
            await admin.fetchval(
                "select deadlocks from pg_stat_database where datname = current_database()"
            )
            == 0
        )
