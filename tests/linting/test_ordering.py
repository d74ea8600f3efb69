"""The order of steps in a body, as `sagas lint` reads it."""

from contextlib import suppress

import pytest

from sagas import Catalog, Reversibility, StepFailed, Window, parallel, savepoint
from sagas.authoring.action import Action
from sagas.linting.finding import Level
from tests.linting.catalogs import DAY, codes, found, fresh, look, order, pay, tell


@pytest.fixture
def shop() -> Catalog:
    return fresh()


def test_a_step_that_cannot_be_undone_at_the_end_is_in_order(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await look(item)
        await parallel(order(item), order(item))
        await pay(item)

    assert codes(shop) == []


def test_an_undoable_step_after_one_that_cannot_be_undone_is_found_at_its_line(
    shop: Catalog,
) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await pay(item)
        await order(item)

    (finding,) = found(shop)
    assert (finding.code, finding.subject, finding.level) == ("S001", "shop.buy", Level.WARNING)
    assert finding.place is not None
    assert finding.place.file == __file__
    assert finding.place.line == buy.fn.__code__.co_firstlineno + 3
    assert "order can fail after pay" in finding.reason


def test_a_read_after_the_pivot_is_in_order(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await pay(item)
        await look(item)

    assert codes(shop) == []


def test_a_second_step_that_cannot_be_undone_is_found(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await pay(item)
        await tell(item)

    assert codes(shop) == ["S002"]


def test_the_same_step_in_a_loop_comes_after_itself(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        for part in item.split():
            await pay(part)

    assert codes(shop) == ["S002", "S024"]


def test_a_failure_that_is_handled_is_in_order(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await pay(item)
        with suppress(StepFailed):
            await tell(item)

    assert codes(shop) == []


def test_a_failure_after_which_the_body_goes_another_way_is_in_order(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await pay(item)
        try:
            await tell(item)
        except StepFailed:
            await look(item)

    assert codes(shop) == []


def test_what_follows_a_suppressed_failure_comes_after_it(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        with suppress(StepFailed):
            await pay(item)
            raise ValueError(item)
        await order(item)

    assert codes(shop) == ["S001"]


def test_a_failure_that_is_caught_and_raised_again_is_found(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await pay(item)
        try:
            await tell(item)
        except StepFailed as error:
            raise ValueError(item) from error

    assert codes(shop) == ["S002"]


def test_a_saga_that_unwinds_past_its_pivot_by_declaration_is_in_order(shop: Catalog) -> None:
    @shop.saga(after_pivot="unwind")
    async def buy(item: str) -> None:
        await pay(item)
        await order(item)
        await tell(item)

    assert codes(shop) == []


def test_what_follows_in_the_other_branch_of_an_if_is_not_after_it(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        if item:
            await pay(item)
        else:
            await order(item)

    assert codes(shop) == []


def test_what_follows_an_if_is_after_both_of_its_branches(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        if item:
            await pay(item)
        await order(item)

    assert codes(shop) == ["S001"]


def test_what_follows_a_return_is_never_reached(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        if item:
            return await pay(item)
        return await ordered(item)

    async def ordered(item: str) -> None:
        await order(item)

    assert codes(shop) == []


def test_a_handler_comes_after_everything_that_may_have_failed(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        try:
            await pay(item)
            await look(item)
        except StepFailed:
            await order(item)

    assert codes(shop) == ["S001"]


def test_branches_of_a_parallel_do_not_come_after_each_other(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await parallel(pay(item), order(item))

    assert codes(shop) == []


def test_steps_in_helpers_are_the_bodys_own(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        async def reserve() -> None:
            await order(item)

        await pay_all(item)
        await reserve()

    assert codes(shop) == ["S001"]


async def pay_all(item: str) -> None:
    await pay(item)


def test_helpers_that_call_each_other_are_read_once(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await there(item)
        await order(item)

    assert codes(shop) == ["S001"]


async def there(item: str) -> None:
    await pay(item)
    await back(item)


async def back(item: str) -> None:
    await there(item)
    await there(item)


def test_a_step_in_a_savepoint_or_a_match_is_seen(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        async with savepoint("payment"):
            await pay(item)
        match item:
            case "car":
                await order(item)
            case _:
                await look(item)

    assert codes(shop) == ["S001"]


def test_only_the_newest_version_of_a_saga_is_read(shop: Catalog) -> None:
    @shop.saga(name="buy", version=1)
    async def buy_badly(item: str) -> None:
        await pay(item)
        await order(item)

    @shop.saga(name="buy", version=2)
    async def buy(item: str) -> None:
        await order(item)
        await pay(item)

    assert codes(shop) == []


def authorising(shop: Catalog, window: Window) -> Action[[str], None]:
    @shop.action(reversibility=Reversibility.COMPENSATABLE, repeatable=True, window=window)
    async def authorise(item: str) -> None: ...

    @authorise.compensation(residue="a fee")
    async def void(item: str) -> None: ...

    return authorise


def test_an_effect_that_lapses_while_a_later_approval_is_waited_for_is_found(
    shop: Catalog,
) -> None:
    authorise = authorising(shop, Window(duration=DAY))

    @shop.saga
    async def buy(item: str) -> None:
        await authorise(item)
        await pay(item)  # within a day

    (finding,) = found(shop)
    assert finding.code == "S006"
    assert finding.place is not None
    assert finding.place.line == buy.fn.__code__.co_firstlineno + 2


@pytest.mark.parametrize(
    "window", [Window(duration=2 * DAY), Window(duration=DAY, alarm=DAY / 24), Window(event="sold")]
)
def test_a_longer_window_an_alarm_or_one_that_nobody_can_foresee_is_in_order(
    shop: Catalog, window: Window
) -> None:
    authorise = authorising(shop, window)

    @shop.saga
    async def buy(item: str) -> None:
        await authorise(item)
        await pay(item)

    assert codes(shop) == []


def test_an_approval_before_the_effect_takes_none_of_its_time(shop: Catalog) -> None:
    authorise = authorising(shop, Window(duration=DAY / 24))

    @shop.saga(after_pivot="unwind")
    async def buy(item: str) -> None:
        await pay(item)
        await authorise(item)

    assert codes(shop) == []
