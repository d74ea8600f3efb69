"""The doubt table: by what an outcome that nobody knows is settled, forward and unwinding."""

import pytest

from reversibility import Reversibility
from sagas.decide import (
    KEY_MARGIN,
    Act,
    Ask,
    CallPolicy,
    CompensateUnknown,
    KnownAbsent,
    Move,
    Probe,
    Settled,
    Unwind,
    Wait,
    answer_settles,
    forward,
    is_over,
    outlived_its_key,
    settle,
    undo,
    wait_after,
)
from sagas.entries import CompensationFailed, FoundInDoubt
from sagas.model import Direction
from sagas.state import Phase, Track
from tests.unit.sagas.script import KEY_TTL, LAG, PATH, SECOND, START, TIMEOUT, Script, policy

R = Reversibility
UNDOABLE = [R.REVERSIBLE, R.COMPENSATABLE]
PIVOTS = [R.IRREVERSIBLE, R.UNKNOWN]
WITH_EFFECT = [*UNDOABLE, *PIVOTS]
UNDO = Direction.UNDO
LAST_LIVE_MOMENT = START + (KEY_TTL - KEY_MARGIN) // KEY_MARGIN.resolution - TIMEOUT
"""From here on a call could reach the destination after it has forgotten the key."""


def in_doubt(times: int = 1) -> Script:
    """A step whose attempts, one a second, were each seen to end in doubt."""
    script = Script()
    for _ in range(times):
        script.intend().later(SECOND).doubt()
    return script


def crashed() -> Script:
    return Script().intend().later(SECOND).crash()


def undo_in_doubt(times: int = 1) -> Script:
    script = Script().intend().succeed().unwind()
    for _ in range(times):
        script.intend_undo().later(SECOND).doubt(UNDO)
    return script


def do(script: Script, rules: CallPolicy, *, past_pivot: bool = False) -> Move:
    return forward(script.step().forward, rules, script.now, past_pivot=past_pivot)


def resolve(script: Script, rules: CallPolicy) -> Move:
    return settle(script.step().forward, rules, script.now)


def take_back(script: Script, rules: CallPolicy) -> Move:
    return undo(script.step().undo, rules, script.now)


def after_the_wait(
    script: Script, rules: CallPolicy, direction: Direction = Direction.DO
) -> Script:
    return script.later(wait_after(script.track(direction), rules))


# --- forward: no doubt ------------------------------------------------------------------------


def test_a_step_that_was_never_called_is_called() -> None:
    assert forward(Track(), policy(), START, past_pivot=False) == Act(1)


def test_a_refused_step_waits_as_long_as_it_was_told() -> None:
    script = Script().intend().refuse(until=START + 7 * SECOND)

    assert do(script, policy()) == Wait(START + 7 * SECOND)


def test_a_refused_step_is_called_again_once_the_wait_is_over() -> None:
    script = Script().intend().refuse(until=START + 7 * SECOND).later(7 * SECOND)

    assert do(script, policy()) == Act(2)


def test_a_step_that_is_always_refused_is_known_not_to_have_happened() -> None:
    script = Script()
    for _ in range(3):
        script.intend().refuse(until=START)

    assert do(script, policy()) == KnownAbsent("busy")


def test_a_refusal_without_words_is_known_not_to_have_happened_too() -> None:
    assert forward(Track(failures=3), policy(), START, past_pivot=False) == KnownAbsent("it failed")


def test_a_step_under_way_is_left_alone() -> None:
    assert do(Script().intend(), policy()) == Settled()


def test_a_step_that_succeeded_is_settled() -> None:
    assert do(Script().intend().succeed(), policy()) == Settled()


def test_a_step_that_failed_is_settled() -> None:
    assert do(Script().intend().fail(), policy()) == Settled()


# --- forward: read-only -----------------------------------------------------------------------


def test_a_read_in_doubt_runs_again_with_neither_key_nor_probe() -> None:
    script = after_the_wait(in_doubt(), policy())

    assert do(script, policy(R.READ_ONLY)) == Act(2)


