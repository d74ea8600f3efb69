"""Assertions on histories hold where they should, and show where they do not."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sagas import Residue, Reversibility, connect
from sagas.fold import fold
from sagas.state import Step
from sagas.testing import (
    ANY,
    Effect,
    History,
    assert_effects,
    assert_history,
    assert_unwound,
    bound,
    entry,
    read_history,
)
from tests.behaviour.shop import Order, keyed
from tests.behaviour.world import World, lose_answer, renew
from tests.testing.trails import journal_in, leave_first, of, recorded, refuse_second, two


@pytest.fixture
def world() -> World:
    return renew()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Two steps, of which the second is refused and the first undone."""
    refuse_second(renew())
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(recorded(journal_in(tmp_path_factory.mktemp("journal")), two))


WHOLE = [
    "Started bodies.saga",
    "Intended keyed#1",
    "Succeeded keyed#1",
    "Intended keyed#2",
    "Failed keyed#2 Refusal",
    "UnwindBegan failure",
    "CompensationIntended keyed#1",
    "Compensated keyed#1",
    "Ended compensated",
]


def failure(subject: History, expected: Sequence[object]) -> str:
    """What is shown where a history is not the expected one."""
    with pytest.raises(AssertionError) as caught:
        assert_history(subject, expected)
    return str(caught.value)


# --- patterns ---------------------------------------------------------------------------------

HOLDS: list[list[object]] = [
    [*WHOLE],
    [...],
    [..., "Ended"],
    ["Started", ...],
    ["Started saga", ..., "Failed", ..., "Ended"],
    [..., *WHOLE, ...],
    [ANY] * 9,
    [..., ANY, ANY, "Ended", ...],
    [..., "Intended shop.keyed", "Succeeded saga/keyed#1", ...],
    [..., re.compile("^Failed .*Refusal"), ...],
    [..., entry("Failed", "keyed#2", message="no second"), ...],
    [..., entry("Failed", message=re.compile("no")), ...],
    [..., entry("Intended", payload={"what": "second"}), "Failed", ...],
    [..., entry("Intended", payload={"what": ANY}), "Failed", ...],
    [..., entry("Succeeded", payload="first-done"), ...],
]


@pytest.mark.parametrize("expected", HOLDS, ids=str)
def test_a_history_is_the_expected_one(history: History, expected: list[object]) -> None:
    assert_history(history, expected)


FAILS: list[list[object]] = [
    [],
    [*WHOLE[:-1]],
    [*WHOLE[1:]],
    [*WHOLE, ANY],
    [*WHOLE[:3], *WHOLE[4:]],
    ["Ended", ...],
    [..., "Started"],
    [ANY] * 8,
    [..., "Compensated keyed#2", ...],
    [..., "Failed", ..., "Succeeded", ...],
    [..., "Succeeded", "Failed", ...],
    [..., re.compile("Compensated keyed#2"), ...],
    [..., entry("Intended", payload={"what": "third"}), ...],
    [..., entry("Intended", payload={"what": "second", "more": ANY}), ...],
    [..., entry("Intended", attempt=2), ...],
]


@pytest.mark.parametrize("expected", FAILS, ids=str)
def test_a_history_is_not_the_expected_one(history: History, expected: list[object]) -> None:
    assert failure(history, expected)


async def test_a_bound_name_stands_for_one_value_everywhere(tmp_path: Path, world: World) -> None:
    world.plan("first", lose_answer)
    again = await recorded(journal_in(tmp_path), two)
    first, second = (entry("Intended", "keyed#1", key=bound("key"), attempt=n) for n in (1, 2))
    found = assert_history(again, [..., first, ..., second, ...])
    [key] = {item.forward.key for item in _steps(again) if item.path == "saga/keyed#1"}
    assert found == {"key": key}
    other = entry("Intended", "keyed#2", key=bound("key"))
    shown = failure(again, [..., first, ..., second, ..., other, ...])
    assert f"key = {key!r}" in shown


