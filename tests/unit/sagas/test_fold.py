"""The fold: what each kind of entry changes, and nothing else."""

import pytest

from compensations import Residue
from compensations.plan import Standing
from reversibility import Reversibility
from sagas import decide
from sagas import entries as e
from sagas.fold import fold, read_residue
from sagas.model import Direction
from sagas.state import Phase, SagaState, Track, scope_of
from tests.unit.sagas.script import PATH, SECOND, START, TIMEOUT, Script

OTHER = "trip/rent#1"


def gate_opened(gate: str = "g-1", direction: Direction = Direction.DO) -> e.GateOpened:
    return e.GateOpened(
        gate=gate,
        path=PATH,
        direction=direction,
        ordinal=1,
        action="travel.book",
        version=1,
        generation=0,
        digest="abc",
        deadline=START + SECOND,
        by="1 of ana",
        payload=b'{"room":1}',
    )


def decided(state: str, gate: str = "g-1") -> e.GateDecided:
    return e.GateDecided(
        gate=gate, path=PATH, state=state, by="ana", reason="fine", valid_until=START + SECOND
    )


def started_until(deadline: int) -> Script:
    return Script().add(e.Started(saga="travel.trip", version=1, starter="ana", deadline=deadline))


def event(name: str = "paid") -> e.EventReceived:
    return e.EventReceived(name=name, key="k", by="bank", payload=b"7")


# --- the saga ---------------------------------------------------------------------------------


def test_a_saga_without_entries_is_empty() -> None:
    assert fold("s-1", []) == SagaState("s-1")


def test_the_fold_is_the_entries_applied_in_order() -> None:
    script = Script().intend().succeed()
    rows = [(seq, START, entry) for seq, entry in enumerate(script.written, 1)]

    assert fold("s-1", rows) == script.state


def test_the_head_is_the_last_entry() -> None:
    assert Script().intend().succeed().state.head == 2


def test_a_started_saga_knows_its_input_and_who_started_it() -> None:
    state = (
        Script().add(e.Started(saga="travel.trip", version=2, starter="ana", payload=b"1")).state
    )

    assert (state.saga, state.version, state.starter, state.input, state.started_at) == (
        "travel.trip",
        2,
        "ana",
        b"1",
        START,
    )


def test_an_input_of_nothing_is_null() -> None:
    assert (
        Script().add(e.Started(saga="travel.trip", version=1, starter="ana")).state.input == b"null"
    )


def test_an_ended_saga_knows_when() -> None:
    state = Script().later(5).add(e.Ended(status="completed")).state

    assert (state.ended, state.ended_at) == (e.Ended(status="completed"), START + 5)


def test_the_first_cancel_is_the_one_that_counts() -> None:
    first = e.CancelRequested(by="ana", reason="enough", too_late=False)
    second = e.CancelRequested(by="bob", reason="too", too_late=False)

    assert Script().add(first, second).state.cancel == first


def test_a_deadline_stays_due_until_something_came_of_it() -> None:
    state = started_until(START + SECOND).state

    assert (state.deadline, state.due) == (START + SECOND, START + SECOND)


@pytest.mark.parametrize(
    "entry",
    [
        e.DeadlinePassed(too_late=True),
        e.UnwindBegan(reason="no room", cause="failure", generation=1),
        e.Ended(status="completed"),
    ],
    ids=lambda entry: entry.kind,
)
def test_a_deadline_is_not_due_after(entry: e.Entry) -> None:
    state = started_until(START + SECOND).add(entry).state

    assert (state.deadline, state.due) == (START + SECOND, None)


@pytest.mark.parametrize(("choice", "due"), [("keep", None), ("retry", START + SECOND)])
def test_a_saga_that_is_left_as_it_is_has_no_deadline_any_more(
    choice: str, due: int | None
) -> None:
    opened = e.InterventionOpened(
        intervention="i-1", what="past-pivot", question="?", evidence="", choices=[choice]
    )
    closed = e.InterventionClosed(intervention="i-1", choice=choice, by="ana", reason="so")

    assert started_until(START + SECOND).add(opened, closed).state.due == due


def test_an_unwind_raises_the_generation() -> None:
    state = Script().unwind().state

    assert (state.unwinding, state.generation) == (True, 1)


