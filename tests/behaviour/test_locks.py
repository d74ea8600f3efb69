"""Locks: one saga at a time, who waits and who is told, and what becomes of a lock in every end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import sagas
from sagas import (
    Catalog,
    Coordinator,
    DefinitionError,
    Locked,
    Locks,
    Reversibility,
    Status,
    approval,
    current_step,
    parallel,
    savepoint,
)
from sagas.entries import Blocked, Failed, Intended, LockReleased
from sagas.errors import Deadlock, LockTimeout
from sagas.locking import LockRow
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, answer, approve_all, bury, kinds, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY, HOUR, ONCE, Order
from tests.behaviour.world import Refusal, World, refuse, wait_for_release
from tests.behaviour.world import world as partner

rooms = Catalog("rooms")
seen: dict[str, dict[str, int]] = {}


def key(what: str) -> list[str]:
    """What stands before the dash."""
    return what.partition("-")[0].split("+")


def _action(locks: Locks, name: str, **more: Any) -> Any:
    return rooms.action(
        reversibility=Reversibility.COMPENSATABLE,
        key_ttl=DAY,
        retry=ONCE,
        definite=(Refusal,),
        conflicts=key,
        locks=locks,
        name=name,
        **more,
    )


async def _do(what: str) -> str:
    seen[current_step().path] = dict(current_step().locks)
    return await partner.do(what)


async def _undo(what: str) -> None:
    seen[f"undo {current_step().path}"] = dict(current_step().locks)
    await partner.do(f"undo-{what}")


take = _action(Locks.WAIT, "take")(_do)
take_now = _action(Locks.FAIL, "take_now")(_do)
take_soon = _action(Locks(within=HOUR), "take_soon")(_do)
take_if_allowed = _action(
    Locks.WAIT, "take_if_allowed", approval=approval(by="anyone", within=HOUR)
)(_do)
for action in (take, take_now, take_soon, take_if_allowed):
    action.compensation(repeatable=True)(_undo)


@rooms.saga
async def stay(order: Order) -> str:
    """Takes each, and waits for a word before it goes on to the next."""
    for item in order.items:
        await take(item)
        await sagas.event("go")
    return "done"


@rooms.saga
async def stay_or_not(order: Order) -> str:
    try:
        await take_now(order.items[0])
    except Locked as error:
        return f"{type(error).__name__}: {error.message}"
    return "got it"


@rooms.saga
async def stay_soon(order: Order) -> str:
    try:
        await take_soon(order.items[0])
    except LockTimeout as error:
        return error.message
    return "got it"


@rooms.saga
async def stay_if_allowed(order: Order) -> str:
    return str(await take_if_allowed(order.items[0]))


@rooms.saga(deadline=HOUR)
async def stay_in_time(order: Order) -> str:
    return str(await take(order.items[0]))


@rooms.saga
async def stay_elsewhere(order: Order) -> str:
    """Where a circle would close, goes another way."""
    await take(order.items[0])
    await sagas.event("go")
    try:
        async with savepoint("second"):
            await take(order.items[1])
    except Deadlock:
        return "elsewhere"
    return "both"


@rooms.saga
async def stay_and_fail(order: Order) -> str:
    await take(order.items[0])
    await sagas.event("go")
    raise Refusal("no")


@rooms.saga
async def stay_with_friends(order: Order) -> str:
    return ",".join(await parallel(*(take(item) for item in order.items)))


async def begin(coordinator: Coordinator, saga: Any, name: str, *items: str) -> Any:
    """Start one, and wait until it waits or has ended."""
    handle = await coordinator.start(saga, Order(items=list(items)), id=name)
    await handle.settled()
    return handle


async def go(coordinator: Coordinator, name: str) -> None:
    await coordinator.send(name, "go", key=f"{name}-{asyncio.get_running_loop().time()}")


async def rows(coordinator: Coordinator) -> list[LockRow]:
    return await coordinator.store.locks()


async def holders(coordinator: Coordinator) -> dict[str, str]:
    return {row.key: row.saga_id for row in await rows(coordinator) if row.held}


async def lines(coordinator: Coordinator) -> list[tuple[str, str]]:
    return [(row.key, row.saga_id) for row in await rows(coordinator) if not row.held]


async def entries(coordinator: Coordinator, name: str) -> list[Any]:
    return [entry for _, _, entry in entries_of((await coordinator.load(name)).rows)]


async def came(coordinator: Coordinator, name: str, kind: str) -> None:
    """Wait for an entry of that kind."""

    async def there() -> bool:
        return kind in await kinds(coordinator, name)

    await until(there)


async def test_a_second_saga_waits_until_the_first_has_ended(
    house: House, world: World, on_both: None
) -> None:
    async with house.open(rooms) as coordinator:
        first = await begin(coordinator, stay, "a", "room-1")
        second = await begin(coordinator, stay, "b", "room-2")
        assert world.done == ["room-1"]
        assert await lines(coordinator) == [("room", "b")]
        await go(coordinator, "a")
        assert (await first.outcome(timeout=LIMIT)).status is Status.COMPLETED
        await came(coordinator, "b", "Intended")
        await go(coordinator, "b")
        assert (await second.outcome(timeout=LIMIT)).status is Status.COMPLETED
        assert world.done == ["room-1", "room-2"]
        assert await rows(coordinator) == []


async def test_who_waits_is_not_looked_at_until_it_is_woken(house: House) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        await begin(coordinator, stay, "b", "room-2")
        row = await coordinator.store.saga("b")
        assert row is not None
        assert (row.owner, row.wake_at, row.status) == (None, None, Status.WAITING)
        assert row.reason == "it waits: room is held by a"
        entry = (await entries(coordinator, "b"))[-1]
        assert isinstance(entry, Blocked)
        assert (entry.keys, entry.holders, entry.waits) == (["room"], ["a"], True)


async def test_another_process_goes_on_with_who_waited(house: House, world: World) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        await begin(coordinator, stay, "b", "room-2")
    async with house.open(rooms) as coordinator:
        assert await holders(coordinator) == {"room": "a"}
        first, second = await coordinator.resume("a"), await coordinator.resume("b")
        await go(coordinator, "a")
        await first.outcome(timeout=LIMIT)
        await go(coordinator, "b")
        assert (await second.outcome(timeout=LIMIT)).status is Status.COMPLETED


async def test_a_step_that_does_not_wait_fails_and_the_body_goes_another_way(
    house: House, world: World
) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        second = await begin(coordinator, stay_or_not, "b", "room-2")
        assert (await second.outcome()).result == "Locked: room is held by a"
        assert world.done == ["room-1"]
        failed = [e for e in await entries(coordinator, "b") if isinstance(e, Failed)]
        assert [(entry.error, entry.via) for entry in failed] == [("Locked", "lock")]


async def test_a_step_waits_no_longer_than_it_says(house: House) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        second = await begin(coordinator, stay_soon, "b", "room-2")
        row = await coordinator.store.saga("b")
        assert row is not None
        assert row.wake_at is not None
        house.clock.forward(2 * HOUR)
        outcome = await second.outcome(timeout=LIMIT)
        assert "it was waited for as long as the step waits" in str(outcome.result)
        assert await lines(coordinator) == []


async def test_a_saga_waits_no_longer_than_its_deadline(house: House) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        second = await begin(coordinator, stay_in_time, "b", "room-2")
        house.clock.forward(2 * HOUR)
        assert (await second.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert await lines(coordinator) == []


async def test_who_is_cancelled_while_it_waits_leaves_the_line(house: House) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        second = await begin(coordinator, stay, "b", "room-2")
        await begin(coordinator, stay, "c", "room-3")
        await coordinator.cancel("b", reason="ill")
        assert (await second.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        assert await lines(coordinator) == [("room", "c")]


async def test_of_two_that_would_wait_for_each_other_one_is_told(
    house: House, world: World, on_both: None
) -> None:
    async with house.open(rooms) as coordinator:
        first = await begin(coordinator, stay_elsewhere, "a", "room-1", "table-1")
        second = await begin(coordinator, stay_elsewhere, "b", "table-2", "room-2")
        await go(coordinator, "a")
        await came(coordinator, "a", "Blocked")
        await go(coordinator, "b")
        assert (await second.outcome(timeout=LIMIT)).result == "elsewhere"
        assert (await first.outcome(timeout=LIMIT)).result == "both"
        assert await rows(coordinator) == []


async def test_a_circle_of_three_does_not_close(house: House) -> None:
    async with house.open(rooms) as coordinator:
        keys = ["x", "y", "z"]
        handles = [
            await begin(coordinator, stay_elsewhere, one, f"{one}-1", f"{other}-2")
            for one, other in zip(keys, keys[1:] + keys[:1], strict=True)
        ]
        for name in keys[:-1]:
            await go(coordinator, name)
            await came(coordinator, name, "Blocked")
        await go(coordinator, "z")
        results = [(await handle.outcome(timeout=LIMIT)).result for handle in handles]
        assert results == ["both", "both", "elsewhere"]


async def test_the_unwind_holds_what_the_saga_held(house: House, world: World) -> None:
    world.plan("undo-room-1", wait_for_release)
    async with house.open(rooms) as coordinator:
        first = await begin(coordinator, stay_and_fail, "a", "room-1")
        await begin(coordinator, stay, "b", "room-2")
        await go(coordinator, "a")
        await came(coordinator, "a", "CompensationIntended")
        assert await holders(coordinator) == {"room": "a"}
        world.released.set()
        assert (await first.outcome(timeout=LIMIT)).status is Status.COMPENSATED
        await came(coordinator, "b", "Intended")


async def test_a_stuck_saga_keeps_its_locks_until_a_person_ends_it(
    house: House, world: World
) -> None:
    world.plan("undo-room-1", refuse, refuse, refuse)
    async with house.open(rooms) as coordinator:
        first = await begin(coordinator, stay_and_fail, "a", "room-1")
        await begin(coordinator, stay, "b", "room-2")
        await go(coordinator, "a")
        assert (await first.outcome(timeout=LIMIT)).status is Status.STUCK
        assert await holders(coordinator) == {"room": "a"}
        assert (await answer(coordinator, first, "waive")).status is Status.RESIDUAL
        await came(coordinator, "b", "Intended")


async def test_the_death_of_a_worker_takes_no_lock(house: House) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        await bury(coordinator)
        second = await begin(coordinator, stay_or_not, "b", "room-2")
        assert "held by a" in str((await second.outcome()).result)


async def test_a_person_takes_a_key_from_a_saga_and_that_is_on_its_record(house: House) -> None:
    async with house.open(rooms) as coordinator:
        first = await begin(coordinator, stay, "a", "room-1")
        await begin(coordinator, stay, "b", "room-2")
        await coordinator.release_lock("room", by="eve", reason="a hangs")
        await came(coordinator, "b", "Intended")
        await came(coordinator, "a", "LockReleased")
        [entry] = [e for e in await entries(coordinator, "a") if isinstance(e, LockReleased)]
        assert (entry.key, entry.by, entry.reason) == ("room", "eve", "a hangs")
        await go(coordinator, "a")
        assert (await first.outcome(timeout=LIMIT)).status is Status.COMPLETED
        assert await holders(coordinator) == {"room": "b"}


async def test_a_call_is_told_its_tokens_and_so_is_its_undo(house: House) -> None:
    async with house.open(rooms) as coordinator:
        first = await begin(coordinator, stay_and_fail, "a", "table+room-1")
        token = {row.key: row.number for row in await rows(coordinator)}
        await go(coordinator, "a")
        await first.outcome(timeout=LIMIT)
        [intended] = [e for e in await entries(coordinator, "a") if isinstance(e, Intended)]
        assert dict(zip(intended.conflicts or [], intended.tokens or [], strict=True)) == token
        assert seen[intended.path] == seen[f"undo {intended.path}"] == token


async def test_nothing_is_locked_while_a_person_is_asked(house: House) -> None:
    async with house.open(rooms) as coordinator:
        first = await begin(coordinator, stay_if_allowed, "a", "room-1")
        assert await rows(coordinator) == []
        await begin(coordinator, stay, "b", "room-2")
        await approve_all(coordinator)
        await came(coordinator, "a", "Blocked")
        await go(coordinator, "b")
        assert (await first.outcome(timeout=LIMIT)).status is Status.COMPLETED


async def test_branches_of_one_saga_share_its_locks(house: House, world: World) -> None:
    async with house.open(rooms) as coordinator:
        handle = await begin(coordinator, stay_with_friends, "a", "room-1", "room-2")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPLETED


async def test_branches_that_wait_for_one_key_all_get_it(house: House, world: World) -> None:
    async with house.open(rooms) as coordinator:
        await begin(coordinator, stay, "a", "room-1")
        second = await begin(coordinator, stay_with_friends, "b", "room-2", "table+room-3")
        await go(coordinator, "a")
        assert (await second.outcome(timeout=LIMIT)).status is Status.COMPLETED


async def test_what_cannot_be_a_lock_is_refused_when_it_is_declared() -> None:
    with pytest.raises(DefinitionError, match="needs conflicts="):
        rooms.action(reversibility=Reversibility.READ_ONLY, locks=Locks.WAIT)(_keyless)
    with pytest.raises(DefinitionError, match=r"locks= is Locks\.WAIT"):
        rooms.action(
            reversibility=Reversibility.READ_ONLY,
            conflicts=lambda: ["room"],
            locks="wait",  # type: ignore[arg-type]
        )(_keyless)
    with pytest.raises(DefinitionError, match="does not wait"):
        Locks(wait=False, within=HOUR)
    with pytest.raises(DefinitionError, match="above zero"):
        Locks(within=timedelta(0))


async def _keyless() -> str:
    return ""
