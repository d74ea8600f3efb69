"""Whole sagas over a database that fails: what is done and written is as if it had not."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

import sagas.connecting
from sagas import Catalog, Coordinator, Outcome, Reversibility, Status, approval, connect
from sagas import worker as workers
from sagas.driving import writer
from sagas.errors import JournalUnavailable, LeaseLost, Refused, UnsafeDatabase
from sagas.fold import fold
from sagas.journal import open_store, sqlite_file
from sagas.journal.sqlite import SqliteDatabase
from sagas.journal.store import SqlStore
from sagas.model import Direction
from sagas.ports import Store
from sagas.restoring import entries_of
from tests.behaviour import invariants
from tests.behaviour.acting import until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order
from tests.behaviour.world import Effect, Refusal, World, renew
from tests.behaviour.world import world as sharing
from tests.crash.stages import SOAK
from tests.crash.straits import Straits
from tests.journal.proxy import Moment, Proxy

LIMIT = 30.0
EVERY = 1 if SOAK else 5

stories = Catalog("stories")
PATIENT = timedelta(seconds=60)


@stories.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=timedelta(hours=24),
    timeout=PATIENT,
    definite=(Refusal,),
)
async def keyed(what: str, note: str) -> str:
    """The partner honours keys."""
    return await sharing.do(what) + note


@keyed.compensation()
async def undo_keyed(what: str) -> None:
    """Undo it."""
    await sharing.do(f"undo-{what}")


@stories.action(reversibility=Reversibility.COMPENSATABLE, timeout=PATIENT)
async def keyless(what: str, note: str) -> str:
    """The partner knows no keys, and cannot be asked."""
    return await sharing.do(what) + note


@keyless.compensation(repeatable=True)
async def undo_keyless(what: str) -> None:
    """Undo it."""
    await sharing.do(f"undo-{what}")


@stories.action(
    reversibility=Reversibility.IRREVERSIBLE,
    timeout=PATIENT,
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def publish(what: str, note: str) -> str:
    """Cannot be taken back, so that somebody is asked first."""
    return await sharing.do(what) + note


@stories.saga
async def told(order: Order) -> str:
    """Two calls, of which one must not be made twice, a gate, and a call that may refuse."""
    await keyed("hotel", order.choice)
    await keyless("car", order.choice)
    await publish("page", order.choice)
    return await keyed("flight", order.choice)


@stories.saga
async def undone(order: Order) -> str:
    """The same without a pivot, and the last call is refused."""
    await keyed("hotel", order.choice)
    await keyless("car", order.choice)
    return await keyed("flight", order.choice)


LONG = Order(choice="x" * 20_000)
"""So that each entry needs room of its own in the file."""


@stories.saga
async def kept(order: Order) -> str:
    """Calls under keys only: an intent without a call is called again."""
    await keyed("hotel", order.choice)
    await keyed("car", order.choice)
    return await keyed("flight", order.choice)


Telling = Callable[[Coordinator, World, str], Awaitable[Outcome[Any]]]


async def patiently(act: Callable[[], Awaitable[Any]]) -> Any:
    """Ask again while the database cannot, as whoever calls would."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                return await act()
            except JournalUnavailable:
                await asyncio.sleep(0.01)


async def tell_forward(coordinator: Coordinator, world: World, saga_id: str) -> Outcome[Any]:
    """A saga that goes through its gate to its end."""
    handle = await patiently(partial(coordinator.start, told, LONG, id=saga_id))

    async def gates() -> Any:
        if not (found := await coordinator.store.gates_of(saga_id)):
            raise JournalUnavailable("not yet")
        return found

    [gate] = await patiently(gates)
    with suppress(Refused):  # it was approved the first time, of which no answer came
        await patiently(partial(coordinator.approve, gate.id, by="ben"))
    outcome: Outcome[Any] = await patiently(partial(handle.outcome, timeout=LIMIT))
    return outcome


async def tell_undone(coordinator: Coordinator, world: World, saga_id: str) -> Outcome[Any]:
    """A saga that is undone."""

    async def refuse(*_: object) -> str:
        raise Refusal("full")

    world.plan("flight", refuse)
    handle = await patiently(partial(coordinator.start, undone, LONG, id=saga_id))
    outcome: Outcome[Any] = await patiently(partial(handle.outcome, timeout=LIMIT))
    return outcome