def test_a_saga_does_not_unwind_by_itself() -> None:
    assert not Script().intend().doubt().state.unwinding


def test_an_entry_without_consequence_still_moves_the_head() -> None:
    class Remark(e.Entry):
        __slots__ = ()

    assert Script().add(Remark()).state == SagaState("s-1", head=1)


# --- scopes and calls -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("trip/book#1", "trip"),
        ("trip/1.2:book#1", "trip/1.2:"),
        ("trip/1.2:lodging#1/book#1", "trip/1.2:lodging#1"),
        ("trip/1.2:1.1:book#1", "trip/1.2:1.1:"),
        ("trip/lodging#1/2.1:book#1", "trip/lodging#1/2.1:"),
    ],
)
def test_the_scope_of_a_path_is_what_stands_before_the_name(path: str, scope: str) -> None:
    assert scope_of(path) == scope


def test_every_call_of_a_scope_is_known_by_its_place() -> None:
    script = (
        Script()
        .intend()
        .intend(OTHER)
        .add(
            e.Recorded(path="trip/now#1", ordinal=3, what="now", payload=b"1"),
            e.TimerSet(path="trip/sleep#1", ordinal=4, what="sleep", until=START),
            e.SavepointSet(path="trip/lodging#1", ordinal=5),
            e.Interrupted(path="trip/mail#1", ordinal=6, action="travel.mail", payload=b"{}"),
        )
    )

    assert script.state.calls == {
        "trip": {
            1: PATH,
            2: OTHER,
            3: "trip/now#1",
            4: "trip/sleep#1",
            5: "trip/lodging#1",
            6: "trip/mail#1",
        }
    }


def test_a_step_knows_its_scope() -> None:
    assert Script().intend("trip/1.2:book#1").step("trip/1.2:book#1").scope == "trip/1.2:"


# --- a step forward ---------------------------------------------------------------------------


def test_an_intended_step_has_its_arguments_and_its_class() -> None:
    step = Script().intend(reversibility=Reversibility.IRREVERSIBLE).step()

    assert (step.arguments, step.reversibility, step.action) == (
        b'{"room":1}',
        Reversibility.IRREVERSIBLE,
        "travel.book",
    )


def test_an_intent_carries_the_before_image_the_waiver_and_the_keys() -> None:
    intent = e.Intended(
        path=PATH,
        ordinal=1,
        action="travel.book",
        version=1,
        reversibility="reversible",
        attempt=1,
        key="key",
        generation=0,
        latest_end=START,
        gate="g-1",
        waiver="a test",
        before='{"label":"old"}',
        conflicts=["room-1"],
        after=["travel.fly"],
    )
    step = Script().add(intent).step()

    assert (step.before, step.waiver, step.conflicts, step.after, step.forward.gate) == (
        b'{"label":"old"}',
        "a test",
        frozenset({"room-1"}),
        frozenset({"travel.fly"}),
        "g-1",
    )
    assert step.arguments == b"{}"


def test_a_repeated_intent_keeps_what_the_first_one_said() -> None:
    script = (
        Script().intend(conflicts=["room-1"], after=["travel.fly"]).later(SECOND).doubt().intend()
    )
    step = script.step()

    assert (step.conflicts, step.after, step.arguments) == (
        frozenset({"room-1"}),
        frozenset({"travel.fly"}),
        b'{"room":1}',
    )


def test_the_age_of_a_key_counts_from_the_first_intent() -> None:
    track = Script().later(7).intend().later(SECOND).doubt().intend().step().forward

    assert (track.seq, track.at, track.last_at, track.attempts) == (
        1,
        START + 7,
        START + 7 + SECOND,
        2,
    )


def test_an_attempt_may_be_running_until_its_latest_end() -> None:
    assert Script().intend().step().forward.last_end == START + TIMEOUT


def test_an_attempt_that_was_seen_to_end_is_over() -> None:
    assert Script().intend().later(SECOND).doubt().step().forward.last_end == START + SECOND


def test_a_lost_attempt_may_be_running_after_another_one_was_seen_to_end() -> None:
    script = Script().intend().later(SECOND).crash().intend().later(SECOND).doubt()

    assert script.step().forward.last_end == START + TIMEOUT


