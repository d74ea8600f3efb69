"""What a worker claims it drives, whatever happens to whoever asked it to look."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

import sagas
from sagas import Catalog, Coordinator, Status
from sagas.driving.environment import Environment
from sagas.errors import JournalError, JournalUnavailable, LeaseLost
from sagas.heart import Heart
from sagas.ports import Lease, Loaded
from tests.behaviour.acting import until
from tests.behaviour.conftest import House

LIMIT = 15.0

sleepy = Catalog("sleepy")
other = Catalog("other")


@sleepy.saga
async def nap(number: int) -> int:
    await sagas.sleep(timedelta(seconds=1.1))
    return number


async def asleep(house: House, count: int) -> list[str]:
    """Sagas that nobody holds and that will soon be due."""
    ids = [f"nap-{number}" for number in range(count)]
    async with house.open(sleepy) as coordinator:
        for number, saga_id in enumerate(ids):
            await (await coordinator.start(nap, number, id=saga_id)).settled()
    await asyncio.sleep(1.2)
    return ids


async def ended(coordinator: Coordinator, ids: list[str]) -> None:
    """Wait until each of them completed."""
    for saga_id in ids:
        await until(partial(_is_ended, coordinator, saga_id), tries=1500)


async def _is_ended(coordinator: Coordinator, saga_id: str) -> bool:
    return (await coordinator.get(saga_id)).status.is_end


async def test_a_caller_that_gives_up_loses_no_saga_that_was_claimed_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await asleep(house, 4)
    async with house.open(sleepy) as coordinator:
        load, asked = coordinator.store.load, asyncio.Event()

        async def slowly(saga_id: str) -> Loaded | None:
            asked.set()
            await asyncio.sleep(0.05)
            return await load(saga_id)

        monkeypatch.setattr(coordinator.store, "load", slowly)
        coordinator._worker.follow_all()
        await coordinator._worker.begin()
        looking = asyncio.create_task(coordinator._worker.look())
        await asked.wait()
        looking.cancel()
        await asyncio.wait({looking})
        assert looking.cancelled()
        await ended(coordinator, ids)


async def test_what_was_claimed_when_a_worker_closes_is_let_go_of_and_not_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await asleep(house, 4)
    async with house.open(sleepy) as coordinator:
        load, asked = coordinator.store.load, asyncio.Event()

        async def slowly(saga_id: str) -> Loaded | None:
            asked.set()
            await asyncio.sleep(0.05)
            return await load(saga_id)

        monkeypatch.setattr(coordinator.store, "load", slowly)
        coordinator._worker.follow_all()
        await coordinator._worker.begin()
        looking = asyncio.create_task(coordinator._worker.look())
        await asked.wait()
        await coordinator._worker.close()
        await looking
        assert not any(coordinator._worker.drives(saga_id) for saga_id in ids)
        rows = [await coordinator.get(saga_id) for saga_id in ids]
    assert {(row.owner, row.status) for row in rows} == {(None, Status.WAITING)}


async def test_nothing_is_started_while_a_worker_closes(house: House) -> None:
    async with house.open(sleepy) as coordinator:
        await coordinator.start(nap, 1, id="nap-1")
        closing = asyncio.create_task(coordinator._worker.close())
        await asyncio.sleep(0)
        with pytest.raises(JournalUnavailable, match="being closed"):
            await coordinator.start(nap, 2, id="nap-2")
        await closing
        assert [row.id for row in await coordinator.list()] == ["nap-1"]


async def test_a_lease_that_is_taken_while_a_worker_closes_is_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open(sleepy) as coordinator:
        register, asked = coordinator.store.register, asyncio.Event()

        async def slowly(name: str, seconds: float) -> Lease:
            asked.set()
            await asyncio.sleep(0.05)
            return await register(name, seconds)

        monkeypatch.setattr(coordinator.store, "register", slowly)
        starting = asyncio.create_task(coordinator.start(nap, 1, id="nap-1"))
        await asked.wait()
        await coordinator._worker.close()
        with pytest.raises(JournalUnavailable, match="being closed"):
            await starting
        assert coordinator._worker._tenure.environment is not None
        lease = coordinator._worker._tenure.environment.holder.lease
        with pytest.raises(LeaseLost):
            await coordinator.store.renew(lease)
        heart = coordinator._worker._tenure._heart
        assert isinstance(heart, Heart)
        assert not heart._thread.is_alive()


async def test_what_a_worker_holds_and_does_not_drive_is_found(house: House) -> None:
    (saga_id,) = await asleep(house, 1)
    async with house.open(sleepy) as coordinator:
        environment: Environment = await coordinator._worker.begin()
        lease = environment.holder.lease
        claimed = await coordinator.store.claim(lease, now=environment.now(), only=None, limit=1)
        assert claimed == [saga_id]
        await ended(coordinator, [saga_id])


async def test_a_worker_without_the_code_leaves_a_saga_to_one_that_has_it(house: House) -> None:
    (saga_id,) = await asleep(house, 1)
    async with house.open(other, user="ben") as stranger:
        work = asyncio.create_task(stranger.work())
        await asyncio.sleep(0.5)
        row = await stranger.get(saga_id)
        assert (row.status, row.owner) == (Status.WAITING, None)
        async with house.open(sleepy) as coordinator:
            handle = await coordinator.resume(saga_id)
            assert (await handle.outcome(timeout=LIMIT)).completed
        work.cancel()


async def test_a_writer_that_is_killed_tells_whoever_waits(house: House) -> None:
    async with house.open(sleepy) as coordinator:
        handle = await coordinator.start(nap, 1, id="nap-1")
        environment: Environment = await coordinator._worker.begin()
        environment.writer._task.cancel()
        await asyncio.wait({environment.writer._task})
        with pytest.raises(JournalError, match="nothing more is written"):
            await coordinator.start(nap, 2, id="nap-2")
    assert await handle_status(house, handle.id) in (Status.RUNNING, Status.WAITING)
    async with house.open(sleepy) as coordinator:
        assert (await coordinator.run(nap, 1, id="nap-1", timeout=LIMIT)).completed


async def handle_status(house: House, saga_id: str) -> Status:
    async with house.open(sleepy) as coordinator:
        return (await coordinator.get(saga_id)).status


@pytest.mark.usefixtures("on_both")
async def test_of_a_crowd_that_is_followed_those_are_driven_that_are_due(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.rounds.CROWD", 5)
    async with house.open(sleepy) as coordinator:
        ids = [f"nap-{number}" for number in range(12)]
        for number, saga_id in enumerate(ids):
            await coordinator.start(nap, number, id=saga_id)
        assert coordinator._worker._wanted.is_crowd
        await ended(coordinator, ids)


@pytest.mark.parametrize("limit", [3, 100])
async def test_more_that_is_due_than_can_be_told_keeps_nobody_from_being_driven(
    house: House, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("sagas.rounds.CROWD", 2)
    monkeypatch.setattr("sagas.rounds.DUE_AT_MOST", limit)
    ids = await asleep(house, 8)
    async with house.open(sleepy) as coordinator:
        for saga_id in ids:
            await coordinator.resume(saga_id)
        await ended(coordinator, ids)
