"""Who may edit what people are asked, in which way, and what comes of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.gate import Gate, GateState, is_intact
from approvals.principal import Principal
from approvals.requirement import Approval, approval
from approvals.revision import Edit, EditRefusal, Proposal, changed_pins, revise
from approvals.stakes import Stakes
from reversibility import Reversibility
from tests.unit.approvals.builders import DESK, NOW, in_state, pending

FOUR_HOURS = timedelta(hours=4)
ASKED = b'{"amount":500,"to":"eve@example.org"}'
LESS = b'{"amount":50,"to":"eve@example.org"}'
COMPENSATABLE = Stakes(reversibility=Reversibility.COMPENSATABLE)


def person(name: str = "ana", *groups: str) -> Principal:
    return Principal(name=name, display=name, groups=frozenset(groups), evidence="a test")


def asked(policy: Approval = DESK) -> Gate:
    return replace(pending(policy, arguments=ASKED), stakes=COMPENSATABLE)


def propose(**different: Any) -> Proposal:
    proposed = Proposal(
        editor=person(),
        revision=1,
        arguments=LESS,
        stakes=COMPENSATABLE,
        needed=DESK,
        reason="cheaper",
        at=NOW,
    )
    return replace(proposed, **different)


def ruling(gate: Gate | None = None, **different: Any) -> Edit:
    return revise(gate or asked(), propose(**different), journal_id="journal-1", now=NOW)


def test_an_edit_makes_the_next_revision_with_its_digest_and_its_editor() -> None:
    gate = asked()
    edited = ruling(gate)
    assert edited.accepted
    assert (edited.gate.revision, edited.gate.arguments, edited.gate.editor) == (2, LESS, "ana")
    assert is_intact(edited.gate, journal_id="journal-1")
    assert edited.gate.digest != gate.digest


def test_an_edit_back_to_what_was_asked_has_a_digest_of_its_own() -> None:
    gate = asked()
    back = ruling(ruling(gate).gate, arguments=ASKED, revision=2)
    assert (back.gate.arguments, back.gate.revision) == (ASKED, 3)
    assert back.gate.digest != gate.digest


def test_the_editor_is_told_that_somebody_else_decides() -> None:
    assert ruling().message == (
        "revision 2 is to be decided now, by somebody else than ana; votes on earlier revisions "
        "count no more"
    )


def test_a_member_of_a_group_that_may_approve_edits() -> None:
    assert ruling(editor=person("ben", "travel-desk")).accepted


def test_a_stranger_does_not_edit() -> None:
    assert ruling(editor=person("zoe")).refusal is EditRefusal.NOT_ENTITLED


def test_somebody_with_nothing_but_a_veto_does_not_edit() -> None:
    gate = asked(replace(DESK, veto=("cem",)))
    assert ruling(gate, editor=person("cem")).refusal is EditRefusal.NOT_ENTITLED


def test_whoever_is_added_later_edits_later() -> None:
    gate = asked(approval(by="ana", within=FOUR_HOURS, escalate={timedelta(hours=2): "cem"}))
    early = ruling(gate, editor=person("cem"), needed=None)
    assert early.refusal is EditRefusal.NOT_ENTITLED
    late = ruling(gate, editor=person("cem"), needed=None, at=gate.opened_at + timedelta(hours=2))
    assert late.accepted


def test_those_for_whom_the_saga_acts_do_not_edit_where_duties_are_separate() -> None:
    separate = replace(DESK, separate=True)
    edited = ruling(asked(separate), editor=person("eve", "travel-desk"))
    assert (edited.refusal, edited.message) == (
        EditRefusal.NOT_SEPARATE,
        "you started this saga, and somebody else has to decide about it",
    )


@pytest.mark.parametrize(
    "state", [s for s in GateState if s not in {GateState.PENDING, GateState.EXPIRED}]
)
def test_nothing_that_is_decided_is_edited(state: GateState) -> None:
    gate = in_state(state)
    edited = ruling(gate)
    assert (edited.refusal, edited.gate) == (EditRefusal.ALREADY_DECIDED, gate)


def test_at_the_deadline_an_edit_is_too_late() -> None:
    gate = asked()
    edited = revise(gate, propose(), journal_id="journal-1", now=gate.deadline)
    assert (edited.refusal, edited.gate.state) == (EditRefusal.EXPIRED, GateState.EXPIRED)


def test_an_edit_of_another_revision_is_refused() -> None:
    assert ruling(revision=2).refusal is EditRefusal.OTHER_REVISION


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_edit_without_a_reason_is_refused(reason: str) -> None:
    assert ruling(reason=reason).refusal is EditRefusal.REASON_MISSING


def test_an_edit_that_changes_nothing_is_refused() -> None:
    assert ruling(arguments=ASKED).refusal is EditRefusal.UNCHANGED


def test_t8_what_is_pinned_is_not_edited() -> None:
    pinned = replace(DESK, pinned=("to", "amount"))
    edited = ruling(asked(pinned), needed=pinned)
    assert (edited.refusal, edited.message) == (
        EditRefusal.PINNED,
        "amount cannot be changed by an edit: leave it as it is, or reject",
    )


def test_t8_what_is_pinned_is_not_left_out_either() -> None:
    pinned = replace(DESK, pinned=("to",))
    edited = ruling(asked(pinned), arguments=b'{"amount":500}', needed=pinned)
    assert edited.refusal is EditRefusal.PINNED


def test_t8_a_pin_that_leads_into_a_list_keeps_the_list() -> None:
    pinned = replace(DESK, pinned=("items.price",))
    before, after = b'{"items":[{"price":1}]}', b'{"items":[{"price":100}]}'
    assert changed_pins(pinned, before, after) == ("items.price",)
    assert changed_pins(pinned, before, b'{"items":[{"price":1}],"note":"x"}') == ()


def test_what_is_not_pinned_is_edited() -> None:
    pinned = replace(DESK, pinned=("to",))
    assert ruling(asked(pinned), needed=pinned).accepted


def test_t8_the_class_does_not_get_worse() -> None:
    worse = Stakes(reversibility=Reversibility.IRREVERSIBLE)
    edited = ruling(stakes=worse)
    assert (edited.refusal, edited.gate.arguments) == (EditRefusal.WORSE_CLASS, ASKED)


def test_a_better_class_is_no_obstacle() -> None:
    assert ruling(stakes=Stakes(reversibility=Reversibility.REVERSIBLE)).accepted


@pytest.mark.parametrize(
    "needed",
    [
        replace(DESK, separate=True),
        replace(DESK, within=timedelta(hours=1)),
        replace(DESK, reason_required=True),
        DESK & approval(by="@board", within=FOUR_HOURS),
    ],
    ids=["separate", "sooner", "with a reason", "the board too"],
)
def test_t8_what_needs_more_than_the_gate_asks_for_is_asked_for_anew(needed: Approval) -> None:
    assert ruling(needed=needed).refusal is EditRefusal.STRICTER_POLICY


def test_what_needs_no_approval_any_more_is_still_decided_at_the_gate() -> None:
    edited = ruling(needed=None)
    assert (edited.accepted, edited.gate.policy) == (True, DESK)


def test_a_refused_edit_changes_nothing() -> None:
    gate = asked()
    for different in ({"reason": ""}, {"revision": 7}, {"editor": person("zoe")}):
        assert ruling(gate, **different).gate == gate