def test_success_keeps_the_result_and_ends_all_doubt() -> None:
    step = Script().intend().doubt().later(SECOND).succeed().step()

    assert (step.result, step.forward.phase, step.forward.doubt, step.forward.ended) == (
        b'"ok"',
        Phase.SUCCEEDED,
        False,
        START + SECOND,
    )


def test_a_result_that_cannot_be_stored_is_a_success_all_the_same() -> None:
    step = Script().intend().add(e.Succeeded(path=PATH, unstorable="NaN")).step()

    assert (step.forward.phase, step.result, step.unstorable) == (Phase.SUCCEEDED, None, "NaN")


def test_a_failure_keeps_its_error() -> None:
    failed = e.Failed(path=PATH, error="NoRoom", message="full", data=[1], via="probe")
    step = Script().intend().add(failed).step()

    assert (step.forward.phase, step.forward.error, step.forward.message, step.data) == (
        Phase.FAILED,
        "NoRoom",
        "full",
        [1],
    )
    assert step.forward.via == "probe"


def test_only_an_attempt_that_was_seen_to_fail_uses_up_the_budget() -> None:
    assert Script().intend().doubt().intend().crash().step().forward.failures == 1


def test_the_worker_that_was_lost_leaves_doubt() -> None:
    track = Script().intend().crash().step().forward

    assert (track.phase, track.doubt, track.unseen_end) == (Phase.IN_DOUBT, True, START + TIMEOUT)


def test_a_refusal_leaves_nothing_open() -> None:
    track = Script().intend().refuse(until=START + 9).step().forward

    assert (track.phase, track.not_before, track.failures, track.error) == (
        Phase.NONE,
        START + 9,
        1,
        "Busy",
    )


def test_a_refusal_after_doubt_leaves_the_doubt() -> None:
    track = Script().intend().doubt().intend().refuse(until=START).step().forward

    assert (track.phase, track.doubt) == (Phase.IN_DOUBT, True)


@pytest.mark.parametrize(
    ("answer", "counts", "absent", "early", "blind", "doubt"),
    [
        ("absent", True, True, False, False, False),
        ("absent", False, False, True, False, True),
        ("failed", False, False, False, True, True),
        ("found", True, False, False, False, True),
    ],
)
def test_a_probe_says_one_of_four_things(
    answer: str, counts: bool, absent: bool, early: bool, blind: bool, doubt: bool
) -> None:
    track = Script().intend().doubt().probed(answer, counts=counts).step().forward

    assert (track.absent, track.probed_early, track.blind, track.doubt) == (
        absent,
        early,
        blind,
        doubt,
    )


@pytest.mark.parametrize(
    ("script", "may"),
    [
        (Script().add(gate_opened()), False),
        (Script().intend(), True),
        (Script().intend().doubt(), True),
        (Script().intend().succeed(), True),
        (Script().intend().fail(), False),
        (Script().intend().refuse(until=START), False),
        (Script().intend().doubt().ask().answer("waive"), False),
    ],
    ids=["gate", "intended", "in doubt", "succeeded", "failed", "refused", "waived"],
)
def test_the_world_may_hold_what_was_intended_and_is_not_known_to_be_absent(
    script: Script, may: bool
) -> None:
    assert script.step().may_have_happened is may


# --- the pivot --------------------------------------------------------------------------------


@pytest.mark.parametrize("reversibility", [Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN])
def test_the_pivot_is_passed_from_its_intent_on(reversibility: Reversibility) -> None:
    script = Script().intend(reversibility=reversibility)

    assert script.state.pivot is script.step()


def test_a_pivot_that_is_known_not_to_have_happened_is_none() -> None:
    assert Script().intend(reversibility=Reversibility.IRREVERSIBLE).fail().state.pivot is None


def test_what_can_be_undone_is_no_pivot() -> None:
    assert Script().intend().succeed().state.pivot is None


def test_the_first_pivot_is_the_pivot() -> None:
    script = Script().intend(reversibility=Reversibility.IRREVERSIBLE).succeed()
    script.intend(OTHER, reversibility=Reversibility.IRREVERSIBLE)

    assert script.state.pivot is script.step()


# --- values, timers, events -------------------------------------------------------------------


def test_a_recorded_value_is_kept() -> None:
    recorded = e.Recorded(path="trip/now#1", ordinal=1, what="now", payload=b"1")

    assert Script().add(recorded).state.values == {"trip/now#1": recorded}


