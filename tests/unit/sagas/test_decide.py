"""What a saga as a whole needs next, what the planner is told, and how it ends."""

import pytest

from compensations.agenda import ready
from compensations.plan import Standing
from reversibility import Reversibility
from sagas import entries as e
from sagas.decide import (
    ABOUT_THE_SAGA,
    IDLE_MICROS,
    Stage,
    effects,
    end_of_unwind,
    is_overdue,
    look_again,
    may_unwind,
    stage,
    status,
    what_unwinding_leaves,
)
from sagas.model import AfterPivot, Direction, Status
from tests.unit.sagas.script import PATH, SECOND, START, Script
from tests.unit.sagas.test_fold import ROLLBACK, SAVEPOINT, gate_opened

R = Reversibility
OTHER = "trip/rent#1"
UNDO = Direction.UNDO


def standing_of(script: Script, path: str = PATH) -> Standing:
    return next(item.standing for item in effects(script.state) if item.path == path)


def pivot() -> Script:
    return Script().intend(reversibility=R.IRREVERSIBLE)


def undone() -> Script:
    return Script().intend().succeed().unwind().intend_undo().add(e.Compensated(path=PATH))


# --- stages -----------------------------------------------------------------------------------


def test_a_saga_begins_with_its_body() -> None:
    assert stage(Script().state) is Stage.BODY


def test_a_question_about_a_step_does_not_hold_up_the_body() -> None:
    assert stage(Script().intend().doubt().ask().state) is Stage.BODY


@pytest.mark.parametrize("kind", sorted(ABOUT_THE_SAGA))
def test_a_question_about_the_saga_holds_up_the_body(kind: str) -> None:
    assert stage(Script().ask(kind, None, None).state) is Stage.ASK


def test_a_rollback_comes_before_the_body() -> None:
    assert stage(Script().add(SAVEPOINT, ROLLBACK).state) is Stage.ROLLBACK


def test_a_question_about_the_saga_comes_before_a_rollback() -> None:
    assert stage(Script().add(SAVEPOINT, ROLLBACK).ask("defect", None, None).state) is Stage.ASK


def test_after_a_rollback_the_body_goes_on() -> None:
    script = Script().add(SAVEPOINT, ROLLBACK, e.RolledBackTo(path="trip/lodging#1"))

    assert stage(script.state) is Stage.BODY


def test_an_unwind_comes_before_a_question_about_the_saga() -> None:
    assert stage(Script().ask("defect", None, None).unwind().state) is Stage.UNWIND


def kept() -> Script:
    script = Script().ask("defect", None, None)
    (question,) = script.state.questions
    return script.add(e.InterventionClosed(intervention=question, choice="keep", by="", reason=""))


def test_a_saga_that_is_kept_is_left_as_it_is() -> None:
    assert stage(kept().state) is Stage.LEAVE


def test_a_saga_that_is_kept_is_left_whatever_else_is_asked_about_it() -> None:
    assert stage(kept().ask("diverged", None, None).state) is Stage.LEAVE


def test_an_ended_saga_needs_nothing() -> None:
    assert stage(undone().add(e.Ended(status="compensated")).state) is Stage.DONE


# --- may it unwind? ---------------------------------------------------------------------------


@pytest.mark.parametrize("after_pivot", AfterPivot)
def test_before_the_pivot_a_failure_unwinds(after_pivot: AfterPivot) -> None:
    assert may_unwind(Script().intend().succeed().state, after_pivot)


def test_past_the_pivot_a_person_is_asked() -> None:
    assert not may_unwind(pivot().succeed().state, AfterPivot.ASK)


def test_past_the_pivot_a_saga_unwinds_if_it_said_so() -> None:
    assert may_unwind(pivot().succeed().state, AfterPivot.UNWIND)


# --- what the planner is told -----------------------------------------------------------------


def test_an_effect_is_what_was_intended() -> None:
    script = Script().intend(conflicts=["room-1"], after=["travel.fly"])
    (item,) = effects(script.state)

    assert (item.path, item.seq, item.action, item.reversibility, item.conflicts, item.after) == (
        PATH,
        1,
        "travel.book",
        R.COMPENSATABLE,
        frozenset({"room-1"}),
        frozenset({"travel.fly"}),
    )


def test_what_only_waits_at_a_gate_is_no_effect() -> None:
    assert effects(Script().add(gate_opened()).state) == []


def test_inside_a_savepoint_only_its_own_effects_count() -> None:
    script = Script().intend("trip/lodging#1/book#1").intend("trip/lodging#10/book#1").intend()

    assert [item.path for item in effects(script.state, within="trip/lodging#1")] == [
        "trip/lodging#1/book#1"
    ]


def test_a_declared_dependency_reaches_the_planner() -> None:
    script = Script().intend(action="travel.book").succeed()
    script.intend(OTHER, action="travel.rent", after=["travel.book"]).succeed(OTHER)
    script.unwind().ask("compensation-failed", UNDO, OTHER)

    assert ready(effects(script.state)) == []


