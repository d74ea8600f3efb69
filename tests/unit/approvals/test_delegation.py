"""Delegations: for how long, to whom, and what a vote with somebody else's right counts for."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals import ApprovalDefinitionError, Gate, GateState, Principal, Vote, VoteKind, approval
from approvals.delegation import Delegation, circle_with, delegation
from approvals.parties import Parties
from approvals.quorum import Refusal, Ruling, cast, quorum_holds
from tests.unit.approvals.builders import NOW, member, of_desk, pending, vote

DESK = frozenset({"travel-desk"})
FINANCE = frozenset({"finance"})
HOUR = timedelta(hours=1)


def person(name: str) -> Principal:
    return Principal(name=name, display=name, groups=DESK, evidence=f"token of {name}")


def made(by: str = "ana", to: str = "zoe", **different: Any) -> Delegation:
    asked: dict[str, Any] = {
        "id": "d-1",
        "by": person(by),
        "to": to,
        "now": NOW,
        "until": NOW + timedelta(days=1),
        "reason": "on leave",
    }
    return delegation(**(asked | different))


def acting(
    voter: str,
    right: str,
    kind: VoteKind = VoteKind.APPROVE,
    *,
    groups: frozenset[str] = frozenset(),
    right_groups: frozenset[str] = DESK,
) -> Vote:
    return replace(
        vote(voter, kind, groups=groups),
        acting_for=right,
        acting_groups=right_groups,
        delegation="d-1",
    )


def after(gate: Gate, *votes: Vote) -> list[Ruling]:
    """The rulings on votes, one after the other."""
    counted: list[Vote] = []
    rulings: list[Ruling] = []
    for each in votes:
        ruling = cast(gate, counted, each, now=NOW)
        gate = ruling.gate
        if ruling.counted:
            counted.append(each)
        rulings.append(ruling)
    return rulings


# --- what a delegation is -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"to": "ana"}, "themselves"),
        ({"to": "@desk"}, "marks a group"),
        ({"to": "anyone"}, "stands for every"),
        ({"until": NOW}, "is not over"),
        ({"until": NOW + timedelta(days=30, seconds=1)}, "30 days at most"),
        ({"begins": NOW + 2 * HOUR, "until": NOW + HOUR}, "is not over"),
        ({"reason": " "}, "needs a reason"),
    ],
)
def test_a_delegation_without_its_limits_is_refused(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ApprovalDefinitionError, match=word):
        made(**wrong)


def test_a_delegation_gives_a_right_while_it_lasts_and_about_its_actions() -> None:
    given = made(begins=NOW + HOUR, actions="travel.pay")
    at = NOW + HOUR
    assert given.gives(at, "travel.pay")
    assert not given.gives(at - timedelta(microseconds=1), "travel.pay")
    assert not given.gives(given.until, "travel.pay")
    assert not given.gives(at, "travel.pay_out")
    assert not replace(given, revoked_at=NOW).gives(at, "travel.pay")
    assert made().gives(NOW, "anything.at_all")


def test_a_delegation_is_worded_for_people() -> None:
    words = made(begins=NOW + HOUR, actions=["travel.pay", "travel.book"]).describe(now=NOW)
    assert words == (
        "zoe decides for ana from 11:02 UTC until 2026-03-05 10:02 UTC, about travel.book, "
        "travel.pay"
    )


@pytest.mark.parametrize(
    ("known", "circle"),
    [
        ([("zoe", "ana")], ("ana", "zoe", "ana")),
        ([("zoe", "ben"), ("ben", "ana")], ("ana", "zoe", "ben", "ana")),
        ([("zoe", "ben"), ("ben", "zoe")], None),
        ([("ben", "ana"), ("zoe", "cem")], None),
        ([("ana", "zoe")], None),
    ],
)
def test_a_circle_is_found_and_nothing_else(
    known: list[tuple[str, str]], circle: tuple[str, ...] | None
) -> None:
    assert circle_with(made(), [made(by, to) for by, to in known]) == circle


def test_those_at_other_times_close_no_circle() -> None:
    back = made("zoe", "ana", begins=NOW + timedelta(days=1), until=NOW + timedelta(days=2))
    assert circle_with(made(), [back, replace(made("zoe", "ana"), revoked_at=NOW)]) is None


# --- what a vote with it counts for ---------------------------------------------------------------


def test_a_delegate_decides_with_the_right_of_whoever_is_away() -> None:
    [ruling] = after(pending(), acting("zoe", "cem"))
    assert (ruling.state, ruling.gate.decided_by) == (GateState.APPROVED, "zoe for cem")


def test_a_right_that_its_owner_has_not_is_none_for_a_delegate() -> None:
    [ruling] = after(pending(), acting("zoe", "cem", right_groups=frozenset()))
    assert ruling.refusal is Refusal.NOT_ENTITLED


def test_what_the_delegate_may_do_does_not_add_to_a_delegated_right() -> None:
    both = of_desk() & approval(by="@finance", within=timedelta(hours=4))
    [ruling] = after(pending(both), acting("zoe", "cem", groups=FINANCE))
    assert ruling.state is GateState.PENDING


def test_the_delegators_own_vote_and_the_delegates_for_them_count_once() -> None:
    gate = pending(of_desk(quorum=2))
    mine = member("cem")
    rulings = after(gate, acting("zoe", "cem"), mine)
    assert [ruling.state for ruling in rulings] == [GateState.PENDING] * 2
    again = after(gate, mine, acting("zoe", "cem"))
    assert again[-1].refusal is Refusal.RIGHT_USED
    assert "counts once" in again[-1].message


def test_two_delegates_do_not_use_one_right_twice() -> None:
    rulings = after(pending(of_desk(quorum=2)), acting("zoe", "cem"), acting("dan", "cem"))
    assert [ruling.refusal for ruling in rulings] == [None, Refusal.RIGHT_USED]


def test_one_person_with_two_rights_is_one_person() -> None:
    gate = pending(of_desk(quorum=2))
    for votes in (
        [member("ben"), acting("ben", "cem", groups=DESK)],
        [acting("ben", "cem", groups=DESK), member("ben")],
        [acting("zoe", "cem"), acting("zoe", "ben")],
    ):
        assert after(gate, *votes)[-1].state is GateState.PENDING
    assert after(gate, member("ben"), acting("zoe", "cem"))[-1].state is GateState.APPROVED


def test_a_delegate_who_withdraws_gives_the_right_back() -> None:
    gate = pending(of_desk(quorum=2))
    first = acting("zoe", "cem")
    rulings = after(
        gate, first, vote("zoe", VoteKind.WITHDRAW), acting("dan", "cem"), member("ben")
    )
    assert rulings[-1].state is GateState.APPROVED
    assert rulings[-1].gate.decided_by == "dan for cem, ben"


def test_a_withdrawal_takes_back_nobody_elses_vote() -> None:
    gate = pending(of_desk(quorum=2))
    rulings = after(gate, acting("zoe", "cem"), vote("cem", VoteKind.WITHDRAW))
    assert rulings[-1].refusal is Refusal.NOTHING_TO_WITHDRAW


@pytest.mark.parametrize("party", ["zoe", "cem"])
def test_t7_separation_looks_at_the_delegate_and_at_the_delegator(party: str) -> None:
    gate = replace(pending(of_desk(separate=True)), parties=Parties(starter="eve", agent=party))
    [ruling] = after(gate, acting("zoe", "cem"))
    assert ruling.refusal is Refusal.NOT_SEPARATE


@pytest.mark.parametrize("editor", ["zoe", "cem"])
def test_nobody_decides_about_an_edit_of_their_own_through_a_delegate(editor: str) -> None:
    [ruling] = after(replace(pending(), editor=editor), acting("zoe", "cem"))
    assert ruling.refusal is Refusal.EDITOR


def test_a_delegate_vetoes_for_whoever_may_veto() -> None:
    policy = approval(by="@travel-desk", within=4 * HOUR, rejections=2, veto="lea")
    no = acting("zoe", "lea", VoteKind.REJECT, right_groups=frozenset())
    assert after(pending(policy), no)[-1].state is GateState.REJECTED


def test_a_delegated_vote_stands_while_both_are_known_and_the_delegator_has_the_right() -> None:
    gate, votes = pending(), [acting("zoe", "cem")]
    assert quorum_holds(gate, votes, {"zoe": frozenset(), "cem": DESK})
    assert not quorum_holds(gate, votes, {"zoe": DESK, "cem": frozenset()})
    assert not quorum_holds(gate, votes, {"cem": DESK})
    assert not quorum_holds(gate, votes, {"zoe": DESK})
