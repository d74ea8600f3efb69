"""What every store must do about who drives what."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import pytest

from sagas.errors import LeaseLost
from sagas.model import Status
from sagas.ports import FoldRequests, Lease, Project, Store, Survived, Suspects
from tests.conformance.support import AT, SECOND, Tale, begun, registered

Opening = Callable[[], Awaitable[Store]]

_DRIVER = """
import asyncio, sys
from sagas.journal import open_store
from tests.conformance.support import begun

async def main():
    store = await open_store(sys.argv[1])
    await begun(store, await store.register("driver", 3600.0))
    print("driving", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@contextmanager
def driver(url: str) -> Generator[subprocess.Popen[str]]:
    """Another process that owns the saga `trip-1` under a lease of an hour."""
    process = subprocess.Popen(
        [sys.executable, "-c", _DRIVER, url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "driving\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def waiting(store: Store, lease: Lease, saga_id: str, wake_at: int | None) -> Tale:
    """A saga that was let go and waits."""
    project = Project(Status.WAITING, None, wake_at, release=True)
    tale = Tale(store, saga_id)
    await store.commit(lease, [tale.beginning(1, project)])
    return tale


class OwnershipSuite:
    async def test_a_worker_number_is_never_given_twice(self, store: Store) -> None:
        first = await registered(store)
        await store.retire(first)
        assert (await registered(store)).worker > first.worker

    async def test_a_renewed_lease_carries_the_present_control(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease)
        await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        assert (await store.renew(lease)).control == lease.control + 1

    async def test_a_renewed_worker_is_not_declared_dead(self, store: Store) -> None:
        lease = await store.register("short", 0.2)
        await begun(store, lease)
        other = await registered(store)
        for _ in range(6):
            await asyncio.sleep(0.05)
            lease = await store.renew(lease)
            assert await store.claim(other, now=AT, only=None, limit=5) == []

    async def test_a_dead_worker_cannot_renew(self, store: Store) -> None:
        lease = await store.register("short", 0.0)
        await asyncio.sleep(0.005)
        await store.claim(await registered(store), now=AT, only=None, limit=5)
        with pytest.raises(LeaseLost, match="declared dead"):
            await store.renew(lease)

    async def test_a_dead_worker_claims_nothing(self, store: Store) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", AT)
        await store.retire(lease)
        with pytest.raises(LeaseLost):
            await store.claim(lease, now=AT, only=None, limit=5)

    async def test_a_saga_whose_owner_lives_is_not_claimed(self, store: Store) -> None:
        await begun(store, await registered(store))
        other = await registered(store)
        assert await store.claim(other, now=AT, only=None, limit=5) == []
        assert await store.claim(other, now=AT, only=["trip-1"], limit=5) == []

    async def test_a_saga_whose_owner_retired_is_claimed(self, store: Store) -> None:
        lease, other = await registered(store), await registered(store)
        await begun(store, lease)
        await store.retire(lease)
        assert await store.claim(other, now=AT, only=None, limit=5) == ["trip-1"]

    async def test_a_retired_worker_keeps_no_saga(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease)
        await store.retire(lease)
        row = await store.saga("trip-1")
        assert row is not None
        assert row.owner is None

    async def test_a_saga_is_claimed_when_its_time_has_come(self, store: Store) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", AT)
        assert await store.claim(lease, now=AT - 1, only=None, limit=5) == []
        assert await store.claim(lease, now=AT, only=None, limit=5) == ["trip-1"]

    async def test_a_saga_with_a_request_is_claimed_although_it_waits_for_ever(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", None)
        await waiting(store, lease, "trip-2", None)
        await store.cancel("trip-2", by="ana", reason="ill", at=AT)
        assert await store.claim(lease, now=AT, only=None, limit=5) == ["trip-2"]

    async def test_a_saga_whose_requests_are_folded_waits_again(self, store: Store) -> None:
        lease = await registered(store)
        tale = await waiting(store, lease, "trip-1", None)
        await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        await store.claim(lease, now=AT, only=None, limit=5)
        project = Project(Status.WAITING, None, None, release=True)
        await store.commit(lease, [tale.unit(1, FoldRequests((1,), 1), project)])
        assert await store.claim(lease, now=AT + SECOND, only=None, limit=5) == []

    @pytest.mark.parametrize("status", [Status.COMPLETED, Status.COMPENSATED, Status.RESIDUAL])
    async def test_a_saga_that_has_ended_is_never_claimed(
        self, store: Store, status: Status
    ) -> None:
        lease = await registered(store)
        ended = Project(status, None, AT, release=True)
        await store.commit(lease, [Tale(store).beginning(1, ended)])
        assert await store.claim(lease, now=AT, only=None, limit=5) == []
        assert await store.claim(lease, now=AT, only=["trip-1"], limit=5) == []

    async def test_a_claim_among_names_takes_no_other_saga(self, store: Store) -> None:
        lease = await registered(store)
        for number in range(3):
            await waiting(store, lease, f"trip-{number}", AT)
        named = ["trip-2", "trip-'0", "nowhere"]
        assert await store.claim(lease, now=AT, only=named, limit=5) == ["trip-2"]

    async def test_a_claim_among_no_names_takes_nothing(self, store: Store) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", AT)
        assert await store.claim(lease, now=AT, only=[], limit=5) == []

    async def test_a_claim_takes_no_more_than_its_limit(self, store: Store) -> None:
        lease = await registered(store)
        for number in range(4):
            await waiting(store, lease, f"trip-{number}", AT)
        assert len(await store.claim(lease, now=AT, only=None, limit=3)) == 3

    async def test_several_that_claim_at_once_get_each_saga_once(
        self, store: Store, another: Opening
    ) -> None:
        lease = await registered(store)
        names = [f"trip-{number:02}" for number in range(40)]
        for name in names:
            await waiting(store, lease, name, AT)
        stores = [store, await another(), await another()]
        leases = [await registered(each) for each in stores]
        taken: list[str] = []
        for _ in range(10):
            claims = (
                each.claim(lease, now=AT, only=None, limit=3)
                for each, lease in zip(stores, leases, strict=True)
            )
            for claimed in await asyncio.gather(*claims):
                taken += claimed
        assert sorted(taken) == names

    async def test_a_taken_saga_is_due_at_once_when_its_new_owner_dies(self, store: Store) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", None)
        await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        dying = await registered(store)
        await store.claim(dying, now=AT, only=None, limit=5)
        await store.commit(dying, [Tale(store, "trip-1", 1).unit(1, FoldRequests((1,), 1))])
        await store.retire(dying)
        assert await store.claim(lease, now=AT, only=None, limit=5) == ["trip-1"]

    async def test_what_a_retired_worker_held_is_due_although_its_clock_was_ahead(
        self, store: Store
    ) -> None:
        lease, other = await registered(store), await registered(store)
        await begun(store, lease, at=AT + 3600 * SECOND)
        await store.retire(lease)
        assert await store.claim(other, now=AT, only=None, limit=5) == ["trip-1"]

    async def test_what_a_dead_worker_held_is_due_although_its_clock_was_ahead(
        self, store: Store
    ) -> None:
        dying, other = await store.register("short", 0.0), await registered(store)
        await begun(store, dying, at=AT + 3600 * SECOND)
        await asyncio.sleep(0.01)
        assert await store.claim(other, now=AT, only=None, limit=5) == ["trip-1"]

    async def test_the_next_instant_is_told_at_which_a_saga_is_due(self, store: Store) -> None:
        lease = await registered(store)
        for number, later in enumerate([30, 10, 20, 0]):
            await waiting(store, lease, f"trip-{number}", AT + later * SECOND)
        await waiting(store, lease, "trip-asleep", None)
        assert await store.next_due(after=AT, before=AT + 60 * SECOND) == AT + 10 * SECOND
        assert await store.next_due(after=AT, before=AT + 10 * SECOND) == AT + 10 * SECOND
        assert await store.next_due(after=AT + 30 * SECOND, before=AT + 60 * SECOND) is None

    async def test_a_saga_that_is_driven_or_has_ended_is_not_due(self, store: Store) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", AT)
        ended = Tale(store, "trip-2")
        end = Project(Status.COMPLETED, None, AT + SECOND, release=True)
        await store.commit(lease, [ended.beginning(1, end)])
        assert await store.claim(lease, now=AT + SECOND, only=None, limit=5) == ["trip-1"]
        assert await store.next_due(after=AT, before=AT + 60 * SECOND) is None

    # --- processes ----------------------------------------------------------------------------

    @pytest.mark.crash
    async def test_a_killed_process_is_noticed_before_its_lease_is_over(
        self, store: Store, database_url: str
    ) -> None:
        lease = await registered(store)
        with driver(database_url) as process:
            assert await store.claim(lease, now=AT, only=None, limit=5) == []
            process.kill()  # and nobody reaps it: its number is still taken
            assert await _claimed_soon(store, lease) == ["trip-1"]

    @pytest.mark.crash
    async def test_a_stopped_process_keeps_its_sagas_until_its_lease_is_over(
        self, store: Store, database_url: str
    ) -> None:
        lease = await registered(store)
        with driver(database_url) as process:
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.05)  # noqa: ASYNC251
            assert await store.claim(lease, now=AT, only=None, limit=5) == []

    # --- requests and changes -----------------------------------------------------------------

    async def test_a_worker_is_told_which_of_its_sagas_have_requests(self, store: Store) -> None:
        lease = await registered(store)
        for name in ("trip-1", "trip-2", "trip-3"):
            await begun(store, lease, name)
        assert await store.raised(lease) == (0, [])
        await store.cancel("trip-3", by="ana", reason="ill", at=AT)
        await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        assert await store.raised(lease) == (2, ["trip-1", "trip-3"])

    async def test_a_request_for_a_saga_of_nobody_raises_no_worker(self, store: Store) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", None)
        await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        assert await store.raised(lease) == (0, [])

    async def test_waiting_for_a_change_ends_after_its_time(self, store: Store) -> None:
        began = time.monotonic()
        await store.changed(0.05)
        await store.changed(0.05)
        assert 0.04 < time.monotonic() - began < 2

    async def test_waiting_for_a_change_ends_when_another_store_asks_for_something(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        await begun(store, await registered(store))
        await store.changed(0.05)
        wait = asyncio.create_task(store.changed(30))
        await asyncio.sleep(0.05)
        assert not wait.done()
        await other.cancel("trip-1", by="ana", reason="ill", at=AT)
        async with asyncio.timeout(5):
            await wait

    async def test_waiting_for_a_change_ends_when_this_store_lets_a_saga_go(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.changed(0.05)
        wait = asyncio.create_task(store.changed(30))
        await asyncio.sleep(0.05)
        release = Project(Status.WAITING, None, None, release=True)
        await store.commit(lease, [tale.unit(1, release)])
        async with asyncio.timeout(5):
            await wait

    async def test_everybody_who_waits_for_a_change_is_told(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        await begun(store, await registered(store))
        await store.changed(0.05)
        waits = [asyncio.create_task(store.changed(30)) for _ in range(3)]
        await asyncio.sleep(0.05)
        await other.cancel("trip-1", by="ana", reason="ill", at=AT)
        async with asyncio.timeout(5):
            await asyncio.gather(*waits)

    async def test_only_sagas_whose_code_is_known_are_claimed(self, store: Store) -> None:
        lease = await registered(store)
        await waiting(store, lease, "trip-1", AT)
        mine, others = [("travel.book_trip", 1)], [("travel.book_trip", 2), ("travel.nap", 1)]
        assert await store.claim(lease, now=AT, only=None, limit=5, known=others) == []
        assert await store.claim(lease, now=AT, only=["trip-1"], limit=5, known=others) == []
        assert await store.claim(lease, now=AT, only=None, limit=5, known=[]) == []
        assert await store.claim(lease, now=AT, only=None, limit=5, known=mine) == ["trip-1"]

    async def test_a_worker_finds_what_it_holds(self, store: Store) -> None:
        lease, other = await registered(store), await registered(store)
        await begun(store, lease)
        assert await store.held(lease) == ["trip-1"]
        assert await store.held(other) == []

    async def test_a_death_counts_against_what_the_worker_drove(self, store: Store) -> None:
        await buried(store, await begun(store, await store.register("short", 0.0)))
        assert await deaths(store) == 1

    async def test_a_worker_that_retires_has_died_of_nothing(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease)
        await store.retire(lease)
        await store.claim(await registered(store), now=AT, only=None, limit=5)
        assert await deaths(store) == 0

    async def test_whoever_lets_a_saga_go_has_survived_it(self, store: Store) -> None:
        tale = await begun(store, await store.register("short", 0.0))
        heir = await buried(store, tale)
        project = Project(Status.WAITING, None, None, release=True)
        assert (await store.commit(heir, [tale.unit(1, project)]))[0].value == "yes"
        assert await deaths(store) == 0

    async def test_whoever_comes_further_has_survived_it(self, store: Store) -> None:
        tale = await begun(store, await store.register("short", 0.0))
        heir = await buried(store, tale)
        await store.commit(heir, [tale.unit(1, Survived())])
        assert await deaths(store) == 0

    @pytest.mark.parametrize("among", [None, ["trip-1", "trip-2", "trip-3"]])
    async def test_of_sagas_that_workers_died_of_few_are_taken_at_a_time(
        self, store: Store, among: list[str] | None
    ) -> None:
        short = await store.register("short", 0.0)
        for number in (1, 2):
            await begun(store, short, f"trip-{number}")
        await asyncio.sleep(0.005)
        heir = await registered(store)
        few = Suspects(deaths=1, limit=0)
        assert await store.claim(heir, now=AT, only=among, limit=5, suspects=few) == []
        await waiting(store, heir, "trip-3", AT)
        one = Suspects(deaths=1, limit=1)
        taken = await store.claim(heir, now=AT, only=among, limit=5, suspects=one)
        assert sorted(taken) == ["trip-1", "trip-3"]

    async def test_what_is_due_and_held_by_nobody_is_told(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease, "held")
        await waiting(store, lease, "due", AT)
        await waiting(store, lease, "later", AT + SECOND)
        await waiting(store, lease, "asked", None)
        await store.cancel("asked", by="ana", reason="ill", at=AT)
        assert sorted(await store.due(now=AT, limit=9)) == ["asked", "due"]
        assert len(await store.due(now=AT, limit=1)) == 1

    async def test_the_database_tells_the_time(self, store: Store) -> None:
        lease = await registered(store)
        told = [lease.at, await store.time(), (await store.renew(lease)).at]
        assert told == sorted(told)
        assert abs(told[0] - time.time() * SECOND) < 60 * SECOND


async def _claimed_soon(store: Store, lease: Lease) -> list[str]:
    for _ in range(100):
        if claimed := await store.claim(lease, now=AT, only=None, limit=5):
            return claimed
        await asyncio.sleep(0.01)
    return []


async def buried(store: Store, tale: Tale) -> Lease:
    """Another worker, which has declared those dead that were late, and taken the saga over."""
    await asyncio.sleep(0.005)
    heir = await registered(store, "heir")
    assert await store.claim(heir, now=AT, only=None, limit=5) == [tale.saga_id]
    return heir


async def deaths(store: Store) -> int:
    row = await store.saga("trip-1")
    assert row is not None
    return row.deaths