TALES: dict[str, tuple[Telling, Status, list[str]]] = {
    "forward": (tell_forward, Status.COMPLETED, ["hotel", "car", "page", "flight"]),
    "undone": (
        tell_undone,
        Status.COMPENSATED,
        ["hotel", "car", "flight", "undo-car", "undo-hotel"],
    ),
}
tales = pytest.mark.parametrize("name", TALES)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look and try again at once."""
    monkeypatch.setattr(workers, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.05)


@asynccontextmanager
async def stage(
    house: House, world: World, url: str = "", **options: Any
) -> AsyncGenerator[Coordinator]:
    """A coordinator whose database fails; the witness looks at it in another way."""
    witness = await open_store(house.url)

    async def is_intended(call: Effect, attempt: int) -> bool:
        loaded = await witness.load(call.saga_id)
        assert loaded is not None
        state = fold(call.saga_id, entries_of(loaded.rows))
        step = state.steps[call.path]
        track = step.forward if call.direction is Direction.DO else step.undo
        return (track.key, track.attempts) == (call.key, attempt)

    world.witness = is_intended
    try:
        async with connect(
            url or house.url, stories, directory=house.people, user="ana", **options
        ) as coordinator:
            yield coordinator
    finally:
        await witness.close()


async def play(name: str, coordinator: Coordinator, world: World, saga_id: str) -> None:
    """Tell a saga, and look whether the world was asked for everything once."""
    tell, end, calls = TALES[name]
    outcome = await tell(coordinator, world, saga_id)
    assert outcome.status is end
    assert [call.what for call in world.calls] == calls
    await patiently(partial(invariants.check, coordinator, world, saga_id))
    assert not world.orphans


# --- done, and not told -----------------------------------------------------------------------


class Deaf:
    """A store of which one answer is not heard: what was asked was done.

    Attributes:
        missing: How many calls of the method are answered before.
        lost: How many answers were lost.
    """

    def __init__(self, store: Store, method: str) -> None:
        self._store = store
        self._method = method
        self.missing: int | None = None
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return partial(self._call, found) if name == self._method else found

    async def _call(self, method: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
        answer = await method(*given, **named)
        if self.missing is None:
            return answer
        if self.missing == 0:
            self.missing, self.lost = None, self.lost + 1
            raise JournalUnavailable("the answer was lost")
        self.missing -= 1
        return answer


LOST = [
    (name, method)
    for name, methods in {
        "forward": ("commit", "register", "claim", "load", "requests", "gate", "vote", "votes"),
        "undone": ("commit", "register", "claim"),
    }.items()
    for method in methods
]
"""Where an answer can be lost, in which tale."""


@pytest.mark.parametrize(("name", "method"), LOST)
async def test_an_answer_of_the_store_that_is_lost_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str, method: str
) -> None:
    number = 0
    for number in count():
        world = renew()
        deaf = Deaf(await open_store(house.url), method)
        with monkeypatch.context() as patch:
            patch.setattr(sagas.connecting, "open_store", handing_out(deaf))
            async with stage(house, world) as coordinator:
                deaf.missing = number
                await play(name, coordinator, world, f"{name}-{number}")
                deaf.missing = None
        if not deaf.lost or (number >= 1 and method != "commit"):
            break
    assert number


def handing_out(store: Any) -> Callable[[str], Awaitable[Any]]:
    """Opens a store that is open already."""

    async def opening(_: str) -> Any:
        return store

    return opening


# --- a COMMIT that is cut ---------------------------------------------------------------------

COMMIT = b"commit\0"


@pytest.mark.postgres
@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
@pytest.mark.parametrize("what", ["commit", "message"])
@tales
async def test_a_connection_that_is_cut_changes_nothing_in_a_whole_saga(
    copied_postgres_url: str, name: str, what: str, moment: Moment
) -> None:
    house = House(copied_postgres_url, renew())
    cuts = 0
    async with Proxy(copied_postgres_url).running() as proxy:
        for number in count(0, EVERY):
            world, saga_id = renew(), f"{name}-{number}-"
            async with stage(house, world, proxy.url) as coordinator:
                marker = COMMIT if what == "commit" else saga_id.encode()
                proxy.cut(marker, moment, skipping=number)
                await play(name, coordinator, world, saga_id)
                was_cut = not proxy.forget()
            if not was_cut:
                break
            cuts += 1
    await house.check()
    assert cuts == proxy.cuts > 0


# --- no space left ----------------------------------------------------------------------------


REFUSALS = 3


class Disk:
    """The disk of an SQLite journal, full when the n-th append comes.

    Attributes:
        appends: How many came.
        full_at: Which append finds it full.
        refusals: How often it was found full.
    """

    def __init__(self, store: Store) -> None:
        assert isinstance(store, SqlStore)
        assert isinstance(store._database, SqliteDatabase)
        self._database = store._database
        self._commit = store.commit
        self.appends = 0
        self.full_at: int | None = None
        self.refusals = 0

    async def commit(self, *given: Any, **named: Any) -> Any:
        """What the store does, until there is no space."""
        self.appends += 1
        if self.appends == self.full_at:
            await self._allow(await self._ask("page_count"))
        try:
            answers = await self._commit(*given, **named)
        except JournalUnavailable as error:
            self.refusals += "no space left" in str(error)
            if self.refusals == REFUSALS:
                await self._allow(2**30)
            raise
        if self.appends == self.full_at:
            await self._allow(2**30)  # there was room for this one
        return answers

    async def _allow(self, pages: int) -> None:
        assert await self._ask(f"max_page_count = {pages}") >= pages

    async def _ask(self, pragma: str) -> int:
        connection = self._database._engine._connection
        row = await self._database._thread.do(
            lambda: connection.execute(f"pragma {pragma}").fetchone()
        )
        return int(row[0])


@tales
async def test_a_disk_that_is_full_for_a_while_changes_nothing(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    monkeypatch.setattr(writer, "SHORTEST_PAUSE", 0.01)
    hits = 0
    for number in count(1):
        world, store = renew(), await open_store(house.url)
        disk = Disk(store)
        monkeypatch.setattr(store, "commit", disk.commit)
        with monkeypatch.context() as patch:
            patch.setattr(sagas.connecting, "open_store", handing_out(store))
            async with stage(house, world) as coordinator:
                disk.full_at = number
                await play(name, coordinator, world, f"{name}-{number}")
                assert await integrity(store) == "ok"
        if disk.appends < number:
            break
        hits += disk.refusals == REFUSALS
    assert hits >= 4
    assert caplog.text.count("make room and start again; what is to be written is kept") >= hits


async def integrity(store: Store) -> str:
    """What SQLite says of the file."""
    assert isinstance(store, SqlStore)
    assert isinstance(store._database, SqliteDatabase)
    connection = store._database._engine._connection
    row = await store._database._thread.do(
        lambda: connection.execute("pragma integrity_check").fetchone()
    )
    return str(row[0])


FULL = """
create sequence sagas.asked;
create function sagas.be_full() returns trigger language plpgsql as $$
begin
    if nextval('sagas.asked') % 3 <> 0 then
        raise exception 'no space left on device' using errcode = 'disk_full';
    end if;
    return null;