def test_a_read_in_doubt_is_not_probed() -> None:
    assert not isinstance(do(in_doubt(), policy(R.READ_ONLY, probe=True)), Probe)


def test_a_read_that_runs_out_of_attempts_fails() -> None:
    assert do(in_doubt(3), policy(R.READ_ONLY)) == KnownAbsent("timed out")


def test_a_read_whose_worker_died_without_words_fails_in_words() -> None:
    track = Script().intend().crash().step().forward
    track.failures, track.message = 3, None

    assert forward(track, policy(R.READ_ONLY), START, past_pivot=False) == KnownAbsent("it failed")


# --- forward: a key ---------------------------------------------------------------------------


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_under_a_live_key_the_call_is_repeated_after_its_wait(reversibility: R) -> None:
    rules = policy(reversibility, key=True)

    assert do(after_the_wait(in_doubt(), rules), rules) == Act(2)


def test_under_a_live_key_the_wait_comes_first() -> None:
    script, rules = in_doubt(), policy(key=True)

    assert do(script, rules) == Wait(script.now + wait_after(script.step().forward, rules))


def test_a_refusal_tells_how_long_to_wait_even_in_doubt() -> None:
    script = in_doubt().intend().refuse(until=START + 30 * SECOND)

    assert do(script, policy(key=True)) == Wait(START + 30 * SECOND)


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_under_a_live_key_a_lost_call_is_repeated_at_once(reversibility: R) -> None:
    assert do(crashed(), policy(reversibility, key=True)) == Act(2)


def test_an_attempt_whose_end_nobody_saw_does_not_use_up_the_budget() -> None:
    script = Script()
    for _ in range(5):
        script.intend().crash()

    assert do(script, policy(key=True)) == Act(6)


@pytest.mark.parametrize("reversibility", UNDOABLE)
def test_out_of_attempts_what_can_be_undone_is_left_to_the_unwind(reversibility: R) -> None:
    move = do(in_doubt(3), policy(reversibility, key=True))

    assert move == Unwind("after 3 attempts: timed out")


@pytest.mark.parametrize("reversibility", UNDOABLE)
def test_out_of_attempts_past_the_pivot_a_person_is_asked(reversibility: R) -> None:
    move = do(in_doubt(3), policy(reversibility, key=True), past_pivot=True)

    assert move == Ask("after 3 attempts: timed out")


@pytest.mark.parametrize("reversibility", PIVOTS)
def test_out_of_attempts_a_pivot_is_put_before_a_person(reversibility: R) -> None:
    assert isinstance(do(in_doubt(3), policy(reversibility, key=True)), Ask)


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_once_the_key_has_expired_a_person_is_asked(reversibility: R) -> None:
    script = in_doubt()
    script.now = LAST_LIVE_MOMENT

    assert do(script, policy(reversibility, key=True)) == Ask("after 1 attempt: timed out")


def test_a_moment_before_the_key_expires_the_call_is_repeated() -> None:
    script = in_doubt()
    script.now = LAST_LIVE_MOMENT - 1

    assert do(script, policy(key=True)) == Act(2)


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_what_is_repeatable_is_called_again_for_ever(reversibility: R) -> None:
    script = in_doubt().later(10**6 * SECOND)

    assert do(script, policy(reversibility, repeatable=True)) == Act(2)


# --- forward: a probe -------------------------------------------------------------------------


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_a_probe_is_asked_before_anything_else(reversibility: R) -> None:
    assert isinstance(do(in_doubt(), policy(reversibility, probe=True)), Probe)


def test_a_first_absent_before_the_lag_is_over_does_not_count() -> None:
    assert do(in_doubt(), policy(probe=True)) == Probe(absent_counts=False)


def test_absent_counts_once_the_lag_is_over() -> None:
    assert do(in_doubt().later(LAG), policy(probe=True)) == Probe(absent_counts=True)


def test_absent_does_not_count_while_a_lost_attempt_may_be_running() -> None:
    script = crashed()
    script.now = START + TIMEOUT + LAG - 1

    assert do(script, policy(probe=True)) == Probe(absent_counts=False)


