"""One saga's audit record, made of its entries."""

import pytest

from sagas import entries as e
from sagas.audit import Cause, Matter, Proof, audited
from sagas.model import Direction, Status, instant
from sagas.story import Lasting
from tests.unit.sagas.audited import (
    answered,
    asked,
    compensated,
    decided,
    done,
    doubted,
    gate,
    intended,
    path_of,
    rows,
    started,
    told,
    undoing,
    unwound,
    whole,
)
from tests.unit.sagas.script import SECOND, START

# --- what was undone ---------------------------------------------------------------------------


def test_nothing_is_told_of_a_saga_that_goes_on() -> None:
    assert audited("s", rows(started(), intended("a"), done("a")), head_hash="h") is None


def test_nothing_is_told_of_a_saga_that_completed() -> None:
    entries = (started(), intended("a"), done("a"), e.Ended(status="completed"))
    assert audited("s", rows(*entries), head_hash="h") is None


def test_steps_are_in_the_order_in_which_undoing_began_not_in_which_it_ended() -> None:
    record = told(
        started(),
        *(intended("a"), done("a"), intended("b"), done("b"), unwound()),
        *(undoing("b"), undoing("a"), compensated("a"), compensated("b")),
    )
    assert [(step.order, step.label) for step in record.undone] == [(1, "b"), (2, "a")]


def test_every_attempt_counts_once_it_was_made() -> None:
    postponed = {"error": "busy", "message": "", "until": 0, "direction": "undo"}
    record = told(
        started(),
        *(intended("a"), done("a"), unwound(), undoing("a")),
        e.Postponed(path=path_of("a"), **postponed),  # type: ignore[arg-type]
        undoing("a", attempt=2),
        e.Postponed(path=path_of("a"), made=False, **postponed),  # type: ignore[arg-type]
        *(undoing("a", attempt=2), compensated("a")),
    )
    assert [step.attempts for step in record.undone] == [2]


@pytest.mark.parametrize(
    ("via", "proof"),
    [("call", Proof.ACKNOWLEDGED), ("probe", Proof.VERIFIED), ("person", Proof.STATED)],
)
def test_how_it_is_known_that_a_step_was_undone_is_told(via: str, proof: Proof) -> None:
    record = told(
        started(), intended("a"), done("a"), unwound(), undoing("a"), compensated("a", via=via)
    )
    assert [step.proof for step in record.undone] == [proof]


def test_an_undo_under_way_is_attempted_and_has_no_end() -> None:
    record = told(started(), intended("a"), done("a"), unwound(), undoing("a"))
    [step] = record.undone
    assert (step.proof, step.ended) == (Proof.ATTEMPTED, None)
    assert record.end is Status.UNWINDING


def test_instants_are_those_of_the_entries() -> None:
    record = told(started(), intended("a"), done("a"), unwound(), undoing("a"), compensated("a"))
    [step] = record.undone
    assert (step.began, step.ended) == (instant(START + 5 * SECOND), instant(START + 6 * SECOND))


# --- rollbacks -----------------------------------------------------------------------------------


def test_a_rollback_ends_with_the_saga() -> None:
    record = told(started(), unwound("cancel"), e.Ended(status="compensated"))
    [rollback] = record.rollbacks
    assert (rollback.cause, rollback.scope) == ("cancel", None)
    assert rollback.ended == instant(START + 3 * SECOND)


def test_the_rollback_of_a_block_ends_while_the_saga_goes_on() -> None:
    block = "trip/@block#1"
    record = told(
        started(),
        e.SavepointSet(path=block, ordinal=1),
        e.RollbackBegan(path=block, reason="no car", generation=1),
        e.RolledBackTo(path=block),
    )
    [rollback] = record.rollbacks
    assert (rollback.cause, rollback.reason) == (Cause.LEFT, "no car")
    assert rollback.ended == instant(START + 4 * SECOND)
    assert record.ended is None


def test_a_late_success_is_a_rollback_of_its_own() -> None:
    record = told(
        started(),
        *(intended("a"), done("a"), unwound(), undoing("a"), compensated("a")),
        e.Ended(status="compensated"),
        e.Reopened(path=path_of("a"), direction="do", reason="it took effect after all"),
    )
    assert [rollback.cause for rollback in record.rollbacks] == ["failure", Cause.LATE]
    assert record.rollbacks[0].ended is not None
    assert record.rollbacks[1].ended is None


# --- doubts --------------------------------------------------------------------------------------

IN_DOUBT = (started(), intended("a"), doubted("a"), asked("a", "in-doubt"))


def test_an_open_doubt_has_no_outcome() -> None:
    [doubt] = told(*IN_DOUBT, unwound()).doubts
    assert (doubt.outcome, doubt.settled, doubt.via) == (None, None, None)


@pytest.mark.parametrize("is_answered_first", [True, False])
def test_who_settled_a_doubt_is_told_in_whichever_order_it_was_written(
    is_answered_first: bool,
) -> None:
    pair = (answered("a", "happened"), done("a", via="person"))
    [doubt] = told(*IN_DOUBT, *(pair if is_answered_first else pair[::-1]), unwound()).doubts
    assert (doubt.outcome, doubt.via, doubt.by) == ("happened", "person", "ben")