SLEEP = e.TimerSet(path="trip/sleep#1", ordinal=1, what="sleep", until=START + SECOND)


def test_a_timer_is_set_until_an_instant() -> None:
    timer = Script().add(SLEEP).state.timers["trip/sleep#1"]

    assert (timer.until, timer.fired, timer.interrupted, timer.event) == (
        START + SECOND,
        False,
        False,
        None,
    )


def test_a_timer_fires() -> None:
    assert Script().add(SLEEP, e.TimerFired(path="trip/sleep#1")).state.timers["trip/sleep#1"].fired


def test_a_sleep_can_be_interrupted() -> None:
    script = Script().add(SLEEP, e.Interrupted(path="trip/sleep#1", ordinal=1))

    assert script.state.timers["trip/sleep#1"].interrupted


def test_a_step_under_way_can_be_interrupted() -> None:
    script = Script().intend().add(e.Interrupted(path=PATH, ordinal=1, action="travel.book"))

    assert (script.step().interrupted, script.step().forward.phase) == (True, Phase.INTENDED)


def test_a_step_can_be_interrupted_before_it_is_intended() -> None:
    step = (
        Script().add(e.Interrupted(path=PATH, ordinal=1, action="travel.book", payload=b"1")).step()
    )

    assert (step.interrupted, step.arguments, step.forward.phase) == (True, b"1", Phase.NONE)


def test_an_interrupted_step_without_arguments_has_none() -> None:
    step = Script().add(e.Interrupted(path=PATH, ordinal=1, action="travel.book")).step()

    assert step.arguments == b"{}"


def test_an_event_waits_to_be_taken() -> None:
    state = Script().add(event()).state

    assert (state.events[1].name, state.events[1].payload, state.events[1].taken) == (
        "paid",
        b"7",
        False,
    )


def test_an_event_that_says_nothing_is_null() -> None:
    state = Script().add(e.EventReceived(name="paid", key="k", by="bank")).state

    assert state.events[1].payload == b"null"


def test_an_event_is_taken_by_the_wait_for_it() -> None:
    wait = e.TimerSet(path="trip/event-paid#1", ordinal=1, what="paid")
    state = Script().add(event(), wait, e.EventTaken(path="trip/event-paid#1", event=1)).state

    assert (state.events[1].taken, state.timers["trip/event-paid#1"].event) == (True, 1)


def test_a_closed_parallel_knows_which_branch_failed() -> None:
    assert Script().add(e.ParallelClosed(path="trip/1", branch=2)).state.closed == {"trip/1": 2}


# --- gates ------------------------------------------------------------------------------------


def test_an_open_gate_is_pending() -> None:
    state = Script().add(gate_opened()).state

    assert [gate.id for gate in state.open_gates()] == ["g-1"]


def test_a_gate_comes_before_the_first_intent_and_knows_the_arguments() -> None:
    assert Script().add(gate_opened()).step().arguments == b'{"room":1}'


def test_an_approved_gate_is_still_open() -> None:
    script = Script().add(gate_opened(), decided("approved"))
    (gate,) = script.state.open_gates()

    assert (gate.state, gate.decided_by, gate.reason, gate.valid_until) == (
        "approved",
        "ana",
        "fine",
        START + SECOND,
    )


@pytest.mark.parametrize("state", ["rejected", "expired", "cancelled", "lapsed"])
def test_a_decided_gate_is_closed(state: str) -> None:
    assert Script().add(gate_opened(), decided(state)).state.open_gates() == []


def test_a_consumed_gate_is_closed() -> None:
    script = Script().add(gate_opened(), decided("approved"), e.GateConsumed(gate="g-1", path=PATH))

    assert script.state.gates["g-1"].state == "consumed"


def test_the_latest_gate_of_a_call_is_its_gate() -> None:
    script = Script().add(gate_opened(), decided("lapsed"), gate_opened("g-2"))
    gate = script.state.gate(PATH, Direction.DO)

    assert gate is not None
    assert gate.id == "g-2"


def test_a_gate_in_front_of_an_undo_is_another_gate() -> None:
    script = Script().intend().succeed().add(gate_opened("g-2", Direction.UNDO))

    assert script.state.gate(PATH, Direction.DO) is None