def test_absent_counts_once_a_lost_attempt_cannot_be_running_and_the_lag_is_over() -> None:
    script = crashed()
    script.now = START + TIMEOUT + LAG

    assert do(script, policy(probe=True)) == Probe(absent_counts=True)


def test_a_lost_attempt_may_be_running_though_a_later_one_was_seen_to_end() -> None:
    script = crashed().intend().later(SECOND).doubt().later(LAG)

    assert do(script, policy(probe=True)) == Probe(absent_counts=False)


def test_a_lost_attempt_may_be_running_though_a_later_one_was_refused() -> None:
    script = crashed().intend().refuse(until=START).later(LAG)

    assert do(script, policy(probe=True)) == Probe(absent_counts=False)


def test_after_an_early_absent_the_probe_waits_for_the_moment_that_counts() -> None:
    script = in_doubt().probed("absent")

    assert do(script, policy(probe=True)) == Wait(script.now + LAG)


def test_after_an_early_absent_the_probe_is_asked_again_when_it_counts() -> None:
    script = in_doubt().probed("absent").later(LAG)

    assert do(script, policy(probe=True)) == Probe(absent_counts=True)


def test_what_is_known_to_be_absent_is_called_again() -> None:
    script = in_doubt().later(LAG).probed("absent", counts=True)

    assert do(script, policy(probe=True)) == Act(2)


def test_what_is_known_to_be_absent_is_not_called_for_ever() -> None:
    script = in_doubt(3).later(LAG).probed("absent", counts=True)

    assert do(script, policy(probe=True)) == KnownAbsent("the destination has no trace of it")


def test_a_new_attempt_makes_the_last_answer_worthless() -> None:
    script = in_doubt().later(LAG).probed("absent", counts=True).intend().doubt()

    assert isinstance(do(script, policy(probe=True)), Probe)


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_a_probe_that_fails_counts_as_no_probe(reversibility: R) -> None:
    assert isinstance(do(in_doubt().probed("failed"), policy(reversibility, probe=True)), Ask)


# --- forward: both ----------------------------------------------------------------------------


def both(reversibility: R = R.COMPENSATABLE, *, attempts: int = 3) -> CallPolicy:
    return policy(reversibility, key=True, probe=True, attempts=attempts)


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_with_both_the_probe_is_asked_first(reversibility: R) -> None:
    assert do(in_doubt(), both(reversibility)) == Probe(absent_counts=False)


def test_with_both_an_early_absent_is_enough_to_repeat_under_the_key() -> None:
    script = after_the_wait(in_doubt().probed("absent"), both())

    assert do(script, both()) == Act(2)


def test_with_both_an_early_absent_does_not_shorten_the_wait() -> None:
    assert isinstance(do(in_doubt().probed("absent"), both()), Wait)


def test_with_both_and_no_attempts_left_absent_has_to_count() -> None:
    script = in_doubt(3).probed("absent")

    assert do(script, both()) == Wait(script.now + LAG)


def test_with_both_and_no_attempts_left_a_late_absent_settles_it() -> None:
    script = in_doubt(3).later(LAG).probed("absent", counts=True)

    assert do(script, both()) == KnownAbsent("the destination has no trace of it")


def test_with_both_a_counting_absent_and_attempts_left_the_call_is_repeated() -> None:
    script = in_doubt().later(LAG).probed("absent", counts=True)

    assert do(script, both()) == Act(2)


def test_with_both_a_failed_probe_leaves_the_key() -> None:
    script = after_the_wait(in_doubt().probed("failed"), both())

    assert do(script, both()) == Act(2)


def test_with_both_and_the_key_expired_the_probe_is_left() -> None:
    script = in_doubt()
    script.now = LAST_LIVE_MOMENT

    assert do(script, both()) == Probe(absent_counts=True)


def test_with_both_the_key_expired_and_the_probe_failed_a_person_is_asked() -> None:
    script = in_doubt().probed("failed")
    script.now = LAST_LIVE_MOMENT

    assert isinstance(do(script, both()), Ask)


