"""What an undo left is accepted by a person, where its author asks for that, before the saga ends."""

from decimal import Decimal
from typing import Any

import pytest

from compensations import Choice, InterventionKind
from sagas import Catalog, Coordinator, Handle, Outcome, Residue, Reversibility, Status, savepoint
from sagas.audit import AuditRecord, AuditSums
from sagas.authoring.saga import Saga
from tests.behaviour.acting import LIMIT, answer, kinds, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY

FEE = Residue("a fee", amount=25, currency="EUR")


def selling(sign_off: Any = True, *, left: Residue | None = FEE) -> Catalog:
    """A shop whose sale fails after two reservations, of which the first leaves a residue."""
    catalog = Catalog("fees")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
    async def reserve(seats: int) -> int:
        return seats

    @reserve.compensation(sign_off=sign_off)
    async def release(result: int) -> Residue | None:
        return left

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
    async def label(seats: int) -> None: ...

    @label.compensation()
    async def unlabel() -> None: ...

    @catalog.saga
    async def sell(seats: int) -> None:
        await label(seats)
        await reserve(seats)
        raise ValueError("no")

    @catalog.saga
    async def try_first(seats: int) -> str:
        try:
            async with savepoint("seats"):
                await reserve(seats)
                no_more()
        except ValueError:
            await label(seats)
        return "done"

    return catalog


def above_twenty(residue: Residue) -> bool:
    return (residue.amount or Decimal(0)) > 20


def broken(residue: Residue) -> bool:
    raise LookupError(residue.text)


def no_more() -> None:
    raise ValueError("no")


async def started(
    coordinator: Coordinator, catalog: Catalog, name: str = "fees.sell"
) -> Handle[Any]:
    saga: Saga[int, Any] = next(each for each in catalog.sagas if each.name == name)
    handle = await coordinator.start(saga, 3, id="s")
    await handle.outcome(timeout=LIMIT)
    return handle


async def ended(house: House, catalog: Catalog) -> Outcome[Any]:
    async with house.open(catalog) as coordinator:
        return await (await started(coordinator, catalog)).outcome(timeout=LIMIT)


@pytest.mark.usefixtures("on_both")
async def test_the_saga_is_stuck_until_somebody_accepts_what_remains(house: House) -> None:
    catalog = selling()
    async with house.open(catalog) as coordinator:
        handle = await started(coordinator, catalog)
        assert (await coordinator.state("s")).ended is None
        question = await only_question(coordinator)
        assert (question.kind, question.choices, question.evidence) == (
            InterventionKind.RESIDUE,
            (Choice.ACCEPT, Choice.DONE),
            "a fee (25 EUR)",
        )
        outcome = await answer(coordinator, handle, "accept")
    assert (outcome.status, outcome.residue) == (Status.RESIDUAL, (FEE,))


async def test_what_was_made_good_by_other_means_does_not_remain(house: House) -> None:
    catalog = selling()
    async with house.open(catalog) as coordinator:
        outcome = await answer(coordinator, await started(coordinator, catalog), "done")
        assert (await kinds(coordinator)).count("Compensated") == 2
    assert (outcome.status, outcome.residue) == (Status.COMPENSATED, ())


async def test_the_other_undos_do_not_wait_for_it(house: House) -> None:
    catalog = selling()
    async with house.open(catalog) as coordinator:
        await started(coordinator, catalog)
        state = await coordinator.state("s")
        assert all(step.is_undone for step in state.steps.values())
        assert (await kinds(coordinator))[-1] == "InterventionOpened"


async def test_it_is_asked_once_whoever_goes_on(house: House) -> None:
    catalog = selling()
    async with house.open(catalog) as coordinator:
        await started(coordinator, catalog)
    async with house.open(catalog) as coordinator:
        handle: Handle[Any] = await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await kinds(coordinator)).count("InterventionOpened") == 1


@pytest.mark.parametrize(
    ("sign_off", "left"),
    [
        (True, Residue.nothing()),
        (True, None),
        (False, FEE),
        (above_twenty, Residue(amount=20, currency="EUR")),
    ],
)
async def test_nobody_is_asked_about_nothing_or_about_little(
    house: House, sign_off: Any, left: Residue | None
) -> None:
    await ended(house, selling(sign_off, left=left))
    async with house.open(selling()) as coordinator:
        assert (await coordinator.state("s")).ended is not None


@pytest.mark.parametrize("sign_off", [above_twenty, broken])
async def test_somebody_is_asked_about_much_or_where_that_cannot_be_told(
    house: House, sign_off: Any
) -> None:
    assert (await ended(house, selling(sign_off))).status is Status.STUCK


async def test_a_block_that_is_rolled_back_waits_for_it(house: House) -> None:
    catalog = selling()
    async with house.open(catalog) as coordinator:
        handle = await started(coordinator, catalog, "fees.try_first")
        assert "RolledBackTo" not in await kinds(coordinator)
        outcome = await answer(coordinator, handle, "accept")
    assert (outcome.status, outcome.result) == (Status.COMPLETED, "done")


async def test_a_cancelled_saga_waits_for_it_too(house: House) -> None:
    catalog = selling()
    async with house.open(catalog) as coordinator:
        handle = await started(coordinator, catalog, "fees.try_first")
        await coordinator.cancel("s", reason="over")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (await only_question(coordinator)).kind == InterventionKind.RESIDUE
        assert (await answer(coordinator, handle, "accept")).status is Status.RESIDUAL


async def test_an_audit_tells_who_accepted_what(house: House) -> None:
    catalog = selling()
    async with house.open(catalog) as coordinator:
        await answer(coordinator, await started(coordinator, catalog), "accept")
        [told] = [record async for record in coordinator.audit()]
    assert isinstance(told, AuditRecord)
    [item], [decision] = told.remains, told.decisions
    assert (item.accepted_by, item.waived_by, str(item.residue)) == ("ana", None, "a fee (25 EUR)")
    assert (decision.asked, decision.choice, decision.by, decision.reason) == (
        "residue",
        "accept",
        "ana",
        "I looked",
    )
    sums = AuditSums()
    sums.add(told)
    assert (sums.total.accepted, sums.total.waived) == (1, 0)


async def test_a_preview_says_that_somebody_may_have_to_accept_what_is_left(house: House) -> None:
    catalog = selling()
    [reserve, _] = catalog.actions

    @catalog.saga
    async def wait(seats: int) -> None:
        await reserve(seats)
        async with savepoint("inner"):
            await reserve(seats)
            raise ValueError("no")

    async with house.open(catalog) as coordinator:
        handle: Handle[Any] = await coordinator.start(wait, 3, id="s")
        await handle.outcome(timeout=LIMIT)
        [planned] = (await coordinator.preview("s")).undone
        assert planned.sign_off
        assert (await answer(coordinator, handle, "accept")).status is Status.STUCK
        assert (await answer(coordinator, handle, "accept")).status is Status.RESIDUAL
