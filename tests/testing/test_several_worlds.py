"""Several worlds as one: each keeps its own order, and none has a place among the others."""

from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from sagas import Catalog, NotExecuted, Reversibility
from sagas.authoring.saga import Saga
from sagas.testing import (
    Effect,
    Provider,
    Unexplorable,
    Worlds,
    explore_crashes,
    explore_failures,
)
from tests.testing.shops import KEY_TTL, kinds_of

ORDER = "the_world_saw_the_later_undone_first"


class Concatenated(Worlds):
    """The ledgers one after the other, and nothing to tell them apart."""

    def ledger(self) -> Sequence[Effect]:
        return [Effect(*effect) for effect in super().ledger()]  # type: ignore[union-attr]


class Backwards(Provider):
    """Its ledger says that what came last came first."""

    def ledger(self) -> Sequence[Effect]:
        return super().ledger()[::-1]


def trip_of(airline: Provider, hotel: Provider) -> Saga[str, None]:
    """Books at the one, and then at the other; and comes to nothing."""
    catalog = Catalog("trips")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def fly(to: str) -> str:
        return await airline.do("flight", to)

    @fly.compensation()
    async def stay_here(to: str, result: str) -> None:
        await airline.undo("flight", result)

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def sleep(at: str) -> str:
        return await hotel.do("room", at)

    @sleep.compensation()
    async def leave(at: str, result: str) -> None:
        await hotel.undo("room", result)

    @catalog.saga
    async def trip(to: str) -> None:
        await fly(to)
        await sleep(to)
        raise NotExecuted("there is no way back")

    return trip


async def test_of_two_worlds_nobody_asks_which_came_first() -> None:
    airline, hotel = Provider(), Provider()
    trip = trip_of(airline, hotel)

    assert (await explore_failures(trip, "Oslo", world=Worlds(airline, hotel))).violations == []
    assert (await explore_failures(trip, "Oslo", world=Worlds(hotel, airline))).violations == []


async def test_ledgers_that_are_only_concatenated_are_taken_for_one() -> None:
    airline, hotel = Provider(), Provider()

    report = await explore_failures(
        trip_of(airline, hotel), "Oslo", world=Concatenated(airline, hotel)
    )

    assert ORDER in kinds_of(report)


async def test_within_one_of_them_the_order_is_judged() -> None:
    both = Backwards()

    report = await explore_failures(trip_of(both, both), "Oslo", world=Worlds(Provider(), both))

    assert ORDER in kinds_of(report)


async def test_what_one_of_them_keeps_is_found() -> None:
    class Forgetful(Provider):
        async def undo(self, *_: object, **__: object) -> None:
            """Does nothing."""

    airline, hotel = Provider(), Forgetful()

    report = await explore_failures(trip_of(airline, hotel), "Oslo", world=Worlds(airline, hotel))

    assert "every_effect_is_undone_or_stands_rightly" in kinds_of(report)


async def test_each_is_shown_and_reset() -> None:
    airline, hotel = Provider(), Provider()
    await airline.do("flight", "Oslo", key="k1")
    await hotel.do("room", "Oslo", key="k2")
    both = Worlds(airline, hotel)

    assert both.snapshot() == [{"flight": {"Oslo": [{}]}}, {"room": {"Oslo": [{}]}}]
    assert both.ledger() == [("flight", "do", "k1"), ("room", "do", "k2")]
    both.reset()
    assert (both.snapshot(), both.ledger()) == ([{}, {}], [])


async def test_one_that_has_to_be_waited_for_is() -> None:
    airline, hotel = Provider(), Provider()

    class Remote:
        async def reset(self) -> None:
            hotel.reset()

        async def snapshot(self) -> JsonValue:
            return hotel.snapshot()

        async def ledger(self) -> Sequence[Effect]:
            return hotel.ledger()

    trip = trip_of(airline, hotel)
    report = await explore_crashes(trip, "Oslo", world=Worlds(airline, Remote()))

    assert report.violations == []
    assert report.faults_landed == report.faults_planned > 10


def test_a_world_is_named_once() -> None:
    hotel = Provider()
    with pytest.raises(Unexplorable, match="twice"):
        Worlds(hotel, hotel)
