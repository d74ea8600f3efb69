"""Limits: how often and how many at once, who waits where, and who is never kept from an end."""

import asyncio
import time
from datetime import timedelta

import pytest

from sagas import (
    Catalog,
    Coordinator,
    Handle,
    Limit,
    NotExecuted,
    Outcome,
    Retry,
    Reversibility,
    Status,
    StepInterrupted,
    approval,
    parallel,
)
from sagas.allotment import Demand, Granted, Kind, Mark, Want
from sagas.authoring.saga import Saga
from sagas.entries import GateConsumed, Intended, Postponed, Probed
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, answer, approve_all, kinds, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY, HOUR, ONCE, QUICK, Order
from tests.behaviour.world import (
    Refusal,
    World,
    ignore_cancellation,
    lose_answer,
    refuse,
    wait_for_release,
)
from tests.behaviour.world import world as partner

PERIOD = timedelta(milliseconds=800)


def kind_of(what: str) -> str:
    """What stands before the dash."""
    return what.split("-", maxsplit=1)[0]


RATE = Limit("rate", rate=4, per=PERIOD)
PAIR = Limit("pair", concurrent=2)
ROOM = Limit("room", concurrent=1, key=kind_of)
DESK = Limit("desk", concurrent=1)
UNDOING = Limit("undoing", concurrent=1)
ASKING = Limit("asking", concurrent=1)

hall = Catalog("hall")