def test_an_answer_that_came_by_itself_is_nobodys() -> None:
    [doubt] = told(*IN_DOUBT, done("a", via="late"), unwound()).doubts
    assert (doubt.outcome, doubt.via, doubt.by) == ("happened", "late", None)


def test_a_doubt_that_is_found_again_is_told_once() -> None:
    record = told(started(), intended("a"), doubted("a"), doubted("a"), unwound())
    assert len(record.doubts) == 1


def test_doubts_about_two_attempts_are_two() -> None:
    absent = e.Probed(path=path_of("a"), direction="do", answer="absent", counts=True)
    record = told(
        *(started(), intended("a"), doubted("a"), absent),
        *(intended("a", attempt=2), doubted("a"), unwound()),
    )
    assert [doubt.outcome for doubt in record.doubts] == ["not happened", None]


def test_a_probe_that_came_too_early_settles_nothing() -> None:
    absent = e.Probed(path=path_of("a"), direction="do", answer="absent", counts=False)
    [doubt] = told(started(), intended("a"), doubted("a"), absent, unwound()).doubts
    assert doubt.settled is None


def test_a_waived_doubt_says_who_waived_it() -> None:
    [doubt] = told(
        *(started(), intended("a"), done("a"), unwound(), undoing("a")),
        doubted("a", Direction.UNDO),
        asked("a", "compensation-in-doubt", Direction.UNDO),
        answered("a", "waive"),
    ).doubts
    assert (doubt.direction, doubt.outcome, doubt.by) == (Direction.UNDO, "waived", "ben")


# --- decisions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["approved", "rejected", "expired"])
def test_what_became_of_a_gate_is_a_decision(state: str) -> None:
    by = None if state == "expired" else "ben"
    [decision] = told(started(), gate("a"), decided("a", state, by), unwound()).decisions
    assert (decision.matter, decision.choice, decision.by) == (Matter.GATE, state, by)


def test_a_standing_rule_that_decided_is_named() -> None:
    record = told(started(), gate("a"), decided("a", "approved", rule="r-1"), unwound())
    assert [decision.rule for decision in record.decisions] == ["r-1"]


def test_everybody_who_voted_is_among_the_people() -> None:
    record = told(started(), gate("a"), decided("a", "approved", "ana, ben for eve"), unwound())
    assert record.decisions[0].people == {"ana", "ben", "eve"}


def test_answers_say_through_which_channel_they_came() -> None:
    [decision] = told(*IN_DOUBT, answered("a", "not-happened"), unwound()).decisions
    assert (decision.asked, decision.channel, decision.reason) == ("in-doubt", "cli", "I looked")


@pytest.mark.parametrize(("too_late", "choice"), [(True, "too late"), (False, "cancel")])
def test_a_cancel_is_a_decision_even_if_it_came_too_late(too_late: bool, choice: str) -> None:
    cancel = e.CancelRequested(by="ben", reason="enough", too_late=too_late)
    [decision] = told(started(), cancel, unwound()).decisions
    assert (decision.matter, decision.choice) == (Matter.CANCEL, choice)


# --- what remains --------------------------------------------------------------------------------


def test_residue_remains_with_its_amount_and_instant() -> None:
    record = told(
        *(started(), intended("a"), done("a"), unwound(), undoing("a")),
        compensated("a", text="fee", amount="2.50", currency="EUR"),
    )
    [item] = record.remains
    assert (item.why, str(item.amount), item.currency) == (Lasting.RESIDUE, "2.50", "EUR")
    assert item.at == instant(START + 6 * SECOND)
    assert record.undone[0].left == "fee (2.50 EUR)"


def test_what_cannot_be_undone_remains_and_has_no_instant() -> None:
    record = told(started(), intended("a", reversibility="irreversible"), done("a"), unwound())
    assert [(item.why, item.at) for item in record.remains] == [(Lasting.IRREVERSIBLE, None)]


def test_what_is_not_undone_yet_remains() -> None:
    record = told(started(), intended("a"), done("a"), unwound())
    assert [item.why for item in record.remains] == [Lasting.NOT_UNDONE]


def test_a_step_in_doubt_remains_in_doubt() -> None:
    record = told(*IN_DOUBT, unwound())
    assert [item.why for item in record.remains] == [Lasting.IN_DOUBT]


def test_whoever_let_the_saga_end_as_it_was_waived_what_remains() -> None:
    record = told(
        *(started(), intended("a", reversibility="irreversible"), done("a")),
        *(asked(None, "past-pivot", None), answered(None, "keep")),
        e.Ended(status="residual"),
    )
    assert [item.waived_by for item in record.remains] == ["ben"]


# --- what does not fit together ------------------------------------------------------------------


def test_a_decision_of_a_gate_that_nobody_opened_is_no_record() -> None:
    with pytest.raises(LookupError):
        told(started(), unwound(), decided("a", "approved"))


def test_a_record_has_one_of_each() -> None:
    record = whole()
    assert [step.label for step in record.undone] == ["car", "room"]
    assert {item.label: item.waived_by for item in record.remains} == {"car": "eve", "room": None}
    assert [item.choice for item in record.decisions] == ["happened", "waive"]
    assert (record.head, record.head_hash) == (16, "h")
