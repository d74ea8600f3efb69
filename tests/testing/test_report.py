"""What a report shows."""

import pytest

from sagas.testing import Report, Violation


def broken(rule: str, *, schedules: int = 1, only: str = "kill:1:1") -> Violation:
    return Violation(
        rule,
        f"{rule} is broken",
        "kill somewhere",
        history=("  1 Started", f"  2 Ended by {only}"),
        ledger=(("hold", "do", "key-1"),),
        schedules=schedules,
        rerun=f"explore(..., seed=0, only={only!r})",
    )


def test_what_one_journal_shows_is_told_with_the_journal_once() -> None:
    report = Report("shop.order", violations=[broken("one"), broken("two"), broken("three")])
    assert str(report).splitlines()[2:6] == [
        "one: one is broken",
        "two: two is broken",
        "three: three is broken",
        "  when: kill somewhere",
    ]
    assert str(report).count("Started") == 1


def test_what_another_journal_shows_is_told_with_that() -> None:
    report = Report("shop.order", violations=[broken("one"), broken("two", only="kill:2:1")])
    assert str(report).count("Started") == 2


def test_a_violation_says_in_how_many_schedules_it_was_seen() -> None:
    assert "(and in 1 other schedule)" in str(broken("one", schedules=2))
    assert "(and in 1,999 other schedules)" in str(broken("one", schedules=2_000))


def test_a_report_without_a_violation_is_one_line() -> None:
    report = Report("shop.order", schedules=1, faults_planned=1, faults_landed=1)
    assert (
        str(report)
        == "shop.order: 1 schedule, 1 fault planned, 1 landed, 0 violations, 0.0 s, seed 0"
    )


def test_the_check_fails_with_all_that_the_report_says() -> None:
    report = Report("shop.order", violations=[broken("one"), broken("two", only="kill:2:1")])
    with pytest.raises(AssertionError) as raised:
        report.check()
    assert str(raised.value) == str(report)
