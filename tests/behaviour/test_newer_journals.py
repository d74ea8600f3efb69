"""Entries that a newer release wrote: its sagas are left to it, and others go on."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

import sagas
from sagas import Catalog, Coordinator, Status
from sagas.chain import Fields, link
from sagas.driving.rehearsal import Trouble
from sagas.errors import Corrupt
from tests.behaviour.acting import until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order
from tests.behaviour.world import World

LIMIT = 20.0

made = Catalog("newer")


@made.saga
async def trip(order: Order) -> str:
    sagas.now()
    return str(await sagas.event("paid"))


async def parked(coordinator: Coordinator, saga_id: str) -> None:
    """A saga that waits for an event."""
    await (await coordinator.start(trip, Order(), id=saga_id)).settled()


def append(url: str, kind: str, version: int) -> None:
    """An entry such as a newer release might write, chained as it has to be."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        [(seq, previous)] = database.execute(
            "select seq, hash from entry where saga_id = 's' order by seq desc limit 1"
        )
        fields = Fields(seq + 1, kind, version, 1, b'{"wisdom":1}', None)
        digest = link(previous, fields)
        columns = "saga_id, seq, kind, version, written_at, body, hash"
        given = ("s", seq + 1, kind, version, 1, '{"wisdom":1}', digest)
        database.execute(f"insert into entry ({columns}) values (?, ?, ?, ?, ?, ?, ?)", given)
        database.execute(
            "update saga set head = ?, head_hash = ? where id = 's'", (seq + 1, digest)
        )


KINDS = pytest.mark.parametrize(
    ("kind", "version"), [("Foreseen", 1), ("Intended", 2)], ids=["kind", "version"]
)


@KINDS
async def test_a_saga_that_cannot_be_read_is_left_alone_while_others_are_driven(
    house_of_newer: House, kind: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_of_newer
    monkeypatch.setattr("sagas.asides.HELD_SECONDS", 0.05)
    async with house.open(made) as coordinator:
        for saga_id in ("s", "other"):
            await parked(coordinator, saga_id)
    append(house.url, kind, version)
    async with house.open(made) as coordinator:
        for saga_id in ("s", "other"):
            await coordinator.send(saga_id, "paid", "yes", key="k")
        working = asyncio.create_task(coordinator.work())
        try:
            await until(lambda: _has_ended(coordinator, "other"), tries=2000)
            await until(lambda: _is_let_go(coordinator), tries=2000)
        finally:
            working.cancel()
        row = await coordinator.get("s")
        assert row.status is Status.WAITING
        said = f"entry {row.head}: an entry of kind '{kind}', version {version}"
        assert said in (row.reason or "")
        assert row.wake_at is not None
        assert len((await coordinator.load("s")).rows) == row.head


async def _has_ended(coordinator: Coordinator, saga_id: str) -> bool:
    return (await coordinator.get(saga_id)).status.is_end


async def _is_let_go(coordinator: Coordinator) -> bool:
    row = await coordinator.get("s")
    return row.owner is None and row.reason is not None and "upgrade" in row.reason


async def test_whoever_waits_for_a_saga_that_cannot_be_read_is_told(
    house_of_newer: House,
) -> None:
    house = house_of_newer
    async with house.open(made) as coordinator:
        await parked(coordinator, "s")
    append(house.url, "Foreseen", 1)
    async with house.open(made) as coordinator:
        await coordinator.send("s", "paid", "yes", key="k")
        handle = await coordinator.resume("s")
        with pytest.raises(Corrupt, match="upgrade to read it"):
            await handle.outcome(timeout=LIMIT)


async def test_a_check_tells_that_a_saga_cannot_be_read(house_of_newer: House) -> None:
    house = house_of_newer
    async with house.open(made) as coordinator:
        await parked(coordinator, "s")
    append(house.url, "Foreseen", 1)
    async with house.open(made) as coordinator:
        [found] = [found async for found in coordinator.check()]
    assert [item.trouble for item in found.findings] == [Trouble.UNREADABLE]


@pytest.fixture
def house_of_newer(url: str, world: World) -> House:
    """A journal that is not checked when the test is over: it holds what cannot be read."""
    return House(url, world)
