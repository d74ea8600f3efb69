"""What audited sagas come to: exact, typed by currency, and additive over periods."""

from decimal import Decimal

from sagas.audit import AuditRecord, AuditSums, Period
from tests.unit.sagas.audited import (
    compensated,
    done,
    intended,
    started,
    told,
    undoing,
    unwound,
    whole,
)
from tests.unit.sagas.script import SECOND, START


def leaving(amount: str, currency: str) -> AuditRecord:
    return told(
        *(started(), intended("a"), done("a"), unwound(), undoing("a")),
        compensated("a", text="fee", amount=amount, currency=currency),
    )


def summed(*records: AuditRecord, period: Period | None = None) -> AuditSums:
    sums = AuditSums(period or Period())
    for record in records:
        sums.add(record)
    return sums


def test_amounts_are_added_exactly() -> None:
    sums = summed(leaving("0.1", "EUR"), leaving("0.2", "EUR"))
    assert sums.total.money == {"EUR": Decimal("0.3")}


def test_amounts_beyond_28_digits_are_added_exactly() -> None:
    sums = summed(leaving("10000000000000000000000000000", "EUR"), leaving("0.01", "EUR"))
    assert str(sums.total.money["EUR"]) == "10000000000000000000000000000.01"


def test_currencies_are_never_added_to_each_other() -> None:
    sums = summed(leaving("1", "EUR"), leaving("1", "USD"))
    assert sums.total.money == {"EUR": Decimal(1), "USD": Decimal(1)}


def test_what_has_no_amount_is_counted() -> None:
    sums = summed(whole())
    assert (sums.total.remaining, sums.total.in_words, sums.total.waived) == (2, 1, 1)


def test_a_waived_undo_is_not_undone() -> None:
    sums = summed(whole())
    assert (sums.total.undone, sums.total.attempts) == (1, 1)


def test_sums_by_action_name_every_action_that_was_undone_or_remains() -> None:
    sums = summed(whole(), whole())
    assert {name: (one.sagas, one.undone) for name, one in sums.by_action.items()} == {
        "travel.car": (2, 0),
        "travel.room": (2, 2),
    }
    assert sums.by_saga["travel.trip"].sagas == 2


def test_what_remains_without_an_instant_counts_in_every_period_that_tells_of_it() -> None:
    record = told(started(), intended("a", reversibility="irreversible"), done("a"), unwound())
    assert summed(record, period=Period(0, 1)).total.remaining == 1


def test_two_periods_come_to_what_both_come_to_together() -> None:
    record = whole()
    middle = START + 14 * SECOND
    first, last = (summed(record, period=part) for part in (Period(0, middle), Period(middle)))
    total = summed(record).total
    for name in ("undone", "attempts", "remaining", "waived", "in_words"):
        found = (getattr(first.total, name), getattr(last.total, name))
        assert sum(found) == getattr(total, name), name
    assert first.total.money == {}
    assert last.total.money == total.money
