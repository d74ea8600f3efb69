"""Late successes: what the fold makes of them, and what the rules let follow."""

import pytest

from compensations.plan import Standing
from reversibility import Reversibility
from sagas import decide
from sagas import entries as e
from sagas.decide import Stage
from sagas.model import Direction, Status
from sagas.state import Phase
from tests.unit.sagas.script import PATH, Script

OTHER = "trip/book#2"
IRREVERSIBLE = Reversibility.IRREVERSIBLE


def late(path: str = PATH, payload: bytes | None = b'"late"') -> e.Succeeded:
    return e.Succeeded(path=path, via="late", payload=payload)


def late_undo(payload: bytes | None = None) -> e.Compensated:
    return e.Compensated(path=PATH, via="late", payload=payload)


def reopened(direction: Direction = Direction.DO) -> e.Reopened:
    return e.Reopened(path=PATH, direction=direction, reason="it answered")


def end(status: Status = Status.COMPLETED) -> e.Ended:
    return e.Ended(status=status, payload=b'"result"')


def undo_unknown(script: Script) -> Script:
    return script.add(
        e.CompensationIntended(
            path=PATH, attempt=1, key="k", generation=1, latest_end=script.now, unknown=True
        )
    )


def standing(script: Script, path: str = PATH) -> Standing:
    return decide.standing(script.state, script.step(path))


# --- the fold ----------------------------------------------------------------------------------


def test_a_late_success_settles_a_step_in_doubt() -> None:
    step = Script().intend().doubt(running=True).add(late()).step()
    assert (step.forward.phase, step.result, step.late) == (Phase.SUCCEEDED, b'"late"', False)


def test_a_body_that_was_told_of_a_failure_is_told_the_same_again() -> None:
    step = Script().intend().doubt().fail().add(late()).step()
    assert (step.forward.phase, step.forward.error) == (Phase.FAILED, "NoRoom")
    assert (step.late, step.may_have_happened, step.result) == (True, True, b'"late"')


def test_the_first_success_counts() -> None:
    step = Script().intend().succeed().add(late()).step()
    assert (step.result, step.late) == (b'"ok"', False)


@pytest.mark.parametrize("what", ["doubt", "refuse", "fail", "intend"])
def test_nothing_that_an_attempt_says_outranks_a_late_success(what: str) -> None:
    script = Script().intend().doubt().add(late())
    match what:
        case "doubt":
            script.doubt()
        case "refuse":
            script.refuse(until=script.now)
        case "fail":
            script.fail()
        case _:
            script.intend()
    assert script.step().forward.phase is Phase.SUCCEEDED


def test_a_waived_doubt_that_turns_out_to_have_happened_is_undone() -> None:
    script = Script().intend().doubt().unwind().ask().answer("waive").add(late())
    assert standing(script) is Standing.DONE


def test_a_question_that_was_closed_twice_is_closed() -> None:
    script = Script().intend().doubt().ask().answer("not-happened").answer("moot")
    assert not script.state.questions


def test_a_retry_finds_what_took_effect_in_the_meantime() -> None:
    script = Script().intend().doubt().fail().ask("past-pivot").add(late()).answer("retry")
    step = script.step()
    assert (step.forward.phase, step.late, step.result) == (Phase.SUCCEEDED, False, b'"late"')


def test_a_retry_does_not_revive_what_is_being_undone() -> None:
    script = Script().intend().doubt().fail().add(late()).intend_undo()
    script.ask("past-pivot").answer("retry")
    assert script.step().forward.phase is Phase.FAILED


def test_an_undo_that_was_called_before_the_effect_was_known_does_not_count() -> None:
    script = undo_unknown(Script().intend().doubt().unwind()).add(e.Compensated(path=PATH))
    assert standing(script) is Standing.SETTLED
    script.add(late())
    assert standing(script) is Standing.DONE
    assert (script.step().undos, script.step().undo.attempts) == (1, 0)


