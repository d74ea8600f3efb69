"""What a review found: each scenario failed once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

import sagas
from approvals import DirectoryError
from approvals.errors import DirectoryUnavailable
from sagas import Catalog, Coordinator, Handle, Reversibility, Status, approval, parallel
from sagas.errors import JournalUnavailable
from tests.behaviour.acting import LIMIT, approve_all, kinds, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import HOUR, Order, gated, keyed, mail, shop, strange
from tests.behaviour.world import (
    LONG_AGO,
    Behaviour,
    Effect,
    Lost,
    Refusal,
    World,
    refuse,
    wait_for_release,
)
from tests.behaviour.world import world as world_of_actions


@shop.saga
async def reviewed_gate(order: Order) -> str:
    await keyed("before")
    return await gated("asked")


@shop.saga
async def reviewed_sleep(order: Order) -> str:
    await keyed("before")
    await sagas.sleep(HOUR)
    return await keyed("after")


async def nap() -> None:
    await sagas.sleep(HOUR)


@shop.saga
async def reviewed_nap(order: Order) -> str:
    with suppress(Refusal):
        await parallel(nap(), keyed("refused"))
    await sagas.event("go")
    return "gone"


@shop.saga
async def reviewed_defect(order: Order) -> str:
    try:
        await parallel(nap(), gated("asked"), keyed("refused"))
    except Refusal:
        raise TypeError("a defect") from None
    return "never"


@shop.saga
async def reviewed_past(order: Order) -> str:
    await mail("sent")
    await parallel(strange("odd"), keyed("slow"))
    return "never"


@shop.saga
async def reviewed_past_a_gate(order: Order) -> str:
    await mail("sent")
    await parallel(strange("odd"), gated("asked"))
    return "never"


@shop.saga
async def reviewed_reader(order: Order) -> str:
    await keyed("before")
    await asyncio.sleep(LONG_AGO)  # waits for something that is no step
    return "never"


@shop.saga
async def reviewed_branches(order: Order) -> str:
    await keyed("before")
    await parallel(asyncio.sleep(LONG_AGO), keyed("beside"))
    return "never"


@shop.saga
async def reviewed_stubborn(order: Order) -> str:
    await keyed("before")
    await stubborn()
    return "never"


async def stubborn() -> None:
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(LONG_AGO)


@shop.saga
async def reviewed_stubborn_branch(order: Order) -> str:
    await keyed("before")
    await parallel(stubborn(), keyed("beside"))
    return "never"


kept_label = Catalog("labels")


@kept_label.action(
    reversibility=Reversibility.REVERSIBLE,
    approval=approval(by="@desk", within=timedelta(days=1), valid_for=HOUR),
)
async def relabel(what: str) -> str:
    """Changes something that was read before, once the desk agrees."""
    return await world_of_actions.do(what)


@relabel.before
async def read_it(what: str) -> str:
    """Read it."""
    script = world_of_actions.script[f"before-{what}"]
    if script:
        await script.popleft()(world_of_actions, None)  # type: ignore[arg-type]
    return "old"


@relabel.compensation()
async def put_it_back(what: str, before: str) -> None:
    """Put it back."""
    await world_of_actions.do(f"undo-{what}")


@kept_label.saga
async def relabelling(order: Order) -> str:
    return await relabel("lab")


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
    return bool(await coordinator.store.waiting_gates())


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


async def test_a_group_that_cannot_be_told_now_lets_a_gate_wait_and_asks_nobody_why(
    house: House, world: World
) -> None:
    members, asked = house.people.members, 0

    def not_yet(group: str) -> frozenset[str]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise DirectoryUnavailable("who is in the desk cannot be told now")
        return members(group)

    people: Any = house.people
    people.members = not_yet
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_gate, Order(), id="s")
        await until(lambda: opened(coordinator))
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await coordinator.state("s")).questions == {}
    assert outcome.completed
    assert world.done == ["before", "asked"]


async def test_a_group_that_cannot_be_told_when_an_approval_is_used_lets_the_call_wait(
    house: House, world: World
) -> None:
    left: list[str] = []
    done_by_then: list[str] = []
    members, groups_of = house.people.members, house.people.groups_of

    def without_the_desk(name: str) -> frozenset[str] | None:
        return frozenset() if left else groups_of(name)

    def not_now(group: str) -> frozenset[str]:
        if left:
            left.clear()
            done_by_then.extend(world.done)
            raise DirectoryUnavailable("who is in the desk cannot be told now")
        return members(group)

    people: Any = house.people
    people.groups_of, people.members = without_the_desk, not_now
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_gate, Order(), id="s")
        await handle.settled()
        store: Any = coordinator.store
        vote = store.vote

        async def vote_and_lose_touch(*arguments: Any) -> Any:
            voted = await vote(*arguments)
            left.append("not told")
            return voted

        store.vote = vote_and_lose_touch
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
        assert len(await coordinator.store.gates_of("s")) == 1
    assert outcome.completed
    assert (done_by_then, world.done) == (["before"], ["before", "asked"])


async def test_requests_that_cannot_be_read_now_fail_no_step(house: House, world: World) -> None:
    async with house.open() as coordinator:
        store: Any = coordinator.store
        commit = store.commit

        async def commit_after_an_event(lease: Any, units: Any, **how: Any) -> Any:
            if any(row.kind == "Intended" for unit in units for row in unit.rows):
                store.commit = commit
                await coordinator.send("s", "news", key="1")
                store.requests = failing(store.requests, 2)
            return await commit(lease, units, **how)

        store.commit = commit_after_an_event
        handle = await coordinator.start(reviewed_gate, Order(), id="s")
        await until(lambda: opened(coordinator))
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.completed
    assert world.undone == []


# --- instants that nobody acts on -----------------------------------------------------------------


async def looks(coordinator: Coordinator, seconds: float = 0.5) -> int:
    """How often requests are looked for in a while."""
    store: Any = coordinator.store
    read, count = store.requests, [0]

    async def counted(saga_id: str) -> Any:
        count[0] += 1
        return await read(saga_id)

    store.requests = counted
    await asyncio.sleep(seconds)
    store.requests = read
    return count[0]


async def test_a_stuck_unwind_is_not_woken_by_what_its_body_slept_for(
    house: House, world: World
) -> None:
    world.plan("undo-before", refuse, refuse, refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_sleep, Order(), id="s")
        await handle.settled()
        await coordinator.cancel("s", reason="changed my mind")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await coordinator.get("s")).wake_at is None
        house.clock.forward(2 * HOUR)
        await coordinator.resume("s")
        assert await looks(coordinator) < 20
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK


async def test_a_sleep_in_a_closed_branch_wakes_nothing_for_ever(
    house: House, world: World
) -> None:
    world.plan("refused", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_nap, Order(), id="s")
        await handle.settled()
        house.clock.forward(2 * HOUR)
        await coordinator.resume("s")
        await asyncio.sleep(1.2)
        assert await looks(coordinator) < 20
        async with asyncio.timeout(LIMIT):
            assert (await handle.settled()).status is Status.WAITING
        assert (await coordinator.get("s")).wake_at is None
        await coordinator.send("s", "go", key="1")
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_a_body_that_is_put_before_a_person_is_not_woken_by_its_sleeps(
    house: House, world: World
) -> None:
    world.plan("refused", refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_defect, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await coordinator.get("s")).wake_at is None


# --- left as it is --------------------------------------------------------------------------------


async def lost_after_release(world: World, call: Effect) -> str:
    """It happens once the test lets it, and the answer is lost."""
    await wait_for_release(world, call)
    raise Lost("after the effect")


async def begin_past(house: House, coordinator: Coordinator, slow: Behaviour) -> Handle[Any]:
    """A saga with a question about it, and a call under way."""
    house.world.plan("slow", slow)
    house.world.results.append(float("nan"))
    handle = await coordinator.start(reviewed_past, Order(), id="s")
    await house.world.under_way.wait()
    await until(lambda: asked(coordinator))
    return handle


async def asked(coordinator: Coordinator) -> bool:
    """Whether a question waits."""
    return bool(await coordinator.store.waiting_questions())


async def keep(coordinator: Coordinator) -> None:
    """Leave the saga as it is."""
    question = await only_question(coordinator)
    await coordinator.resolve(question.id, "keep", reason="fine")


async def test_a_saga_that_is_kept_ends_after_the_calls_that_are_under_way(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await begin_past(house, coordinator, wait_for_release)
        await keep(coordinator)
        await asyncio.sleep(0.2)
        assert "Ended" not in await kinds(coordinator)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.RESIDUAL
        assert (await kinds(coordinator))[-3:] == ["InterventionClosed", "Succeeded", "Ended"]
    assert world.undone == []


async def test_what_may_have_happened_in_a_saga_that_is_kept_is_on_its_record(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        handle = await begin_past(house, coordinator, lost_after_release)
        await keep(coordinator)
        await asyncio.sleep(0.2)
        world.released.set()
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await kinds(coordinator))[-1] == "Ended"
        residue = (await coordinator.state("s")).residue()
    assert outcome.status is Status.RESIDUAL
    assert [path for path, _ in residue] == ["reviewed_past/1.2:keyed#1"]


async def test_a_cancel_after_a_saga_was_kept_undoes_nothing(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await begin_past(house, coordinator, wait_for_release)
        await keep(coordinator)
        await coordinator.cancel("s", reason="too late")
        await asyncio.sleep(0.2)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.RESIDUAL
        assert "UnwindBegan" not in await kinds(coordinator)
    assert world.undone == []


async def test_a_vote_beside_the_answer_that_keeps_a_saga_does_not_hold_up_its_end(
    house: House, world: World
) -> None:
    world.results.append(float("nan"))
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_past_a_gate, Order(), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
    async with house.open() as coordinator:  # nobody drives it here
        await keep(coordinator)
        await approve_all(coordinator)
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.RESIDUAL
    assert "asked" not in world.done


# --- what is recorded and no longer fits ----------------------------------------------------------


def counting(catalog: Catalog) -> Any:
    """The step as it was."""

    @catalog.action(reversibility=Reversibility.COMPENSATABLE)
    async def counted(what: str) -> int:
        await world_of_actions.do(what)
        return 1

    @counted.compensation()
    async def undo_counted(what: str, result: int) -> None:
        await world_of_actions.do(f"undo-{what}")

    return counted


def listing(catalog: Catalog) -> Any:
    """The step after the type of its result was changed."""

    @catalog.action(reversibility=Reversibility.COMPENSATABLE)
    async def counted(what: str) -> list[str]:
        return [await world_of_actions.do(what)]

    @counted.compensation()
    async def undo_counted(what: str, result: list[str]) -> None:
        await world_of_actions.do(f"undo-{what}")

    return counted


def changing(made: Callable[[Catalog], Any]) -> tuple[Catalog, Any]:
    """A catalog with that step, another one beside it, and the saga of both."""
    catalog = Catalog("changing")
    counted = made(catalog)

    @catalog.action(reversibility=Reversibility.COMPENSATABLE)
    async def remote(what: str) -> str:
        return await world_of_actions.do(what)

    @remote.compensation()
    async def undo_remote(what: str, result: str) -> None:
        await world_of_actions.do(f"undo-{what}")

    @catalog.saga
    async def changed(order: Order) -> str:
        await parallel(counted("count"), remote("other"))
        await sagas.event("go")
        return "gone"

    return catalog, changed


async def test_an_undo_whose_arguments_no_longer_fit_is_not_intended_and_freezes_nothing(
    house: House, world: World
) -> None:
    old, saga = changing(counting)
    async with house.open(old) as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).settled()
        await coordinator.store.cancel("s", by="ana", reason="no more", at=1)
    new, _ = changing(listing)
    world.plan("undo-other", wait_for_release)
    async with house.open(new) as coordinator:
        handle = await coordinator.resume("s")
        await until(lambda: asked(coordinator))
        question = await only_question(coordinator)
        assert question.kind == "missing-handler"
        await coordinator.resolve(question.id, "retry", reason="is it mended?")
        await asyncio.sleep(0.2)
        state = await coordinator.state("s")
        assert not state.steps["changed/1.1:counted#1"].undo.attempts
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
    assert world.undone == ["other"]
    async with house.open(old) as coordinator:
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "retry", reason="the old code is back")
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED


# --- an approval and the time it is good for ------------------------------------------------------


async def test_an_approval_that_lapses_while_the_before_image_is_read_is_not_used(
    house: House, world: World
) -> None:
    async def read_for_long(world: World, call: Effect) -> str:
        house.clock.forward(3 * HOUR)
        return ""

    world.plan("before-lab", read_for_long)
    async with house.open(kept_label) as coordinator:
        handle = await coordinator.start(relabelling, Order(), id="s")
        await handle.settled()
        await approve_all(coordinator)
        await until(lambda: lapsed(coordinator))
        assert world.done == []
        await until(lambda: opened(coordinator))
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def test_the_before_image_is_not_read_before_the_step_is_approved(
    house: House, world: World
) -> None:
    async def read_too_early(world: World, call: Effect) -> str:
        raise AssertionError("nobody has approved the step")

    world.plan("before-lab", read_too_early)
    async with house.open(kept_label) as coordinator:
        handle = await coordinator.start(relabelling, Order(), id="s")
        await handle.settled()
        assert len(world.script["before-lab"]) == 1
        world.script["before-lab"].clear()
        await approve_all(coordinator)
        assert (await handle.outcome(timeout=LIMIT)).completed


async def lapsed(coordinator: Coordinator) -> bool:
    """Whether the first approval was not used in time."""
    return (await coordinator.store.gates_of("s"))[0].state == "lapsed"


# --- a body that waits for something that is no step ----------------------------------------------


OWN_AFFAIRS = pytest.mark.parametrize(
    "saga",
    [reviewed_reader, reviewed_branches, reviewed_stubborn, reviewed_stubborn_branch],
    ids=lambda saga: saga.name,
)


@OWN_AFFAIRS
async def test_a_cancel_does_not_wait_for_what_is_no_step(
    house: House, world: World, saga: Any
) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(saga, Order(), id="s")
        await until(lambda: happened(world, "before"))
        await asyncio.sleep(0.1)
        await coordinator.cancel("s", reason="changed my mind")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert sorted(world.undone) == sorted(world.done)


@OWN_AFFAIRS
async def test_a_shutdown_does_not_wait_for_what_is_no_step(
    house: House, world: World, saga: Any
) -> None:
    async with house.open() as coordinator:
        await coordinator.start(saga, Order(), id="s")
        await until(lambda: happened(world, "before"))
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 3
    async with house.open() as coordinator:
        await coordinator.cancel("s", reason="changed my mind")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED


async def test_a_cancel_waits_for_the_calls_beside_what_is_no_step(
    house: House, world: World
) -> None:
    world.plan("beside", wait_for_release)
    async with house.open() as coordinator:
        handle = await coordinator.start(reviewed_branches, Order(), id="s")
        await world.under_way.wait()
        await coordinator.cancel("s", reason="changed my mind")
        await asyncio.sleep(0.2)
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert sorted(world.undone) == ["before", "beside"]


async def happened(world: World, what: str) -> bool:
    """Whether the partner did something."""
    return what in world.done
