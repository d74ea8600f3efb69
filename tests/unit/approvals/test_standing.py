"""What people are told about a gate is true of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.gate import GateState
from approvals.standing import standing
from tests.unit.approvals.builders import NOW, in_state

S = GateState


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (S.PENDING, "waiting for a decision until 13:02 UTC"),
        (S.APPROVED, "already approved by ana at 10:02 UTC: no"),
        (S.REJECTED, "already rejected by ana at 10:02 UTC: no"),
        (S.EXPIRED, "nobody decided before 13:02 UTC, so that the action does not run"),
        (S.CANCELLED, "no longer needed: it was cancelled by ana at 10:02 UTC: no"),
        (S.SUPERSEDED, "replaced by ana at 10:02 UTC by a newer gate: no"),
        (
            S.CONSUMED,
            "already approved by ana at 10:02 UTC, and the action has been started: no",
        ),
        (S.LAPSED, "already approved by ana at 10:02 UTC, but not used in time: no"),
        (
            S.REVOKED,
            "approved, and taken back by ana at 10:02 UTC before it was used: no",
        ),
        (
            S.INVALIDATED,
            (
                "already approved by ana at 10:02 UTC, but what was approved is no longer what "
                "would run: no"
            ),
        ),
    ],
)
def test_each_state_is_told_in_a_sentence(state: GateState, sentence: str) -> None:
    assert standing(in_state(state, reason="no"), now=NOW) == sentence


def test_a_decision_of_another_day_is_told_with_its_date() -> None:
    told = standing(in_state(S.REJECTED), now=NOW + timedelta(days=1))
    assert told == "already rejected by ana at 2026-03-04 10:02 UTC"


def test_what_is_not_recorded_is_not_told() -> None:
    gate = replace(in_state(S.CANCELLED), decided_at=None, decided_by=None)
    assert standing(gate, now=NOW) == "no longer needed: it was cancelled"


def test_a_reason_cannot_forge_a_line() -> None:
    gate = in_state(S.REJECTED, reason="no\nalready approved by ceo {state}")
    assert standing(gate, now=NOW).endswith(r": no\nalready approved by ceo {state}")
