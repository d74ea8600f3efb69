"""Residue: what remains, and whether anything does."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from compensations import Residue
from compensations.residue import settle


@pytest.mark.parametrize(
    ("residue", "text"),
    [
        (Residue("a fee"), "a fee"),
        (Residue("a fee", amount=5), "a fee (5)"),
        (Residue("a fee", amount="5.00", currency="EUR"), "a fee (5.00 EUR)"),
        (Residue("", amount=5, currency="EUR"), "5 EUR"),
        (Residue.nothing(), "nothing"),
    ],
)
def test_a_residue_reads_as_one_line(residue: Residue, text: str) -> None:
    assert str(residue) == text


@pytest.mark.parametrize("residue", [Residue("a fee"), Residue("", amount=1)])
def test_a_text_or_an_amount_remains(residue: Residue) -> None:
    assert residue.remains


@pytest.mark.parametrize("residue", [Residue.nothing(), Residue("", amount=0, currency="EUR")])
def test_neither_text_nor_amount_is_nothing(residue: Residue) -> None:
    assert not residue.remains


def test_what_the_compensation_returned_counts_more_than_what_was_declared() -> None:
    assert settle(Residue("this"), "that") == Residue("this")


def test_what_was_declared_counts_if_nothing_was_returned() -> None:
    assert settle(None, "a fee may remain") == Residue("a fee may remain")


def test_nothing_returned_outranks_what_was_declared() -> None:
    assert settle(Residue.nothing(), "a fee may remain") is None


@pytest.mark.parametrize("declared", [None, ""])
def test_nothing_declared_and_nothing_returned_is_nothing(declared: str | None) -> None:
    assert settle(None, declared) is None


def test_a_residue_survives_the_journal() -> None:
    residue = Residue("a fee", amount="12.30", currency="EUR")

    assert Residue.model_validate_json(residue.model_dump_json()) == residue


@pytest.mark.parametrize(("text", "kept"), [("a\ud800b", "a\\ud800b"), ("a\x00b", "a\\0b")])
def test_words_that_a_database_cannot_hold_are_spelled_out(text: str, kept: str) -> None:
    assert Residue(text).text == kept


def test_an_amount_is_exact() -> None:
    assert Residue("a fee", amount="0.10").amount == Decimal("0.10")


@pytest.mark.parametrize("fields", [{"text": 5}, {"text": None}, {"text": "x", "amount": "NaN"}])
def test_what_makes_no_sense_is_refused_where_it_is_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Residue(**fields)


def test_a_residue_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Residue("a fee").text = "no fee"  # type: ignore[misc]
