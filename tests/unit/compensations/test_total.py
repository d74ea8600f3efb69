"""What several residues come to: each measure by itself, exactly, and nothing lost."""

from datetime import timedelta
from decimal import Decimal

import pytest

from compensations import Estimate, Expected, Residue, Total
from reversibility import Audience

FEE = Residue("a fee", amount="0.10", currency="EUR")


def test_amounts_are_added_exactly_and_by_currency() -> None:
    total = Total.of(
        [FEE, Residue(amount="0.20", currency="EUR"), Residue(amount=1, currency="USD")]
    )
    assert total.money == {"EUR": Decimal("0.30"), "USD": Decimal(1)}


def test_an_amount_that_was_recorded_without_a_currency_is_added_to_no_currency() -> None:
    total = Total.of([FEE, Residue.recorded({"text": "", "amount": "5"})])
    assert total.money == {"EUR": Decimal("0.10"), "": Decimal(5)}


def test_rows_and_times_are_added() -> None:
    one = Residue(rows=2, time=timedelta(minutes=30))
    total = Total.of([one, one])
    assert (total.rows, total.time) == (4, timedelta(hours=1))


@pytest.mark.parametrize("turned", [False, True])
def test_of_audiences_the_widest_counts(turned: bool) -> None:
    seen = [Residue(audience=each) for each in (Audience.INTERNAL, Audience.PUBLIC)]
    assert Total.of(seen[::-1] if turned else seen).audience is Audience.PUBLIC


def test_what_is_known_in_words_alone_is_counted() -> None:
    assert Total.of([Residue("a scar"), FEE, Residue(rows=1)]).in_words == 1


def test_the_statement_that_nothing_remains_adds_nothing() -> None:
    assert Total.of([Residue.nothing(), Residue(amount=0, currency="EUR")]) == Total()


def test_a_total_reads_as_one_line() -> None:
    total = Total.of([FEE, Residue(rows=1, time=timedelta(hours=2), audience=Audience.PUBLIC)])
    assert str(total) == "0.10 EUR, 1 row, 2 h, audience: public"


def test_the_total_of_nothing_has_no_words() -> None:
    assert str(Total()) == ""


# --- estimates ------------------------------------------------------------------------------------

UNKNOWN = Estimate(unknown="nobody counted")


def test_an_estimate_that_could_not_be_made_is_counted_and_not_taken_for_nothing() -> None:
    expected = Expected.of([Estimate(FEE), UNKNOWN, Estimate()])
    assert (expected.total.money, expected.unknown) == ({"EUR": Decimal("0.10")}, 1)


@pytest.mark.parametrize(
    ("estimates", "told"),
    [
        ([], ""),
        ([Estimate()], ""),
        ([Estimate(FEE), Estimate(FEE)], "0.20 EUR"),
        ([UNKNOWN], "1 not known"),
        ([Estimate(Residue("a scar"))], "1 without an amount"),
        (
            [Estimate(FEE), Estimate(Residue("a scar")), UNKNOWN],
            "0.10 EUR, 1 without an amount, 1 not known",
        ),
    ],
)
def test_what_is_expected_reads_as_one_line(estimates: list[Estimate], told: str) -> None:
    assert str(Expected.of(estimates)) == told


@pytest.mark.parametrize(
    ("estimates", "is_told"),
    [([Estimate(Residue("a scar"))], False), ([Estimate(FEE)], True), ([UNKNOWN], True)],
)
def test_a_sum_of_words_alone_is_not_worth_telling(
    estimates: list[Estimate], is_told: bool
) -> None:
    assert Expected.of(estimates).is_worth_telling is is_told


def test_what_nobody_knows_is_recorded_as_that() -> None:
    assert UNKNOWN.to_record == Residue("not known: nobody counted")


@pytest.mark.parametrize("estimate", [Estimate(), Estimate(Residue.nothing())])
def test_an_estimate_of_nothing_says_that_nothing_is_expected(estimate: Estimate) -> None:
    assert not estimate


@pytest.mark.parametrize("estimate", [Estimate(FEE), UNKNOWN])
def test_an_estimate_of_something_or_an_unknown_one_says_that_something_may_remain(
    estimate: Estimate,
) -> None:
    assert estimate
