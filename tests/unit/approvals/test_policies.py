"""Which calls a policy is about, and that policies only ever tighten."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.errors import ApprovalDefinitionError
from approvals.parties import Parties
from approvals.policies import Call, Policies, Policy, policy, stricter
from approvals.requirement import Approval, approval
from reversibility import Reversibility

HOUR = timedelta(hours=1)
DESK = approval(by="@desk", within=HOUR)
FINANCE = approval(by="@finance", within=HOUR)
LARGE = replace(FINANCE, policies=("large",))
CALL = Call(
    action="shop.pay",
    reversibility=Reversibility.IRREVERSIBLE,
    arguments=json.dumps({"order": {"amount": 1200}, "to": ["eve@elsewhere.org"]}).encode(),
    parties=Parties(starter="ana", agent="shop-bot"),
)


def one(**about: object) -> Policy:
    return policy("large", asks=FINANCE, **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"actions": "shop.pay"},
        {"actions": ["mail.*", "shop.*"]},
        {"classes": Reversibility.IRREVERSIBLE},
        {"classes": [Reversibility.UNKNOWN, Reversibility.IRREVERSIBLE]},
        {"actors": "*-bot"},
        {"actors": ["ana"]},
        {"where": "order.amount > 1000"},
        {"where": ["order.amount > 1000", 'any to[*] not matches "*@example.com"']},
    ],
)
def test_a_policy_applies_to_the_calls_it_is_about(about: dict[str, object]) -> None:
    assert one(**about).applies(CALL)


@pytest.mark.parametrize(
    "about",
    [
        {"actions": "shop"},
        {"actions": "mail.*"},
        {"classes": Reversibility.REVERSIBLE},
        {"actors": "eve"},
        {"where": "order.amount > 1200"},
        {"where": ["order.amount > 1000", "order.amount < 1100"]},
    ],
)
def test_a_policy_does_not_apply_to_other_calls(about: dict[str, object]) -> None:
    assert not one(**about).applies(CALL)


def test_a_call_that_a_condition_cannot_judge_is_one_it_applies_to() -> None:
    assert one(where="order.total > 1000").applies(CALL)


def test_a_call_needs_what_its_author_and_every_policy_ask_for() -> None:
    policies = Policies((one(), policy("other", asks=DESK, actions="mail.*")))
    assert policies.requirement(DESK, CALL) == DESK & LARGE


def test_a_policy_asks_where_the_author_does_not() -> None:
    assert Policies((one(),)).requirement(None, CALL) == LARGE


def test_what_nobody_asks_for_is_not_needed() -> None:
    assert Policies().requirement(None, CALL) is None


def test_no_policies_are_nothing_to_evaluate() -> None:
    assert (bool(Policies()), bool(Policies((one(),)))) == (False, True)


def test_two_policies_of_one_name_are_refused() -> None:
    with pytest.raises(ApprovalDefinitionError, match="called large"):
        Policies((one(), one(actions="mail.*")))


def test_a_policy_without_a_name_is_refused() -> None:
    with pytest.raises(ApprovalDefinitionError, match="needs a name"):
        policy(" ", asks=DESK)


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        (None, DESK),
        (DESK, DESK),
        (replace(DESK, within=2 * HOUR), DESK),
        (FINANCE, DESK & FINANCE),
        (replace(DESK, policies=("another name",)), DESK),
        (LARGE, DESK & LARGE),
    ],
)
def test_an_open_gate_is_tightened_and_never_dropped(
    wanted: Approval | None, asked: Approval
) -> None:
    assert stricter(DESK, wanted) == asked


def test_people_are_told_which_policies_ask() -> None:
    assert (DESK & LARGE).describe().endswith("because of the policy large")
