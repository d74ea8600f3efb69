"""The thread that renews a lease: it goes on as long as its worker does, and no longer."""

import asyncio
import threading

import pytest

import sagas
from sagas import Catalog, Coordinator
from sagas.connecting import open_coordinator
from sagas.errors import LeaseLost
from sagas.heart import Heart
from sagas.ports import Lease
from tests.behaviour.conftest import House

LIMIT = 15.0

plain = Catalog("plain")


@plain.saga
async def moment(number: int) -> str:
    return sagas.now().isoformat()


def heart_of(coordinator: Coordinator) -> Heart:
    heart = coordinator._worker._tenure._heart
    assert isinstance(heart, Heart)
    return heart


def test_a_lease_is_not_renewed_once_the_loop_of_its_worker_is_closed(sqlite_url: str) -> None:
    async def begun() -> Coordinator:
        coordinator = await open_coordinator(sqlite_url, [plain], lease=0.2)
        assert (await coordinator.run(moment, 1, id="moment-1")).completed
        return coordinator

    async def cancelled() -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    loop = asyncio.new_event_loop()
    coordinator = loop.run_until_complete(begun())
    loop.run_until_complete(cancelled())
    loop.close()
    heart_of(coordinator)._thread.join(LIMIT)
    assert not heart_of(coordinator)._thread.is_alive()
    asyncio.run(coordinator.store.close())


async def test_a_worker_closes_although_no_thread_of_the_loop_is_free(house: House) -> None:
    loop, over = asyncio.get_running_loop(), threading.Event()
    async with house.open(plain) as coordinator:
        assert (await coordinator.run(moment, 1, id="moment-1")).completed
        waiting = [loop.run_in_executor(None, over.wait) for _ in range(40)]
        try:
            async with asyncio.timeout(LIMIT):
                await coordinator._worker.close()
        finally:
            over.set()
            await asyncio.gather(*waiting)


async def test_a_heart_that_fails_begins_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, beat = threading.Event(), Heart._beat

    async def failing(heart: Heart) -> None:
        if failed.is_set():
            return await beat(heart)
        failed.set()
        raise OSError("too many open files")

    monkeypatch.setattr(Heart, "_beat", failing)
    async with house.open(plain, lease=1.0) as coordinator:
        assert (await coordinator.run(moment, 1, id="moment-1")).completed
        holder = (await coordinator._worker.begin()).holder
        before = holder._trusted_until
        async with asyncio.timeout(LIMIT):
            while holder._trusted_until == before:  # noqa: ASYNC110  it is set by another thread
                await asyncio.sleep(0.02)
        assert failed.is_set()


async def test_a_new_lease_is_taken_although_the_first_try_fails_unexpectedly(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open(plain) as coordinator:
        assert (await coordinator.run(moment, 1, id="moment-1")).completed
        register, tries = coordinator.store.register, list[str]()

        async def failing(name: str, seconds: float) -> Lease:
            tries.append(name)
            if len(tries) == 1:
                raise RuntimeError("can't start new thread")
            return await register(name, seconds)

        monkeypatch.setattr(coordinator.store, "register", failing)
        lost = await coordinator._worker.begin()
        coordinator._worker._tenure._was_lost(LeaseLost("so it is said"))
        async with asyncio.timeout(LIMIT):
            await coordinator._worker._tenure.after(lost)
        assert (await coordinator._worker.begin()) is not lost
        assert len(tries) == 2
