"""A newcomer's mistakes in a body undo nothing, and a failure says which step it came from."""

from typing import Any

from sagas import Catalog, Reversibility, Status
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY, Order
from tests.behaviour.world import World

LIMIT = 10.0


class SoldOut(Exception):
    """The partner has nothing left."""


def catalog(world: World) -> tuple[Catalog, Any]:
    made = Catalog("mistaken")

    @made.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, definite=(SoldOut,))
    async def book(what: str) -> str:
        if what == "car":
            raise SoldOut("no car is left")
        return await world.do(what)

    @book.compensation()
    async def cancel(what: str, result: str) -> None:
        await world.do(f"undo-{what}")

    @made.saga
    async def trip(order: Order) -> str:
        await book("flight")
        return await book(42 if order.choice == "mistake" else "car")  # type: ignore[arg-type]

    return made, trip


async def test_an_argument_of_the_wrong_type_is_a_defect_and_no_failure(
    house: House, world: World
) -> None:
    made, trip = catalog(world)
    async with house.open(made) as coordinator:
        outcome = await coordinator.run(trip, Order(choice="mistake"), id="t", timeout=LIMIT)
    assert outcome.status is Status.STUCK
    assert "defect" in str(outcome.reason)
    assert "test_mistakes.py, line" in str(outcome.reason)
    assert "in trip)" in str(outcome.reason)
    assert world.done == ["flight"]


async def test_the_reason_names_the_step_whose_declared_error_left_the_body(
    house: House, world: World
) -> None:
    made, trip = catalog(world)
    async with house.open(made) as coordinator:
        outcome = await coordinator.run(trip, Order(), id="t", timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert outcome.reason == "trip/book#2: SoldOut: no car is left"
