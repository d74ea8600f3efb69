"""Retry policies: what they accept, and waits that every process computes alike."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compensations import CompensationError, Retry

SECOND = timedelta(seconds=1)
WAITS = st.timedeltas(timedelta(0), timedelta(days=36_525))


def test_three_attempts_are_made_unless_said_otherwise() -> None:
    assert Retry().attempts == 3


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"attempts": 0}, "Retry(attempts=0): give a whole number, 1 or more"),
        ({"attempts": -1}, "a call is made at least once"),
        ({"attempts": 2.5}, "Retry(attempts=2.5)"),
        ({"attempts": True}, "Retry(attempts=True)"),
        ({"attempts": "3"}, "Retry(attempts='3')"),
        ({"first": -SECOND}, "Retry(first="),
        ({"first": 0.2}, "Retry(first=0.2): give a timedelta"),
        ({"longest": 60}, "Retry(longest=60): give a timedelta"),
        ({"longest": timedelta(days=36_526)}, "at most a century"),
        ({"longest": timedelta(0)}, "is above `longest`"),
        ({"first": timedelta(minutes=2)}, "lower one or raise the other"),
        ({"factor": 0.5}, "Retry(factor=0.5): give 1 or more"),
        ({"factor": float("nan")}, "Retry(factor=nan)"),
        ({"factor": float("inf")}, "Retry(factor=inf)"),
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_right_is_refused(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(CompensationError) as caught:
        Retry(**given_)

    assert words in str(caught.value)


@given(
    WAITS,
    WAITS,
    st.floats(1, 1e300),
    st.integers(1, 10_000),
    st.text(),
)
def test_a_wait_is_within_a_quarter_of_the_exponential_one(
    one: timedelta, other: timedelta, factor: float, failures: int, salt: str
) -> None:
    first, longest = min(one, other), max(one, other)
    retry = Retry(first=first, longest=longest, factor=factor)
    try:
        ideal = min(first * factor ** (failures - 1), longest)
    except OverflowError:
        ideal = longest if first else timedelta(0)

    assert ideal * 0.75 - SECOND / 1000 <= retry.delay(failures, salt=salt)
    assert retry.delay(failures, salt=salt) <= min(ideal + SECOND / 1000, longest)


@given(st.integers(1, 50), st.text())
def test_the_same_call_waits_the_same_time_again(failures: int, salt: str) -> None:
    assert Retry().delay(failures, salt=salt) == Retry().delay(failures, salt=salt)


def test_another_process_computes_the_same_wait() -> None:
    program = "from compensations import Retry; print(Retry().delay(3, salt='key').microseconds)"
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert int(other.stdout) == Retry().delay(3, salt="key").microseconds


def test_calls_that_failed_together_do_not_return_together() -> None:
    waits = {Retry().delay(1, salt=f"key-{number}") for number in range(100)}

    assert len(waits) > 50


def test_waits_grow() -> None:
    retry = Retry(first=SECOND, factor=4, longest=timedelta(hours=1))
    waits = [retry.delay(failures, salt="key") for failures in range(1, 6)]

    assert waits == sorted(waits)


def test_no_wait_is_a_policy_too() -> None:
    assert Retry(first=timedelta(0), longest=timedelta(0)).delay(7, salt="key") == timedelta(0)


def test_defining_a_policy_does_not_load_tenacity() -> None:
    program = (
        "import sys; from compensations import Retry; Retry(); print('tenacity' in sys.modules)"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert other.stdout.strip() == "False"
