"""What may be declared as a residue, and what is refused when the module is imported."""

from collections.abc import Callable
from typing import Any

import pytest

from sagas import Catalog, Residue, Reversibility
from sagas.authoring.digest import digest_of
from sagas.authoring.handlers import Compensation
from sagas.errors import DefinitionError


def compensation(residue: Any) -> Compensation:
    catalog = Catalog("c")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE)
    async def book(nights: int) -> str:
        return "booked"

    @book.compensation(residue=residue)
    async def cancel(result: str) -> None: ...

    assert book.undo is not None
    return book.undo


def digest(residue: Any) -> str:
    catalog = Catalog("c")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE)
    async def book(nights: int) -> str:
        return "booked"

    @book.compensation(residue=residue)
    async def cancel(result: str) -> None: ...

    return digest_of(book).text


async def an_async_one(nights: int) -> Residue:
    return Residue.nothing()


def without_a_return(nights: int): ...  # type: ignore[no-untyped-def]  # noqa: ANN201


def of_text(nights: int) -> str:
    return ""


def of_what_nobody_records(weather: int) -> Residue:
    return Residue.nothing()


def of_another_type(nights: str) -> Residue:
    return Residue.nothing()


def by_night(nights: int) -> Residue:
    return Residue(amount=nights, currency="EUR")


def by_two_nights(nights: int) -> Residue:
    return Residue(amount=nights * 2, currency="EUR")


@pytest.mark.parametrize(
    ("residue", "said"),
    [
        (5, "give words, a Residue, or a function"),
        (an_async_one, "must not be async"),
        (without_a_return, "has no return annotation"),
        (of_text, "returns str"),
        (of_what_nobody_records, "nothing to bind `weather` to"),
        (of_another_type, "`nights` is a str here"),
    ],
)
def test_what_tells_no_residue_is_refused(residue: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        compensation(residue)


def test_words_are_a_residue_in_words() -> None:
    assert compensation("a fee").residue == Residue("a fee")


@pytest.mark.parametrize("residue", [None, ""])
def test_no_words_declare_nothing(residue: str | None) -> None:
    assert compensation(residue).residue is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a fee", "another fee"),
        ("a fee", Residue("a fee", rows=1)),
        (by_night, by_two_nights),
        (None, by_night),
    ],
)
def test_the_handler_digest_changes_with_what_is_declared(
    one: Any, other: Callable[..., Any]
) -> None:
    assert digest(one) != digest(other)


def test_words_and_a_residue_in_words_are_the_same_to_the_handler_digest() -> None:
    assert digest("a fee") == digest(Residue("a fee"))


# --- who accepts it -------------------------------------------------------------------------------


def signed_off(sign_off: Any, residue: Any = "a fee") -> Compensation:
    catalog = Catalog("c")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE)
    async def book(nights: int) -> str:
        return "booked"

    @book.compensation(residue=residue, sign_off=sign_off)
    async def cancel(result: str) -> None: ...

    assert book.undo is not None
    return book.undo


async def later(residue: Residue) -> bool:
    return True


@pytest.mark.parametrize("sign_off", ["yes", 1, later])
def test_what_does_not_say_whether_a_person_has_to_accept_it_is_refused(sign_off: Any) -> None:
    with pytest.raises(DefinitionError, match="give True, or a plain function"):
        signed_off(sign_off)


def test_accepting_what_can_never_be_left_is_refused() -> None:
    with pytest.raises(DefinitionError, match="it leaves nothing"):
        signed_off(True, residue=None)


def of_many_rows(residue: Residue) -> bool:
    return (residue.rows or 0) > 2


@pytest.mark.parametrize("rows", [1, 3])
def test_a_function_says_which_residue_a_person_has_to_accept(rows: int) -> None:
    asks = signed_off(of_many_rows).asks_sign_off(Residue(rows=rows))
    assert asks is (rows > 2)