end $$;
create trigger full_disk after insert on sagas.entry
for each statement execute function sagas.be_full();
"""


@pytest.mark.postgres
@tales
async def test_a_server_whose_disk_is_full_twice_before_each_append_changes_nothing(
    copied_postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    monkeypatch.setattr(writer, "SHORTEST_PAUSE", 0.01)
    house, world = House(copied_postgres_url, renew()), renew()
    admin = await asyncpg.connect(copied_postgres_url)
    async with stage(house, world) as coordinator:
        await admin.execute(FULL)
        await play(name, coordinator, world, name)
        refused = await admin.fetchval("select last_value from sagas.asked") * 2 // 3
        await admin.execute("drop function sagas.be_full cascade")
    await admin.close()
    assert refused > 10
    assert caplog.text.count("make room and start again; what is to be written is kept") > 5
    await house.check()


# --- a file that somebody keeps locked --------------------------------------------------------


@tales
async def test_a_file_that_another_process_keeps_locked_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.05)
    stopped = sqlite3.connect(house.url.removeprefix("sqlite:///"), isolation_level=None)
    world = renew()

    async def hold(_: World, call: Effect) -> str:
        stopped.execute("begin immediate")
        asyncio.get_running_loop().create_task(release(), name="release")
        return world.happen(call)

    async def is_refused() -> bool:
        return caplog.text.count("keeps") >= REFUSALS

    async def release() -> None:
        await until(is_refused, tries=3000)
        stopped.execute("rollback")

    world.plan("car", hold)  # what came of it cannot be written for a while
    async with stage(house, world) as coordinator:
        await play(name, coordinator, world, name)
    stopped.close()
    assert caplog.text.count("what is to be written is kept, and tried again") >= 1


# --- a server that cannot be trusted any more -------------------------------------------------


@pytest.mark.postgres
async def test_a_worker_stops_when_its_server_would_lose_what_it_acknowledges(
    copied_postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(copied_postgres_url, renew())
    async with stage(house, house.world) as coordinator:
        await coordinator._worker.begin()
        working = asyncio.create_task(coordinator._worker.broken())
        admin = await asyncpg.connect(copied_postgres_url)
        await admin.execute(
            f'alter database "{urlsplit(copied_postgres_url).path[1:]}" set synchronous_commit = off'
        )
        await admin.execute(ENDED)
        await admin.close()
        with pytest.raises(UnsafeDatabase, match="set synchronous_commit = on"):
            async with asyncio.timeout(LIMIT):
                await working
    assert "nothing more is done here" in caplog.text


ENDED = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = 'agent-sagas' and datname = current_database()
"""