# --- forward: neither -------------------------------------------------------------------------


@pytest.mark.parametrize("past_pivot", [False, True])
@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_with_neither_a_person_is_asked(reversibility: R, past_pivot: bool) -> None:
    assert do(in_doubt(), policy(reversibility), past_pivot=past_pivot) == Ask(
        "after 1 attempt: timed out"
    )


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_with_neither_a_lost_call_is_put_before_a_person(reversibility: R) -> None:
    assert isinstance(do(crashed(), policy(reversibility)), Ask)


def test_a_compensation_that_accepts_the_unknown_does_not_help_forward() -> None:
    assert isinstance(do(in_doubt(), policy(accepts_unknown=True)), Ask)


def test_a_person_who_says_retry_has_the_call_made_once_more() -> None:
    script = in_doubt().ask().answer("retry")

    assert do(script, policy()) == Act(2)


def test_a_persons_retry_is_no_call_in_an_unwind() -> None:
    assert isinstance(resolve(in_doubt().ask().answer("retry").unwind(), policy()), Ask)


def test_a_persons_retry_of_a_compensation_has_it_called_once_more() -> None:
    script = undo_in_doubt().ask("compensation-in-doubt", UNDO).answer("retry")

    assert take_back(script, policy()) == Act(2)


def test_a_persons_retry_of_a_failed_compensation_has_it_called_once_more() -> None:
    script = Script().intend().succeed().unwind().intend_undo()
    script.add(CompensationFailed(path=PATH, error="Closed", message="it is too late"))

    assert take_back(script.ask("compensation-failed", UNDO).answer("retry"), policy()) == Act(2)


def test_after_a_persons_retry_doubt_is_put_before_a_person_again() -> None:
    script = in_doubt().ask().answer("retry").intend().doubt()

    assert isinstance(do(script, policy()), Ask)


# --- unwinding --------------------------------------------------------------------------------


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_what_is_not_in_doubt_needs_no_settling(reversibility: R) -> None:
    script = Script().intend().succeed().unwind()

    assert resolve(script, policy(reversibility)) == Settled()


def test_a_read_in_doubt_is_no_doubt_in_an_unwind() -> None:
    assert resolve(in_doubt().unwind(), policy(R.READ_ONLY)) == KnownAbsent("it only reads")


@pytest.mark.parametrize("reversibility", UNDOABLE)
def test_unwinding_under_a_live_key_the_call_is_repeated_to_learn_its_result(
    reversibility: R,
) -> None:
    assert resolve(in_doubt().unwind(), policy(reversibility, key=True)) == Act(2)


@pytest.mark.parametrize("reversibility", UNDOABLE)
def test_a_step_that_ran_out_of_attempts_is_called_again_in_the_unwind(reversibility: R) -> None:
    assert resolve(in_doubt(3).unwind(), policy(reversibility, key=True)) == Act(4)


def test_unwinding_the_calls_wait_between_each_other() -> None:
    script, rules = in_doubt(3).unwind().intend().doubt(), policy(key=True)

    assert resolve(script, rules) == Wait(script.now + wait_after(script.step().forward, rules))


@pytest.mark.parametrize("reversibility", UNDOABLE)
def test_out_of_attempts_in_the_unwind_too_a_person_is_asked(reversibility: R) -> None:
    script = in_doubt(3).unwind()
    for _ in range(3):
        script.intend().doubt()

    assert resolve(script, policy(reversibility, key=True)) == Ask("after 6 attempts: timed out")


@pytest.mark.parametrize("reversibility", PIVOTS)
@pytest.mark.parametrize("repeatable", [False, True])
def test_a_pivot_is_never_called_in_an_unwind(reversibility: R, repeatable: bool) -> None:
    rules = policy(reversibility, key=True, repeatable=repeatable)

    assert isinstance(resolve(in_doubt().unwind(), rules), Ask)


