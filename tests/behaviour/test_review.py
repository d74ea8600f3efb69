"""What a review found: each scenario failed once."""

from collections.abc import Awaitable, Callable
from typing import Any

from approvals import DirectoryError
from sagas import Coordinator
from sagas.errors import JournalUnavailable
from tests.behaviour.acting import LIMIT, approve_all, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, gated, keyed, shop
from tests.behaviour.world import World


@shop.saga
async def reviewed_gate(order: Order) -> str:
    await keyed("before")
    return await gated("asked")


def failing(read: Callable[..., Awaitable[Any]], times: int) -> Callable[..., Awaitable[Any]]:
    """A read that fails so many times, because the database is busy."""
    left = [times]

    async def flaky(*arguments: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise JournalUnavailable("another process keeps it locked")
        return await read(*arguments)

    return flaky


async def opened(coordinator: Coordinator) -> bool:
    """Whether a gate waits."""
    return bool(await coordinator.store.open_gates())


# --- reads that fail ------------------------------------------------------------------------------


async def test_a_vote_that_cannot_be_read_now_unwinds_nothing_and_keeps_the_approval(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_gate, Order(), id="s")
        await handle.settled()
        store: Any = coordinator.store
        store.votes = failing(store.votes, 1)
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        assert len(await coordinator.store.gates_of("s")) == 1
    assert outcome.completed
    assert (world.done, world.undone) == (["before", "asked"], [])


async def test_a_half_saved_directory_unwinds_nothing_and_keeps_the_approval(
    house: House, world: World
) -> None:
    broken: list[bool] = []
    groups_of = house.people.groups_of

    def half_saved(name: str) -> frozenset[str] | None:
        if broken:
            broken.clear()
            raise DirectoryError("people.toml: this is not TOML")
        return groups_of(name)

    people: Any = house.people
    people.groups_of = half_saved
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_gate, Order(), id="s")
        await handle.settled()
        store: Any = coordinator.store
        vote = store.vote

        async def vote_and_save(*arguments: Any) -> Any:
            voted = await vote(*arguments)
            broken.append(True)
            return voted

        store.vote = vote_and_save
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        assert len(await coordinator.store.gates_of("s")) == 1
    assert not broken
    assert outcome.completed
    assert world.undone == []


async def test_requests_that_cannot_be_read_now_fail_no_step(house: House, world: World) -> None:
    async with house.open() as coordinator:
        store: Any = coordinator.store
        commit = store.commit

        async def commit_after_an_event(lease: Any, units: Any) -> Any:
            if any(row.kind == "Intended" for unit in units for row in unit.rows):
                store.commit = commit
                await coordinator.send("s", "news", key="1")
                store.requests = failing(store.requests, 2)
            return await commit(lease, units)

        store.commit = commit_after_an_event
        handle = await coordinator.start(reviewed_gate, Order(), id="s")
        await until(lambda: opened(coordinator))
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.completed
    assert world.undone == []
