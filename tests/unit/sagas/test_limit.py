"""Limits as they are declared: what they demand of a call, and what cannot be right."""

# Most of the mistakes no type checker would let pass; they are for those who run none.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sagas import Catalog, DefinitionError, Limit, Reversibility
from sagas.allotment import Demand
from sagas.authoring.limit import Limited
from sagas.connecting import check_catalogs

SECOND = timedelta(seconds=1)
PARTNER = Limit("partner", rate=5, per=SECOND, concurrent=3)


def of_room(room: str) -> str:
    return room


def of_hotel(hotel: str) -> str:
    return hotel


def of_nights(nights: int) -> str:
    return f"{nights}"


def of_both(nights: int, hotel: str) -> str:
    return f"{hotel} {nights}"


def make(*args: Any, **kwargs: Any) -> Limit:
    return Limit(*args, **kwargs)


def hotels(name: str = "hotels") -> Any:
    """A catalog that lets a test write what a type checker would not."""
    return Catalog(name)


def booking(catalog: Any = None, **options: Any) -> Any:
    """An action with two inputs."""

    @(catalog or hotels()).action(reversibility=Reversibility.READ_ONLY, **options)
    async def book(hotel: str, nights: int = 1) -> str:
        return hotel

    return book


def undoable(**options: Any) -> Any:
    """An action that can be undone."""

    @hotels().action(reversibility=Reversibility.COMPENSATABLE, **options)
    async def book(hotel: str, nights: int = 1) -> str:
        return hotel

    return book


def limits_of(item: Any) -> list[Limit]:
    return [limited.limit for limited in item.limits]


# --- what cannot be right ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: make("partner"), "limits nothing: give rate= and per=, or concurrent="),
        (lambda: make("partner", rate=0, per=SECOND), "rate is a whole number from 1.*not 0"),
        (lambda: make("partner", rate=-1, per=SECOND), "rate is a whole number.*not -1"),
        (lambda: make("partner", rate=True, per=SECOND), "rate is a whole number.*not True"),
        (lambda: make("partner", rate=2.5, per=SECOND), "rate is a whole number.*not 2.5"),
        (lambda: make("partner", rate=float("nan"), per=SECOND), "rate is a whole number.*nan"),
        (lambda: make("partner", rate=10_001, per=SECOND), "from 1 to 10000, not 10001"),
        (lambda: make("partner", concurrent=0), "concurrent is a whole number.*delays calls"),
        (lambda: make("partner", concurrent=-3), "concurrent is a whole number.*not -3"),
        (lambda: make("partner", concurrent=False), "concurrent is a whole number.*not False"),
        (lambda: make("partner", concurrent=10**9), "concurrent is a whole number"),
        (lambda: make("partner", rate=5), "rate=5 needs per=.*not None"),
        (lambda: make("partner", rate=5, per=1.0), "needs per=.*not 1.0"),
        (lambda: make("partner", rate=5, per=timedelta(0)), "needs per="),
        (lambda: make("partner", rate=5, per=-SECOND), "needs per="),
        (lambda: make("partner", rate=5, per=timedelta(days=400)), "needs per="),
        (lambda: make("partner", concurrent=5, per=SECOND), "per= says nothing without rate="),
        (lambda: make("partner", concurrent=5, key="hotel"), "key is a function"),
        (lambda: make("", concurrent=5), "1 to 100 printable characters"),
        (lambda: make("a\nb", concurrent=5), "printable characters"),
        (lambda: make("a\x00b", concurrent=5), "printable characters"),
        (lambda: make("a\ud800b", concurrent=5), "printable characters"),
        (lambda: make("a" * 101, concurrent=5), "1 to 100 printable characters"),
        (lambda: make(7, concurrent=5), "printable characters.*not 7"),
        (lambda: booking(limits=PARTNER), r"limits= takes a list, such as \[Limit"),
        (lambda: booking(limits="partner"), "limits= takes a list"),
        (lambda: booking(limits=["partner"]), "limits= takes a list"),
        (lambda: booking(limits=[PARTNER, PARTNER]), "has limit 'partner' twice"),
        (
            lambda: booking(limits=[make("a", concurrent=1, key=of_room)]),
            "key= of limit 'a' takes 'room', which is not an input; it can take hotel, nights",
        ),
    ],
)
def test_a_limit_that_cannot_be_right_is_refused(
    mistake: Callable[[], object], message: str
) -> None:
    with pytest.raises(DefinitionError, match=f"(?s){message}"):
        mistake()


def test_the_key_of_a_limit_is_not_async() -> None:
    async def key(hotel: str) -> str:
        return hotel

    with pytest.raises(DefinitionError, match="key= of limit 'a' must not be async"):
        booking(limits=[make("a", concurrent=1, key=key)])