@pytest.mark.parametrize("outcome", ["compensated", "failed", "doubt", "postponed"])
def test_an_undo_under_way_does_not_count_once_it_is_over(outcome: str) -> None:
    script = undo_unknown(Script().intend().doubt().unwind()).add(late())
    assert script.step().undo.phase is Phase.INTENDED
    match outcome:
        case "compensated":
            script.add(e.Compensated(path=PATH))
        case "failed":
            script.add(e.CompensationFailed(path=PATH, error="No", message="no"))
        case "doubt":
            script.doubt(Direction.UNDO)
        case _:
            script.refuse(Direction.UNDO, until=script.now)
    assert (script.step().undos, script.step().undo.phase) == (1, Phase.NONE)


def test_an_undo_that_knew_of_the_effect_counts() -> None:
    script = Script().intend().succeed().unwind().intend_undo().add(e.Compensated(path=PATH))
    assert (script.step().undos, standing(script)) == (0, Standing.SETTLED)


def test_what_a_late_undo_left_replaces_what_was_waived() -> None:
    script = Script().intend().succeed().unwind().intend_undo().doubt(Direction.UNDO)
    script.ask("compensation-in-doubt", Direction.UNDO).answer("waive")
    assert script.state.residue()
    script.add(late_undo())
    assert not script.state.residue()
    assert script.step().undo.phase is Phase.SUCCEEDED


def test_a_late_undo_tells_what_is_left_of_what_a_person_called_done() -> None:
    script = Script().intend().succeed().unwind().intend_undo().doubt(Direction.UNDO)
    script.add(e.Compensated(path=PATH, via="person"), late_undo(b'{"text":"a fee"}'))
    assert [str(item) for _, item in script.state.residue()] == ["a fee"]


def test_a_reopened_saga_has_not_ended_and_remembers_how_it_had() -> None:
    state = Script().intend().fail().add(end(), reopened()).state
    assert state.ended is None
    assert state.former == end()


def test_a_saga_that_ends_again_is_as_it_was() -> None:
    state = Script().intend().fail().add(end(), reopened(), late(), end()).state
    assert (state.ended, state.former) == (end(), None)


# --- what is news ------------------------------------------------------------------------------


def news(script: Script, direction: Direction = Direction.DO, **more: object) -> bool:
    key = str(more.get("key", "key" if direction is Direction.DO else "undo-key"))
    payload = more.get("payload")
    assert payload is None or isinstance(payload, bytes)
    return decide.is_news(script.state, PATH, direction, key, payload, attempt=1)


def test_a_success_is_news_unless_it_is_known() -> None:
    assert news(Script().intend())
    assert news(Script().intend().doubt())
    assert news(Script().intend().doubt().fail())
    assert not news(Script().intend().succeed())
    assert not news(Script().intend().doubt().fail().add(late()))


def test_what_only_reads_is_no_news() -> None:
    assert not news(Script().intend(reversibility=Reversibility.READ_ONLY).doubt())


def test_a_success_under_another_key_is_no_news() -> None:
    assert not news(Script().intend().doubt(), key="other")
    assert not decide.is_news(Script().state, PATH, Direction.DO, "key", None, attempt=1)


def test_an_undo_is_news_until_it_is_known() -> None:
    script = Script().intend().succeed().unwind().intend_undo()
    assert news(script, Direction.UNDO)
    assert news(script.doubt(Direction.UNDO), Direction.UNDO)
    script.add(e.Compensated(path=PATH))
    assert not news(script, Direction.UNDO, payload=b"{}")


def test_what_an_undo_left_is_news_to_a_person_who_called_it_done() -> None:
    script = Script().intend().succeed().unwind().intend_undo().doubt(Direction.UNDO)
    script.add(e.Compensated(path=PATH, via="person"))
    assert news(script, Direction.UNDO, payload=b"{}")
    assert not news(script, Direction.UNDO)


# --- what follows ------------------------------------------------------------------------------


def test_a_saga_that_had_completed_amends_and_runs_no_body() -> None:
    script = Script().intend().doubt().fail().add(end(), reopened(), late())
    assert decide.stage(script.state) is Stage.AMEND


