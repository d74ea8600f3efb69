"""The model that books a trip step by step, against partners over real HTTP."""

import asyncio
from collections.abc import Sequence

import pytest

from examples.travel.assistant import Move, ScriptedModel, assistant, line_of, play, steer
from examples.travel.booking import travel
from examples.travel.world import World
from sagas import Status, connect


class Died(Exception):
    """The program ended here."""


class Mortal(ScriptedModel):
    """Its program dies before one of the moves."""

    def __init__(self, dies_at: int) -> None:
        self._dies_at = dies_at

    def choose(self, told: Sequence[str]) -> Move:
        if len(told) == self._dies_at:
            raise Died
        return super().choose(told)


def books(world: World, since: dict[str, int]) -> dict[str, list[str]]:
    return {
        kind: [line.kind for line in world.ledger(kind)][since[kind] :]
        for kind in ("flights", "hotels", "cars")
    }


@pytest.fixture
def since(world: World) -> dict[str, int]:
    """How much was in the books before."""
    return {kind: len(world.ledger(kind)) for kind in ("flights", "hotels", "cars")}


def test_it_fails_is_told_what_was_undone_and_goes_another_way(
    world: World, since: dict[str, int], sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asyncio.run(play(world, sqlite_url)) is Status.COMPLETED
    assert books(world, since) == {
        "flights": ["book"],
        "hotels": ["book", "cancel", "book"],
        "cars": [],
    }
    said = capsys.readouterr().out
    assert "failed: cars have no room" in said
    assert "undone: travel.book_hotel is undone, which left cancellation fee of 25.00 EUR" in said


@pytest.mark.parametrize("dies_at", range(1, 7))
def test_a_program_that_died_over_it_goes_on_from_what_the_journal_has(
    world: World, since: dict[str, int], sqlite_url: str, dies_at: int
) -> None:
    async def go_on() -> str:
        async with connect(sqlite_url, travel) as coordinator:
            session = await coordinator.session(assistant, id="trip-ana")
            return await steer(session, ScriptedModel())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("examples.travel.assistant.ScriptedModel", lambda: Mortal(dies_at))
        with pytest.raises(Died):
            asyncio.run(play(world, sqlite_url))
    assert asyncio.run(go_on()) is Status.COMPLETED
    assert books(world, since)["hotels"] == ["book", "cancel", "book"]


def test_a_turn_is_told_in_a_line(world: World, sqlite_url: str) -> None:
    async def lines() -> list[str]:
        async with connect(sqlite_url, travel) as coordinator:
            session = await coordinator.session(assistant, id="trip-ana")
            return [line_of(each) for each in await session.turns()]

    asyncio.run(play(world, sqlite_url))
    assert asyncio.run(lines()) == [
        "travel.book_flight is done",
        "savepoint is done",
        "travel.book_hotel is undone, which left cancellation fee of 25.00 EUR",
        "travel.rent_car is failed: NoRoom: cars have no room",
        "roll-back is done",
        "travel.book_hotel is done",
        "commit is done",
    ]