# --- a server that does not answer ------------------------------------------------------------

SHORT_LEASE = 0.6


async def _freezing(proxy: Proxy, world: World, call: Effect) -> str:
    """The partner acts, and the database is not heard of any more."""
    proxy.freeze()
    return world.happen(call)


@pytest.mark.postgres
async def test_a_worker_that_does_not_hear_of_its_database_begins_nothing_until_it_does(
    copied_postgres_url: str,
) -> None:
    house, world = House(copied_postgres_url, renew()), renew()
    async with Proxy(copied_postgres_url).running() as proxy:
        world.plan("hotel", lambda of, call: _freezing(proxy, of, call))
        async with stage(house, world, proxy.url, lease=SHORT_LEASE) as coordinator:
            handle = await coordinator.start(kept, LONG, id="frozen")
            environment = await coordinator._worker.begin()

            async def is_over() -> bool:
                with suppress(LeaseLost):
                    environment.holder.check()
                    return False
                return bool(world.calls)

            await until(is_over, tries=3000)
            assert [call.what for call in world.calls] == ["hotel"]
            proxy.thaw()
            assert (await handle.outcome(timeout=LIMIT)).completed
    assert [call.what for call in world.calls] == ["hotel", "car", "flight"]
    await house.check()


@pytest.mark.postgres
async def test_a_worker_that_hears_too_late_of_its_database_has_lost_its_sagas(
    copied_postgres_url: str,
) -> None:
    house, world = House(copied_postgres_url, renew()), renew()
    async with Proxy(copied_postgres_url).running() as proxy:
        world.plan("hotel", lambda of, call: _freezing(proxy, of, call))
        async with stage(house, world, proxy.url, lease=SHORT_LEASE) as frozen:
            await frozen.start(undone, LONG, id="frozen")
            await until(lambda: _is_called(world), tries=3000)
            async with stage(house, world) as other:
                working = asyncio.create_task(other.work())
                await until(lambda: _is_completed(other, "frozen"), tries=3000)
                working.cancel()
            proxy.thaw()
            await patiently(partial(frozen.get, "frozen"))
            await until(lambda: _is_idle(frozen), tries=3000)
    calls = [call.what for call in world.calls]
    assert calls == ["hotel", "hotel", "car", "flight"]
    assert world.done == ["hotel", "car", "flight"]
    await house.check()


@pytest.mark.postgres
async def test_a_worker_that_falls_silent_in_the_midst_of_a_statement_keeps_nobody_waiting_for_long(
    copied_postgres_url: str,
) -> None:
    """To the server it is active, so that the server's own limit does not end it."""
    house = House(copied_postgres_url, renew())
    async with house.open() as coordinator, Straits(copied_postgres_url).running() as straits:
        await coordinator.run(kept, LONG, id="s", timeout=LIMIT)
        silent = await asyncpg.connect(
            straits.url, server_settings={"application_name": "agent-sagas"}
        )
        await silent.execute("begin; select from sagas.saga for update")
        straits.lay(b"held", b"held", before=False)
        asking = asyncio.create_task(silent.fetchval("select $1::text as held", "a lock"))
        await until(lambda: _is_held(straits))
        with pytest.raises(Refused, match="ended"):
            await coordinator.cancel("s", reason="so that its row is asked for")
        silent.terminate()
        await asyncio.gather(asking, return_exceptions=True)


async def _is_held(straits: Straits) -> bool:
    return straits.held > 0


async def _is_called(world: World) -> bool:
    return bool(world.effects)


async def _is_completed(coordinator: Coordinator, saga_id: str) -> bool:
    return (await coordinator.get(saga_id)).status is Status.COMPLETED


async def _is_idle(coordinator: Coordinator) -> bool:
    return not coordinator._worker._tasks


@pytest.mark.postgres
async def test_no_transaction_is_open_while_an_action_runs(copied_postgres_url: str) -> None:
    house, world = House(copied_postgres_url, renew()), renew()
    seen: list[int] = []

    async def look(of: World, call: Effect) -> str:
        admin = await asyncpg.connect(copied_postgres_url)
        await until(lambda: _are_idle(admin), tries=3000)  # the heartbeat's own is soon over
        await admin.close()
        seen.append(len(of.calls))
        return of.happen(call)

    for what in ("hotel", "car", "flight"):
        world.plan(what, look)
    async with stage(house, world) as coordinator:
        handle = await coordinator.start(undone, LONG, id="looked-at")
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert seen == [1, 2, 3]


async def _are_idle(admin: Any) -> bool:
    """Whether no session of ours is inside a transaction."""
    found = await admin.fetchval(
        "select count(*) from pg_stat_activity where application_name = 'agent-sagas'"
        " and datname = current_database() and state <> 'idle'"
    )
    return not found
