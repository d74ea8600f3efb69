"""Which sagas an audit tells: by their period, and by what was asked for."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from reversibility import Reversibility
from sagas.audit import MARKS, Criteria, Period, first_mark, given, given_period
from sagas.entries import KINDS
from sagas.errors import Refused, TimerError
from sagas.model import Status, micros
from tests.unit.sagas.audited import done, intended, started, told, unwound, whole

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, True),
        ({"saga": "travel.trip"}, True),
        ({"saga": "travel.tri"}, False),
        ({"action": "travel.room"}, True),
        ({"action": "travel.boat"}, False),
        ({"reversibility": Reversibility.COMPENSATABLE}, True),
        ({"reversibility": Reversibility.IRREVERSIBLE}, False),
        ({"action": "travel.room", "reversibility": Reversibility.IRREVERSIBLE}, False),
        ({"approver": "eve"}, True),
        ({"approver": "ana"}, False),
        ({"end": Status.RESIDUAL}, True),
        ({"end": Status.STUCK}, False),
        ({"end": Status.RESIDUAL, "approver": "ana"}, False),
    ],
)
def test_a_saga_fits_if_it_is_all_that_was_asked_for(asked: dict[str, Any], fits: bool) -> None:
    assert Criteria(**asked).fit(whole()) is fits


def test_a_saga_fits_by_a_step_that_remains_and_was_never_undone() -> None:
    mail = intended("mail", reversibility="irreversible")
    record = told(started(), mail, done("mail"), unwound())
    assert record.undone == ()
    assert Criteria(action="travel.mail").fit(record)
    assert Criteria(reversibility=Reversibility.IRREVERSIBLE).fit(record)


def test_a_period_holds_its_first_instant_and_not_its_last() -> None:
    period = given_period(NOON, NOON + timedelta(hours=1))
    at = micros(NOON)
    held = [period.holds(at + shift) for shift in (-1, 0, 3_599_999_999, 3_600_000_000)]
    assert held == [False, True, True, False]


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    assert given_period(there, None) == given_period(NOON, None)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (NOON, NOON, "nothing lies between"),
        (NOON, NOON - timedelta(microseconds=1), "until that is later"),
        (NOON.replace(tzinfo=None), None, "since"),
        (None, NOON.replace(tzinfo=None), "until"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(
    since: datetime | None, until: datetime | None, words: str
) -> None:
    with pytest.raises(TimerError, match=words):
        given_period(since, until)


def test_a_word_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match="read-only, reversible"):
        given("class", Reversibility, "soft")


def test_marks_are_kinds_of_entries() -> None:
    assert set(MARKS) <= set(KINDS)


def test_the_first_mark_is_the_earliest_in_the_period_by_instant() -> None:
    rows = [
        ("UnwindBegan", 5, 3),
        ("Compensated", 4, 4),
        ("Succeeded", 3, 5),
        ("Compensated", 1, 6),
    ]
    assert first_mark(rows, Period(2)) == 4
    assert first_mark(rows, Period(6)) is None
