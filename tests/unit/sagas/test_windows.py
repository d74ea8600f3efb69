"""Windows: what the fold makes of them, and which have closed."""

from datetime import UTC, datetime, timedelta

import pytest

from compensations.plan import Standing
from reversibility import Reversibility, Window
from sagas import entries as e
from sagas.decide import standing
from sagas.model import Direction, micros
from sagas.state import Step
from sagas.windows import (
    Horizon,
    KeyLife,
    UndoLimit,
    closing,
    closings,
    horizon,
    instant_in,
)
from tests.unit.sagas.script import PATH, SECOND, START, Script

MINUTE = Window(duration=timedelta(minutes=1))
UNTIL = Window(until="free_until")
SHIPPED = Window(event="shipped")
LATER = START + 60 * SECOND


def event(name: str = "shipped") -> e.EventReceived:
    return e.EventReceived(name=name, key="k", by="shop", payload=b"1")


def closed(script: Script, at: int = LATER) -> Script:
    return script.add(e.WindowClosed(path=PATH, closed_at=at))


# --- when it closes ---------------------------------------------------------------------------


def test_a_duration_counts_from_the_intent_and_not_from_the_answer() -> None:
    script = Script().intend(window=MINUTE).later(10 * SECOND).succeed()
    assert closings(script.state) == [LATER]


def test_a_duration_counts_from_the_first_attempt_that_is_in_doubt() -> None:
    script = Script().intend(window=MINUTE).later(10 * SECOND).doubt().intend().succeed()
    assert closings(script.state) == [LATER]


def test_attempts_that_did_not_happen_use_up_no_window() -> None:
    script = Script().intend(window=MINUTE).later(10 * SECOND).fail().intend().succeed()
    assert closings(script.state) == [LATER + 10 * SECOND]


def test_an_instant_of_the_result_is_not_known_before_it() -> None:
    assert closings(Script().intend(window=UNTIL).state) == []


def test_the_instant_of_the_result_is_when_it_closes() -> None:
    script = Script().intend(window=UNTIL).add(e.Succeeded(path=PATH, closes_at=LATER))
    assert closings(script.state) == [LATER]


def test_a_result_that_names_no_instant_closes_it_as_it_comes() -> None:
    script = Script().intend(window=UNTIL).later(SECOND).succeed()
    assert closings(script.state) == [START + SECOND]


def test_an_event_closes_it() -> None:
    script = Script().intend(window=SHIPPED).later(SECOND).add(event())
    assert closings(script.state) == [START + SECOND]


def test_only_the_first_event_counts() -> None:
    script = Script().intend(window=SHIPPED).add(event()).later(SECOND).add(event())
    assert closings(script.state) == [START]


@pytest.mark.parametrize("name", ["paid", "Shipped"])
def test_another_event_does_not_close_it(name: str) -> None:
    assert closings(Script().intend(window=SHIPPED).add(event(name)).state) == []


def test_an_event_before_the_intent_does_not_close_it() -> None:
    assert closings(Script().add(event()).intend(window=SHIPPED).state) == []


def test_a_step_without_a_window_never_closes() -> None:
    assert closings(Script().intend().succeed().state) == []


# --- what has closed --------------------------------------------------------------------------


def test_a_window_is_open_until_its_instant() -> None:
    assert closing(Script().intend(window=MINUTE).succeed().state, LATER - 1) == []


def test_a_window_is_closed_at_its_instant() -> None:
    script = Script().intend(window=MINUTE).succeed()
    assert closing(script.state, LATER) == [e.WindowClosed(path=PATH, closed_at=LATER)]


def test_it_is_told_when_it_closed_and_not_when_somebody_looked() -> None:
    [entry] = closing(Script().intend(window=MINUTE).succeed().state, LATER + 99 * SECOND)
    assert entry.closed_at == LATER


def test_a_window_is_told_closed_once() -> None:
    script = closed(Script().intend(window=MINUTE).succeed())
    assert closing(script.state, LATER) == []


def test_what_did_not_happen_has_no_window_to_close() -> None:
    assert closing(Script().intend(window=MINUTE).fail().state, LATER) == []


def test_an_undo_that_was_called_keeps_its_window_from_closing() -> None:
    assert closing(Script().intend(window=MINUTE).succeed().intend_undo().state, LATER) == []


def test_those_that_closed_first_are_told_first() -> None:
    script = Script().intend(window=Window(duration=timedelta(minutes=2))).succeed()
    script.intend("trip/other#1", window=MINUTE).succeed("trip/other#1")
    found = closing(script.state, START + 600 * SECOND)
    assert [entry.path for entry in found] == ["trip/other#1", PATH]


