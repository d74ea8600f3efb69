"""A saga's story from its entries: nothing but the entries is needed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sagas import entries as e
from sagas.model import Status, micros
from sagas.story import Asked, Lasting, StepState, Story, tell
from sagas.story.wording import clock, labels, plural, took
from tests.cli.entries import (
    compensated,
    doubted,
    gate,
    intended,
    started,
    succeeded,
    undoing,
    unwound,
)


def story(
    *entries: e.Entry, status: Status = Status.RUNNING, asked: tuple[Asked, ...] = ()
) -> Story:
    """The story of these entries, a second apart."""
    rows = [(seq, seq * 1_000_000, entry) for seq, entry in enumerate((started(), *entries), 1)]
    return tell("t1", rows, status=status, reason=None, asked=asked)


def beats(told: Story) -> list[tuple[int, int, str, str]]:
    return [(beat.seq, beat.last, beat.verb, beat.subject) for beat in told.beats[1:]]


# --- beats ------------------------------------------------------------------------------------


def test_an_attempt_and_its_outcome_are_one_beat() -> None:
    told = story(intended("a"), succeeded("a"))
    assert beats(told) == [(2, 3, "did", "a")]
    assert told.beats[1].took == 1_000_000


def test_attempts_of_parallel_branches_stay_apart() -> None:
    told = story(intended("a"), intended("b"), succeeded("b"), succeeded("a"))
    assert beats(told) == [(2, 5, "did", "a"), (3, 4, "did", "b")]


def test_an_attempt_that_has_no_outcome_is_told_as_running() -> None:
    assert beats(story(intended("a"))) == [(2, 2, "does", "a")]


def test_doubt_that_was_seen_closes_its_attempt() -> None:
    assert beats(story(intended("a"), doubted("a"))) == [(2, 3, "in doubt", "a")]


def test_doubt_after_a_crash_is_told_when_it_is_found() -> None:
    told = story(intended("a"), doubted("a", observed=False))
    assert beats(told) == [(2, 2, "began", "a"), (3, 3, "in doubt", "a")]


@pytest.mark.parametrize(
    ("too_late", "detail"), [(False, ""), (True, "too late: an irreversible step has begun")]
)
def test_a_deadline_that_passed_says_whether_it_came_too_late(too_late: bool, detail: str) -> None:
    told = story(e.DeadlinePassed(too_late=too_late))
    assert beats(told) == [(2, 2, "deadline passed", "")]
    assert told.beats[1].detail == detail


def test_a_story_begins_with_its_deadline() -> None:
    until = micros(datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC))
    rows = [(1, 0, replace(started(), deadline=until))]
    told = tell("t1", rows, status=Status.RUNNING, reason=None)
    assert told.deadline == until
    assert told.beats[0].detail == "by ana, deadline 2027-01-02 03:04:05 UTC"


def test_what_a_person_settles_is_no_outcome_of_the_attempt() -> None:
    told = story(intended("a"), doubted("a"), succeeded("a", via="person"))
    assert beats(told) == [(2, 3, "in doubt", "a"), (4, 4, "did", "a")]
    assert told.beats[2].detail == "settled by a person"


def test_an_undo_tells_what_it_leaves() -> None:
    told = story(
        intended("a"), succeeded("a"), unwound(), undoing("a"), compensated("a", residue="a fee")
    )
    assert told.beats[-1].verb == "undid"
    assert told.beats[-1].detail == "leaves: a fee"


def test_every_kind_of_entry_can_be_told() -> None:
    from sagas.story import beats as told

    assert set(told._TELLERS) == set(e.KINDS.values())


# --- steps and what remains -------------------------------------------------------------------


def state_of(*entries: e.Entry) -> StepState:
    return story(*entries).steps[0].state


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ([intended("a")], StepState.RUNNING),
        ([intended("a"), succeeded("a")], StepState.DONE),
        ([intended("a"), doubted("a")], StepState.IN_DOUBT),
        ([gate("a")], StepState.WAITING),
        ([gate("a"), unwound()], StepState.FAILED),
        ([intended("a"), succeeded("a"), unwound(), undoing("a")], StepState.UNDOING),
        (
            [intended("a"), succeeded("a"), unwound(), undoing("a"), compensated("a")],
            StepState.UNDONE,
        ),
    ],
)
def test_a_step_stands_where_its_undo_or_else_itself_has_come(
    entries: list[e.Entry], state: StepState
) -> None:
    assert state_of(*entries) is state


def test_nothing_remains_to_be_told_of_a_saga_that_goes_forward() -> None:
    assert story(intended("a"), succeeded("a")).remains == ()


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([intended("a"), succeeded("a"), unwound()], Lasting.NOT_UNDONE),
        ([intended("a"), doubted("a"), unwound()], Lasting.IN_DOUBT),
        (
            [intended("a", reversibility="irreversible"), succeeded("a"), unwound()],
            Lasting.IRREVERSIBLE,
        ),
        (
            [
                intended("a"),
                succeeded("a"),
                unwound(),
                undoing("a"),
                compensated("a", residue="a fee"),
            ],
            Lasting.RESIDUE,
        ),
    ],
)
def test_what_an_unwind_leaves_is_told_with_why(entries: list[e.Entry], why: Lasting) -> None:
    assert [item.why for item in story(*entries, status=Status.UNWINDING).remains] == [why]


def test_what_a_person_kept_is_told_as_left_in_place() -> None:
    kept = e.Ended(status="residual", reason="left as it is by ana")
    [item] = story(intended("a"), succeeded("a"), kept, status=Status.RESIDUAL).remains
    assert (item.why, item.text) == (Lasting.NOT_UNDONE, "it was left in place")


# --- people -----------------------------------------------------------------------------------


def test_a_decision_that_nobody_took_up_counts_in_the_story() -> None:
    asked = Asked("gate", "g-a", "ana", "approved", "", 9)
    told = story(gate("a"), status=Status.WAITING, asked=(asked,))
    assert [(item.state, item.decided_by) for item in told.gates] == [("approved", "ana")]
    assert [wait.kind.value for wait in told.waits] == ["worker"]


def test_an_open_gate_is_waited_for_until_its_deadline() -> None:
    [wait] = story(gate("a"), status=Status.WAITING).waits
    assert (wait.ref, wait.text, wait.until) == ("g-a", "approval by anyone", 99)


def test_a_saga_that_has_ended_waits_for_nothing() -> None:
    assert story(gate("a"), status=Status.COMPENSATED).waits == ()


# --- words ------------------------------------------------------------------------------------


def test_a_step_is_called_by_its_own_name_where_that_is_enough() -> None:
    assert labels(["trip/book#1", "trip/1.2:pay#1"]) == {
        "trip/book#1": "book",
        "trip/1.2:pay#1": "pay",
    }


def test_steps_of_one_name_are_told_apart_by_their_place() -> None:
    assert labels(["trip/book#1", "trip/1.2:book#1", "trip/book#2"]) == {
        "trip/book#1": "book",
        "trip/1.2:book#1": "1.2:book",
        "trip/book#2": "book#2",
    }


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0, "<1 ms"),
        (35_400, "35 ms"),
        (1_250_000, "1.2 s"),
        (123_000_000, "2 min 3 s"),
        (7_260_000_000, "2 h 1 min"),
        (200_000_000_000, "2 d 7 h"),
    ],
)
def test_a_duration_is_as_exact_as_it_is_interesting(duration: int, words: str) -> None:
    assert took(duration) == words


def test_an_instant_is_told_in_utc() -> None:
    from datetime import datetime, timedelta, timezone

    moment = datetime(2027, 3, 1, 1, 30, 0, 1_500, tzinfo=timezone(timedelta(hours=2)))
    assert clock(micros(moment), fine=True) == "23:30:00.001"


def test_one_is_not_many() -> None:
    assert (plural(1, "entry", "entries"), plural(2, "entry", "entries")) == (
        "1 entry",
        "2 entries",
    )


# --- late successes ---------------------------------------------------------------------------


def test_a_late_success_is_told_as_such() -> None:
    told = story(intended("a"), doubted("a"), succeeded("a", via="late"))
    assert beats(told) == [(2, 3, "in doubt", "a"), (4, 4, "did", "a")]
    assert told.beats[-1].detail == "the call answered after it had been given up"


def test_a_reopened_saga_tells_which_step_took_effect_after_the_end() -> None:
    told = story(
        *late_after_the_end("completed"),
        undoing("a"),
        compensated("a"),
        e.Ended(status="completed"),
        status=Status.COMPLETED,
    )
    assert [verb for _, _, verb, _ in beats(told)[-4:]] == ["reopened", "did", "undid", "ended"]
    assert told.beats[-4].detail == "this step took effect after the end"
    assert told.steps[0].late
    assert told.remains == ()


def test_what_took_effect_after_the_end_is_shown_as_done_and_remaining() -> None:
    told = story(*late_after_the_end("completed"))
    assert told.steps[0].state is StepState.DONE
    assert [(item.path, item.why) for item in told.remains] == [("trip/a#1", Lasting.NOT_UNDONE)]


def late_after_the_end(status: str) -> list[e.Entry]:
    """A step that was told to have failed, in a saga that ended, took effect."""
    return [
        intended("a"),
        doubted("a"),
        e.Failed(path="trip/a#1", error="NotExecuted", message="no", via="person"),
        e.Ended(status=status),
        e.Reopened(path="trip/a#1", direction="do", reason="it answered"),
        succeeded("a", via="late"),
    ]