class Clocked:
    """When calls began, and how many were under way."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.under_way: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.two = asyncio.Event()

    async def together(self, what: str) -> str:
        """Nobody is over before two have been under way, so that the limit is reached."""
        for name in ("all", kind_of(what)):
            self.under_way[name] = self.under_way.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self.under_way[name])
        if self.under_way["all"] == 2:
            self.two.set()
        async with asyncio.timeout(LIMIT):
            await self.two.wait()
        await asyncio.sleep(0.02)
        for name in ("all", kind_of(what)):
            self.under_way[name] -= 1
        return what

    def most_in(self, period: timedelta) -> int:
        return max(
            sum(first <= other < first + period.total_seconds() for other in self.starts)
            for first in self.starts
        )


clocked = Clocked()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has begun yet, and whoever waits is soon parked."""
    clocked.__init__()  # type: ignore[misc]
    monkeypatch.setattr("sagas.driving.limiter.PATIENCE_SECONDS", 0.2)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits, waits in place."""
    monkeypatch.setattr("sagas.driving.limiter.PATIENCE_SECONDS", 60.0)


@hall.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, limits=[RATE])
async def often(what: str) -> str:
    clocked.starts.append(time.monotonic())
    return what


@often.compensation(limits=[])
async def undo_often(what: str) -> None: ...


@hall.action(reversibility=Reversibility.READ_ONLY, limits=[PAIR])
async def together(what: str) -> str:
    return await clocked.together(what)


@hall.action(reversibility=Reversibility.READ_ONLY, limits=[ROOM])
async def by_room(what: str) -> str:
    return await clocked.together(what)


@hall.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    limits=[DESK],
    retry=ONCE,
    timeout=timedelta(seconds=20),
    definite=(Refusal,),
)
async def at_desk(what: str) -> str:
    return await partner.do(what)


@at_desk.compensation(limits=[UNDOING], repeatable=True)
async def undo_at_desk(what: str) -> None:
    await partner.do(f"undo-{what}")


@hall.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, limits=[DESK], timeout=QUICK)
async def stubborn(what: str) -> str:
    return await partner.do(what)


@stubborn.compensation(limits=[])
async def undo_stubborn(what: str, result: str | None) -> None: ...


@hall.action(reversibility=Reversibility.COMPENSATABLE, repeatable=True, limits=[DESK])
def in_thread(what: str) -> str:
    partner.let_go.wait(LIMIT)
    return partner.do_at_once(what)


@in_thread.compensation(limits=[])
def undo_in_thread(what: str) -> None: ...


@hall.action(reversibility=Reversibility.COMPENSATABLE, retry=ONCE, timeout=QUICK)
async def probed(what: str) -> str:
    return await partner.do(what)


@probed.probe(limits=[ASKING])
async def find_probed(what: str) -> str | None:
    return partner.find(what)


@probed.compensation(repeatable=True)
async def undo_probed(what: str) -> None:
    await partner.do(f"undo-{what}")


@hall.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    limits=[DESK],
    approval=approval(by="anyone", within=HOUR),
)
async def announced(what: str) -> str:
    return await partner.do(what)


@hall.action(reversibility=Reversibility.READ_ONLY)
async def free(what: str) -> str:
    return await partner.do(what)


@hall.action(reversibility=Reversibility.READ_ONLY, retry=ONCE)
async def failing(what: str) -> str:
    await asyncio.sleep(0.1)
    raise NotExecuted("it cannot be")


class Key:
    """How the key of a limit is computed, which a test may change."""

    broken = False

    def __call__(self, what: str) -> str:
        if self.broken:
            raise LookupError("no such room")
        return what


key = Key()
KEYED = Limit("keyed", concurrent=1, key=key)


@hall.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, limits=[KEYED])
async def with_key(what: str) -> str:
    return await partner.do(what)


@with_key.compensation()
async def undo_with_key(what: str) -> None:
    await partner.do(f"undo-{what}")


@hall.saga
async def rushing(order: Order) -> str:
    return await often(order.choice)


@hall.saga
async def gathering(order: Order) -> str:
    return await together(order.choice)


@hall.saga
async def lodging(order: Order) -> str:
    return await by_room(order.choice)


@hall.saga
async def calling(order: Order) -> str:
    return await at_desk(order.choice)


@hall.saga
async def giving_up(order: Order) -> str:
    await at_desk(order.choice)
    raise ValueError("it is not wanted any more")


@hall.saga
async def insisting(order: Order) -> str:
    return await stubborn(order.choice)


@hall.saga
async def threading(order: Order) -> str:
    return await in_thread(order.choice)


@hall.saga
async def asking(order: Order) -> str:
    return await probed(order.choice)


@hall.saga
async def announcing(order: Order) -> str:
    return await announced(order.choice)


@hall.saga
async def unlimited(order: Order) -> str:
    return await free(order.choice)


@hall.saga
async def impatient(order: Order) -> str:
    try:
        async with asyncio.timeout(0.1):
            return await at_desk(order.choice)
    except StepInterrupted:
        return "interrupted"


@hall.saga
async def side_by_side(order: Order) -> tuple[str, str]:
    return await parallel(at_desk(order.choice), failing("it"))


@hall.saga
async def keyed_saga(order: Order) -> str:
    await with_key(order.choice)
    return await free("after")


class Stranger:
    """Another worker that holds the only place of a limit."""

    def __init__(self, coordinator: Coordinator, bucket: str) -> None:
        self._store = coordinator.store
        self._bucket = bucket

    async def arrive(self) -> "Stranger":
        only = Demand(self._bucket, concurrent=1)
        want = Want(
            process="elsewhere",
            saga_id="elsewhere",
            holder="stranger",
            start="stranger-1",
            demands=(only,),
            begins_within=0,
            lasts=3_600_000_000,
            waited=3_600_000_000,  # it gives way to nobody
        )
        assert await self._store.exchange([want], []) == [Granted()]
        return self

    async def leave(self) -> None:
        mark = Mark(self._bucket, Kind.CALL, "stranger", "stranger-1")
        await self._store.exchange([], [mark])


async def run_all(
    coordinator: Coordinator, saga: Saga[Order, str], choices: list[str]
) -> list[Outcome[str]]:
    handles = [
        await coordinator.start(saga, Order(choice=choice), id=f"s{number}")
        for number, choice in enumerate(choices)
    ]
    return [await handle.outcome(timeout=LIMIT) for handle in handles]


async def waits_for_a_permit(coordinator: Coordinator, saga_id: str = "s") -> bool:
    row = await coordinator.get(saga_id)
    return row.owner is None and "waits for a permit" in (row.reason or "")


async def parked(coordinator: Coordinator, saga_id: str = "s") -> None:
    """Wait until a saga waits for a permit and costs nothing."""

    async def is_parked() -> bool:
        return await waits_for_a_permit(coordinator, saga_id) and not coordinator._worker.drives(
            saga_id
        )

    await until(is_parked, tries=1000)


# --- how many ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_no_more_calls_begin_in_any_period_than_the_rate(house: House) -> None:
    async with house.open(hall) as coordinator:
        outcomes = await run_all(coordinator, rushing, [f"{n}" for n in range(9)])
    assert all(outcome.completed for outcome in outcomes)
    assert clocked.most_in(PERIOD) == 4


@pytest.mark.usefixtures("on_both")
async def test_no_more_calls_are_under_way_than_there_are_places(house: House) -> None:
    async with house.open(hall) as coordinator:
        outcomes = await run_all(coordinator, gathering, [f"{n}" for n in range(8)])
    assert all(outcome.completed for outcome in outcomes)
    assert clocked.most["all"] == 2


async def test_each_key_has_places_of_its_own(house: House) -> None:
    async with house.open(hall) as coordinator:
        choices = [f"{room}-{n}" for n in range(3) for room in ("ritz", "savoy")]
        outcomes = await run_all(coordinator, lodging, choices)
    assert all(outcome.completed for outcome in outcomes)
    assert clocked.most == {"all": 2, "ritz": 1, "savoy": 1}


async def test_two_coordinators_count_together(house: House) -> None:
    async with house.open(hall) as first, house.open(hall) as second:
        choices = [f"{n}" for n in range(5)]
        handles = [
            await each.start(gathering, Order(choice=choice), id=f"{name}-{choice}")
            for choice in choices
            for name, each in (("a", first), ("b", second))
        ]
        outcomes = [await handle.outcome(timeout=LIMIT) for handle in handles]
    assert all(outcome.completed for outcome in outcomes)
    assert clocked.most["all"] == 2


async def test_what_has_no_limit_asks_for_nothing(house: House, world: World) -> None:
    async with house.open(hall) as coordinator:
        outcome = await coordinator.run(unlimited, Order(choice="a"), id="s", timeout=LIMIT)
        assert outcome.completed
        assert coordinator._worker._limiter._task is None


# --- waiting ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_a_saga_that_waits_for_long_is_parked_and_woken_when_its_turn_comes(
    house: House, world: World
) -> None:
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        handle = await coordinator.start(calling, Order(choice="a"), id="s")
        await parked(coordinator)
        assert (await handle.status()) is Status.WAITING
        assert (await coordinator.get("s")).reason == "it waits for a permit of the limit desk"
        assert world.calls == []
        await stranger.leave()
        assert (await handle.outcome(timeout=LIMIT)).result == "a-done"


async def test_a_saga_that_waits_keeps_no_other_from_being_driven(
    house: House, world: World
) -> None:
    async with house.open(hall, concurrency=1) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        handle = await coordinator.start(calling, Order(choice="a"), id="s")
        await parked(coordinator)
        assert (
            await coordinator.run(unlimited, Order(choice="b"), id="b", timeout=LIMIT)
        ).completed
        await stranger.leave()
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_saga_that_waits_is_cancelled_without_its_call(house: House, world: World) -> None:
    async with house.open(hall) as coordinator:
        await Stranger(coordinator, "desk").arrive()
        handle = await coordinator.start(calling, Order(choice="a"), id="s")
        await parked(coordinator)
        await coordinator.cancel("s", reason="ill")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert "Intended" not in await kinds(coordinator)
    assert world.calls == []


@pytest.mark.usefixtures("patient")
async def test_a_saga_that_has_just_begun_to_wait_is_cancelled_too(
    house: House, world: World
) -> None:
    async with house.open(hall) as coordinator:
        await Stranger(coordinator, "desk").arrive()
        handle = await coordinator.start(calling, Order(choice="a"), id="s")
        limiter = coordinator._worker._limiter

        async def asks() -> bool:
            return bool(limiter._asking)

        await until(asks)
        await coordinator.cancel("s", reason="ill")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.calls == []


async def test_a_process_that_stops_does_not_wait_for_a_permit(house: House, world: World) -> None:
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        await coordinator.start(calling, Order(choice="a"), id="s")
        began = time.monotonic()
    assert time.monotonic() - began < 8
    async with house.open(hall) as coordinator:
        await stranger_leaves(coordinator, stranger)
        assert (await (await coordinator.resume("s")).outcome(timeout=LIMIT)).completed


async def stranger_leaves(coordinator: Coordinator, stranger: Stranger) -> None:
    await Stranger(coordinator, stranger._bucket).leave()


@pytest.mark.usefixtures("patient")
async def test_a_body_that_stops_waiting_gives_its_turn_to_others(
    house: House, world: World
) -> None:
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        outcome = await coordinator.run(impatient, Order(choice="a"), id="s", timeout=LIMIT)
        assert outcome.result == "interrupted"
        await stranger.leave()
        assert (await coordinator.run(calling, Order(choice="b"), id="b", timeout=LIMIT)).completed
    assert world.done == ["b"]


@pytest.mark.usefixtures("patient")
async def test_a_branch_that_waits_is_not_begun_after_another_failed(
    house: House, world: World
) -> None:
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        handle = await coordinator.start(side_by_side, Order(choice="a"), id="s")

        async def has_failed() -> bool:
            return "ParallelClosed" in await kinds(coordinator)

        await until(has_failed)
        await stranger.leave()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.calls == []


@pytest.mark.usefixtures("patient")
async def test_whoever_came_first_is_served_first(house: House, world: World) -> None:
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        names = [f"{number}" for number in range(5)]
        handles: list[Handle[str]] = []
        limiter = coordinator._worker._limiter

        async def all_ask() -> bool:
            return len(limiter._asking) == len(handles)

        for name in names:
            handles.append(await coordinator.start(calling, Order(choice=name), id=f"s{name}"))
            await until(all_ask)
        await stranger.leave()
        for handle in handles:
            assert (await handle.outcome(timeout=LIMIT)).completed
    assert world.done == names


# --- what is held, and for how long -----------------------------------------------------------


async def test_a_call_that_goes_on_after_its_time_keeps_its_place(
    house: House, world: World
) -> None:
    world.plan("a", ignore_cancellation)
    async with house.open(hall) as coordinator:
        first = await coordinator.start(insisting, Order(choice="a"), id="a")
        await world.under_way.wait()
        second = await coordinator.start(calling, Order(choice="b"), id="b")
        await parked(coordinator, "b")
        assert world.count("b") == 0
        world.released.set()
        assert (await second.outcome(timeout=LIMIT)).completed
        assert (await first.outcome(timeout=LIMIT)).status.is_end


@pytest.mark.usefixtures("on_both")
async def test_once_all_is_over_nobody_holds_a_place_or_stands_in_a_line(
    house: House, world: World
) -> None:
    world.plan("a", refuse)
    world.plan("b", lose_answer)
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        handles = [
            await coordinator.start(saga, Order(choice=choice), id=f"s-{choice}")
            for saga, choice in ((calling, "a"), (insisting, "b"), (giving_up, "c"), (calling, "d"))
        ]
        await parked(coordinator, "s-d")
        await coordinator.cancel("s-d", reason="ill")
        await stranger.leave()
        for handle in handles:
            assert (await handle.outcome(timeout=LIMIT)).status.is_end
    async with house.open(hall) as coordinator:
        for bucket in ("desk", "undoing"):  # were anything held, nothing could be taken
            await Stranger(coordinator, bucket).arrive()


async def test_a_call_in_a_thread_holds_its_place_until_it_is_over(
    house: House, world: World
) -> None:
    async with house.open(hall) as coordinator:
        first = await coordinator.start(threading, Order(choice="a"), id="a")

        async def is_called() -> bool:
            return "Intended" in await kinds(coordinator, "a")

        await until(is_called)
        second = await coordinator.start(threading, Order(choice="b"), id="b")
        await parked(coordinator, "b")
        world.let_go.set()
        assert (await first.outcome(timeout=LIMIT)).completed
        assert (await second.outcome(timeout=LIMIT)).completed
    assert world.done == ["a", "b"]


async def test_a_call_that_failed_gives_its_place_back(house: House, world: World) -> None:
    world.plan("a", refuse)
    async with house.open(hall) as coordinator:
        failed = await coordinator.run(calling, Order(choice="a"), id="a", timeout=LIMIT)
        assert failed.status is Status.COMPENSATED
        assert (await coordinator.run(calling, Order(choice="b"), id="b", timeout=LIMIT)).completed


@pytest.mark.usefixtures("on_both")
async def test_a_call_that_is_made_again_by_another_process_does_not_wait_for_itself(
    house: House, world: World
) -> None:
    world.plan("a", wait_for_release)
    async with house.open(hall) as lost:
        await lost.start(calling, Order(choice="a"), id="s")
        await world.under_way.wait()
        environment = await lost._worker.begin()
        await lost.store.retire(environment.holder.lease)  # as if it had been declared dead
        async with house.open(hall) as coordinator:
            outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        world.released.set()
    assert outcome.completed
    assert world.count("a") == 2


async def test_a_call_that_comes_too_late_for_its_permit_is_not_made(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.driving.steps.BEGINS_WITHIN", timedelta(seconds=-1))
    async with house.open(hall) as coordinator:
        outcome = await coordinator.run(keyed_saga, Order(choice="a"), id="s", timeout=LIMIT)
        rows = entries_of((await coordinator.load("s")).rows)
    assert outcome.status is Status.COMPENSATED
    assert "its permit had lapsed" in (outcome.reason or "")
    assert [entry.error for _, _, entry in rows if isinstance(entry, Postponed)] == [
        "NotExecuted"
    ] * (Retry().attempts - 1)
    assert world.calls == []


# --- gates, probes and undoing ----------------------------------------------------------------


async def test_an_approval_is_used_once_the_permit_is_held_and_not_before(
    house: House, world: World
) -> None:
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "desk").arrive()
        handle = await coordinator.start(announcing, Order(choice="a"), id="s")
        await handle.settled()
        await approve_all(coordinator)
        await parked(coordinator)
        [gate] = await coordinator.store.gates_of("s")
        assert gate.state == "approved"
        await stranger.leave()
        assert (await handle.outcome(timeout=LIMIT)).completed
        rows = entries_of((await coordinator.load("s")).rows)
    used = [type(entry) for _, _, entry in rows if isinstance(entry, (GateConsumed, Intended))]
    assert used == [GateConsumed, Intended]


async def test_a_saga_that_waits_at_a_gate_holds_no_permit(house: House, world: World) -> None:
    async with house.open(hall) as coordinator:
        await (await coordinator.start(announcing, Order(choice="a"), id="s")).settled()
        assert (await coordinator.run(calling, Order(choice="b"), id="b", timeout=LIMIT)).completed


@pytest.mark.usefixtures("on_both")
async def test_an_undo_waits_for_its_permit_and_is_made(house: House, world: World) -> None:
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "undoing").arrive()
        handle = await coordinator.start(giving_up, Order(choice="a"), id="s")
        await parked(coordinator)
        assert (await handle.status()) is Status.UNWINDING
        assert world.undone == []
        await stranger.leave()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.undone == ["a"]


async def test_a_probe_waits_for_its_permit(house: House, world: World) -> None:
    world.plan("a", lose_answer)
    async with house.open(hall) as coordinator:
        stranger = await Stranger(coordinator, "asking").arrive()
        handle = await coordinator.start(asking, Order(choice="a"), id="s")
        await parked(coordinator)
        assert world.probes == []
        await stranger.leave()
        assert (await handle.outcome(timeout=LIMIT)).completed
        rows = entries_of((await coordinator.load("s")).rows)
    assert [entry.answer for _, _, entry in rows if isinstance(entry, Probed)] == ["found"]
    assert world.count("a") == 1


# --- keys that cannot be computed -------------------------------------------------------------


async def test_a_key_that_cannot_be_computed_is_put_before_a_person(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key, "broken", True)
    async with house.open(hall) as coordinator:
        handle = await coordinator.start(keyed_saga, Order(choice="a"), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert "no such room" in (await only_question(coordinator)).evidence
        assert world.calls == []
        monkeypatch.setattr(key, "broken", False)
        assert (await answer(coordinator, handle, "resume")).completed


async def test_a_key_that_cannot_be_computed_keeps_no_saga_from_being_undone(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plan("after", wait_for_release)
    async with house.open(hall) as coordinator:
        handle = await coordinator.start(keyed_saga, Order(choice="a"), id="s")
        await world.under_way.wait()
        monkeypatch.setattr(key, "broken", True)
        await coordinator.cancel("s", reason="ill")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.undone == ["a"]
