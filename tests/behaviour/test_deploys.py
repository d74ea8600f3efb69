"""Seven kinds of edit, at three moments: nothing happens under a wrong identity."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from sagas import Coordinator, Status
from tests.behaviour.acting import LIMIT, approve_all, only_question
from tests.behaviour.conftest import House
from tests.behaviour.releases import EDITS, FIRST, Paper, Release, Stamped, Wider
from tests.behaviour.shop import Order
from tests.behaviour.world import World, hang, refuse

Leave = Callable[[Coordinator, World], Awaitable[None]]

SUMMARY = {
    "renamed": "no catalog in this process has it",
    "removed": "no catalog in this process has it",
    "reordered": "call 1 of trip was trip/book#1, and is trip/rent#1 now",
    "inserted": "call 1 of trip was trip/book#1, and is trip/rent#1 now",
    "input": "does not come back unchanged",
    "result": "page: Field required",
    "compensation": "no before-image was recorded",
}
"""What the question about each edit says."""

DIFF = {
    "renamed": ["- deployed.book version 1", "+ nothing of that name"],
    "removed": ["- deployed.book version 1", "+ nothing of that name"],
    "reordered": [
        '- 1  deployed.book version 1  {"request":{"what":"flight","nights":2}}',
        '+ 1  deployed.rent version 1  {"what":"car"}',
    ],
    "inserted": [
        '- 1  deployed.book version 1  {"request":{"what":"flight","nights":2}}',
        '+ 1  deployed.rent version 1  {"what":"insurance"}',
    ],
    "input": ["- request.nights  2", "+ request.days    2"],
    "result": ['- number  "flight-done"', "+ page: Field required"],
    "compensation": [],
}


SAME_FOR_AN_UNWIND = ("reordered", "inserted")
"""Edits of the body alone: an unwind goes by name and version, and needs no body."""


async def in_mid_step(coordinator: Coordinator, world: World) -> None:
    """Until the second step is under way."""
    world.plan("car", hang)
    await coordinator.start(FIRST.build()[1], Order(), id="s")
    await world.under_way.wait()


async def in_unwinding(coordinator: Coordinator, world: World) -> None:
    """Until the second step is being undone."""
    world.plan("undo-car", hang)
    world.plan("asked", refuse)
    handle = await coordinator.start(FIRST.build()[1], Order(), id="s")
    await handle.settled()
    await approve_all(coordinator)
    await world.under_way.wait()


async def at_the_gate(coordinator: Coordinator, world: World) -> None:
    """Until the third step was approved, and nobody has seen it."""
    handle = await coordinator.start(FIRST.build()[1], Order(), id="s")
    assert (await handle.settled()).status is Status.WAITING


MOMENTS = [in_mid_step, in_unwinding, at_the_gate]


async def die(house: House, world: World, tmp_path: Path, leave: Leave) -> None:
    """Have the first release come so far, and leave its journal as a crash would."""
    lost = tmp_path / "lost.db"
    async with House(f"sqlite:///{lost}", world).open(FIRST.build()[0], grace=0.0) as coordinator:
        async with asyncio.timeout(LIMIT):
            await leave(coordinator, world)
        copy(lost, Path(house.url.removeprefix("sqlite:///")))
    async with house.open() as coordinator:
        await approve_all(coordinator)


def copy(journal: Path, place: Path) -> None:
    """What is durable at this instant, with its worker declared dead."""
    with closing(sqlite3.connect(journal)) as old, closing(sqlite3.connect(place)) as new:
        old.backup(new)
        with new:
            new.execute("update worker set state = 'dead'")


@pytest.mark.parametrize("moment", [in_mid_step, at_the_gate], ids=lambda it: it.__name__)
@pytest.mark.parametrize("kind", EDITS)
async def test_an_edit_is_put_before_a_person_before_the_body_does_anything(
    house: House,
    world: World,
    tmp_path: Path,
    kind: str,
    moment: Leave,
) -> None:
    await die(house, world, tmp_path, moment)
    before = list(world.calls)
    catalog, _ = EDITS[kind].build()
    async with house.open(catalog) as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        question = await only_question(coordinator)
    assert outcome.status is Status.STUCK
    assert question.kind == "diverged"
    assert SUMMARY[kind] in question.evidence.splitlines()[0]
    assert [line.strip() for line in question.evidence.splitlines() if line[0] in "-+"] == DIFF[
        kind
    ]
    assert world.calls == before


@pytest.mark.parametrize("kind", EDITS)
async def test_an_unwind_goes_by_name_and_version_and_asks_about_what_it_cannot_undo(
    house: House,
    world: World,
    tmp_path: Path,
    kind: str,
) -> None:
    await die(house, world, tmp_path, in_unwinding)
    catalog, _ = EDITS[kind].build()
    async with house.open(catalog) as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        if kind in SAME_FOR_AN_UNWIND:
            assert outcome.status is Status.COMPENSATED
            assert world.undone == ["car", "flight"]
            return
        question = await only_question(coordinator)
    assert (question.kind, question.path) == ("missing-handler", "trip/book#1")
    assert SUMMARY[kind] in question.evidence.splitlines()[0]
    assert world.undone == ["car"]
    assert world.count("undo-flight") == 0


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda it: it.__name__)
@pytest.mark.parametrize("kind", ["renamed", "input"])
async def test_mended_code_goes_on(
    house: House,
    world: World,
    tmp_path: Path,
    moment: Leave,
    kind: str,
) -> None:
    await die(house, world, tmp_path, moment)
    async with house.open(EDITS[kind].build()[0]) as coordinator:
        await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        question = await only_question(coordinator)
        choice = "retry" if moment is in_unwinding else "resume"
        await coordinator.resolve(question.id, choice, reason="the release is mended")
    async with house.open(FIRST.build()[0]) as coordinator:
        handle = await coordinator.resume("s")
        await handle.settled()
        await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    done = Status.COMPENSATED if moment is in_unwinding else Status.COMPLETED
    assert outcome.status is done
    assert world.done.count("flight") == 1


@pytest.mark.parametrize(
    "release",
    [FIRST, Release(receipt=Stamped), Release(booking=Wider)],
    ids=["the same types", "a result with a new default", "an input with a new default"],
)
async def test_a_body_goes_on_where_the_types_read_what_was_recorded(
    house: House, world: World, tmp_path: Path, release: Release
) -> None:
    await die(house, world, tmp_path, at_the_gate)
    async with house.open(release.build()[0]) as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPLETED


async def test_a_call_that_would_be_sent_again_must_be_the_same_to_the_last_member(
    house: House, world: World, tmp_path: Path
) -> None:
    async def in_the_first_step(coordinator: Coordinator, world: World) -> None:
        world.plan("flight", hang)
        await coordinator.start(FIRST.build()[1], Order(), id="s")
        await world.under_way.wait()

    await die(house, world, tmp_path, in_the_first_step)
    async with house.open(Release(booking=Wider).build()[0]) as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        question = await only_question(coordinator)
    assert outcome.status is Status.STUCK
    assert "+ request.pets    false" in question.evidence
    assert world.count("flight") == 1


async def test_a_compensation_need_not_read_what_it_does_not_take(
    house: House, world: World, tmp_path: Path
) -> None:
    await die(house, world, tmp_path, in_unwinding)
    release = Release(receipt=Paper, takes_result=False)
    async with house.open(release.build()[0]) as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