@pytest.mark.parametrize(
    "other",
    [
        make("partner", rate=6, per=SECOND, concurrent=3),
        make("partner", rate=5, per=2 * SECOND, concurrent=3),
        make("partner", rate=5, per=SECOND, concurrent=4),
        make("partner", rate=5, per=SECOND),
        make("partner", rate=5, per=SECOND, concurrent=3, key=of_hotel),
    ],
)
def test_two_limits_of_one_name_are_refused(other: Limit) -> None:
    catalog = hotels()
    booking(catalog, limits=[PARTNER])
    booking(catalog, name="rebook", limits=[other])
    message = "limit 'partner' of hotels.rebook is not the one of hotels.book"
    with pytest.raises(DefinitionError, match=message):
        catalog.check()


def test_two_limits_of_one_name_in_two_catalogs_are_refused() -> None:
    first, second = hotels(), hotels("cars")
    booking(first, limits=[PARTNER])
    booking(second, limits=[make("partner", concurrent=9)])
    with pytest.raises(DefinitionError, match=r"limit 'partner' of cars\.book"):
        check_catalogs([first, second])


def test_a_limit_of_a_compensation_is_held_against_the_others() -> None:
    catalog = hotels()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, limits=[PARTNER])
    async def book(hotel: str) -> str:
        return hotel

    @book.compensation(limits=[make("partner", concurrent=1)])
    async def cancel(hotel: str) -> None: ...

    with pytest.raises(DefinitionError, match=r"limit 'partner' of hotels\.book is not"):
        catalog.check()


def test_one_limit_may_be_defined_twice_alike() -> None:
    catalog = hotels()
    booking(catalog, limits=[PARTNER])
    booking(catalog, name="rebook", limits=[make("partner", rate=5, per=SECOND, concurrent=3)])
    catalog.check()


# --- what it demands --------------------------------------------------------------------------


def test_a_limit_without_a_key_has_one_bucket() -> None:
    [limited] = booking(limits=[PARTNER]).limits
    assert limited.demand({"hotel": "Ritz", "nights": 1}) == Demand("partner", 5, 1_000_000, 3)


def test_a_key_is_computed_from_inputs_by_name() -> None:
    one = Limit("one", concurrent=1, key=of_both)
    [limited] = booking(limits=[one]).limits
    assert limited.demand({"hotel": "Ritz", "nights": 2}).bucket == "one\nRitz 2"


@pytest.mark.parametrize("key", ["a\x00b", "\ud800", "x" * 101])
def test_a_key_that_no_database_can_hold_is_replaced_by_its_digest(key: str) -> None:
    bucket = Limited(Limit("one", concurrent=1), lambda _: key).demand({}).bucket
    assert bucket.startswith("one\nsha256:")
    assert bucket != Limited(Limit("one", concurrent=1), lambda _: f"{key}!").demand({}).bucket


def test_a_key_that_is_no_string_says_so() -> None:
    with pytest.raises(DefinitionError, match="key= of limit 'one' returned 7"):
        Limited(Limit("one", concurrent=1), lambda _: 7).demand({})


def test_a_key_that_fails_says_why() -> None:
    def key(_: object) -> str:
        raise KeyError("hotel")

    with pytest.raises(DefinitionError, match="key= of limit 'one' failed: KeyError: 'hotel'"):
        Limited(Limit("one", concurrent=1), key).demand({})


# --- whom it holds for ------------------------------------------------------------------------


def test_a_compensation_and_the_probes_share_the_limits_of_the_action() -> None:
    book = undoable(limits=[PARTNER])

    @book.probe()
    async def find(hotel: str) -> str | None: ...

    @book.compensation()
    async def cancel(hotel: str) -> None: ...

    @cancel.probe()
    async def is_cancelled(hotel: str) -> bool:
        return True

    assert [limits_of(item) for item in (book, book.asks, book.undo, book.undo.asks)] == [
        [PARTNER]
    ] * 4


def test_a_compensation_and_the_probes_may_have_limits_of_their_own() -> None:
    book, own = (
        undoable(limits=[PARTNER]),
        make("own", concurrent=1, key=of_nights),
    )

    @book.probe(limits=[])
    async def find(hotel: str) -> str | None: ...

    @book.compensation(limits=[own])
    async def cancel(hotel: str) -> None: ...

    @cancel.probe(limits=[PARTNER])
    async def is_cancelled(hotel: str) -> bool:
        return True

    assert limits_of(book.asks) == []
    assert limits_of(book.undo) == [own]
    assert limits_of(book.undo.asks) == [PARTNER]
    assert book.undo.limits[0].demand({"hotel": "Ritz", "nights": 2}).bucket == "own\n2"
