"""How people decide is counted as it was: times by nearest rank, bursts without counting twice."""

from datetime import timedelta
from typing import Any

import pytest

from approvals.figures import (
    ActionFigures,
    AskedGate,
    CastVote,
    PersonFigures,
    figures_by_action,
    figures_by_person,
)
from approvals.gate import GateState
from approvals.quorum import VoteKind
from tests.unit.approvals.builders import NOW


def asked(
    state: GateState = GateState.APPROVED, *, minutes: float = 1, **different: Any
) -> AskedGate:
    is_decided = state is not GateState.PENDING
    given: dict[str, Any] = {
        "action": "travel.mail",
        "state": state,
        "opened_at": NOW,
        "decided_at": NOW + timedelta(minutes=minutes) if is_decided else None,
    }
    return AskedGate(**given | different)


def cast(seconds: float = 60, *, kind: VoteKind = VoteKind.APPROVE, **different: Any) -> CastVote:
    given: dict[str, Any] = {
        "principal": "ana",
        "kind": kind,
        "opened_at": NOW,
        "cast_at": NOW + timedelta(seconds=seconds),
        "has_reason": False,
    }
    return CastVote(**given | different)


def of_action(*gates: AskedGate) -> ActionFigures:
    [figures] = figures_by_action(gates)
    return figures


def of_person(*votes: CastVote) -> PersonFigures:
    [figures] = figures_by_person(votes)
    return figures


def test_nothing_is_counted_of_nothing() -> None:
    assert (figures_by_action([]), figures_by_person([])) == ([], [])


@pytest.mark.parametrize("state", GateState)
def test_every_gate_is_counted_in_one_way(state: GateState) -> None:
    found = of_action(asked(state))
    ways = (found.waiting, found.approved, found.rejected, found.expired, found.withdrawn)
    assert (found.opened, sorted(ways)) == (1, [0, 0, 0, 0, 1])


def test_what_lapsed_had_been_approved() -> None:
    found = of_action(asked(GateState.LAPSED))
    assert (found.approved, found.lapsed) == (1, 1)


def test_the_approve_rate_is_of_what_people_decided() -> None:
    found = of_action(asked(), asked(GateState.REJECTED), asked(GateState.EXPIRED), asked())
    assert found.approve_rate == pytest.approx(2 / 3)


def test_where_nobody_decided_there_is_no_rate_and_no_time() -> None:
    found = of_action(asked(GateState.EXPIRED), asked(GateState.PENDING))
    assert (found.approve_rate, found.median, found.p90) == (None, None, None)


def test_times_are_those_of_decisions_and_no_others() -> None:
    found = of_action(asked(minutes=2), asked(GateState.EXPIRED, minutes=99))
    assert (found.median, found.p90) == (timedelta(minutes=2), timedelta(minutes=2))


def test_percentiles_are_values_that_were_measured() -> None:
    found = of_action(*(asked(minutes=minutes) for minutes in (10, 1, 9, 2, 8, 3, 7, 4, 6, 5)))
    assert (found.median, found.p90) == (timedelta(minutes=5), timedelta(minutes=9))


def test_actions_with_the_most_gates_come_first() -> None:
    found = figures_by_action(
        [asked(action="b"), asked(action="c"), asked(action="c"), asked(action="a")]
    )
    assert [figures.action for figures in found] == ["c", "a", "b"]


def test_votes_are_counted_by_person() -> None:
    found = of_person(cast(30, has_reason=True), cast(400, kind=VoteKind.REJECT))
    assert (found.votes, found.approved, found.rejected, found.approve_rate) == (2, 1, 1, 0.5)
    assert (found.median, found.p90) == (timedelta(seconds=30), timedelta(seconds=400))
    assert found.with_reason == 1


def test_five_votes_within_a_minute_are_a_burst() -> None:
    found = of_person(*(cast(second) for second in (0, 10, 20, 30, 59)))
    assert (found.bursts, found.most_in_a_minute) == (1, 5)


def test_a_minute_ends_before_its_sixtieth_second() -> None:
    found = of_person(*(cast(second) for second in (0, 10, 20, 30, 60)))
    assert (found.bursts, found.most_in_a_minute) == (0, 4)


def test_no_vote_is_counted_in_two_bursts() -> None:
    assert of_person(*(cast(second) for second in range(9))).bursts == 1
    assert of_person(*(cast(second) for second in range(10))).bursts == 2


def test_two_people_at_once_are_no_burst() -> None:
    votes = [cast(second, principal=name) for second in range(3) for name in ("ana", "ben")]
    assert [(one.person, one.bursts) for one in figures_by_person(votes)] == [
        ("ana", 0),
        ("ben", 0),
    ]
