"""Durations, instants and untrusted text are worded so that nobody is misled."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.wording import cut, duration, fold, instant, visible


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(milliseconds=1500), "1.5 s"),
        (timedelta(microseconds=1), "0.000001 s"),
        (timedelta(minutes=30), "30 min"),
        (timedelta(hours=4), "4 h"),
        (timedelta(days=1, hours=2), "1 d 2 h"),
        (timedelta(days=400, minutes=1, seconds=10), "400 d 1 min 10 s"),
    ],
)
def test_a_duration_is_worded_exactly(length: timedelta, words: str) -> None:
    assert duration(length) == words


NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_an_instant_of_today_has_no_date() -> None:
    assert instant(NOON, now=NOON) == "12:00 UTC"


def test_an_instant_of_another_day_has_a_date() -> None:
    assert instant(NOON, now=NOON + timedelta(days=1)) == "2026-03-04 12:00 UTC"


def test_an_instant_of_another_zone_is_told_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert instant(NOON.astimezone(tokyo), now=NOON.astimezone(tokyo)) == "12:00 UTC"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Ömer 日本", "plain, Ömer 日本"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("C:\\new", r"C:\\new"),
        ("\x1b[2K", r"\u001b[2K"),
        ("\u202egnp", r"\u202egnp"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("pay\u200bpal", r"pay\u200bpal"),
        ("a\u00a0b", r"a\u00a0b"),
        ("a\u2028b", r"a\u2028b"),
        ("\ufe0f", r"\ufe0f"),
        ("\u3164", r"\u3164"),
        ("\U000e0041", r"\U000e0041"),
        ("\U000e0100", r"\U000e0100"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_text_is_printable(text: str) -> None:
    assert visible(text).isprintable()


@given(st.text("a\\nu0\n\u200b", max_size=6), st.text("a\\nu0\n\u200b", max_size=6))
def test_two_different_texts_never_look_the_same(one: str, other: str) -> None:
    assert (one == other) == (visible(one) == visible(other))


def test_text_within_the_limit_is_whole() -> None:
    assert cut("abc", 3) == "abc"


def test_text_beyond_the_limit_is_cut_with_a_mark_and_its_length() -> None:
    assert cut("abcd", 3) == "abc … [cut: 3 of 4 characters shown]"


def test_a_long_line_is_folded_with_a_mark() -> None:
    assert fold("abcdefgh", width=4, mark="| ") == "abcd\n| ef\n| gh"


def test_a_line_is_folded_after_a_blank_where_one_is_near() -> None:
    line = "nobody for whom it acts, with a reason"
    assert fold(line, width=22, mark="| ") == "nobody for whom it \n| acts, with a reason"


def test_a_long_word_is_broken_and_not_put_off() -> None:
    assert fold("a bcdefghijkl", width=8, mark="| ") == "a bcdefg\n| hijkl"


@given(st.text(" ab日", max_size=60), st.integers(8, 20))
def test_folding_leaves_out_nothing_and_fits(line: str, width: int) -> None:
    rows = fold(line, width=width, mark="| ").split("\n")
    assert all(row.startswith("| ") for row in rows[1:])
    assert "".join([rows[0], *(row[2:] for row in rows[1:])]) == line
    assert all(len(row) + row.count("日") <= width for row in rows)


def test_a_line_that_fits_is_not_folded() -> None:
    assert fold("abcd", width=4, mark="| ") == "abcd"


def test_a_wide_letter_takes_two_columns() -> None:
    assert fold("日本語", width=4, mark="| ") == "日本\n| 語"