# --- unwinding --------------------------------------------------------------------------------


def test_an_undo_has_a_life_of_its_own() -> None:
    script = Script().intend().succeed().unwind().intend_undo()
    step = script.step()

    assert (step.forward.phase, step.undo.phase, step.undo.key) == (
        Phase.SUCCEEDED,
        Phase.INTENDED,
        "undo-key",
    )


def test_a_compensated_step_leaves_its_residue() -> None:
    script = Script().intend().succeed().unwind().intend_undo()
    script.add(
        e.Compensated(path=PATH, payload=b'{"text":"a fee","amount":"5.00","currency":"EUR"}')
    )

    assert script.state.residue() == [(PATH, Residue("a fee", amount="5.00", currency="EUR"))]
    assert script.step().undo.phase is Phase.SUCCEEDED


def left_for_sign_off() -> Script:
    script = Script().intend().succeed().unwind().intend_undo()
    return script.add(e.Compensated(path=PATH, sign_off=True, payload=b'{"text":"a fee"}'))


def test_what_has_to_be_accepted_waits_and_holds_up_no_undo() -> None:
    script = left_for_sign_off()
    assert decide.unsigned(script.state) == [PATH]
    assert decide.standing(script.state, script.step()) is Standing.SETTLED


def test_what_was_accepted_remains_and_waits_no_longer() -> None:
    script = left_for_sign_off().ask("residue", Direction.UNDO).answer("accept")
    assert decide.unsigned(script.state) == []
    assert script.state.residue() == [(PATH, Residue("a fee"))]


def test_what_was_made_good_remains_no_longer() -> None:
    script = left_for_sign_off().ask("residue", Direction.UNDO).answer("done")
    assert (decide.unsigned(script.state), script.state.residue()) == ([], [])
    assert script.step().undo.phase is Phase.SUCCEEDED


def test_a_question_that_became_moot_accepted_nothing() -> None:
    script = left_for_sign_off().ask("residue", Direction.UNDO).answer("moot")
    assert decide.unsigned(script.state) == [PATH]


def test_only_what_lies_inside_a_savepoint_is_asked_about_when_it_is_rolled_back() -> None:
    script = left_for_sign_off()
    assert decide.unsigned(script.state, within="elsewhere") == []


def test_a_clean_compensation_leaves_none() -> None:
    script = Script().intend().succeed().unwind().intend_undo().add(e.Compensated(path=PATH))

    assert script.state.residue() == []


def test_a_failed_compensation_keeps_its_error() -> None:
    script = Script().intend().succeed().unwind().intend_undo()
    script.add(e.CompensationFailed(path=PATH, error="Closed", message="too late"))

    assert (script.step().undo.phase, script.step().undo.error) == (Phase.FAILED, "Closed")


def test_doubt_about_an_undo_is_no_doubt_about_the_step() -> None:
    script = Script().intend().succeed().unwind().intend_undo().doubt(Direction.UNDO)

    assert (script.step().undo.doubt, script.step().forward.doubt) == (True, False)


def test_an_unwind_gives_what_is_in_doubt_new_attempts() -> None:
    script = Script().intend().doubt().unwind()

    assert (script.step().forward.failures, script.step().forward.doubt) == (0, True)


SAVEPOINT = e.SavepointSet(path="trip/lodging#1", ordinal=1)
ROLLBACK = e.RollbackBegan(path="trip/lodging#1", reason="full", generation=1)


def test_a_savepoint_is_not_rolled_back_by_itself() -> None:
    assert Script().add(SAVEPOINT).state.rolling_back is None


def test_a_rollback_that_began_is_under_way() -> None:
    state = Script().add(SAVEPOINT, ROLLBACK).state

    assert state.rolling_back is state.savepoints["trip/lodging#1"]
    assert (state.generation, state.savepoints["trip/lodging#1"].reason) == (1, "full")


def test_a_rollback_that_is_done_is_not_under_way() -> None:
    state = Script().add(SAVEPOINT, ROLLBACK, e.RolledBackTo(path="trip/lodging#1")).state

    assert state.rolling_back is None


# --- people -----------------------------------------------------------------------------------


def test_a_question_is_open_until_it_is_answered() -> None:
    script = Script().intend().doubt().ask()

    assert list(script.state.questions) == ["i-1"]
    assert script.answer("retry").state.questions == {}


