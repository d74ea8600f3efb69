"""The agenda of an unwind, against the definition that compares every pair."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensations.agenda import Agenda, ready
from compensations.plan import Effect, Standing, concurrent, depends
from reversibility import Reversibility

DONE, STUCK, SETTLED, REMAINS = Standing.DONE, Standing.STUCK, Standing.SETTLED, Standing.REMAINS


# --- the definition -------------------------------------------------------------------------------


def holds_up(later: Effect, earlier: Effect) -> bool:
    """Whether a later effect, which is not settled, keeps an earlier one from being undone."""
    if later.seq <= earlier.seq:
        return False
    if depends(later, earlier):
        return True
    return later.standing is DONE and not concurrent(later.path, earlier.path)


def by_definition(effects: list[Effect]) -> set[str]:
    """What may start now: nothing that is open holds it up."""
    waiting = [effect for effect in effects if effect.standing in (DONE, STUCK)]
    return {
        effect.path
        for effect in waiting
        if effect.standing is DONE and not any(holds_up(later, effect) for later in waiting)
    }


# --- what there may be ----------------------------------------------------------------------------

PLACES = [
    "",
    "block#1/",
    "block#2/",
    "1.1:",
    "1.2:",
    "2.1:",
    "block#1/1.1:",
    "block#1/1.2:",
    "1.1:block#1/",
    "1.1:1.1:",
    "1.1:1.2:",
    "a#1/",  # below what is itself an effect
]
NAMES = ["a", "b", "c"]


@st.composite
def effects(draw: st.DrawFn) -> list[Effect]:
    count = draw(st.integers(0, 9))
    numbers = draw(st.permutations(range(count)))
    found: dict[str, Effect] = {}
    for place in range(count):
        name = draw(st.sampled_from(NAMES))
        path = f"trip/{draw(st.sampled_from(PLACES))}{name}#{draw(st.integers(1, 4))}"
        found[path] = Effect(
            path=path,
            seq=numbers[place],
            action=name,
            reversibility=Reversibility.COMPENSATABLE,
            standing=draw(st.sampled_from([DONE, DONE, DONE, STUCK, SETTLED, REMAINS])),
            conflicts=frozenset(draw(st.sets(st.sampled_from("xy"), max_size=1))),
            after=frozenset(draw(st.sets(st.sampled_from(NAMES), max_size=1))),
        )
    return list(found.values())


@settings(max_examples=150, deadline=None)
@given(effects())
def test_what_may_start_is_what_the_definition_says(given_: list[Effect]) -> None:
    assert {effect.path for effect in ready(given_)} == by_definition(given_)


@settings(max_examples=200, deadline=None)
@given(effects(), st.data())
def test_whatever_becomes_of_the_effects_that_stays_true(
    given_: list[Effect], data: st.DataObject
) -> None:
    begun: set[str] = set()
    known: list[Effect] = given_[: data.draw(st.integers(0, 9))]
    agenda = Agenda(known)
    now = {effect.path: effect for effect in known}
    for _ in range(data.draw(st.integers(0, 20)) if given_ else 0):
        if data.draw(st.booleans()):
            taken = [effect.path for effect in agenda.take()]
            assert set(taken) == by_definition(list(now.values())) - begun
            assert taken == sorted(taken, key=lambda path: -now[path].seq)
            begun.update(taken)
        if data.draw(st.booleans()) and begun:
            over = data.draw(st.sampled_from(sorted(begun)))
            begun.remove(over)
            agenda.give_back(over)
        changed = data.draw(st.sampled_from(given_))
        if data.draw(st.integers(0, 9)) == 0:
            agenda.drop(changed.path)
            now.pop(changed.path, None)
        else:
            changed = replace(changed, standing=data.draw(st.sampled_from(Standing)))
            agenda.put(changed)
            now[changed.path] = changed
    assert {effect.path for effect in agenda.take()} == by_definition(list(now.values())) - begun


@settings(max_examples=200, deadline=None)
@given(effects())
def test_who_holds_up_an_effect_is_one_that_does_by_the_definition(given_: list[Effect]) -> None:
    agenda = Agenda(given_)
    free = by_definition(given_)

    for effect in given_:
        holder = agenda.held_by(effect.path)
        if effect.standing is DONE and effect.path not in free:
            assert holder is not None
            assert holds_up(holder, effect)
        else:
            assert holder is None


# --- what it costs --------------------------------------------------------------------------------


def one(number: int, path: str, **more: Any) -> Effect:
    return Effect(
        path, number, f"act{number % 7}", Reversibility.COMPENSATABLE, Standing.DONE, **more
    )


SHAPES: dict[str, Callable[[int, int], Effect]] = {
    "in sequence": lambda number, _: one(number, f"trip/a#{number}"),
    "in blocks": lambda number, _: one(number, f"trip/b#{number // 9}/a#{number}"),
    "side by side": lambda number, _: one(number, f"trip/1.{number}:a#1"),
    "one group after another": lambda number, count: one(
        number, f"trip/{1 + (number >= count // 2)}.{number}:a#1"
    ),
    "side by side with a key": lambda number, _: one(
        number, f"trip/1.{number}:a#1", conflicts=frozenset({f"room-{number % 9}"})
    ),
    "each on what came before": lambda number, _: one(
        number, f"trip/1.{number}:a#1", after=frozenset({f"act{(number - 1) % 7}"})
    ),
}


def calls_of(work: Callable[[], None]) -> int:
    """How many calls the planner makes."""
    count = 0

    def see(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        if event == "call" and "compensations" in frame.f_code.co_filename:
            count += 1

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def unwound(shape: str, count: int, *, last_first: bool) -> None:
    """Undo everything, one effect after the other."""
    made = [SHAPES[shape](number, count) for number in range(count)]
    agenda, undone = Agenda(made), 0
    free = agenda.take()
    while free:
        effect = free.pop(0 if last_first else -1)
        agenda.put(replace(effect, standing=SETTLED))
        agenda.give_back(effect.path)
        free += agenda.take()
        undone += 1
    assert undone == count


@pytest.mark.parametrize("last_first", [True, False], ids=["last first", "first first"])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_unwind_of_twice_the_effects_costs_twice_the_planning(
    shape: str, last_first: bool
) -> None:
    small = calls_of(lambda: unwound(shape, 200, last_first=last_first))
    large = calls_of(lambda: unwound(shape, 400, last_first=last_first))

    assert large < 2.4 * small