# --- standing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "standing"),
    [
        (Script().intend(), Standing.DONE),
        (Script().intend().doubt(), Standing.DONE),
        (Script().intend().succeed(), Standing.DONE),
        (Script().intend().fail(), Standing.SETTLED),
        (Script().intend().refuse(until=START), Standing.SETTLED),
        (Script().intend(reversibility=R.READ_ONLY).succeed(), Standing.SETTLED),
        (Script().intend(reversibility=R.READ_ONLY).doubt(), Standing.SETTLED),
        (undone(), Standing.SETTLED),
        (Script().intend().succeed().unwind().intend_undo(), Standing.DONE),
        (Script().intend().succeed().unwind().intend_undo().doubt(UNDO), Standing.DONE),
        (Script().intend().doubt().unwind().ask(), Standing.STUCK),
        (Script().intend().doubt().unwind().ask().answer("waive"), Standing.SETTLED),
        (Script().intend().succeed().unwind().ask("compensation-failed", UNDO), Standing.STUCK),
        (
            Script().intend().succeed().unwind().ask("compensation-failed", UNDO).answer("waive"),
            Standing.SETTLED,
        ),
        (pivot().succeed(), Standing.REMAINS),
        (Script().intend(reversibility=R.UNKNOWN).succeed(), Standing.REMAINS),
        (pivot().doubt(), Standing.DONE),
        (pivot().fail(), Standing.SETTLED),
        (pivot().doubt().unwind().ask(), Standing.STUCK),
    ],
    ids=[
        "intended",
        "in doubt",
        "succeeded",
        "failed",
        "refused",
        "read",
        "read in doubt",
        "undone",
        "undo under way",
        "undo in doubt",
        "asked about",
        "waived",
        "undo asked about",
        "undo waived",
        "pivot",
        "unknown class",
        "pivot in doubt",
        "pivot failed",
        "pivot asked about",
    ],
)
def test_every_step_stands_somewhere(script: Script, standing: Standing) -> None:
    assert standing_of(script) is standing


# --- ends -------------------------------------------------------------------------------------


def test_an_unwind_that_left_nothing_ends_compensated() -> None:
    assert end_of_unwind(undone().state) is Status.COMPENSATED


def test_an_unwind_of_nothing_ends_compensated() -> None:
    assert end_of_unwind(Script().unwind().state) is Status.COMPENSATED


def test_a_residue_makes_the_end_residual() -> None:
    script = Script().intend().succeed().unwind().intend_undo()
    script.add(e.Compensated(path=PATH, payload=b'{"text":"a fee"}'))

    assert end_of_unwind(script.state) is Status.RESIDUAL


def test_what_a_person_waived_makes_the_end_residual() -> None:
    script = Script().intend().doubt().unwind().ask().answer("waive")

    assert end_of_unwind(script.state) is Status.RESIDUAL


def test_a_pivot_that_remains_makes_the_end_residual() -> None:
    assert end_of_unwind(pivot().succeed().unwind().state) is Status.RESIDUAL


def test_a_pivot_that_did_not_happen_leaves_a_clean_end() -> None:
    assert end_of_unwind(pivot().fail().unwind().state) is Status.COMPENSATED


def test_people_are_told_what_an_unwind_would_undo_and_leave() -> None:
    script = Script().intend().succeed().intend(OTHER, reversibility=R.IRREVERSIBLE).succeed(OTHER)

    assert what_unwinding_leaves(script.state) == (
        "unwinding would undo trip/book#1 and leave trip/rent#1"
    )


def test_people_are_told_if_an_unwind_would_do_nothing() -> None:
    assert what_unwinding_leaves(Script().state) == "unwinding would undo nothing and leave nothing"


# --- status -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "parked", "shown"),
    [
        (Script(), False, Status.RUNNING),
        (Script(), True, Status.WAITING),
        (Script().add(gate_opened()), True, Status.WAITING),
        (Script().intend().doubt().ask(), False, Status.STUCK),
        (Script().intend().doubt().ask(), True, Status.STUCK),
        (Script().unwind(), False, Status.UNWINDING),
        (Script().unwind(), True, Status.UNWINDING),
        (Script().intend().doubt().unwind().ask(), True, Status.STUCK),
        (Script().intend().unwind().add(gate_opened("g-1", UNDO)), True, Status.WAITING),
        (Script().intend().unwind().add(gate_opened("g-1", UNDO)), False, Status.UNWINDING),
        (Script().add(e.Ended(status="completed")), False, Status.COMPLETED),
        (undone().add(e.Ended(status="compensated")), True, Status.COMPENSATED),
        (Script().ask().add(e.Ended(status="residual")), False, Status.RESIDUAL),
    ],
    ids=[
        "running",
        "parked",
        "at a gate",
        "asked",
        "asked and parked",
        "unwinding",
        "unwinding, parked",
        "unwinding, asked",
        "unwinding, at a gate",
        "unwinding past a gate",
        "completed",
        "compensated",
        "residual",
    ],
)
def test_the_status_people_are_shown(script: Script, parked: bool, shown: Status) -> None:
    assert status(script.state, parked=parked) is shown


# --- when to look again -----------------------------------------------------------------------


def test_the_earliest_instant_wakes_the_saga() -> None:
    assert look_again([START + 9 * SECOND, START + SECOND], START, moved=False) == START + SECOND


@pytest.mark.parametrize(
    ("deadline", "overdue"),
    [(None, False), (START + 1, False), (START, True), (START - 1, True)],
)
def test_a_deadline_is_overdue_from_its_instant_on(deadline: int | None, overdue: bool) -> None:
    started = e.Started(saga="trip", version=1, starter="ana", deadline=deadline)
    assert is_overdue(Script().add(started).state, START) is overdue


def test_a_saga_that_waits_for_no_instant_is_not_woken_by_time() -> None:
    assert look_again([], START, moved=False) is None


def test_an_instant_that_came_while_something_moved_is_looked_at_at_once() -> None:
    assert look_again([START - SECOND], START, moved=True) == START - SECOND


def test_an_instant_that_came_and_moved_nothing_is_not_looked_at_again_at_once() -> None:
    assert look_again([START - SECOND], START, moved=False) == START + IDLE_MICROS