def test_a_name_is_bound_anew_where_the_first_choice_leads_nowhere(history: History) -> None:
    path = bound("path")
    found = assert_history(
        history, [..., entry("Intended", path=path), entry("Failed", path=path), ...]
    )
    assert found == {"path": "saga/keyed#2"}


@pytest.mark.parametrize("wrong", [7, None, ["Started"], {"kind": "Started"}])
def test_what_is_no_pattern_is_refused(history: History, wrong: object) -> None:
    with pytest.raises(TypeError, match="is no pattern of an entry: write a text"):
        assert_history(history, [wrong])


@pytest.mark.parametrize("wrong", ["", "Intend keyed", "started"])
def test_a_kind_that_there_is_not_is_refused(history: History, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"there is no entry of the kind .*: one of Started"):
        assert_history(history, [wrong])


def test_a_field_that_there_is_not_is_refused() -> None:
    words = "Compensated has no residue: it has payload, sensitive, path, via"
    with pytest.raises(ValueError, match=words):
        entry("Compensated", residue=ANY)


# --- what is shown ----------------------------------------------------------------------------


def test_the_first_place_that_differs_is_shown_side_by_side(history: History) -> None:
    expected = [*WHOLE[:3], "Intended keyed#2", "Succeeded keyed#2", "Ended completed"]
    assert (
        failure(history, expected)
        == """\
the history of s is not the expected one

   expected              recorded
   Started bodies.saga     1  Started bodies.saga
   Intended keyed#1        2  Intended keyed#1
   Succeeded keyed#1       3  Succeeded keyed#1
   Intended keyed#2        4  Intended keyed#2
 > Succeeded keyed#2       5  Failed keyed#2 Refusal
   Ended completed         6  UnwindBegan failure
                           7  CompensationIntended keyed#1
                           8  Compensated keyed#1
                           9  Ended compensated"""
    )


def test_a_history_that_is_too_short_or_too_long_is_shown_as_such(history: History) -> None:
    assert re.search(r" > Ended +\(nothing more\)", failure(history, [*WHOLE, "Ended"]))
    assert re.search(r" > \(nothing more\) +9  Ended compensated", failure(history, WHOLE[:-1]))


def test_entries_that_were_passed_over_are_shown_too(history: History) -> None:
    shown = failure(history, [..., "Failed", "Ended"])
    assert re.search(r"\n   \.\.\.\n +1  Started bodies.saga\n", shown)
    assert re.search(r" > Failed +8  Compensated keyed#1\n   Ended +9  Ended compensated", shown)


def test_a_long_history_is_searched_in_no_time(history: History) -> None:
    many = History("j", "s", None, ())
    many.__dict__["timed"] = [*history.timed[:1], *list(history.timed[1:4]) * 300]
    expected = ["Started", *([..., "Intended", "Succeeded"] * 6), ..., "Ended"]
    assert failure(many, expected)


# --- subjects ---------------------------------------------------------------------------------


@dataclass
class Run:
    """Something that ran a saga."""

    history: History


def test_whatever_has_a_history_can_be_asserted_on(history: History) -> None:
    assert_history(Run(history), WHOLE)
    assert_unwound(Run(history))


def test_what_has_no_history_is_refused_with_the_way_to_one() -> None:
    nothing: Any = 7
    with pytest.raises(TypeError, match=r"int has no history: pass `await read_history"):
        assert_history(nothing, [])
    with pytest.raises(TypeError, match=r"int has no history: pass `await read_history"):
        assert_unwound(nothing)


@pytest.mark.parametrize("expected", [[], [...]])
def test_a_saga_that_there_is_not_has_no_history_at_all(expected: list[object]) -> None:
    with pytest.raises(AssertionError, match="there is no saga 's' in this journal"):
        assert_history(History("j", "s", None, ()), expected)


# --- unwinds ----------------------------------------------------------------------------------


async def three(order: Order) -> str:
    """Three steps, of which the last is refused."""
    await keyed("first")
    await keyed("other")
    return await keyed("second")


