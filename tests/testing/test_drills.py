"""A sandbox is refused where it cannot be right, and drilled where it says that it is one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sagas import Catalog, Reversibility, approval, current_step
from sagas.testing import Drilled, Provider, Sandbox, Undrillable, WorldNotReset, drill
from sagas.testing.drills import Result

DAY = timedelta(hours=24)

partner = Provider.keyed()
travel = Catalog("travel")


@travel.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY)
async def book_hotel(city: str) -> str:
    return await partner.do("hotel", city)


@book_hotel.compensation()
async def cancel_hotel(city: str, result: str | None) -> None:
    await partner.undo("hotel", result)


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def mail(to: str) -> str:
    return await partner.do("mail", to)


@travel.action(reversibility=Reversibility.READ_ONLY)
async def look(city: str) -> str:
    return city


@travel.retired("rent_car", version=1)
async def rent_car(city: str) -> str:
    return city


@rent_car.compensation()
async def return_car(result: str) -> None: ...


OSLO = {"book_hotel": [{"city": "Oslo"}]}


def sandbox(**different: Any) -> Sandbox:
    given: dict[str, Any] = {
        "name": "the partner's sandbox",
        "world": partner,
        "is_sandbox": True,
        "examples": OSLO,
    }
    return Sandbox(travel, **(given | different))


async def drilled(of: Sandbox, *only: str) -> list[Drilled]:
    return [item async for item in drill(of, only=only)]


# --- drilling ---------------------------------------------------------------------------------


async def test_what_comes_back_as_it_was_passes() -> None:
    [hotel, _] = await drilled(sandbox())
    assert (hotel.action.name, hotel.result) == ("travel.book_hotel", Result.PASSED)
    assert hotel.report is not None
    assert hotel.report.schedules > 0


async def test_an_irreversible_action_is_skipped_without_being_asked() -> None:
    [_, letter] = await drilled(sandbox())
    assert (letter.action.name, letter.result) == ("travel.mail", Result.SKIPPED)
    assert "nobody gave leave" in letter.detail


async def test_an_irreversible_action_is_drilled_with_leave_and_the_reason_is_told() -> None:
    given = OSLO | {"mail": [{"to": "ana"}]}
    of = sandbox(examples=given, irreversible={"mail": "its mail server keeps what it gets"})
    [letter] = await drilled(of, "mail")
    assert (letter.result, letter.reason) == (Result.PASSED, "its mail server keeps what it gets")


async def test_a_drill_is_recorded_with_the_code_that_was_drilled() -> None:
    of = sandbox()
    [hotel] = await drilled(of, "travel.book_hotel")
    record = hotel.record(of, by="ana", at=7)
    assert (record.action, record.version, record.passed) == ("travel.book_hotel", 1, True)
    assert (record.sandbox, record.by, record.at) == ("the partner's sandbox", "ana", 7)
    assert record.digest == hotel.digest.text
    assert record.id != hotel.record(of, by="ana", at=7).id


async def test_what_was_skipped_is_not_recorded() -> None:
    of = sandbox()
    [_, letter] = await drilled(of)
    with pytest.raises(Undrillable, match=r"travel\.mail was skipped"):
        letter.record(of, by="ana", at=7)


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_sandbox_that_finds_itself_to_be_none_is_left_alone(asynchronous: bool) -> None:
    partner.reset()
    await partner.do("hotel", "Rome", key="k")

    async def later() -> bool:
        return False

    with pytest.raises(Undrillable, match="says that it is none"):
        await drilled(sandbox(is_sandbox=later if asynchronous else lambda: False))
    assert len(partner.ledger()) == 1


async def test_what_is_true_without_being_true_is_no_answer() -> None:
    with pytest.raises(Undrillable, match="gave 'no'"):
        await drilled(sandbox(is_sandbox=lambda: "no"))


async def test_a_sandbox_that_cannot_tell_is_left_alone() -> None:
    def broken() -> bool:
        raise KeyError("HOTELS_URL")

    with pytest.raises(Undrillable, match=r"cannot tell whether it is one.*HOTELS_URL"):
        await drilled(sandbox(is_sandbox=broken))


class Forgetful(Provider):
    """Is reset, and still knows the keys of earlier days, as a partner's sandbox does."""

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()

    async def book(self, city: str) -> str:
        key = current_step().idempotency_key
        if key in self.known and not self.ledger():
            return "booked on an earlier day"
        self.known.add(key)
        return await self.do("hotel", city)


async def test_a_sandbox_that_knows_the_keys_of_earlier_drills_is_drilled_again() -> None:
    world, shop = Forgetful(), Catalog("shop")

    @shop.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY)
    async def buy(city: str) -> str:
        return await world.book(city)

    @buy.compensation()
    async def give_back(result: str) -> None:
        await world.undo("hotel", result)

    of = Sandbox(
        shop, name="shop", world=world, is_sandbox=True, examples={"buy": [{"city": "Oslo"}]}
    )
    for _ in range(2):
        [bought] = await drilled(of)
        assert bought.result is Result.PASSED


