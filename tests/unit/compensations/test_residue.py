"""Residue: what remains, and whether anything does."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from compensations import Residue
from compensations.residue import settle
from reversibility import Audience


@pytest.mark.parametrize(
    ("residue", "text"),
    [
        (Residue("a fee"), "a fee"),
        (Residue("a fee", amount="5.00", currency="EUR"), "a fee (5.00 EUR)"),
        (Residue("", amount=5, currency="EUR"), "5 EUR"),
        (Residue.nothing(), "nothing"),
        (Residue(rows=1), "1 row"),
        (Residue(rows=3, time=timedelta(hours=25, seconds=1.5)), "3 rows, 1 d 1 h 1.5 s"),
        (Residue("a mail", audience=Audience.EXTERNAL), "a mail (audience: external)"),
        (Residue(time=timedelta(0)), "0 s"),
    ],
)
def test_a_residue_reads_as_one_line(residue: Residue, text: str) -> None:
    assert str(residue) == text


@pytest.mark.parametrize(
    "residue",
    [
        Residue(rows=1),
        Residue(time=timedelta(microseconds=1)),
        Residue(audience=Audience.INTERNAL),
        Residue("a fee", amount=0, currency="EUR"),
    ],
)
def test_any_measure_above_zero_remains(residue: Residue) -> None:
    assert residue.remains


@pytest.mark.parametrize(
    "residue",
    [Residue(rows=0), Residue(time=timedelta(0)), Residue(audience=Audience.NOBODY)],
)
def test_a_measure_of_zero_is_nothing(residue: Residue) -> None:
    assert not residue.remains


@pytest.mark.parametrize("residue", [Residue("a fee"), Residue(amount=1, currency="EUR")])
def test_a_text_or_an_amount_remains(residue: Residue) -> None:
    assert residue.remains


@pytest.mark.parametrize("residue", [Residue.nothing(), Residue("", amount=0, currency="EUR")])
def test_neither_text_nor_amount_is_nothing(residue: Residue) -> None:
    assert not residue.remains


def test_what_the_compensation_returned_counts_more_than_what_was_declared() -> None:
    assert settle(Residue("this"), Residue("that")) == Residue("this")


def test_what_was_declared_counts_if_nothing_was_returned() -> None:
    assert settle(None, Residue("a fee may remain")) == Residue("a fee may remain")


def test_nothing_returned_outranks_what_was_declared() -> None:
    assert settle(Residue.nothing(), Residue("a fee may remain")) is None


@pytest.mark.parametrize("declared", [None, Residue.nothing()])
def test_nothing_declared_and_nothing_returned_is_nothing(declared: Residue | None) -> None:
    assert settle(None, declared) is None


def test_a_residue_survives_the_journal() -> None:
    residue = Residue("a fee", amount="12.30", currency="EUR")

    assert Residue.model_validate_json(residue.model_dump_json()) == residue


def test_every_measure_survives_the_journal() -> None:
    residue = Residue(
        "it was shown",
        amount="12.30",
        currency="EUR",
        audience=Audience.PUBLIC,
        rows=3,
        time=timedelta(days=2, microseconds=7),
    )
    assert Residue.recorded(json.loads(residue.model_dump_json(exclude_none=True))) == residue


def test_what_is_recorded_of_one_measure_is_that_measure() -> None:
    residue = Residue(time=timedelta(minutes=90))
    assert residue.model_dump_json(exclude_none=True) == '{"text":"","time":"PT1H30M"}'


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": "a fee", "amount": "5"}, "a fee (5)"),
        ({"text": "", "amount": "-5.00", "currency": "eur"}, "-5.00 eur"),
    ],
)
def test_what_earlier_releases_recorded_reads_as_it_was(
    fields: dict[str, object], told: str
) -> None:
    residue = Residue.recorded(fields)
    assert (str(residue), residue.remains) == (told, True)


@pytest.mark.parametrize("fields", [{"text": "x", "rows": -1}, {"text": "x", "size": 1}])
def test_what_no_release_recorded_is_no_residue(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Residue.recorded(fields)


@pytest.mark.parametrize(("text", "kept"), [("a\ud800b", "a\\ud800b"), ("a\x00b", "a\\0b")])
def test_words_that_a_database_cannot_hold_are_spelled_out(text: str, kept: str) -> None:
    assert Residue(text).text == kept


def test_an_amount_is_exact() -> None:
    assert Residue("a fee", amount="0.10", currency="EUR").amount == Decimal("0.10")


@pytest.mark.parametrize(
    "fields",
    [
        {"text": 5},
        {"text": None},
        {"amount": "NaN", "currency": "EUR"},
        {"amount": "Infinity", "currency": "EUR"},
        {"amount": -1, "currency": "EUR"},
        {"amount": 1},
        {"currency": "EUR"},
        {"amount": 1, "currency": "eur"},
        {"amount": 1, "currency": "EURO"},
        {"rows": -1},
        {"rows": True},
        {"rows": 2.5},
        {"rows": 2**63},
        {"time": 90},
        {"time": timedelta(seconds=-1)},
        {"time": timedelta(days=40_000)},
        {"audience": "the world"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_where_it_is_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Residue(**fields)


def test_a_residue_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Residue("a fee").text = "no fee"  # type: ignore[misc]
