"""Words, instants, keys and short ids."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagas.model import Direction, Outcome, Status, idempotency_key, instant, micros, short_id, span

LETTERS = set("0123456789abcdefghjkmnpqrstvwxyz")


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_survives_the_journal_to_the_microsecond(moment: datetime) -> None:
    stored = instant(micros(moment))

    assert stored == moment.astimezone(UTC)
    assert stored.utcoffset() == timedelta(0)


@given(st.timedeltas())
def test_a_duration_is_stored_to_the_microsecond(duration: timedelta) -> None:
    assert timedelta(microseconds=span(duration)) == duration


def test_a_key_is_64_ascii_characters() -> None:
    key = idempotency_key("j", "é", "trip/book#1", Direction.DO, 0)

    assert len(key) == 64
    assert key.isascii()


def test_the_key_of_a_call_never_changes() -> None:
    assert idempotency_key("j-1", "trip-42", "trip/book#1", Direction.DO, 0) == (
        "0be0dd208926e1748e9d30b3205f97bc1a1d1e34a0b1a6aa4fa99522d279f07f"
    )


def test_every_part_of_a_call_is_in_its_key() -> None:
    calls = list(product(("j", "jk"), ("k", "kk"), ("p", "q"), Direction, (0, 1)))

    assert len({idempotency_key(*call) for call in calls}) == len(calls)


def test_a_short_id_can_be_typed() -> None:
    prefix, dash, rest = short_id("g", "j-1", "trip-42").partition("-")

    assert (prefix, dash, len(rest)) == ("g", "-", 12)
    assert set(rest) <= LETTERS


def test_a_short_id_depends_on_every_part_and_where_it_ends() -> None:
    assert (
        len({short_id("g", *parts) for parts in (("a", "b"), ("ab",), ("a", "c"), ("b", "a"))}) == 4
    )


@pytest.mark.parametrize(
    ("status", "is_end"),
    [
        (Status.RUNNING, False),
        (Status.WAITING, False),
        (Status.UNWINDING, False),
        (Status.STUCK, False),
        (Status.COMPLETED, True),
        (Status.COMPENSATED, True),
        (Status.RESIDUAL, True),
    ],
)
def test_three_statuses_are_ends(status: Status, is_end: bool) -> None:
    assert status.is_end is is_end


@pytest.mark.parametrize("status", Status)
def test_only_a_completed_saga_is_completed(status: Status) -> None:
    assert Outcome[int]("trip-42", status).completed is (status is Status.COMPLETED)