async def test_what_may_remain_is_said_for_each_action() -> None:
    desk, office = Provider(), Catalog("office")

    @office.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
    async def rent(city: str) -> str:
        return await desk.do("room", city)

    @rent.compensation(residue="a fee")
    async def leave(city: str, result: str) -> None:
        await desk.do("fee", city)

    def fails(before: object, after: object) -> bool:
        return before == after

    def has_fee(before: object, after: object) -> bool:
        return "fee" in str(after) and "fee" not in str(before)

    for compare, result in ((fails, Result.FAILED), (has_fee, Result.PASSED)):
        [rented] = await drilled(
            Sandbox(
                office,
                name="office",
                world=desk,
                is_sandbox=True,
                examples={"rent": [{"city": "Oslo"}]},
                compare={"rent": compare},
            )
        )
        assert rented.result is result, rented


# --- worlds that are no good ------------------------------------------------------------------


class Odd:
    """A world with something wrong."""

    def __init__(
        self,
        reset: Callable[[], None] = lambda: None,
        snapshot: Callable[[], Any] = dict,
        effects: tuple[tuple[str, str, str], ...] = (),
    ) -> None:
        self.reset = reset
        self.snapshot = snapshot
        self._effects = effects

    def ledger(self) -> tuple[tuple[str, str, str], ...]:
        return self._effects


def _refuse() -> None:
    raise ConnectionRefusedError("nobody is there")


async def test_a_world_that_cannot_be_reset_is_told_with_its_own_error() -> None:
    with pytest.raises(WorldNotReset, match=r"cannot be reset.*nobody is there"):
        await drilled(sandbox(world=Odd(reset=_refuse)))


async def test_a_world_that_remembers_effects_after_its_reset_is_refused() -> None:
    with pytest.raises(WorldNotReset, match=r"so nothing was drilled: .*ledger still has 1 effect"):
        await drilled(sandbox(world=Odd(effects=(("hotel", "do", "k"),))))


async def test_a_world_that_does_not_begin_alike_is_refused() -> None:
    with pytest.raises(WorldNotReset, match="something else after reset"):
        await drilled(sandbox(world=Odd(snapshot=iter(range(9)).__next__)))


async def test_a_sandbox_that_goes_away_is_not_taken_for_a_failed_drill() -> None:
    left = iter([None] * 2)

    def reset() -> None:
        if next(left, _refuse) is _refuse:
            _refuse()

    with pytest.raises((Undrillable, WorldNotReset), match="nobody is there"):
        await drilled(sandbox(world=Odd(reset=reset)), "book_hotel")


# --- what cannot be right ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("different", "message"),
    [
        ({"name": " "}, "has a name that people know it by"),
        ({"is_sandbox": False}, "does not say that it is one, so it may be production"),
        ({"is_sandbox": "yes"}, "does not say that it is one"),
        ({"world": object()}, r"its world has no reset, snapshot, ledger"),
        ({"examples": {"book_boat": []}}, r"names 'book_boat', which is no action of it; .* mail"),
        ({"examples": {"other.book_hotel": []}}, "which is no action of it"),
        ({"examples": {"look": [{"city": "Oslo"}]}}, "names 'look', which only reads"),
        ({"examples": {"rent_car": [{"city": "Oslo"}]}}, "names 'rent_car', which is retired"),
        ({"examples": {"book_hotel": {"city": "Oslo"}}}, "is a list of arguments"),
        ({"examples": {"book_hotel": []}}, "is a list of arguments"),
        ({"examples": {"book_hotel": [{"town": "Oslo"}]}}, r"example 1 .* does not fit"),
        ({"examples": {"book_hotel": [{"city": "Oslo"}, {"city": 7}]}}, r"example 2 .* not fit"),
        ({"skip": {"book_hotel": "slow"}}, "has examples of book_hotel and skips it too"),
        ({"compare": {"book_hotel": "equal"}}, "compare= is a function of the world before"),
        ({"compare": {"book_boat": None}}, "compare names 'book_boat'"),
        ({"skip": {"mail": ""}}, 'skip={"mail": ...} needs a reason'),
        ({"irreversible": {"mail": True}}, 'irreversible={"mail": ...} needs a reason'),
        ({"irreversible": {"book_hotel": "why not"}}, "has a compensation, so it needs no leave"),
        ({"examples": {"mail": [{"to": "ana"}]}}, "mail is irreversible, so it is not drilled"),
    ],
)
def test_a_sandbox_that_cannot_be_right_is_refused(different: dict[str, Any], message: str) -> None:
    with pytest.raises(Undrillable, match=message):
        sandbox(**different)


def test_an_action_with_neither_example_nor_reason_is_refused() -> None:
    with pytest.raises(Undrillable, match=r'has no example of book_hotel.*skip={"book_hotel"'):
        sandbox(examples={}).plan()


def test_an_irreversible_action_with_leave_needs_an_example() -> None:
    with pytest.raises(Undrillable, match="has no example of mail"):
        sandbox(irreversible={"mail": "it is kept"}).plan()


def test_an_irreversible_action_is_not_drilled_because_it_is_named() -> None:
    with pytest.raises(Undrillable, match=r"nothing to drill: travel\.mail .*nobody gave leave"):
        sandbox().plan(["mail"])


def test_a_sandbox_is_that_of_a_catalog() -> None:
    given: Any = book_hotel
    with pytest.raises(Undrillable, match="is that of a catalog, not of <action"):
        Sandbox(given, name="shelves", world=partner, is_sandbox=True)


def test_a_catalog_without_effects_has_nothing_to_drill() -> None:
    library = Catalog("library")
    of = Sandbox(library, name="shelves", world=partner, is_sandbox=True)
    with pytest.raises(Undrillable, match="nothing to drill: no action has effects"):
        of.plan()