@pytest.mark.parametrize(
    "rules",
    [
        policy(accepts_unknown=True),
        policy(accepts_unknown=True, key=True),
        policy(accepts_unknown=True, repeatable=True),
    ],
    ids=["neither", "key", "repeatable"],
)
def test_a_compensation_that_accepts_the_unknown_runs_at_once(rules: CallPolicy) -> None:
    assert resolve(in_doubt().unwind(), rules) == CompensateUnknown()


@pytest.mark.parametrize("reversibility", PIVOTS)
@pytest.mark.parametrize("key", [False, True], ids=["neither", "key"])
def test_a_pivot_is_not_compensated_on_suspicion(reversibility: R, key: bool) -> None:
    rules = policy(reversibility, accepts_unknown=True, key=key)

    assert isinstance(resolve(in_doubt().unwind(), rules), Ask)


@pytest.mark.parametrize("reversibility", PIVOTS)
def test_a_failed_probe_does_not_make_a_pivot_compensable(reversibility: R) -> None:
    rules = policy(reversibility, accepts_unknown=True, probe=True)

    assert isinstance(resolve(in_doubt().unwind().probed("failed"), rules), Ask)


def test_unwinding_with_an_expired_key_a_person_is_asked() -> None:
    script = in_doubt().unwind()
    script.now = LAST_LIVE_MOMENT

    assert isinstance(resolve(script, policy(key=True)), Ask)


def test_unwinding_with_an_expired_key_the_unknown_may_be_compensated() -> None:
    script = in_doubt().unwind()
    script.now = LAST_LIVE_MOMENT

    assert resolve(script, policy(key=True, accepts_unknown=True)) == CompensateUnknown()


@pytest.mark.parametrize("key", [False, True], ids=["probe", "both"])
@pytest.mark.parametrize("accepts_unknown", [False, True])
@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_unwinding_a_probe_is_asked_first(
    reversibility: R, accepts_unknown: bool, key: bool
) -> None:
    rules = policy(reversibility, key=key, probe=True, accepts_unknown=accepts_unknown)

    assert resolve(in_doubt().unwind(), rules) == Probe(absent_counts=False)


@pytest.mark.parametrize("key", [False, True], ids=["probe", "both"])
def test_unwinding_an_early_absent_is_asked_again_when_it_counts(key: bool) -> None:
    script = in_doubt().unwind().probed("absent")

    assert resolve(script, policy(key=key, probe=True)) == Wait(script.now + LAG)


@pytest.mark.parametrize("key", [False, True], ids=["probe", "both"])
@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_unwinding_a_late_absent_is_a_tombstone(reversibility: R, key: bool) -> None:
    script = in_doubt().unwind().later(LAG).probed("absent", counts=True)

    assert resolve(script, policy(reversibility, key=key, probe=True)) == KnownAbsent(
        "the destination has no trace of it"
    )


def test_unwinding_a_failed_probe_leaves_the_key() -> None:
    assert resolve(in_doubt().unwind().probed("failed"), both()) == Act(2)


@pytest.mark.parametrize("reversibility", PIVOTS)
def test_unwinding_a_failed_probe_does_not_make_a_pivot_callable(reversibility: R) -> None:
    assert isinstance(resolve(in_doubt().unwind().probed("failed"), both(reversibility)), Ask)


def test_unwinding_a_failed_probe_alone_leads_to_a_person() -> None:
    assert isinstance(resolve(in_doubt().unwind().probed("failed"), policy(probe=True)), Ask)


def test_unwinding_a_failed_probe_leaves_the_compensation_that_accepts_the_unknown() -> None:
    rules = policy(probe=True, accepts_unknown=True)

    assert resolve(in_doubt().unwind().probed("failed"), rules) == CompensateUnknown()


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_unwinding_with_neither_a_person_is_asked(reversibility: R) -> None:
    assert isinstance(resolve(in_doubt().unwind(), policy(reversibility)), Ask)


# --- compensations ----------------------------------------------------------------------------


def test_a_compensation_that_was_never_called_is_called() -> None:
    assert take_back(Script().intend().succeed().unwind(), policy()) == Act(1)


def test_a_refused_compensation_waits() -> None:
    script = Script().intend().succeed().unwind().intend_undo().refuse(UNDO, until=START + 5)

    assert take_back(script, policy()) == Wait(START + 5)


