"""Answers and cancels are on the record with who gave them, how that is known, and where."""

import pytest

from sagas import Coordinator, Handle, Status
from sagas.entries import CancelRequested, Entry, InterventionClosed
from sagas.errors import Refused
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, keyless, shop
from tests.behaviour.test_gates import asking
from tests.behaviour.world import World, lose_answer


@shop.saga
async def puzzling(order: Order) -> str:
    return await keyless("it")


async def entries(coordinator: Coordinator) -> list[Entry]:
    return [entry for _, _, entry in entries_of((await coordinator.load("s")).rows)]


async def in_doubt(coordinator: Coordinator, world: World) -> tuple[Handle[str], str]:
    world.plan("it", lose_answer)
    handle = await coordinator.start(puzzling, Order(), id="s")
    assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
    return handle, (await only_question(coordinator)).id


@pytest.mark.usefixtures("on_both")
async def test_an_answer_is_recorded_with_who_gave_it_how_that_is_known_and_where(
    house: House, world: World
) -> None:
    ben = house.people.principal("ben")
    async with house.open() as coordinator:
        handle, question = await in_doubt(coordinator, world)
        row = await coordinator.resolve(
            question, "happened", result="it", reason="seen", by=ben, channel="web"
        )
        assert (row.by, row.identified_by, row.channel) == ("ben", "a test", "web")
        assert (await handle.outcome(timeout=LIMIT)).completed
        [closed] = [
            entry for entry in await entries(coordinator) if isinstance(entry, InterventionClosed)
        ]
    assert (closed.by, closed.identified_by, closed.channel) == ("ben", "a test", "web")


async def test_an_answer_on_a_programs_word_says_so(house: House, world: World) -> None:
    async with house.open(user="ana") as coordinator:
        _, question = await in_doubt(coordinator, world)
        row = await coordinator.resolve(question, "not-happened", reason="unseen")
    assert (row.by, row.identified_by, row.channel) == ("ana", "the program's word", "program")


async def test_t22_somebody_whom_the_directory_does_not_know_answers_nothing(
    house: House, world: World
) -> None:
    async with house.open(user="nobody") as coordinator:
        _, question = await in_doubt(coordinator, world)
        for by in ("nobody", None):
            with pytest.raises(Refused, match="nobody is not known in the people of this test"):
                await coordinator.resolve(question, "happened", result="it", reason="x", by=by)
        assert (await only_question(coordinator)).state == "open"


async def test_a_cancel_is_recorded_with_how_it_is_known_who_asked(house: House) -> None:
    ben = house.people.principal("ben")
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        await coordinator.cancel("s", reason="ill", by=ben, channel="web")
        await handle.outcome(timeout=LIMIT)
        [asked] = [
            entry for entry in await entries(coordinator) if isinstance(entry, CancelRequested)
        ]
    assert (asked.by, asked.identified_by, asked.channel) == ("ben", "a test", "web")


async def test_a_program_stops_what_it_began_although_the_directory_does_not_know_it(
    house: House,
) -> None:
    async with house.open(user="nobody") as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        await coordinator.cancel("s", reason="ill")
        await handle.outcome(timeout=LIMIT)
        [asked] = [
            entry for entry in await entries(coordinator) if isinstance(entry, CancelRequested)
        ]
    assert (asked.by, asked.identified_by, asked.channel) == (
        "nobody",
        "the program's word",
        "program",
    )
