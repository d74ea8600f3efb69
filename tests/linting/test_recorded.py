"""What recorded sagas show, as `sagas lint` reads them."""

from sagas import Catalog, Reversibility, connect, parallel
from tests.linting.catalogs import codes, found, fresh


def garage(apart: bool) -> Catalog:
    """Two actions on cars, which touch the same car if they are not kept apart."""
    cars = fresh()

    def keys(car: str) -> list[str]:
        return [car]

    def keys_of_a_wash(car: str) -> list[str]:
        return [f"wash:{car}" if apart else car]

    @cars.action(
        reversibility=Reversibility.REVERSIBLE,
        repeatable=True,
        conflicts=keys_of_a_wash,
    )
    async def wash(car: str) -> None: ...

    @wash.compensation()
    async def unwash(car: str) -> None: ...

    @cars.action(reversibility=Reversibility.REVERSIBLE, repeatable=True, conflicts=keys)
    async def paint(car: str) -> None: ...

    @paint.compensation()
    async def scrape(car: str) -> None: ...

    @cars.saga
    async def service(car: str) -> None:
        await parallel(wash(car), paint(car))

    return cars


async def recorded(cars: Catalog, url: str) -> list[str]:
    async with connect(url, cars) as coordinator:
        (service,) = cars.sagas
        handle = await coordinator.start(service, "red", id="service-1")
        await handle.settled()
        return [*codes(cars, await coordinator.state("service-1"))]


async def test_branches_that_touched_the_same_resource_are_found(sqlite_url: str) -> None:
    assert await recorded(garage(apart=False), sqlite_url) == ["S011"]


async def test_branches_with_keys_of_their_own_are_in_order(sqlite_url: str) -> None:
    assert await recorded(garage(apart=True), sqlite_url) == []


async def test_what_many_sagas_show_is_told_once(sqlite_url: str) -> None:
    cars = garage(apart=False)
    async with connect(sqlite_url, cars) as coordinator:
        (service,) = cars.sagas
        for number in range(2):
            await (await coordinator.start(service, "red", id=f"s-{number}")).settled()
        states = [await coordinator.state(f"s-{number}") for number in range(2)]
    assert len(found(cars, *states)) == 1


async def test_sagas_of_other_catalogs_show_nothing(sqlite_url: str) -> None:
    cars = garage(apart=False)
    async with connect(sqlite_url, cars) as coordinator:
        (service,) = cars.sagas
        await (await coordinator.start(service, "red", id="s-1")).settled()
        state = await coordinator.state("s-1")
    assert found(fresh(), state) == []
