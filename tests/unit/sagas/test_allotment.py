"""Who gets a permit, and when whoever gets none should ask again."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagas.allotment import (
    LONGEST_TURN,
    POLL,
    TICK,
    Allotment,
    Answer,
    Demand,
    Granted,
    Kind,
    Refused,
    Room,
    Want,
)

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
FIVE = Demand("five", rate=5, per=SECOND)
THREE = Demand("three", concurrent=3)


def want(name: str, *demands: Demand, patience: int = SECOND, waited: int = 0) -> Want:
    return Want(
        process="here",
        saga_id="trip",
        holder=name,
        start=f"start of {name}",
        demands=demands,
        begins_within=10 * SECOND,
        lasts=SECOND,
        waited=waited,
        patience=patience,
    )


def allotment(*, rooms: dict[str, Room] | None = None, **known: Any) -> Allotment:
    return Allotment(NOW, {"five": Room(), "three": Room(), **(rooms or {})}, **known)


def asked(
    allotted: Allotment, count: int, *demands: Demand, patience: int = SECOND
) -> list[Answer]:
    return [allotted.ask(want(f"{n}", *demands, patience=patience)) for n in range(count)]


def granted(answers: Sequence[Answer]) -> int:
    return sum(isinstance(answer, Granted) for answer in answers)


def refused(answer: Answer) -> Refused:
    assert isinstance(answer, Refused)
    return answer


def test_as_many_begin_in_a_period_as_the_rate_allows() -> None:
    assert granted(asked(allotment(), 9, FIVE)) == 5


def test_as_many_are_under_way_as_there_are_places() -> None:
    assert granted(asked(allotment(), 9, THREE)) == 3


def test_of_two_limits_the_narrower_one_counts() -> None:
    assert granted(asked(allotment(), 9, FIVE, THREE)) == 3


def test_what_was_given_before_counts() -> None:
    assert granted(asked(allotment(rooms={"five": Room(starts=4, oldest=NOW)}), 9, FIVE)) == 1


def test_whoever_is_refused_takes_nothing_from_others() -> None:
    allotted = allotment(rooms={"three": Room(calls=3)})
    asked(allotted, 9, FIVE, THREE)
    assert granted(asked(allotted, 9, FIVE)) == 5


def test_a_call_that_holds_a_place_needs_no_second_one() -> None:
    held = {("three", Kind.CALL, "mine")}
    allotted = allotment(rooms={"three": Room(calls=3)}, held=held)
    assert allotted.ask(want("mine", THREE)) == Granted()
    assert allotted.rooms["three"].calls == 3


def test_a_start_that_was_given_is_not_counted_again() -> None:
    held = {("five", Kind.START, "start of mine")}
    allotted = allotment(rooms={"five": Room(starts=5, oldest=NOW)}, held=held)
    assert allotted.ask(want("mine", FIVE)) == Granted()


def test_the_next_start_is_due_one_period_after_the_oldest() -> None:
    full = Room(starts=5, oldest=NOW - SECOND // 4)
    answer = refused(allotment(rooms={"five": full}).ask(want("mine", FIVE)))
    assert answer == Refused(SECOND * 3 // 4 + TICK, sent_away=False, lacking=("five",))


def test_whoever_stands_further_back_asks_later() -> None:
    allotted = allotment(rooms={"five": Room(starts=5, oldest=NOW)})
    waits = [refused(answer).after // SECOND for answer in asked(allotted, 12, FIVE)]
    assert waits == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3]


def test_whoever_was_sent_away_stands_in_the_line_too() -> None:
    full = Room(starts=5, oldest=NOW, turns=10)
    assert refused(allotment(rooms={"five": full}).ask(want("mine", FIVE))).after // SECOND == 3


def test_whoever_comes_back_does_not_stand_behind_those_who_came_later() -> None:
    full = Room(starts=5, oldest=NOW, turns=10)
    allotted = allotment(rooms={"five": full}, turns={"mine": NOW - SECOND})
    assert refused(allotted.ask(want("mine", FIVE))).after == SECOND + TICK


def test_a_wait_above_the_patience_sends_away() -> None:
    allotted = allotment(rooms={"five": Room(starts=5, oldest=NOW)})
    assert [refused(answer).sent_away for answer in asked(allotted, 2, FIVE, patience=SECOND)] == [
        True,
        True,
    ]


def test_a_place_is_asked_for_again_in_a_moment() -> None:
    answer = refused(allotment(rooms={"three": Room(calls=3)}).ask(want("mine", THREE)))
    assert answer == Refused(POLL, sent_away=False, lacking=("three",))


def test_a_start_that_was_never_begun_is_asked_for_again_in_a_moment() -> None:
    stale = Room(starts=5, oldest=NOW - 2 * SECOND)
    assert refused(allotment(rooms={"five": stale}).ask(want("mine", FIVE))).after == POLL


@pytest.mark.parametrize(
    ("waited", "after"),
    [(0, SECOND), (SECOND // 2, SECOND), (7 * SECOND, 7 * SECOND), (3600 * SECOND, LONGEST_TURN)],
)
def test_whoever_is_sent_away_looks_again_after_as_long_as_they_have_waited(
    waited: int, after: int
) -> None:
    allotted = allotment(rooms={"three": Room(calls=3)}, turns={"mine": NOW - waited})
    answer = refused(allotted.ask(want("mine", THREE, patience=0)))
    assert answer == Refused(after, sent_away=True, lacking=("three",))


def test_who_has_waited_longest_is_asked_first() -> None:
    allotted = allotment(turns={"c": NOW - 3, "b": NOW - 7})
    names = ["a", "b", "c", "d"]
    order = allotted.in_order([want(name, FIVE) for name in names])
    assert [names[index] for index in order] == ["b", "c", "a", "d"]


def test_what_is_free_is_left_to_processes_whose_first_came_earlier() -> None:
    waiting = Room(calls=1, heads=[NOW - SECOND])
    assert granted(asked(allotment(rooms={"three": waiting}), 9, THREE)) == 1


def test_what_is_free_is_not_left_to_processes_whose_first_came_later() -> None:
    waiting = Room(calls=2, starts=4, heads=[NOW - SECOND])
    allotted = allotment(rooms={"three": waiting, "five": waiting})
    assert allotted.ask(want("mine", THREE, FIVE, waited=2 * SECOND)) == Granted()


def test_whoever_was_sent_away_does_not_begin_to_wait_anew() -> None:
    waiting = Room(calls=2, heads=[NOW - SECOND])
    allotted = allotment(rooms={"three": waiting}, turns={"mine": NOW - 2 * SECOND})
    assert allotted.ask(want("mine", THREE)) == Granted()


DEMANDS = st.builds(
    Demand,
    st.sampled_from(["five", "three"]),
    rate=st.none() | st.integers(1, 4),
    per=st.just(SECOND),
    concurrent=st.none() | st.integers(1, 4),
)


@given(
    st.lists(st.lists(DEMANDS, max_size=2, unique_by=lambda item: item.bucket), max_size=12),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_nothing_is_given_beyond_what_its_want_allows(
    asks: list[list[Demand]], starts: int, calls: int
) -> None:
    allotted = allotment(rooms={"five": Room(starts, NOW if starts else None, calls)})
    for number, demands in enumerate(asks):
        if isinstance(allotted.ask(want(f"{number}", *demands)), Granted):
            for demand in demands:
                room = allotted.rooms[demand.bucket]
                assert demand.rate is None or room.starts <= demand.rate
                assert demand.concurrent is None or room.calls <= demand.concurrent
