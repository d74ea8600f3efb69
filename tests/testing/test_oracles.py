"""Every rule finds what breaks it, in a saga that really ran, and blames no saga that is sound."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, cast

import pytest

from approvals import GateState
from reversibility import Reversibility, Window
from sagas.entries import (
    CancelRequested,
    Compensated,
    CompensationFailed,
    CompensationIntended,
    DeadlinePassed,
    Ended,
    EventTaken,
    Failed,
    FoundInDoubt,
    GateConsumed,
    GateDecided,
    GateOpened,
    GateRevised,
    GuardAsked,
    Intended,
    InterventionClosed,
    InterventionOpened,
    ParallelClosed,
    Probed,
    Recorded,
    Reopened,
    RollbackBegan,
    RolledBackTo,
    Started,
    Succeeded,
    TimerFired,
    TimerSet,
    UnwindBegan,
    WindowAlarmed,
    WindowClosed,
)
from sagas.model import Direction, Status, idempotency_key
from sagas.ports import RuleUse
from sagas.testing.history import History
from sagas.testing.oracles import ALWAYS, AT_THE_END, Call, Evidence, overlaps, violations
from sagas.testing.world import Effect, Snapshot
from tests.testing.recorded_sagas import SCENES, Tale, record

Tales = Mapping[str, Tale]
Case = Callable[[Tales], Evidence]

CASES: list[tuple[str, Case]] = []


def breaks(*rules: str) -> Callable[[Case], Case]:
    """Say which rules do not hold of a saga that was told otherwise."""

    def remember(case: Case) -> Case:
        CASES.extend((rule, case) for rule in rules)
        return case

    return remember


@pytest.fixture(scope="session")
def tales() -> Tales:
    return record()


def broken(evidence: Evidence) -> set[str]:
    return {rule for rule, _ in violations(evidence, rested=True)}


def rooms(snapshot: Snapshot) -> Snapshot:
    """What is compared of a world."""
    return cast(dict[str, int], snapshot)["rooms"]


def locking(tale: Tale, tokens: Callable[[int], list[int]]) -> Evidence:
    """Every step of a tale locks one key."""
    told = enumerate(tale.entries)
    return tale.told(
        [
            replace(it, conflicts=["key"], tokens=tokens(number))
            if isinstance(it, Intended)
            else it
            for number, it in told
        ]
    )


def test_two_that_hold_one_key_at_a_time_are_found(tales: Tales) -> None:
    first = locking(tales["unwound"], lambda _: [1])
    second = locking(tales["unwound"], lambda _: [2])
    assert ["while" in it for it in overlaps([first, second])] == [True]
    assert ["under 1" in it for it in overlaps([first, first])] == [True]
    assert list(overlaps([first])) == []


# --- sound ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES, ids=lambda it: it.__name__)
def test_a_saga_that_ran_breaks_no_rule(tales: Tales, scene: Callable[..., object]) -> None:
    assert violations(tales[scene.__name__].evidence, rested=True) == []


@pytest.mark.parametrize("scene", SCENES, ids=lambda it: it.__name__)
def test_no_rule_is_broken_at_any_moment_of_it(tales: Tales, scene: Callable[..., object]) -> None:
    tale = tales[scene.__name__]
    told = {effect.key: effect for effect in tale.ledger}
    for entry in tale.entries:
        if isinstance(entry, GateConsumed):
            continue  # the intent that uses it is written with it
        part = tale.until(entry)
        known = [told[it.key] for _, _, it in part.intents if it.key in told]
        moment = replace(part, ledger=list(dict.fromkeys(known)))
        failed = {"what_is_said_not_to_have_happened_did_not"}  # a late effect is not late yet
        assert {rule for rule, _ in violations(moment, rested=False)} <= failed


def test_every_rule_is_broken_by_a_case() -> None:
    assert {rule.__name__ for rule in (*ALWAYS, *AT_THE_END)} == {rule for rule, _ in CASES}


def test_every_rule_says_what_must_hold() -> None:
    assert [rule.__name__ for rule in (*ALWAYS, *AT_THE_END) if not rule.__doc__] == []


def test_a_saga_that_was_never_started_and_did_nothing_is_no_violation() -> None:
    assert violations(Evidence(History("j", "s", None, ())), rested=False) == []


def test_an_effect_of_another_saga_is_no_violation_if_the_ledger_is_shared(tales: Tales) -> None:
    tale = tales["published"]
    stray = [*tale.ledger, Effect("another", "do", "of another saga")]
    assert broken(replace(tale.saw(stray), watched=False)) == set()


def test_a_missing_effect_is_no_violation_if_nobody_watched(tales: Tales) -> None:
    assert broken(replace(tales["unwound"].saw([]), watched=False)) == set()


def test_a_second_effect_of_what_may_be_repeated_is_no_violation(tales: Tales) -> None:
    tale = tales["unwound"]
    undo = next(it for it in tale.ledger if it.name == "undo-room")
    assert broken(tale.saw([*tale.ledger, undo])) == set()


def test_what_compare_leaves_out_may_differ(tales: Tales) -> None:
    evidence = replace(
        tales["unwound"].evidence,
        before={"rooms": 1, "log": 0},
        after={"rooms": 1, "log": 4},
        compare=rooms,
    )
    assert broken(evidence) == set()


# --- spoilt -----------------------------------------------------------------------------------


@breaks("the_chain_verifies")
def an_entry_was_changed(tales: Tales) -> Evidence:
    evidence = tales["published"].evidence
    rows = list(evidence.history.rows)
    rows[2] = rows[2]._replace(payload='"another"')
    return replace(evidence, history=replace(evidence.history, rows=rows))


@breaks("the_chain_verifies")
def the_tail_was_cut_off(tales: Tales) -> Evidence:
    evidence = tales["published"].evidence
    rows = evidence.history.rows[:-3]
    return replace(evidence, history=replace(evidence.history, rows=rows))


@breaks("every_entry_reads")
def an_entry_is_of_no_known_kind(tales: Tales) -> Evidence:
    evidence = tales["published"].evidence
    rows = list(evidence.history.rows)
    rows[-1] = rows[-1]._replace(kind="Vanished")
    return replace(evidence, history=replace(evidence.history, rows=rows))


@breaks("a_saga_starts_once")
def it_starts_again(tales: Tales) -> Evidence:
    start = tales["published"].find(Started)
    return tales["published"].after(start, start)


@breaks("nothing_follows_the_end")
def something_follows_the_end(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.after(tale.find(Ended), tale.find(Recorded))


@breaks("nothing_follows_the_end")
def it_is_reopened_for_nothing(tales: Tales) -> Evidence:
    tale = tales["reopened"]
    return tale.without(tale.find(Succeeded, via="late"))


@breaks("the_unwind_begins_once")
def the_unwind_begins_again(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    began = tale.find(UnwindBegan)
    return tale.after(began, replace(began, generation=2))


@breaks("the_unwind_begins_once", "the_end_hides_nothing")
def it_completes_although_it_was_unwound(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(Ended), status="completed")


@breaks("a_block_is_rolled_back_once")
def a_rollback_ends_that_never_began(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.without(tale.find(RollbackBegan))


@breaks("generations_rise_one_by_one")
def a_generation_is_left_out(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(UnwindBegan), generation=2)


@breaks("an_outcome_follows_its_intent", "every_effect_was_intended")
def an_intent_is_missing(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.without(tale.find(Intended, "1.1:keyed"))


@breaks("an_outcome_is_told_once")
def an_outcome_is_told_again(tales: Tales) -> Evidence:
    tale = tales["published"]
    done = tale.find(Succeeded, "probed")
    return tale.after(done, done)


@breaks("an_outcome_is_told_once")
def a_success_follows_a_success_of_the_same_attempt(tales: Tales) -> Evidence:
    tale = tales["published"]
    done = tale.find(Succeeded, "probed")
    return tale.after(done, replace(done, via="late"))


@breaks("a_place_is_recorded_once")
def a_clock_is_read_twice_at_one_place(tales: Tales) -> Evidence:
    tale = tales["published"]
    read = tale.find(Recorded)
    return tale.after(read, replace(read, payload=b"1"))


@breaks("an_event_is_taken_once")
def an_event_is_taken_twice(tales: Tales) -> Evidence:
    tale = tales["published"]
    taken = tale.find(EventTaken)
    return tale.after(taken, taken)


@breaks("a_person_answers_what_was_asked")
def nobody_gave_the_answer(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(InterventionClosed), by="")


@breaks("a_person_answers_what_was_asked")
def an_answer_was_not_on_offer(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(InterventionOpened), choices=["waive"])


# --- keys -------------------------------------------------------------------------------------


@breaks("a_key_belongs_to_one_call")
def two_steps_share_a_key(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    key = tale.find(Intended, "1.1:keyed").key
    return tale.changed(tale.find(Intended, "1.2:sharing"), key=key)


@breaks("a_key_belongs_to_one_call")
def an_undo_has_the_key_of_its_step(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    key = tale.find(Intended, "blind").key
    return tale.changed(tale.find(CompensationIntended, "blind"), key=key)


@breaks("a_call_keeps_its_key")
def an_attempt_has_another_key(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(Intended, "probed#1", attempt=2), key="another")


@breaks("a_call_keeps_its_key")
def an_undo_has_another_key_for_no_reason(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undo = tale.find(CompensationIntended, "blind")
    doubt = FoundInDoubt(path=undo.path, direction="undo", reason="", ended=0, observed=True)
    return tale.after(undo, doubt, replace(undo, key="another"))


@breaks("a_key_holds_nothing_else")
def a_key_holds_the_time(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(Intended, "publish#1"), key="publish-at-noon")


@breaks("a_key_holds_nothing_else")
def a_key_holds_the_attempt(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undo = tale.find(CompensationIntended, "blind")
    history = tale.evidence.history
    key = idempotency_key(
        history.journal_id, history.saga_id, f"{undo.path} 1", Direction.UNDO, undo.generation
    )
    return tale.changed(undo, key=key)


@breaks("attempts_are_counted")
def an_attempt_is_counted_twice(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(Intended, "probed#1", attempt=2), attempt=1)


@breaks("every_effect_was_intended")
def an_effect_has_no_intent(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.saw([*tale.ledger, Effect("page", "do", "of nobody")])


@breaks("every_effect_was_intended")
def an_effect_is_of_the_other_direction(tales: Tales) -> Evidence:
    tale = tales["published"]
    first, *more = tale.ledger
    return tale.saw([first._replace(direction="undo"), *more])


@breaks("no_call_took_effect_twice")
def a_page_was_published_twice(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.saw([*tale.ledger, tale.ledger[-1]])


@breaks("no_call_took_effect_twice")
def a_step_took_effect_under_two_keys(tales: Tales) -> Evidence:
    tale = tales["published"]
    step = tale.find(Intended, "publish#1")
    doubt = FoundInDoubt(path=step.path, direction="do", reason="", ended=0, observed=True)
    again = replace(step, attempt=2, key="again", payload=None)
    spoilt = tale.after(step, doubt, again)
    return replace(spoilt, ledger=[*tale.ledger, Effect("page", "do", "again")])


# --- calls ------------------------------------------------------------------------------------


def seen(tale: Tale) -> list[Call]:
    """The calls of a saga, each begun right after its intent."""
    steps = tale.evidence.steps
    return [
        Call(
            entry.path,
            "do" if isinstance(entry, Intended) else "undo",
            entry.key,
            entry.attempt,
            seq,
            sha256(steps[entry.path].arguments).hexdigest(),
        )
        for seq, _, entry in tale.evidence.intents
    ]


def test_calls_after_their_intents_are_no_violation(tales: Tales) -> None:
    for tale in tales.values():
        assert broken(replace(tale.evidence, calls=seen(tale))) == set()


@breaks("a_call_begins_after_its_intent")
def a_call_began_before_its_intent(tales: Tales) -> Evidence:
    first, *more = seen(tales["unwound"])
    return replace(tales["unwound"].evidence, calls=[replace(first, began=1), *more])


@breaks("a_call_begins_after_its_intent")
def a_call_has_no_intent_of_its_own(tales: Tales) -> Evidence:
    calls = seen(tales["unwound"])
    return replace(tales["unwound"].evidence, calls=[*calls, replace(calls[0], attempt=2)])


@breaks("an_attempt_is_called_once")
def an_attempt_was_called_twice(tales: Tales) -> Evidence:
    calls = seen(tales["unwound"])
    return replace(tales["unwound"].evidence, calls=[*calls, calls[0]])


@breaks("what_is_called_is_what_was_intended")
def a_call_was_made_with_other_arguments(tales: Tales) -> Evidence:
    calls = seen(tales["published"])
    calls[-1] = replace(calls[-1], digest=sha256(b'{"what":"secret"}').hexdigest())
    return replace(tales["published"].evidence, calls=calls)


@breaks("nothing_is_called_after_the_end")
def a_call_was_made_after_the_end(tales: Tales) -> Evidence:
    tale = tales["published"]
    calls = seen(tale)
    calls[-1] = replace(calls[-1], began=len(tale.entries))
    return replace(tale.evidence, calls=calls)


# --- what begins ------------------------------------------------------------------------------


@breaks("nothing_new_is_done_while_undoing")
def a_step_begins_in_the_unwind(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    step, done = tale.find(Intended, "blind"), tale.find(Succeeded, "blind")
    began = tale.find(UnwindBegan)
    entries = [it for it in tale.entries if it not in (step, done)]
    place = entries.index(began) + 1
    return tale.told([*entries[:place], step, done, *entries[place:]])


@breaks("nothing_new_is_done_while_undoing")
def a_step_begins_during_a_rollback(tales: Tales) -> Evidence:
    tale = tales["published"]
    step, done = tale.find(Intended, "g/probed"), tale.find(Succeeded, "g/probed")
    entries = [it for it in tale.entries if it not in (step, done)]
    place = entries.index(tale.find(RolledBackTo))
    return tale.told([*entries[:place], step, done, *entries[place:]])


@breaks("a_closed_parallel_begins_nothing_new")
def a_sibling_begins_after_a_branch_failed(tales: Tales) -> Evidence:
    tale = tales["beside"]
    closed = tale.find(ParallelClosed)
    first = tale.find(Intended, "1.1:")
    entries = [it for it in tale.entries if it != closed]
    place = entries.index(first)
    return tale.told([*entries[:place], closed, *entries[place:]])


@breaks("nothing_new_is_done_after_the_deadline")
def a_step_begins_after_the_deadline(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(Started), deadline=0)


@breaks("nothing_new_is_done_after_the_deadline")
def a_deadline_passes_before_its_time(tales: Tales) -> Evidence:
    tale = tales["late"]
    return tale.changed(tale.find(Started), deadline=2**61)


@breaks("a_timer_does_not_fire_early")
def a_sleep_is_over_early(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(TimerSet, "sleep"), until=2**61)


@breaks("a_timer_does_not_fire_early")
def a_sleep_is_over_twice(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.after(tale.find(TimerFired), tale.find(TimerFired))


@breaks("what_comes_too_late_unwinds_nothing")
def a_cancel_that_is_too_late_unwinds(tales: Tales) -> Evidence:
    tale = tales["cancelled"]
    return tale.changed(tale.find(CancelRequested), too_late=True)


@breaks("what_comes_too_late_unwinds_nothing")
def a_deadline_that_is_too_late_unwinds(tales: Tales) -> Evidence:
    tale = tales["late"]
    return tale.changed(tale.find(DeadlinePassed), too_late=True)


# --- undoing ----------------------------------------------------------------------------------


@breaks("only_what_may_have_happened_is_undone")
def a_step_is_undone_that_failed(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undo = tale.find(CompensationIntended, "blind")
    failed = tale.find(Failed)
    began = tale.find(UnwindBegan)
    return tale.after(began, replace(undo, path=failed.path, key="k"))


@breaks("only_what_may_have_happened_is_undone")
def a_step_is_undone_of_unknown_outcome(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.without(tale.find(Succeeded, "1.1:keyed"))


@breaks("only_what_may_have_happened_is_undone")
def a_step_is_undone_on_suspicion_that_does_not_allow_it(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undo = tale.find(CompensationIntended, "1.1:keyed")
    return Tale(tale.changed(undo, unknown=True)).without(tale.find(Succeeded, "1.1:keyed"))


@breaks("nothing_is_undone_twice")
def a_step_is_undone_twice(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undo, undone = tale.find(CompensationIntended, "blind"), tale.find(Compensated, "blind")
    return tale.after(undone, replace(undo, attempt=2), undone)


@breaks("only_what_is_unwound_is_undone")
def a_step_is_undone_that_is_not_in_the_block(tales: Tales) -> Evidence:
    tale = tales["published"]
    undo = tale.find(CompensationIntended)
    first = tale.find(Intended, "g/keyed#1")
    return tale.after(tale.find(RollbackBegan), replace(undo, path=first.path, key="k"))


@breaks("the_irreversible_is_not_undone")
def an_irreversible_step_is_undone(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(Intended, "blind"), reversibility="irreversible")


@breaks("a_window_closes_in_its_time")
def a_window_closes_when_nobody_said(tales: Tales) -> Evidence:
    tale = tales["lapsed"]
    closed = tale.find(WindowClosed)
    return tale.changed(closed, closed_at=closed.closed_at - 1)


@breaks("a_window_closes_in_its_time")
def a_window_closes_that_was_not_declared(tales: Tales) -> Evidence:
    tale = tales["lapsed"]
    return tale.changed(tale.find(Intended, "ordered"), window=None)


@breaks("a_window_closes_in_its_time")
def a_window_closes_twice(tales: Tales) -> Evidence:
    tale = tales["lapsed"]
    return tale.after(tale.find(WindowClosed), tale.find(WindowClosed))


@breaks("an_alarm_is_raised_in_its_time")
def an_alarm_is_raised_that_nobody_asked_for(tales: Tales) -> Evidence:
    tale = tales["lapsed"]
    path = tale.find(Intended, "ordered").path
    return tale.changed(tale.find(WindowAlarmed), path=path)


@breaks("an_alarm_is_raised_in_its_time")
def an_alarm_is_raised_about_another_instant(tales: Tales) -> Evidence:
    tale = tales["lapsed"]
    alarm = tale.find(WindowAlarmed)
    return tale.changed(alarm, closes_at=alarm.closes_at + 1)


@breaks("an_alarm_is_raised_in_its_time")
def an_alarm_is_raised_too_early(tales: Tales) -> Evidence:
    tale = tales["lapsed"]
    intent = tale.find(Intended, "warned")
    last = Window(duration=intent.window.duration, alarm=timedelta(microseconds=1))
    return tale.changed(intent, window=last)


@breaks("an_undo_in_time_is_carried_through")
def a_window_closes_behind_an_undo(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undo = tale.find(CompensationIntended, "blind")
    return tale.after(undo, WindowClosed(path=undo.path, closed_at=0))


@breaks("a_lock_is_kept_until_the_end")
def a_lock_is_lost_and_taken_again(tales: Tales) -> Evidence:
    return locking(tales["unwound"], lambda number: [number])


@breaks("a_lock_is_kept_until_the_end")
def a_lock_has_no_token(tales: Tales) -> Evidence:
    return locking(tales["unwound"], lambda _: [])


@breaks("the_irreversible_is_not_undone")
def a_step_is_undone_whose_window_has_closed(tales: Tales) -> Evidence:
    tale = tales["lapsed"]
    undo = tale.find(CompensationIntended)
    late = replace(undo, path=tale.find(WindowClosed).path, key="k")
    return tale.after(tale.find(UnwindBegan), late)


@breaks("what_has_changed_is_not_undone")
def what_somebody_has_changed_is_undone(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    asked = GuardAsked(path=tale.find(CompensationIntended).path, answer="changed")
    return tale.after(tale.find(UnwindBegan), asked)


@breaks("what_came_later_is_undone_first")
def the_first_step_is_undone_first(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undo = [tale.find(kind, "g/sharing") for kind in (CompensationIntended, Compensated)]
    entries = [it for it in tale.entries if it not in undo]
    place = entries.index(tale.find(UnwindBegan)) + 1
    return tale.told([*entries[:place], *undo, *entries[place:]])


@breaks("what_came_later_is_undone_first")
def a_branch_is_undone_before_the_one_that_builds_upon_it(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    later = tale.find(Intended, "1.2:sharing")
    evidence = tale.changed(later, after=["shop.keyed"])
    entries = Tale(evidence).entries
    undo = tale.find(CompensationIntended, "1.1:keyed")
    rest = [it for it in entries if it != undo]
    place = rest.index(tale.find(CompensationIntended, "1.2:sharing"))
    return Tale(evidence).told([*rest[:place], undo, *rest[place:]])


@breaks("the_world_saw_the_later_undone_first")
def the_world_saw_the_first_step_undone_first(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    last = tale.ledger[-1]
    place = next(index for index, it in enumerate(tale.ledger) if it.direction == "undo")
    return tale.saw([*tale.ledger[:place], last, *tale.ledger[place:-1]])


@breaks("a_block_is_undone_before_the_body_goes_on")
def a_step_of_a_block_is_forgotten(tales: Tales) -> Evidence:
    tale = tales["published"]
    path = "block#1/keyed#1"
    return tale.without(tale.find(CompensationIntended, path), tale.find(Compensated, path))


@breaks("every_step_is_undone_at_the_end")
def a_sibling_is_forgotten(tales: Tales) -> Evidence:
    tale = tales["beside"]
    return tale.without(tale.find(CompensationIntended), tale.find(Compensated))


@breaks("every_step_is_undone_at_the_end")
def a_late_effect_is_forgotten(tales: Tales) -> Evidence:
    tale = tales["reopened"]
    return tale.without(tale.find(CompensationIntended), tale.find(Compensated))


# --- gates ------------------------------------------------------------------------------------


@breaks("a_gate_is_decided_once")
def a_second_decision_counts(tales: Tales) -> Evidence:
    tale = tales["published"]
    decided = tale.find(GateDecided)
    return tale.after(decided, replace(decided, state="rejected"))


@breaks("a_gate_is_decided_once")
def a_gate_is_used_that_nobody_approved(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.without(tale.find(GateDecided))


@breaks("a_standing_rule_decides_as_its_gate_opens")
def a_rule_decides_in_a_persons_name(tales: Tales) -> Evidence:
    tale = Tale(tales["published"].changed(tales["published"].find(GateDecided), rule="r-1"))
    return tale.changed(tale.find(GateConsumed), rule="r-1")


@breaks("a_standing_rule_decides_as_its_gate_opens")
def a_rule_is_used_that_did_not_decide(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(GateConsumed), rule="r-1")


@breaks("a_use_of_a_rule_is_counted")
def a_use_that_is_not_counted(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(GateConsumed), rule="r-1")


@breaks("a_use_of_a_rule_is_counted")
def a_use_that_was_not_made_is_counted(tales: Tales) -> Evidence:
    tale = tales["published"]
    evidence = tale.evidence
    use = RuleUse(tale.find(GateConsumed).gate, "r-1", evidence.history.saga_id, None, 0)
    return replace(evidence, history=replace(evidence.history, uses=(use,)))


@breaks("an_approval_is_used_by_its_own_call", "what_needs_a_gate_has_one")
def an_approval_is_used_by_another_step(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(Intended, "publish#1"), gate="g-another")


@breaks("an_approval_is_used_by_its_own_call")
def an_approval_of_an_earlier_generation_is_used(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(GateOpened), generation=0)


@breaks("what_needs_a_gate_has_one")
def a_page_is_published_without_a_gate(tales: Tales) -> Evidence:
    tale = tales["published"]
    step = tale.find(Intended, "publish#1")
    evidence = tale.changed(step, gate=None)
    return Tale(evidence).without(tale.find(GateConsumed))


@breaks("what_needs_a_gate_has_one")
def a_call_is_made_without_the_gate_that_its_action_asks_for(tales: Tales) -> Evidence:
    tale = tales["completed"]
    step = tale.find(Intended, "/gated")
    evidence = tale.changed(step, gate=None)
    return Tale(evidence).without(tale.find(GateConsumed, "/gated"))


@breaks("what_needs_a_gate_has_one")
def a_waiver_is_claimed_that_nobody_gave(tales: Tales) -> Evidence:
    tale = tales["published"]
    evidence = tale.changed(tale.find(Intended, "publish#1"), gate=None, waiver="trust me")
    return Tale(evidence).without(tale.find(GateConsumed))


def edit_of(gate: GateOpened, **different: Any) -> GateRevised:
    """Somebody's edit of a gate."""
    edit = GateRevised(
        gate=gate.gate,
        path=gate.path,
        revision=2,
        digest=gate.digest,
        by="somebody-else",
        reason="cheaper",
        payload=b'{"what":"other"}',
    )
    return replace(edit, **different)