def test_a_compensation_that_is_always_refused_is_known_not_to_have_happened() -> None:
    script = Script().intend().succeed().unwind()
    for _ in range(3):
        script.intend_undo().refuse(UNDO, until=START)

    assert take_back(script, policy()) == KnownAbsent("busy")


def test_a_compensation_that_failed_is_put_before_a_person() -> None:
    script = Script().intend().succeed().unwind().intend_undo()
    script.add(CompensationFailed(path=PATH, error="Closed", message="it is too late"))

    assert take_back(script, policy()) == Ask("Closed: it is too late")


def test_a_compensation_under_way_is_left_alone() -> None:
    assert take_back(Script().intend().succeed().unwind().intend_undo(), policy()) == Settled()


def test_a_compensation_in_doubt_is_repeated_under_a_live_key() -> None:
    rules = policy(key=True)

    assert take_back(after_the_wait(undo_in_doubt(), rules, UNDO), rules) == Act(2)


def test_a_compensation_in_doubt_is_probed() -> None:
    assert take_back(undo_in_doubt(), policy(probe=True)) == Probe(absent_counts=False)


def test_a_compensation_that_is_absent_is_called_again() -> None:
    script = undo_in_doubt().later(LAG).probed("absent", UNDO, counts=True)

    assert take_back(script, policy(probe=True)) == Act(2)


def test_a_compensation_that_stays_absent_is_known_not_to_have_happened() -> None:
    script = undo_in_doubt(3).later(LAG).probed("absent", UNDO, counts=True)

    assert isinstance(take_back(script, policy(probe=True)), KnownAbsent)


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_a_compensation_in_doubt_with_neither_is_put_before_a_person(reversibility: R) -> None:
    assert isinstance(take_back(undo_in_doubt(), policy(reversibility)), Ask)


@pytest.mark.parametrize("reversibility", WITH_EFFECT)
def test_a_compensation_out_of_attempts_is_put_before_a_person(reversibility: R) -> None:
    assert take_back(undo_in_doubt(3), policy(reversibility, key=True)) == Ask(
        "after 3 attempts: timed out"
    )


# --- a definite answer after doubt ------------------------------------------------------------


def settles(script: Script, rules: CallPolicy) -> bool:
    return answer_settles(script.step().forward, rules, script.now)


def test_a_definite_answer_to_the_only_attempt_settles_it() -> None:
    assert settles(Script().intend(), policy())


@pytest.mark.parametrize("probe", [False, True], ids=["key", "both"])
def test_a_definite_answer_settles_earlier_doubt_under_a_live_key(probe: bool) -> None:
    assert settles(in_doubt().intend(), policy(key=True, probe=probe))


@pytest.mark.parametrize("probe", [False, True], ids=["neither", "probe"])
def test_a_definite_answer_does_not_settle_earlier_doubt_without_a_key(probe: bool) -> None:
    assert not settles(in_doubt().intend(), policy(probe=probe))


def test_a_definite_answer_does_not_settle_earlier_doubt_once_the_key_has_expired() -> None:
    script = in_doubt()
    script.now = LAST_LIVE_MOMENT

    assert not settles(script.intend(), policy(key=True))


def test_a_definite_answer_settles_it_when_earlier_attempts_are_known_to_be_absent() -> None:
    script = in_doubt().later(LAG).probed("absent", counts=True).intend()

    assert settles(script, policy(probe=True))


def test_an_early_absent_does_not_make_a_definite_answer_settle_earlier_doubt() -> None:
    assert not settles(in_doubt().probed("absent").intend(), policy(probe=True))


def test_a_persons_retry_does_not_make_a_definite_answer_settle_earlier_doubt() -> None:
    assert not settles(in_doubt().ask().answer("retry").intend(), policy())


def test_a_definite_answer_does_not_settle_earlier_doubt_of_what_is_only_repeatable() -> None:
    assert not settles(in_doubt().intend(), policy(repeatable=True))