def test_a_saga_that_had_been_compensated_unwinds_on() -> None:
    script = Script().intend().doubt().unwind().fail()
    script.add(end(Status.COMPENSATED), reopened(), late())
    assert decide.stage(script.state) is Stage.UNWIND
    assert standing(script) is Standing.DONE


def test_only_late_effects_are_amended() -> None:
    script = Script().intend().doubt().fail().intend(OTHER).succeed(OTHER).add(late())
    assert [item.path for item in decide.effects(script.state, late=True)] == [PATH]


@pytest.mark.parametrize("unwinding", [False, True])
def test_what_cannot_be_undone_waits_for_a_person_once(unwinding: bool) -> None:
    script = Script().intend(reversibility=IRREVERSIBLE).doubt().fail()
    if unwinding:
        script.unwind()
    script.add(late())
    assert decide.is_for_a_person(script.state, script.step())
    assert standing(script) is Standing.STUCK
    script.ask("late-effect", Direction.UNDO).answer("unwind")
    assert standing(script) is Standing.REMAINS


def test_a_question_that_became_moot_is_asked_again() -> None:
    script = Script().intend(reversibility=IRREVERSIBLE).doubt().fail().add(late())
    script.ask("late-effect", Direction.UNDO).answer("moot")
    assert decide.is_for_a_person(script.state, script.step())


@pytest.mark.parametrize("tie", ["conflicts", "after"])
def test_what_later_steps_build_upon_is_not_undone_from_under_them(tie: str) -> None:
    script = Script().intend(action="travel.book", conflicts=["room 7"]).doubt().fail()
    if tie == "conflicts":
        script.intend(OTHER, action="travel.other", conflicts=["room 7"])
    else:
        script.intend(OTHER, action="travel.other", after=["travel.book"])
    script.succeed(OTHER).add(late())
    assert standing(script) is Standing.STUCK
    assert standing(script.unwind()) is Standing.DONE


def test_what_is_rolled_back_with_its_successors_needs_no_person() -> None:
    inside, after = "trip/block#1/book#1", "trip/block#1/book#2"
    script = Script().add(e.SavepointSet(path="trip/block#1", ordinal=1))
    script.intend(inside, conflicts=["room 7"]).doubt(path=inside).fail(inside)
    script.intend(after, conflicts=["room 7"]).succeed(after).add(late(inside))
    assert standing(script, inside) is Standing.STUCK
    script.add(e.RollbackBegan(path="trip/block#1", reason="no", generation=1))
    assert standing(script, inside) is Standing.DONE


def test_a_late_pivot_is_a_pivot() -> None:
    script = Script().intend(reversibility=IRREVERSIBLE).doubt().fail()
    assert script.state.pivot is None
    assert script.add(late()).state.pivot is script.step()


def test_what_a_late_effect_leaves_is_no_clean_end() -> None:
    script = Script().intend(reversibility=IRREVERSIBLE).doubt().fail().add(late())
    script.ask("late-effect", Direction.UNDO).answer("waive")
    assert decide.left_by_late_effects(script.state) == [PATH]


def test_an_undone_late_effect_leaves_nothing() -> None:
    script = Script().intend().doubt().fail().add(late()).intend_undo()
    script.add(e.Compensated(path=PATH))
    assert decide.left_by_late_effects(script.state) == []


# --- a second effect ---------------------------------------------------------------------------


def second(path: str = PATH) -> e.Succeeded:
    return e.Succeeded(path=path, via="late", payload=b'"late"', second=True)


def repeated() -> Script:
    """A person had it called again although the first call went on."""
    return Script().intend().doubt(running=True).ask().answer("retry").intend()


def unprotected(script: Script, attempt: int = 1) -> bool:
    """Whether a success of an attempt is news if no key stood between it and the others."""
    return decide.is_news(
        script.state, PATH, Direction.DO, "key", None, attempt=attempt, unprotected=True
    )


def test_a_success_too_many_is_news_unless_a_key_stood_between_them() -> None:
    script = repeated().succeed()
    assert unprotected(script)
    assert not news(script)
    assert not unprotected(script.add(second()))