def test_a_question_is_found_by_its_step() -> None:
    script = Script().intend().doubt().ask()

    assert script.state.question_about(PATH) is script.state.questions["i-1"]


def test_a_question_is_found_by_its_direction() -> None:
    script = Script().intend().doubt().ask()

    assert script.state.question_about(PATH, Direction.DO) is not None
    assert script.state.question_about(PATH, Direction.UNDO) is None


def test_a_question_about_the_saga_is_about_no_step() -> None:
    script = Script().intend().ask("defect", None, None)

    assert script.state.question_about(None) is not None
    assert script.state.question_about(PATH) is None


def test_an_answer_is_kept() -> None:
    script = Script().ask("defect", None, None).answer("resume")

    assert [answer.choice for answer in script.state.answers] == ["resume"]


def test_retry_begins_the_call_anew_and_keeps_the_doubt() -> None:
    track = Script().intend().doubt().probed("absent").ask().answer("retry").step().forward

    assert (track.phase, track.failures, track.probed_early, track.doubt, track.wanted) == (
        Phase.IN_DOUBT,
        0,
        False,
        True,
        True,
    )


def test_retry_of_what_failed_begins_the_call_anew() -> None:
    track = Script().intend().fail().ask("past-pivot").answer("retry").step().forward

    assert (track.phase, track.wanted) == (Phase.NONE, True)


def test_the_attempt_that_a_person_wanted_is_made_once() -> None:
    assert not Script().intend().doubt().ask().answer("retry").intend().step().forward.wanted


def test_what_a_person_wants_retried_may_have_happened() -> None:
    assert Script().intend().doubt().ask().answer("retry").step().may_have_happened


def test_a_pivot_that_a_person_wants_retried_is_still_the_pivot() -> None:
    script = Script().intend(reversibility=Reversibility.IRREVERSIBLE).doubt().ask().answer("retry")

    assert script.state.pivot is script.step()


def test_retry_of_an_undo_leaves_the_step_alone() -> None:
    script = Script().intend().succeed().unwind().intend_undo().doubt(Direction.UNDO)
    step = script.ask("compensation-in-doubt", Direction.UNDO).answer("retry").step()

    assert (step.undo.phase, step.undo.wanted, step.forward.phase, step.forward.wanted) == (
        Phase.IN_DOUBT,
        True,
        Phase.SUCCEEDED,
        False,
    )


def test_a_missing_handler_that_is_there_again_leaves_the_doubt_to_the_rules() -> None:
    script = Script().intend().succeed().unwind().intend_undo().crash(Direction.UNDO)
    step = script.ask("missing-handler", Direction.UNDO).answer("retry").step()

    assert (step.undo.phase, step.undo.doubt) == (Phase.IN_DOUBT, True)


def test_what_is_waived_remains_as_residue_with_the_reason() -> None:
    script = Script().intend().doubt().ask().answer("waive")

    assert script.state.residue() == [(PATH, Residue("left as it is: I looked"))]
    assert script.step().forward.phase is Phase.WAIVED


def test_an_undo_can_be_waived() -> None:
    script = Script().intend().succeed().unwind().intend_undo().doubt(Direction.UNDO)
    script.ask("compensation-in-doubt", Direction.UNDO).answer("waive")

    assert (script.step().undo.phase, script.step().forward.phase) == (
        Phase.WAIVED,
        Phase.SUCCEEDED,
    )


@pytest.mark.parametrize("choice", ["happened", "not-happened", "done", "unwind"])
def test_other_answers_change_a_step_by_the_entries_that_follow_them(choice: str) -> None:
    script = Script().intend().doubt().ask()
    before = script.step().forward.phase

    assert script.answer(choice).step().forward.phase is before


def test_an_answer_about_a_step_that_was_never_called_changes_no_step() -> None:
    assert Script().ask(path="trip/other#1").answer("retry").state.steps == {}


def test_a_stored_residue_is_read_back() -> None:
    assert read_residue(b'{"text":"a fee"}') == Residue("a fee")


def test_a_fresh_track_has_done_nothing() -> None:
    assert (Track().phase, Track().attempts, Track().doubt) == (Phase.NONE, 0, False)
