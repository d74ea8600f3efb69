"""What an undo leaves: declared, estimated from what is recorded, and stated by the undo itself."""

from datetime import timedelta
from typing import Any

import pytest

from compensations import Estimate, Expected
from sagas import Catalog, Coordinator, Outcome, Residue, Reversibility, Status, approval
from sagas.authoring.saga import Saga
from sagas.driving.estimating import estimate
from tests.behaviour.acting import LIMIT, only_gate, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY

FEE = Residue("a fee", amount=25, currency="EUR")


def selling(residue: Any, *, says: Residue | None = None) -> Catalog:
    """A shop whose sale fails after a reservation, the undo of which leaves what it declares."""
    catalog = Catalog("fees")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
    async def reserve(seats: int) -> int:
        return 10 * seats

    @reserve.compensation(residue=residue)
    async def release(result: int) -> Residue | None:
        return says

    @catalog.saga
    async def sell(seats: int) -> None:
        await reserve(seats)
        raise ValueError("no")

    return catalog


async def sold(house: House, catalog: Catalog) -> Outcome[Any]:
    [sell] = catalog.sagas
    found: Saga[int, None] = sell
    async with house.open(catalog) as coordinator:
        handle = await coordinator.start(found, 3, id="s")
        return await handle.outcome(timeout=LIMIT)


def a_tenth(seats: int, result: int) -> Residue:
    return Residue(f"a fee for {seats}", amount=result, currency="EUR", rows=seats)


def too_dear(seats: int) -> Residue:
    raise ArithmeticError(seats)


def no_residue(seats: int) -> Residue:
    return "a fee"  # type: ignore[return-value]


def nothing_this_time(seats: int) -> Residue | None:
    return None


async def test_a_residue_is_declared_with_its_measures(house: House) -> None:
    assert (await sold(house, selling(FEE))).residue == (FEE,)


async def test_a_residue_is_computed_from_the_inputs_and_the_result(house: House) -> None:
    outcome = await sold(house, selling(a_tenth))
    assert outcome.residue == (Residue("a fee for 3", amount=30, currency="EUR", rows=3),)


@pytest.mark.parametrize("declared", [FEE, a_tenth, too_dear])
async def test_what_the_undo_states_counts_more_than_any_estimate(
    house: House, declared: Any
) -> None:
    stated = Residue("a day", time=timedelta(days=1))
    assert (await sold(house, selling(declared, says=stated))).residue == (stated,)


async def test_nothing_stated_by_the_undo_counts_more_than_an_estimate(house: House) -> None:
    outcome = await sold(house, selling(a_tenth, says=Residue.nothing()))
    assert (outcome.status, outcome.residue) == (Status.COMPENSATED, ())


async def test_an_estimate_of_nothing_ends_clean(house: House) -> None:
    assert (await sold(house, selling(nothing_this_time))).status is Status.COMPENSATED


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (too_dear, "too_dear failed with ArithmeticError"),
        (no_residue, "no_residue returned no Residue"),
    ],
)
async def test_an_estimate_that_fails_is_recorded_as_unknown_and_stops_no_unwind(
    house: House, estimator: Any, why: str
) -> None:
    outcome = await sold(house, selling(estimator))
    assert outcome.status is Status.RESIDUAL
    assert [str(item) for item in outcome.residue] == [f"not known: {why}"]


async def test_an_estimate_without_the_result_that_it_needs_is_unknown(house: House) -> None:
    catalog = selling(a_tenth)
    await sold(house, catalog)
    async with house.open(catalog) as coordinator:
        [step] = (await coordinator.state("s")).steps.values()
    step.result = None
    [action] = catalog.actions
    assert estimate(action, step) == Estimate(unknown="a_tenth needs the result of fees.reserve")


async def test_an_estimate_that_its_journal_does_not_fit_any_more_is_unknown(house: House) -> None:
    catalog = selling(a_tenth)
    await sold(house, catalog)
    async with house.open(catalog) as coordinator:
        [step] = (await coordinator.state("s")).steps.values()
    step.result = b'"ten"'
    [action] = catalog.actions
    found = estimate(action, step)
    assert (found.residue, Expected.of([found]).unknown) == (None, 1)


async def test_whoever_decides_reads_what_a_rejection_is_expected_to_leave(house: House) -> None:
    catalog = selling(a_tenth)
    [reserve] = catalog.actions

    @catalog.action(
        reversibility=Reversibility.IRREVERSIBLE, approval=approval(by="anyone", within=DAY)
    )
    async def ship() -> None: ...

    @catalog.saga
    async def deliver(seats: int) -> None:
        await reserve(seats)
        await ship()

    async with house.open(catalog) as coordinator:
        handle = await coordinator.start(deliver, 3, id="s")
        await until(lambda: _waits(coordinator))
        shown = await coordinator.presentation(await only_gate(coordinator))
        assert "may leave: a fee for 3 (30 EUR, 3 rows)" in shown.undone[0]
        assert shown.on_rejection.endswith("expected to leave, in all: 30 EUR, 3 rows.")
        await coordinator.cancel("s", reason="over")
        await handle.outcome(timeout=LIMIT)


async def _waits(coordinator: Coordinator) -> bool:
    return bool(await coordinator.store.waiting_gates())