def test_what_the_last_attempt_told_in_time_is_known() -> None:
    assert not unprotected(repeated().succeed(), attempt=2)


def test_of_two_late_successes_the_second_is_news_whichever_attempt_told_it() -> None:
    script = repeated().doubt().add(late())
    assert unprotected(script, attempt=1)
    assert unprotected(script, attempt=2)


def test_a_success_comes_beside_none_if_it_is_of_the_only_attempt_or_the_one_under_way() -> None:
    script = repeated()
    assert decide.comes_beside(script.step().forward, 1)
    assert not decide.comes_beside(script.step().forward, 2)
    assert decide.comes_beside(script.doubt().step().forward, 2)
    assert not decide.comes_beside(Script().intend().doubt().step().forward, 1)


def test_a_success_of_what_was_called_once_is_not_one_too_many() -> None:
    script = Script().intend().doubt(running=True)
    script.add(e.Succeeded(path=PATH, via="person", payload=b'"seen"'))
    assert not unprotected(script)


def test_a_second_effect_waits_for_a_person_and_changes_no_result() -> None:
    script = repeated().succeed().add(second())
    assert script.step().result == b'"ok"'
    assert decide.is_for_a_person(script.state, script.step())
    assert standing(script) is Standing.STUCK


def test_a_late_success_beside_an_attempt_under_way_may_be_a_second_effect() -> None:
    script = repeated().add(second())
    assert (script.step().result, script.step().twice) == (b'"late"', True)


@pytest.mark.parametrize(("choice", "left"), [("waive", [PATH]), ("done", [])])
def test_what_a_person_says_of_a_second_effect_leaves_the_first_alone(
    choice: str, left: list[str]
) -> None:
    script = repeated().succeed().add(second()).ask("second-effect").answer(choice)
    assert decide.effects(script.state, late=True) == []
    assert standing(script) is Standing.DONE
    assert decide.left_by_late_effects(script.state) == left
    assert len(script.state.residue()) == len(left)


# --- what is told twice ------------------------------------------------------------------------


def test_the_end_of_a_call_that_nobody_gave_up_says_nothing() -> None:
    script = Script().intend().doubt()
    before = script.step().forward.last_end
    script.add(
        e.FoundInDoubt(
            path=PATH,
            direction=Direction.DO,
            reason="it is over",
            ended=script.now,
            observed=True,
            over=True,
        )
    )
    assert script.step().forward.last_end == before


def test_the_first_undo_that_is_told_counts() -> None:
    script = Script().intend().succeed().unwind().intend_undo().add(e.Compensated(path=PATH))
    script.add(late_undo(b'{"what":"a fee"}'))
    assert script.step().residue is None


def test_an_undo_that_is_done_does_not_fail() -> None:
    script = Script().intend().succeed().unwind().intend_undo().add(e.Compensated(path=PATH))
    script.add(e.CompensationFailed(path=PATH, error="Refused", message="too late"))
    assert script.step().undo.phase is Phase.SUCCEEDED


def test_what_has_taken_effect_is_not_tried_again() -> None:
    script = Script().intend().doubt().ask().add(late()).answer("retry")
    assert script.step().forward.phase is Phase.SUCCEEDED


# --- a journal that is slow --------------------------------------------------------------------


def not_made(script: Script) -> e.Postponed:
    return e.Postponed(
        path=PATH,
        direction=Direction.DO,
        error="NotExecuted",
        message="it was not called",
        until=script.now,
        made=False,
    )


def test_a_call_that_was_not_made_counts_as_no_attempt() -> None:
    script = Script().intend()
    track = script.add(not_made(script)).step().forward
    assert (track.phase, track.failures, track.unmade) == (Phase.NONE, 0, 1)


def test_the_more_often_a_journal_was_slow_the_more_time_it_is_given() -> None:
    script = Script()
    given = [decide.starts_within(None)]
    for _ in range(9):
        script.intend()
        given.append(decide.starts_within(script.add(not_made(script)).step().forward))
    assert given[1:] == [min(2**number, 64) * given[0] for number in range(1, 10)]
