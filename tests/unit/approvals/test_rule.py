"""Standing rules: what they are about, what they allow, and what they need to be made."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals import ApprovalDefinitionError, Gate, GateState, Principal, approval
from approvals.errors import PolicyUnreadable
from approvals.parties import Parties
from approvals.requirement import Approval
from approvals.rule import (
    Budget,
    StandingRule,
    amount_of_units,
    decided_by_rule,
    standing_rule,
    units_of,
    why_not,
)
from approvals.stakes import Stakes
from reversibility import Magnitude, Reversibility
from tests.unit.approvals.builders import NOW, of_desk, pending

DESK = frozenset({"travel-desk"})
ANA = Principal(name="ana", display="Ana", groups=DESK, evidence="token of ana")
PAID = b'{"order":{"amount":40,"unit":"EUR"},"to":["a@example.org"]}'


def rule(**different: Any) -> StandingRule:
    asked: dict[str, Any] = {
        "id": "r-1",
        "action": "travel.email_itinerary",
        "version": 1,
        "by": ANA,
        "reason": "they always go out",
        "now": NOW,
        "until": NOW + timedelta(days=7),
        "uses": 3,
        "anything": "where" not in different,
    }
    return standing_rule(**(asked | different))


def asked(policy: Approval | None = None, *, arguments: bytes = PAID, **different: Any) -> Gate:
    return replace(pending(policy or of_desk(), arguments=arguments), **different)


def told(given: StandingRule, gate: Gate, rights: frozenset[str] | None = DESK) -> str | None:
    return why_not(given, gate, rights, now=NOW)


@pytest.mark.parametrize("text", ["1e-999999999999", "0e-999999999999", "0e999999999999"])
def test_an_amount_of_endless_decimals_takes_no_time_to_refuse(text: str) -> None:
    arguments = PAID.replace(b"40", f'"{text}"'.encode())
    given = rule(budget=Budget(total=Decimal(100), currency="EUR", path="order.amount"))
    why = told(given, asked(arguments=arguments))
    assert why == "how much of its budget this takes cannot be told"


def test_a_rule_allows_what_it_is_about() -> None:
    assert told(rule(where="order.amount <= 40"), asked()) is None


@pytest.mark.parametrize(
    ("different", "gate"),
    [
        ({"where": "order.amount < 40"}, {}),
        ({"where": "order.price < 40"}, {}),
        ({"where": 'order.amount == "forty"'}, {}),
        ({"where": ["order.amount < 50", 'any to[*] matches "*@example.com"']}, {}),
        ({"action": "travel.email"}, {}),
        ({"version": 2}, {}),
        ({}, {"direction": "undo"}),
        ({"agent": "bot"}, {}),
        ({"agent": "bot"}, {"parties": Parties(starter="eve", agent="other bot")}),
        ({"requester": "ana"}, {}),
        ({"requester": "eve"}, {"parties": Parties(starter="eve", requester="zoe")}),
    ],
)
def test_what_a_rule_is_not_about_or_cannot_tell_is_not_allowed(
    different: dict[str, Any], gate: dict[str, Any]
) -> None:
    assert told(rule(**different), asked(**gate)) is not None


@pytest.mark.parametrize(
    ("different", "gate"),
    [
        ({"agent": "bot"}, {"parties": Parties(starter="eve", agent="bot")}),
        ({"requester": "eve"}, {}),
        ({"requester": "zoe"}, {"parties": Parties(starter="eve", requester="zoe")}),
    ],
)
def test_a_rule_for_an_agent_or_a_requester_allows_theirs(
    different: dict[str, Any], gate: dict[str, Any]
) -> None:
    assert told(rule(**different), asked(**gate)) is None


@pytest.mark.parametrize(
    ("different", "word"),
    [
        ({"revoked_at": NOW, "revoked_by": "ben"}, "revoked by ben"),
        ({"used": 3}, "used up"),
        ({"made_at": NOW - timedelta(days=7), "until": NOW}, "over"),
    ],
)
def test_a_rule_out_of_force_allows_nothing(different: dict[str, Any], word: str) -> None:
    gone = replace(rule(), **different)
    assert word in (told(gone, asked()) or "")
    assert gone.state(NOW) != "live"


def test_the_last_use_is_allowed_and_none_after_it() -> None:
    given = rule(uses=1)
    assert told(given, asked()) is None
    assert told(given.after(asked()), asked()) == "it is used up"


def test_t21_a_rule_is_worth_nothing_once_its_grantor_has_lost_the_right() -> None:
    assert told(rule(by=replace(ANA, name="ben")), asked()) is None
    assert told(rule(by=replace(ANA, name="ben")), asked(), frozenset()) is not None
    assert told(rule(), asked(), None) is not None


def test_t7_a_rule_of_somebody_for_whom_the_saga_acts_does_not_decide_a_separate_gate() -> None:
    apart = of_desk(separate=True)
    assert told(rule(), asked(apart)) is None
    for parties in (
        Parties(starter="ana"),
        Parties(starter="eve", requester="ana"),
        Parties(starter="eve", agent="bot", owner="ana"),
    ):
        assert told(rule(), asked(apart, parties=parties)) == "ana alone could not approve this"


def test_one_persons_rule_does_not_decide_what_two_have_to() -> None:
    assert told(rule(), asked(of_desk(quorum=2))) == "ana alone could not approve this"


def test_a_rule_counts_for_each_clause_that_its_grantor_is_admitted_to() -> None:
    finance = approval(by="@finance", within=timedelta(hours=4))
    both = asked(of_desk() & finance)
    assert told(rule(), both) is not None
    assert told(rule(), both, DESK | {"finance"}) is None


def test_a_rule_does_not_count_by_a_rung_that_comes_later() -> None:
    late = approval(
        by="@finance", within=timedelta(hours=4), escalate={timedelta(minutes=1): "@travel-desk"}
    )
    assert told(rule(), asked(late)) is not None


def test_the_reason_of_a_rule_is_the_reason_of_its_vote() -> None:
    reasoned = approval(by="@travel-desk", within=timedelta(hours=4), reason_required=True)
    assert told(rule(), asked(reasoned)) is None


def test_a_decided_gate_says_by_which_rule_and_until_when() -> None:
    gate = decided_by_rule(asked(), rule(), now=NOW)
    assert (gate.state, gate.decided_by, gate.decided_at) == (GateState.APPROVED, "rule r-1", NOW)
    assert gate.reason == "they always go out"
    assert gate.valid_until == NOW + gate.policy.valid_for


# --- budgets --------------------------------------------------------------------------------------

FORTY = Magnitude(amount=Decimal(40), currency="EUR")
FOR_EVER = Stakes(reversibility=Reversibility.IRREVERSIBLE, magnitude=FORTY)


@pytest.mark.parametrize(
    ("budget", "amount"),
    [
        (Budget(total=Decimal(99), currency="EUR"), Decimal(40)),
        (Budget(total=Decimal(99), currency="USD"), None),
        (Budget(total=Decimal(99), path="order.amount"), Decimal(40)),
        (Budget(total=Decimal(99), currency="EUR", path="order.amount"), Decimal(40)),
        (Budget(total=Decimal(99), currency="USD", path="order.amount"), None),
        (Budget(total=Decimal(99), path="order.price"), None),
        (Budget(total=Decimal(99), path="order.unit"), None),
        (Budget(total=Decimal(99), path="to[*]"), None),
        (
            Budget(
                total=Decimal(99), currency="EUR", path="order.amount", currency_path="order.unit"
            ),
            Decimal(40),
        ),
        (
            Budget(
                total=Decimal(99), currency="USD", path="order.amount", currency_path="order.unit"
            ),
            None,
        ),
        (
            Budget(total=Decimal(99), currency="EUR", path="order.amount", currency_path="order.c"),
            None,
        ),
    ],
)
def test_the_amount_is_what_is_declared_or_what_stands_at_a_path(
    budget: Budget, amount: Decimal | None
) -> None:
    gate = asked(stakes=FOR_EVER)
    assert budget.amount_of(gate) == amount
    assert (told(rule(budget=budget), gate) is None) is (amount is not None)


@pytest.mark.parametrize("amount", ["-1", "1e13", "0.0000001", "true", "null", '"forty"', "[1]"])
def test_an_amount_that_cannot_be_counted_is_not_allowed(amount: str) -> None:
    gate = asked(arguments=b'{"order":{"amount":%s}}' % amount.encode())
    given = rule(budget=Budget(total=Decimal(99), path="order.amount"))
    assert told(given, gate) == "how much of its budget this takes cannot be told"


@pytest.mark.parametrize("amount", ["40", "4e1", '"40"', "40.000000"])
def test_an_amount_counts_however_it_is_written(amount: str) -> None:
    gate = asked(arguments=b'{"order":{"amount":%s}}' % amount.encode())
    given = rule(budget=Budget(total=Decimal(99), path="order.amount"))
    assert given.after(gate).spent == 40


def test_a_budget_is_spent_to_its_end_and_not_beyond() -> None:
    gate = asked()
    given = rule(budget=Budget(total=Decimal(80), path="order.amount"))
    once = given.after(gate)
    assert told(once, gate) is None
    assert told(once.after(gate), gate) == "its budget does not suffice"


def test_what_moves_an_amount_for_ever_needs_a_budget() -> None:
    assert told(rule(), asked(stakes=FOR_EVER)) == "it has no budget, and this cannot be undone"
    assert told(rule(), asked(stakes=replace(FOR_EVER, magnitude=None))) is None
    undoable = replace(FOR_EVER, reversibility=Reversibility.COMPENSATABLE)
    assert told(rule(), asked(stakes=undoable)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"total": Decimal(0), "currency": "EUR"},
        {"total": Decimal(-1), "currency": "EUR"},
        {"total": Decimal("NaN"), "currency": "EUR"},
        {"total": Decimal("Infinity"), "currency": "EUR"},
        {"total": Decimal("1e12"), "currency": "EUR"},
        {"total": Decimal("0.0000001"), "currency": "EUR"},
        {"total": Decimal(1)},
        {"total": Decimal(1), "path": "amount", "currency_path": "currency"},
        {"total": Decimal(1), "currency": "EUR", "currency_path": "currency"},
    ],
)
def test_a_budget_that_cannot_be_counted_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ApprovalDefinitionError):
        Budget(**wrong)


def test_a_budget_is_read_as_it_was_written() -> None:
    budget = Budget(total=Decimal("9.50"), currency="EUR", path="a.b", currency_path="a.c")
    assert Budget.from_json(budget.to_json()) == budget
    for text in ("{}", '{"total":"0","currency":"EUR"}', '{"total":"1","path":"a","x":1}'):
        with pytest.raises(PolicyUnreadable):
            Budget.from_json(text)


def test_amounts_are_counted_exactly_in_millionths() -> None:
    assert units_of(Decimal("12.345678")) == 12_345_678
    assert amount_of_units(12_345_678) == Decimal("12.345678")
    assert units_of(Decimal("1.0000000000000000000000000000000001")) is None


# --- making ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"anything": False}, "no condition"),
        ({"where": "amount < 1", "anything": True}, "leave one of them out"),
        ({"where": "amount"}, "is no condition"),
        ({"action": "travel.*"}, "no patterns"),
        ({"action": "travel.pa?"}, "no patterns"),
        ({"action": "pay"}, "full name"),
        ({"version": 0}, "no version 0"),
        ({"until": NOW}, "ends within 90 days"),
        ({"until": NOW + timedelta(days=90, seconds=1)}, "ends within 90 days"),
        ({"uses": 0}, "not 0"),
        ({"uses": 10_001}, "not 10001"),
        ({"reason": "  "}, "needs a reason"),
        ({"agent": "@desk"}, "marks a group"),
        ({"requester": "anyone"}, "stands for every"),
    ],
)
def test_a_rule_without_its_limits_is_refused(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ApprovalDefinitionError, match=word):
        rule(**wrong)


def test_a_rule_is_worded_with_all_its_limits() -> None:
    budget = Budget(total=Decimal(500), currency="EUR", path="order.amount")
    words = rule(where="order.amount <= 40", budget=budget, agent="bot").describe(now=NOW)
    assert words == (
        "travel.email_itinerary version 1, where order.amount <= 40, for the agent bot, 3 times, "
        "for 500 EUR by order.amount in all, until 2026-03-11 10:02 UTC"
    )