# --- what follows -----------------------------------------------------------------------------


def test_a_closed_window_makes_a_step_irreversible() -> None:
    script = closed(Script().intend(window=MINUTE).succeed())
    assert script.step().reversibility is Reversibility.IRREVERSIBLE


def test_its_intent_says_what_it_was() -> None:
    script = closed(Script().intend(window=MINUTE).succeed())
    assert script.step().intended_as is Reversibility.COMPENSATABLE


def test_a_closed_window_makes_a_step_the_pivot() -> None:
    script = closed(Script().intend(window=MINUTE).succeed())
    assert script.state.pivot is script.step()


def test_what_is_past_its_window_remains() -> None:
    script = closed(Script().intend(window=MINUTE).succeed())
    assert standing(script.state, script.step()) is Standing.REMAINS


def test_doubt_past_its_window_stays_irreversible_through_another_attempt() -> None:
    script = closed(Script().intend(window=MINUTE).doubt()).intend()
    assert script.step().reversibility is Reversibility.IRREVERSIBLE


def test_what_is_done_anew_after_it_did_not_happen_has_a_window_of_its_own() -> None:
    script = closed(Script().intend(window=MINUTE).doubt())
    script.add(e.Probed(path=PATH, direction=Direction.DO, answer="absent", counts=True))
    script.fail().later(90 * SECOND).intend()
    assert script.step().reversibility is Reversibility.COMPENSATABLE
    assert closings(script.state) == [LATER + 90 * SECOND]


# --- the horizon ------------------------------------------------------------------------------


def forever(_: Step, __: Direction) -> None:
    return None


def for_an_hour(_: Step, __: Direction) -> timedelta:
    return timedelta(hours=1)


def test_the_horizon_tells_what_can_be_undone_and_what_ends_first_comes_first() -> None:
    script = Script().intend().succeed().intend("trip/a#1", window=SHIPPED).succeed("trip/a#1")
    script.intend("trip/b#1", window=MINUTE).succeed("trip/b#1")
    assert horizon(script.state, forever).undo == (
        UndoLimit("trip/b#1", LATER, None),
        UndoLimit("trip/a#1", None, "shipped"),
        UndoLimit(PATH, None, None),
    )


def test_an_event_that_came_ends_it_at_its_instant() -> None:
    script = Script().intend(window=SHIPPED).succeed().add(event())
    assert horizon(script.state, forever).undo == (UndoLimit(PATH, START, None),)


def test_what_is_closed_on_the_record_cannot_be_undone_any_more() -> None:
    script = closed(Script().intend(window=MINUTE).succeed())
    assert horizon(script.state, forever).undo == ()


def test_an_undo_that_was_called_in_time_has_no_end() -> None:
    script = Script().intend(window=MINUTE).succeed().intend_undo()
    assert horizon(script.state, forever).undo == (UndoLimit(PATH, None, None),)


def test_the_key_of_a_call_in_doubt_counts_from_its_first_intent() -> None:
    script = Script().intend().later(SECOND).doubt()
    until = START + 3600 * SECOND
    assert horizon(script.state, for_an_hour).keys == (KeyLife(PATH, Direction.DO, until),)


def test_the_key_of_what_is_known_does_not_matter() -> None:
    assert horizon(Script().intend().succeed().state, for_an_hour).keys == ()


def test_a_saga_that_has_ended_has_no_horizon() -> None:
    script = Script().intend(window=MINUTE).succeed().add(e.Ended(status="completed"))
    assert horizon(script.state, for_an_hour) == Horizon((), ())


# --- instants in results ----------------------------------------------------------------------

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b'{"free_until":"2026-11-24T12:00:00Z"}', "free_until"),
        (b'{"free_until":"2026-11-24T13:00:00+01:00"}', "free_until"),
        (b'{"terms":{"free_until":"2026-11-24T12:00:00Z"}}', "terms.free_until"),
    ],
)
def test_an_instant_is_read_from_a_result(payload: bytes, field: str) -> None:
    assert instant_in(payload, field) == micros(NOON)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        b"null",
        b"7",
        b"[]",
        b"{}",
        b'{"free_until":null}',
        b'{"free_until":7}',
        b'{"free_until":"soon"}',
        b'{"free_until":"2026-11-24T12:00:00"}',
        b'{"free_until":{}}',
    ],
)
def test_what_holds_no_aware_instant_gives_none(payload: bytes | None) -> None:
    assert instant_in(payload, "free_until") is None
