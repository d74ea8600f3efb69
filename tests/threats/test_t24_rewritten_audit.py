"""T24: a decision that was not made, or was made twice, shows in the audit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from approvals import Gate, GateState, Principal, Vote, VoteKind, approval
from approvals.gate import open_gate
from approvals.parties import Parties
from approvals.subject import GateSubject
from sagas.entries import Entry, GateConsumed, GateDecided, GateOpened
from sagas.flaws import decided_twice, flaw_of_decision, flaws_of_uses, never_opened
from sagas.ports import Request, RuleUse

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ASKED = approval(by="@desk", quorum=2, within=timedelta(hours=1))


def gate(state: GateState = GateState.PENDING) -> Gate:
    subject = GateSubject(
        journal_id="j",
        saga_id="s",
        path="s/a#1",
        direction="do",
        generation=0,
        revision=1,
        action="a",
        action_version=1,
        arguments=b"{}",
        policy_version=ASKED.version,
    )
    opened = open_gate(
        subject, ASKED, gate_id="g", parties=Parties(starter="zoe"), eligible=(), now=NOW
    )
    return replace(opened, state=state)


def vote(name: str, kind: VoteKind = VoteKind.APPROVE) -> Vote:
    person = Principal(name=name, display=name, groups=frozenset({"desk"}), evidence="a test")
    return Vote.of(person, kind, reason=None, channel="cli", at=NOW, revision=1)


def opened() -> GateOpened:
    return GateOpened(
        gate="g",
        path="s/a#1",
        direction="do",
        ordinal=1,
        action="a",
        version=1,
        generation=0,
        digest="",
        deadline=0,
        by="",
    )


def decided(state: str, rule: str | None = None) -> GateDecided:
    return GateDecided(gate="g", path="s/a#1", state=state, rule=rule)


CONSUMED = GateConsumed(gate="g", path="s/a#1")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([opened(), decided("rejected"), decided("approved")], "was rejected, and then approved"),
        ([opened(), decided("approved"), decided("rejected")], "was approved, and then rejected"),
        ([opened(), decided("rejected"), CONSUMED], "was rejected, and then consumed"),
        ([opened(), decided("approved"), CONSUMED, CONSUMED], "was consumed, and then consumed"),
        ([opened(), CONSUMED], "was pending, and then consumed"),
        ([decided("approved")], "is approved without having been opened"),
    ],
)
def test_t24_a_gate_that_was_decided_twice_is_found_in_a_chain_that_is_whole(
    entries: list[Entry], said: str
) -> None:
    assert decided_twice(entries) == [f"gate g {said}"]


def test_t24_the_ways_of_an_honest_gate_are_no_flaw() -> None:
    assert decided_twice([opened(), decided("approved"), CONSUMED]) == []
    assert decided_twice([opened(), decided("approved"), decided("revoked"), opened()]) == []


def test_t24_a_row_that_says_something_else_than_the_entries_is_found() -> None:
    approved = gate(GateState.APPROVED)
    votes = [vote("ana"), vote("ben")]
    flaw = flaw_of_decision(approved, votes, [opened(), decided("rejected")], [])
    assert flaw == "gate g is approved by its row, and rejected by the entries"


def test_t24_a_decision_that_was_not_taken_up_yet_is_no_flaw() -> None:
    waiting = Request(1, "gate", "g", "ana, ben", "", "approved", 0)
    approved = gate(GateState.APPROVED)
    assert flaw_of_decision(approved, [vote("ana"), vote("ben")], [opened()], [waiting]) is None


@pytest.mark.parametrize(
    "votes",
    [
        [],
        [vote("ana")],
        [vote("ana"), vote("ana")],
        [vote("ana"), vote("ben", VoteKind.REJECT)],
        [vote("ana"), replace(vote("ben"), revision=2)],
        [vote("ana"), replace(vote("ben"), digest="0" * 64)],
    ],
)
def test_t24_an_approval_without_the_votes_for_it_is_found(votes: list[Vote]) -> None:
    entries = [opened(), decided("approved"), CONSUMED]
    flaw = flaw_of_decision(gate(GateState.CONSUMED), votes, entries, [])
    assert flaw == "gate g is consumed, and has not the votes that it asks for"


def test_t24_an_approval_of_a_rule_needs_no_votes() -> None:
    entries = [opened(), decided("approved", "r-1"), CONSUMED]
    assert flaw_of_decision(gate(GateState.CONSUMED), [], entries, []) is None


def test_t24_a_gate_without_a_row_or_without_an_entry_is_found() -> None:
    assert never_opened([], [opened()]) == ["gate g was opened, and its row is gone"]
    assert never_opened([gate()], []) == ["gate g has a row, and no entry opened it"]


USE = RuleUse(gate_id="g", rule_id="r-1", saga_id="s", units=2_500_000, at=0)
BY_RULE = replace(CONSUMED, rule="r-1", amount="2.5")


def test_t24_a_use_of_a_rule_that_is_counted_as_it_was_made_is_none() -> None:
    assert flaws_of_uses("s", [USE], [opened(), BY_RULE]) == []
    unlimited = [replace(CONSUMED, rule="r-1")]
    assert flaws_of_uses("s", [replace(USE, units=None)], unlimited) == []
    assert flaws_of_uses("s", [], [opened(), CONSUMED]) == []


@pytest.mark.parametrize(
    ("uses", "entries", "flaw"),
    [
        ([], [BY_RULE], "rule r-1 allowed gate g, and that use is not counted"),
        ([USE], [], "gate g counts as a use of rule r-1, and no entry says so"),
        ([USE], [CONSUMED], "gate g counts as a use of rule r-1, and no entry says so"),
        (
            [replace(USE, rule_id="r-2")],
            [BY_RULE],
            "gate g was allowed by rule r-1, and counts as a use of r-2 by s",
        ),
        (
            [replace(USE, saga_id="another")],
            [BY_RULE],
            "gate g was allowed by rule r-1, and counts as a use of r-1 by another",
        ),
        (
            [replace(USE, units=1)],
            [BY_RULE],
            "gate g took 2.5 of rule r-1, and another amount is counted",
        ),
        (
            [USE],
            [replace(BY_RULE, amount="much")],
            "gate g took much of rule r-1, and another amount is counted",
        ),
    ],
)
def test_t24_a_use_of_a_rule_that_was_forged_is_found(
    uses: list[RuleUse], entries: list[Entry], flaw: str
) -> None:
    assert flaws_of_uses("s", uses, entries) == [flaw]
