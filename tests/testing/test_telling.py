"""Entries in one line, for people."""

import pytest

from sagas.entries import CompensationFailed, Entry, Failed, Postponed
from sagas.testing.exploring.telling import line


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            Failed(path="trip/fly#1", error="NotExecuted", message="it is\nfull"),
            "Failed trip/fly#1 via call NotExecuted: it is full",
        ),
        (
            CompensationFailed(path="trip/fly#1", error="Late", message="it is over"),
            "CompensationFailed trip/fly#1 Late: it is over",
        ),
        (
            Postponed(path="trip/fly#1", direction="do", error="Busy", message="", until=1),
            "Postponed trip/fly#1 do Busy",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Entry) else "",
)
def test_what_failed_says_with_which_error(entry: Entry, told: str) -> None:
    assert line(entry) == told