def test_a_definite_answer_settles_a_read_however_many_attempts_were_lost() -> None:
    assert settles(crashed().intend().crash().intend(), policy(R.READ_ONLY))


# --- a call that goes on after its time was up ---------------------------------------------------


def test_nothing_found_means_nothing_while_the_abandoned_call_goes_on() -> None:
    script = Script().intend().later(SECOND).doubt(running=True).probed("absent")
    move = do(script.later(365 * 86_400 * SECOND), policy(R.COMPENSATABLE, probe=True))
    assert isinstance(move, Ask)
    assert "goes on" in move.reason


def test_a_live_key_settles_an_abandoned_call_without_a_person() -> None:
    script = Script().intend().later(SECOND).doubt(running=True)
    rules = policy(R.COMPENSATABLE, key=True)
    assert do(script.later(30 * SECOND), rules) == Act(2)


def test_a_call_that_has_outlived_its_key_is_not_made_again() -> None:
    script = Script().intend().later(SECOND).doubt(running=True)
    move = do(script.later(90 * SECOND), policy(R.COMPENSATABLE, key=True))
    assert isinstance(move, Ask)
    assert "the call goes on" in move.reason


def test_absent_counts_once_an_abandoned_call_is_over_and_the_lag_is_over() -> None:
    script = Script().intend().later(SECOND).doubt(running=True).probed("absent").later(SECOND)
    rules = policy(R.COMPENSATABLE, probe=True)
    assert do(over(script), rules) == Wait(script.now + LAG)
    assert do(script.later(LAG), rules) == Probe(absent_counts=True)


def test_absent_waits_for_the_last_of_several_abandoned_calls() -> None:
    script = Script().intend().doubt(running=True).ask().answer("retry")
    script = over(script.intend().doubt(running=True).probed("absent")).later(LAG)
    rules = policy(R.COMPENSATABLE, probe=True)
    assert isinstance(do(script, rules), Ask)
    assert do(over(script).later(LAG), rules) == Probe(absent_counts=True)


def test_the_end_of_an_abandoned_call_is_no_failure_of_another_attempt() -> None:
    script = Script().intend().doubt(running=True).ask().answer("retry").intend()
    track = over(script).step().forward
    assert (track.phase, track.failures, track.last_end) == (Phase.INTENDED, 0, track.latest_end)


def test_the_end_of_an_abandoned_call_ends_no_call_of_a_lost_worker() -> None:
    script = Script().intend().crash().ask().answer("retry").intend().doubt(running=True)
    lost = script.now + TIMEOUT
    assert over(script).step().forward.last_end == lost


def test_the_end_of_a_call_matters_while_nobody_knows_what_became_of_it() -> None:
    script = Script().intend().doubt(running=True)
    assert is_over(script.state, PATH, Direction.DO, "key")
    assert not is_over(script.state, PATH, Direction.DO, "another key")
    assert not is_over(over(script).state, PATH, Direction.DO, "key")
    assert not is_over(
        Script().intend().doubt(running=True).fail().state, PATH, Direction.DO, "key"
    )


@pytest.mark.parametrize(
    ("seconds", "rules", "outlived"),
    [
        (50, policy(key=True), False),
        (55, policy(key=True), True),
        (10**9, policy(repeatable=True), False),
        (0, policy(probe=True), True),
    ],
)
def test_a_late_answer_may_have_come_when_the_key_was_forgotten(
    seconds: int, rules: CallPolicy, outlived: bool
) -> None:
    script = Script().intend().doubt(running=True)
    now = script.now + seconds * SECOND
    assert outlived_its_key(script.step().forward, rules, now) is outlived


def over(script: Script) -> Script:
    """An abandoned call goes on no longer, and did not say that it took effect."""
    return script.add(
        FoundInDoubt(
            path=PATH, direction="do", reason="over", ended=script.now, observed=False, over=True
        )
    )


def test_an_abandoned_call_that_is_found_after_all_needs_no_person() -> None:
    script = Script().intend().later(SECOND).doubt(running=True)
    assert do(script, policy(R.COMPENSATABLE, probe=True)) == Probe(absent_counts=False)