@breaks("a_gate_is_decided_once")
def what_is_decided_is_edited(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.after(tale.find(GateDecided), edit_of(tale.find(GateOpened)))


@breaks("an_edit_is_decided_by_others")
def the_editor_approves(tales: Tales) -> Evidence:
    tale = tales["published"]
    opened, decider = tale.find(GateOpened), tale.find(GateDecided).by
    return tale.after(opened, edit_of(opened, by=decider))


@breaks("an_edit_is_decided_by_others")
def a_revision_is_left_out(tales: Tales) -> Evidence:
    tale = tales["published"]
    opened = tale.find(GateOpened)
    return tale.after(opened, edit_of(opened, revision=3))


@breaks("what_was_approved_is_what_runs")
def what_was_called_runs_although_it_was_edited(tales: Tales) -> Evidence:
    tale = tales["published"]
    opened = tale.find(GateOpened)
    return tale.after(opened, edit_of(opened))


@breaks("what_was_approved_is_what_runs")
def the_bytes_are_others_than_those_approved(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(GateOpened), payload=b'{"what":"secret"}')


@breaks("what_was_approved_is_what_runs")
def the_digest_is_that_of_something_else(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(GateOpened), digest="0" * 64)


@breaks("what_was_approved_is_what_runs")
def people_decided_about_something_else(tales: Tales) -> Evidence:
    evidence = tales["published"].evidence
    gates = [replace(gate, digest="0" * 64) for gate in evidence.history.gates]
    return replace(evidence, history=replace(evidence.history, gates=gates))


@breaks("an_approval_is_used_in_time")
def an_approval_is_used_that_has_lapsed(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.changed(tale.find(GateDecided), valid_until=1)


@breaks("an_approval_is_used_in_time")
def a_gate_is_approved_after_its_deadline(tales: Tales) -> Evidence:
    evidence = tales["published"].evidence
    gates = [
        replace(gate, decided_at=gate.deadline + timedelta(seconds=1))
        for gate in evidence.history.gates
    ]
    return replace(evidence, history=replace(evidence.history, gates=gates))


@breaks("a_class_is_no_better_than_declared")
def what_cannot_be_undone_is_taken_for_what_can(tales: Tales) -> Evidence:
    tale = tales["published"]
    step = tale.find(Intended, "publish#1")
    return tale.changed(step, reversibility=Reversibility.COMPENSATABLE.value)


# --- doubt ------------------------------------------------------------------------------------


@breaks("doubt_is_not_called_again")
def a_call_without_a_key_is_repeated(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    asked = tale.find(InterventionOpened, "keyless")
    return tale.without(asked, tale.find(InterventionClosed))


@breaks("doubt_is_not_called_again")
def a_call_is_repeated_that_nobody_looked_for(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.without(tale.find(Probed, "probed#1"))


@breaks("doubt_is_not_called_again")
def a_call_is_repeated_after_its_key_has_died(tales: Tales) -> Evidence:
    tale = tales["published"]
    step = tale.find(Intended, "publish#1")
    doubt = FoundInDoubt(path=step.path, direction="do", reason="", ended=0, observed=True)
    evidence = tale.after(step, doubt, replace(step, attempt=2))
    rows = list(evidence.history.rows)
    rows = [row._replace(at=0) if row.seq <= 28 else row for row in rows]
    return replace(evidence, history=replace(evidence.history, rows=rows))


@breaks("doubt_is_not_called_again")
def a_call_is_repeated_before_anybody_spoke_of_the_first(tales: Tales) -> Evidence:
    tale = tales["published"]
    step = tale.find(Intended, "publish#1")
    return tale.after(step, replace(step, attempt=2))


@breaks("an_outcome_has_a_source")
def doubt_settles_itself(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.without(tale.find(Intended, "keyless", attempt=2))


@breaks("an_outcome_has_a_source")
def a_probe_is_said_to_have_found_what_it_did_not(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(Probed, "probed#2"), answer="absent")


@breaks("an_outcome_has_a_source")
def a_person_is_said_to_have_seen_it(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(Succeeded, "keyless"), via="person")


@breaks("an_outcome_has_a_source")
def a_refusal_speaks_for_an_attempt_in_doubt(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    step = tale.find(Intended, "keyless", attempt=2)
    no = Failed(path=step.path, error="Refusal", message="no")
    return tale.until(step, no)


@breaks("an_outcome_has_a_source")
def what_may_have_happened_is_called_absent(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    doubt = tale.find(FoundInDoubt, "keyless")
    return tale.until(doubt, Failed(path=doubt.path, error="NotExecuted", message="", via="probe"))


@breaks("an_outcome_has_a_source")
def what_was_called_is_said_to_be_cancelled(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    evidence = tale.changed(tale.find(Failed), via="cancel")
    return replace(evidence, calls=seen(Tale(evidence)))


@breaks("a_gate_that_refuses_was_decided")
def a_gate_refuses_that_was_approved(tales: Tales) -> Evidence:
    tale = tales["rejected"]
    return tale.changed(tale.find(GateDecided), state="approved")


@breaks("absent_means_something")
def absent_counts_while_a_call_goes_on(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(FoundInDoubt, "probed#1"), running=True)


@breaks("absent_means_something")
def absent_counts_too_early(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.changed(tale.find(FoundInDoubt, "probed#1"), observed=False, ended=2**61)


# --- the world --------------------------------------------------------------------------------


@breaks("what_is_said_to_have_happened_did")
def a_success_is_made_up(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.saw(tale.ledger[:-1])


@breaks("what_is_said_to_have_happened_did", "every_effect_is_undone_or_stands_rightly")
def an_undo_is_made_up(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.saw(tale.ledger[:-1])


@breaks("what_is_said_not_to_have_happened_did_not", "every_effect_is_undone_or_stands_rightly")
def a_failure_took_effect(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    key = tale.find(Intended, "keyed#2").key
    return tale.saw([Effect("refused", "do", key), *tale.ledger])


@breaks("every_effect_is_undone_or_stands_rightly")
def an_undo_came_before_its_effect(tales: Tales) -> Evidence:
    tale = tales["suspected"]
    room = [it for it in tale.ledger if it.name == "room"]
    return tale.saw([*(it for it in tale.ledger if it not in room), *room])


@breaks("the_world_is_as_before")
def something_remains_in_the_world(tales: Tales) -> Evidence:
    return replace(tales["unwound"].evidence, before={"rooms": 0}, after={"rooms": 1})


@breaks("the_world_is_as_before")
def what_is_compared_remains(tales: Tales) -> Evidence:
    return replace(
        tales["unwound"].evidence,
        before={"rooms": 0, "log": 0},
        after={"rooms": 1, "log": 0},
        compare=rooms,
    )


@breaks("every_payload_round_trips")
def arguments_come_back_otherwise(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(Intended, "blind"), payload=b'{"what": "room"}')


@breaks("every_payload_round_trips")
def a_result_is_not_of_its_type(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(Succeeded, "blind"), payload=b"7")


@breaks("every_payload_round_trips")
def an_input_is_no_json(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(Started), payload=b"{")


# --- at rest ----------------------------------------------------------------------------------


@breaks("it_has_ended_or_says_what_it_waits_for")
def it_rests_for_nothing(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.without(tale.find(Ended))


@breaks("it_has_ended_or_says_what_it_waits_for")
def it_waits_and_is_shown_as_running(tales: Tales) -> Evidence:
    evidence = tales["waiting"].evidence
    row = evidence.history.saga
    assert row is not None
    row = replace(row, status=Status.RUNNING, wake_at=None)
    return replace(evidence, history=replace(evidence.history, saga=row))


@breaks("the_row_says_what_the_entries_say")
def the_row_says_something_else(tales: Tales) -> Evidence:
    evidence = tales["unwound"].evidence
    row = evidence.history.saga
    assert row is not None
    row = replace(row, status=Status.COMPLETED)
    return replace(evidence, history=replace(evidence.history, saga=row))


@breaks("the_row_says_what_the_entries_say")
def the_row_lags_behind(tales: Tales) -> Evidence:
    evidence = tales["unwound"].evidence
    row, third = evidence.history.saga, evidence.history.rows[2]
    assert row is not None
    row = replace(row, head=3, head_hash=third.hash)
    return replace(evidence, history=replace(evidence.history, saga=row))


@breaks("the_row_says_what_the_entries_say")
def the_entries_make_no_saga(tales: Tales) -> Evidence:
    tale = tales["published"]
    return tale.without(tale.find(GateOpened))


@breaks("nothing_is_left_open")
def a_gate_is_left_open(tales: Tales) -> Evidence:
    evidence = tales["published"].evidence
    gates = [replace(gate, state=GateState.PENDING) for gate in evidence.history.gates]
    return replace(evidence, history=replace(evidence.history, gates=gates))


@breaks("nothing_is_left_open")
def a_question_is_left_open(tales: Tales) -> Evidence:
    evidence = tales["doubted"].evidence
    questions = [replace(it, state="open") for it in evidence.history.questions]
    return replace(evidence, history=replace(evidence.history, questions=questions))


@breaks("nothing_is_left_open")
def a_question_is_left_open_in_the_journal(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.without(tale.find(InterventionClosed))


@breaks("nothing_is_left_open")
def a_call_is_left_without_an_outcome(tales: Tales) -> Evidence:
    tale = tales["doubted"]
    return tale.without(tale.find(Succeeded, "keyless"))


@breaks("nothing_is_left_open")
def an_undo_is_left_without_an_outcome(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.without(tale.find(Compensated, "blind"))


@breaks("nothing_is_left_open", "every_step_is_undone_at_the_end")
def an_undo_that_failed_is_forgotten(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    undone = tale.find(Compensated, "g/sharing")
    failed = CompensationFailed(path=undone.path, error="Refusal", message="no")
    return tale.told([failed if it == undone else it for it in tale.entries])


@breaks("the_end_hides_nothing")
def a_residue_is_hidden(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(Compensated, "blind"), payload=b'{"text":"a fee"}')


@breaks("the_end_hides_nothing")
def what_cannot_be_undone_is_hidden(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    path = "unwinding/blind"
    evidence = tale.changed(tale.find(Intended, path), reversibility="irreversible")
    undo = tale.find(CompensationIntended, path), tale.find(Compensated, path)
    return Tale(evidence).without(*undo)


@breaks("the_end_hides_nothing")
def a_residue_is_claimed_that_is_none(tales: Tales) -> Evidence:
    tale = tales["unwound"]
    return tale.changed(tale.find(Ended), status="residual")


@breaks("the_end_hides_nothing")
def a_late_effect_that_is_left_is_hidden(tales: Tales) -> Evidence:
    tale = tales["reopened"]
    return tale.changed(tale.find(Compensated), payload=b'{"text":"a fee"}')


@breaks("nothing_follows_the_end")
def it_is_reopened_before_it_has_ended(tales: Tales) -> Evidence:
    tale = tales["reopened"]
    entries = tale.entries
    place = next(index for index, it in enumerate(entries) if isinstance(it, Reopened))
    return tale.told([*entries[: place - 1], *entries[place:]])


@pytest.mark.parametrize(
    ("rule", "case"), CASES, ids=[f"{case.__name__}-{rule}" for rule, case in CASES]
)
def test_a_rule_finds_what_breaks_it(tales: Tales, rule: str, case: Case) -> None:
    assert rule in broken(case(tales))