async def test_an_unwind_is_asserted_in_its_order(tmp_path: Path, world: World) -> None:
    refuse_second(world)
    history = await recorded(journal_in(tmp_path), three)
    assert_unwound(history)
    assert_unwound(history, order=["keyed#2", "saga/keyed#1"])
    assert_unwound(history, order=["keyed", "keyed"])
    for wrong in (["keyed#1", "keyed#2"], ["keyed#2"], [], ["keyed"] * 3):
        with pytest.raises(AssertionError, match="recorded  saga/keyed#2, saga/keyed#1"):
            assert_unwound(history, order=wrong)


async def test_a_saga_that_completed_was_not_unwound(tmp_path: Path, world: World) -> None:
    history = await recorded(journal_in(tmp_path), two)
    with pytest.raises(AssertionError, match="did not undo saga/keyed#1, saga/keyed#2"):
        assert_unwound(history)


async def test_a_saga_that_cannot_undo_a_step_was_not_unwound(tmp_path: Path, world: World) -> None:
    refuse_second(world)
    leave_first(world)
    history = await recorded(journal_in(tmp_path), two)
    with pytest.raises(AssertionError, match="did not undo saga/keyed#1"):
        assert_unwound(history)


async def test_a_saga_that_left_a_residue_did_not_end_compensated(tmp_path: Path) -> None:
    made = of(two)

    @made.action(reversibility=Reversibility.COMPENSATABLE)
    async def book(city: str) -> str:
        return city

    @book.compensation()
    async def cancel(result: str) -> Residue:
        return Residue("a fee")

    @made.saga
    async def travel(city: str) -> str:
        await book(city)
        raise LookupError("no")

    async with connect(journal_in(tmp_path), made) as coordinator:
        await coordinator.run(travel, "Oslo", id="s")
        history = await read_history(coordinator.store, "s")
    with pytest.raises(AssertionError, match="s ended residual"):
        assert_unwound(history)


def test_a_saga_that_never_began_was_not_unwound() -> None:
    with pytest.raises(AssertionError, match="there is no saga 's' in this journal"):
        assert_unwound(History("j", "s", None, ()))


# --- effects ----------------------------------------------------------------------------------

LEDGER = [Effect("hotel", "do", "1"), Effect("car", "do", "2"), Effect("hotel", "undo", "3")]


class Ledger:
    """A world of which only the ledger matters."""

    def reset(self) -> None: ...

    def snapshot(self) -> None: ...

    def ledger(self) -> list[Effect]:
        return LEDGER


class Remote(Ledger):
    """The same, asynchronous."""

    async def ledger(self) -> list[Effect]:  # type: ignore[override]
        return LEDGER


@pytest.mark.parametrize("world", [LEDGER, Ledger()], ids=["a ledger", "a world"])
def test_effects_are_counted(world: Ledger) -> None:
    assert_effects(world, {"hotel": 1, "car": 1, "undo hotel": 1})
    assert_effects(world, {"hotel": 1}, exactly=False)
    assert_effects(world, {"hotel": 1, "car": 1, "undo hotel": 1, "undo car": 0})


@pytest.mark.parametrize(
    ("expected", "exactly", "words"),
    [
        ({"hotel": 1}, True, "car: 1, not 0\n  undo hotel: 1, not 0"),
        ({"hotel": 2}, False, "hotel: 1, not 2"),
        ({"train": 1}, False, "train: 0, not 1"),
        ({"car": 0}, False, "car: 1, not 0"),
    ],
)
def test_effects_that_differ_are_shown(expected: dict[str, int], exactly: bool, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        assert_effects(LEDGER, expected, exactly=exactly)


async def test_the_ledger_of_an_asynchronous_world_is_awaited_first() -> None:
    world = Remote()
    with pytest.raises(TypeError, match=r"await world\.ledger"):
        assert_effects(world, {})
    assert_effects(await world.ledger(), {"hotel": 1}, exactly=False)


def _steps(history: History) -> list[Step]:

    return list(fold("s", history.timed).steps.values())
