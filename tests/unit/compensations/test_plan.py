"""The unwind planner, against an oracle that knows nothing of its code."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest

from compensations.agenda import Agenda, ready
from compensations.plan import Effect, Standing, branch, concurrent, depends, plan, turns
from reversibility import Reversibility

DONE, STUCK = Standing.DONE, Standing.STUCK

Branch = tuple[tuple[int, int], ...]
"""Where a step was called: for each enclosing `parallel`, which one and which branch."""

ROOT: Branch = ()
BRANCHES: tuple[Branch, ...] = (
    ROOT,
    ((1, 1),),
    ((1, 2),),
    ((2, 1),),
    ((1, 1), (1, 1)),
    ((1, 1), (1, 2)),
)


def effect(
    seq: int,
    *,
    where: Branch = ROOT,
    standing: Standing = DONE,
    after: frozenset[str] = frozenset(),
    conflicts: frozenset[str] = frozenset(),
    path: str | None = None,
) -> Effect:
    scope = "".join(f"{group}.{index}:" for group, index in where)
    return Effect(
        path=path or f"trip/{scope}act{seq}#1",
        seq=seq,
        action=f"act{seq}",
        reversibility=Reversibility.COMPENSATABLE,
        standing=standing,
        conflicts=conflicts,
        after=after,
    )


# --- the oracle -------------------------------------------------------------------------------


class Shape:
    """A few effects in order: where each stands, in which branch, and what depends on what."""

    def __init__(
        self,
        standings: tuple[Standing, ...],
        places: tuple[Branch, ...],
        needs: frozenset[tuple[int, int]],
    ) -> None:
        self.standings = standings
        self.places = places
        self.needs = needs  # (later, earlier)

    def effects(self, *, by_key: bool) -> list[Effect]:
        """As the planner takes them: dependencies by `after`, or by a key in common."""
        return [
            effect(
                number,
                where=self.places[number],
                standing=self.standings[number],
                after=frozenset(f"act{b}" for a, b in self.needs if a == number and not by_key),
                conflicts=frozenset(
                    f"{a}-{b}" for a, b in self.needs if by_key and number in (a, b)
                ),
            )
            for number in range(len(self.standings))
        ]

    def may_start(self) -> set[int]:
        """Slowly and by definition: what may be undone now."""
        return {number for number in range(len(self.standings)) if self._is_free(number)}

    def _is_free(self, number: int) -> bool:
        if self.standings[number] is not DONE:
            return False
        for later in range(number + 1, len(self.standings)):
            if self.standings[later] not in (DONE, STUCK):
                continue
            if (later, number) in self.needs:
                return False
            side_by_side = are_parallel(self.places[later], self.places[number])
            if self.standings[later] is DONE and not side_by_side:
                return False
        return True


def are_parallel(one: Branch, other: Branch) -> bool:
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            return mine[0] == theirs[0]
    return False


def dependencies(count: int) -> Iterator[frozenset[tuple[int, int]]]:
    pairs = [(later, earlier) for earlier, later in combinations(range(count), 2)]
    for chosen in product((False, True), repeat=len(pairs)):
        yield frozenset(pair for pair, is_in in zip(pairs, chosen, strict=True) if is_in)


def shapes(
    count: int, standings: tuple[Standing, ...], places: tuple[Branch, ...]
) -> Iterator[Shape]:
    for needs in dependencies(count):
        for where in product(places, repeat=count):
            for stands in product(standings, repeat=count):
                yield Shape(stands, where, needs)


def small_shapes() -> Iterator[Shape]:
    for count in range(3):
        yield from shapes(count, tuple(Standing), BRANCHES)
    yield from shapes(3, (DONE, STUCK, Standing.SETTLED), BRANCHES[1:4])


def test_every_shape_of_four_starts_what_the_definition_says() -> None:
    for shape in shapes(4, (DONE, STUCK), BRANCHES[1:2]):
        assert {item.seq for item in ready(shape.effects(by_key=False))} == shape.may_start()


@pytest.mark.parametrize("by_key", [False, True], ids=["after", "conflicts"])
def test_every_shape_up_to_three_starts_what_the_definition_says(by_key: bool) -> None:
    for shape in small_shapes():
        effects = shape.effects(by_key=by_key)

        assert {item.seq for item in ready(effects)} == shape.may_start(), shape.__dict__


def test_every_small_shape_is_undone_but_for_what_something_stuck_builds_on() -> None:
    for shape in shapes(4, (DONE, STUCK), BRANCHES[:2]):
        undone, left = unwound(shape)

        assert left == held_back(shape), shape.__dict__
        for later, earlier in shape.needs:
            if earlier in undone:
                assert undone.index(later) < undone.index(earlier)


def unwound(shape: Shape) -> tuple[list[int], set[int]]:
    """Undo one ready effect at a time, the earliest first; the order, and what is left."""
    agenda, free = Agenda(shape.effects(by_key=False)), dict[int, Effect]()
    undone: list[int] = []
    while True:
        free |= {item.seq: item for item in agenda.take()}
        if not free:
            done = {number for number, stands in enumerate(shape.standings) if stands is DONE}
            return undone, done - set(undone)
        chosen = free.pop(min(free))
        agenda.put(replace(chosen, standing=Standing.SETTLED))
        undone.append(chosen.seq)


def held_back(shape: Shape) -> set[int]:
    """What can never be undone: what a stuck effect needs, and what waits for that in turn."""
    held: set[int] = set()
    for number in reversed(range(len(shape.standings))):
        if shape.standings[number] is STUCK:
            continue
        for later in range(number + 1, len(shape.standings)):
            blocked = later in held or shape.standings[later] is STUCK
            needed = (later, number) in shape.needs
            ordered = later in held and not are_parallel(shape.places[later], shape.places[number])
            if (blocked and needed) or ordered:
                held.add(number)
    return held


# --- single facts -----------------------------------------------------------------------------


def test_nothing_done_leaves_nothing_to_undo() -> None:
    assert ready([]) == []


def test_a_plan_is_in_reverse_order_of_the_intents() -> None:
    effects = [effect(5), effect(9), effect(7)]

    assert [item.seq for item in plan(effects)] == [9, 7, 5]


@pytest.mark.parametrize("standing", [Standing.SETTLED, Standing.REMAINS])
def test_what_is_settled_or_remains_is_in_no_plan(standing: Standing) -> None:
    assert plan([effect(1, standing=standing)]) == []


def test_what_is_stuck_stays_in_the_plan() -> None:
    assert [item.seq for item in plan([effect(1, standing=STUCK)])] == [1]


def test_only_the_last_effect_of_a_sequence_may_start() -> None:
    assert [item.seq for item in ready([effect(1), effect(2), effect(3)])] == [3]


def test_the_branches_of_one_parallel_start_together() -> None:
    effects = [effect(1, where=((1, 1),)), effect(2, where=((1, 2),))]

    assert [item.seq for item in ready(effects)] == [2, 1]


def test_a_branch_keeps_its_own_order() -> None:
    effects = [effect(1, where=((1, 1),)), effect(2, where=((1, 1),)), effect(3, where=((1, 2),))]

    assert [item.seq for item in ready(effects)] == [3, 2]


def test_what_came_before_a_parallel_waits_for_all_its_branches() -> None:
    effects = [effect(1), effect(2, where=((1, 1),)), effect(3, where=((1, 2),))]

    assert [item.seq for item in ready(effects)] == [3, 2]


def test_a_stuck_effect_does_not_hold_up_what_it_does_not_build_on() -> None:
    assert [item.seq for item in ready([effect(1), effect(2, standing=STUCK)])] == [1]


def test_a_stuck_effect_holds_up_what_it_was_declared_to_build_on() -> None:
    effects = [effect(1), effect(2, standing=STUCK, after=frozenset({"act1"}))]

    assert ready(effects) == []


def test_a_stuck_effect_holds_up_what_touched_the_same_resource() -> None:
    key = frozenset({"room-7"})

    assert ready([effect(1, conflicts=key), effect(2, standing=STUCK, conflicts=key)]) == []


def test_a_dependency_reaches_across_parallel_branches() -> None:
    effects = [
        effect(1, where=((1, 1),)),
        effect(2, where=((1, 2),), after=frozenset({"act1"})),
    ]

    assert [item.seq for item in ready(effects)] == [2]


def test_a_dependency_is_not_passed_over_by_way_of_something_in_between() -> None:
    effects = [
        effect(1),
        effect(2, after=frozenset({"act1"})),
        effect(3, standing=STUCK, after=frozenset({"act2"})),
    ]

    assert ready(effects) == []


def test_an_earlier_effect_never_holds_up_a_later_one() -> None:
    key = frozenset({"room-7"})

    assert [item.seq for item in ready([effect(1, conflicts=key), effect(2, conflicts=key)])] == [2]


def test_effects_of_different_keys_do_not_depend_on_each_other() -> None:
    assert not depends(effect(2, conflicts=frozenset("a")), effect(1, conflicts=frozenset("b")))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("trip/1.1:hotel#1", "trip/1.2:car#1"),
        ("trip/2.1:hotel#1", "trip/2.3:car#2"),
        ("trip/1.10:hotel#1", "trip/1.1:hotel#1"),
        ("trip/1.1:lodging#1/hotel#1", "trip/1.2:lodging#1/hotel#1"),
        ("trip/lodging#1/1.1:hotel#1", "trip/lodging#1/1.2:hotel#1"),
        ("trip/1.1:1.1:hotel#1", "trip/1.1:1.2:hotel#1"),
        ("trip/1.1:lodging#1/2.1:hotel#1", "trip/1.1:lodging#1/2.2:hotel#1"),
        ("trip/1.1:1.1:hotel#1", "trip/1.2:1.1:hotel#1"),
    ],
)
def test_two_branches_of_one_parallel_are_concurrent(first: str, second: str) -> None:
    assert concurrent(first, second)
    assert concurrent(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("trip/hotel#1", "trip/car#1"),
        ("trip/hotel#1", "trip/hotel#1"),
        ("trip/1.1:hotel#1", "trip/1.1:car#1"),
        ("trip/1.1:hotel#1", "trip/2.2:car#1"),
        ("trip/1.1:hotel#1", "trip/1.1:1.2:car#1"),
        ("trip/1.1:1.1:hotel#1", "trip/1.1:2.1:hotel#1"),
        ("trip/1.1:hotel#1", "trip/car#1"),
        ("trip/1.1:hotel#1", "trip/lodging#1/1.2:car#1"),
        ("trip/lodging#1/1.1:hotel#1", "trip/lodging#2/1.2:hotel#1"),
    ],
)
def test_other_paths_are_not_concurrent(first: str, second: str) -> None:
    assert not concurrent(first, second)
    assert not concurrent(second, first)


@pytest.mark.parametrize("component", ["hotel#1", "trip", "event-a.b#1", ""])
def test_a_name_is_no_branch(component: str) -> None:
    assert branch(component) is None


def test_a_branch_has_a_parallel_and_a_number() -> None:
    assert branch("12.3") == ("12", "3")


# --- windows ----------------------------------------------------------------------------------


def closing(seq: int, at: int | None, **more: Any) -> Effect:
    return replace(effect(seq, **more), closes_at=at)


def test_what_closes_next_goes_first() -> None:
    found = plan([closing(1, 50), closing(2, None), closing(3, 40), closing(4, None)])
    assert [item.seq for item in found] == [3, 1, 4, 2]


def test_of_what_closes_at_one_instant_the_last_goes_first() -> None:
    assert [item.seq for item in plan([closing(1, 50), closing(2, 50)])] == [2, 1]


def test_what_builds_upon_it_goes_before_it() -> None:
    upon = frozenset({"act1"})
    found = plan([closing(1, 50), effect(2, after=upon), closing(3, 60), effect(4)])
    assert [item.seq for item in found] == [2, 1, 3, 4]


def test_haste_is_handed_on_to_whatever_has_to_go_before() -> None:
    touched = frozenset({"room"})
    chain = [
        closing(1, 50, conflicts=touched),
        effect(2, conflicts=touched),
        effect(3, after=frozenset({"act2"})),
        closing(4, 55),
    ]
    assert [item.seq for item in plan(chain)] == [3, 2, 1, 4]


def test_a_settled_effect_hurries_nothing() -> None:
    gone = replace(closing(1, 50), standing=Standing.SETTLED)
    found = plan([gone, effect(2, after=frozenset({"act1"})), closing(3, 60)])
    assert [item.seq for item in found] == [3, 2]


def test_the_turns_without_windows_are_the_numbers_of_the_intents() -> None:
    given = [effect(seq) for seq in (2, 5, 9)]
    assert turns(given) == {item.path: item.seq for item in given}


def test_the_agenda_starts_with_what_closes_next() -> None:
    agenda = Agenda([closing(1, 50), closing(2, None), closing(3, 60)])
    assert [item.seq for item in agenda.take()] == [1]


def test_branches_hurry_side_by_side() -> None:
    one, other = ((1, 1),), ((1, 2),)
    agenda = Agenda([closing(1, 50, where=one), closing(2, None, where=other), effect(3)])
    assert [item.seq for item in agenda.take()] == [1]
    agenda.put(replace(closing(1, 50, where=one), standing=Standing.SETTLED))
    assert [item.seq for item in agenda.take()] == [3]


def test_no_order_by_windows_goes_against_a_dependency() -> None:
    needs = list(combinations(range(4), 2))
    for chosen in (frozenset(some) for n in range(4) for some in combinations(needs, n)):
        for ends in product((None, 1, 2), repeat=4):
            given = [
                closing(
                    later,
                    ends[later],
                    after=frozenset(f"act{first}" for first, second in chosen if second == later),
                )
                for later in range(4)
            ]
            order = [item.seq for item in plan(given)]
            assert all(order.index(later) < order.index(first) for first, later in chosen)


def test_what_comes_to_light_while_others_hurry_goes_after_what_builds_upon_it() -> None:
    hidden = replace(effect(2), standing=Standing.SETTLED)
    above, hurrying = effect(3, after=frozenset({"act2"})), closing(1, 50)
    agenda = Agenda([hurrying, hidden, above])
    assert agenda.take() == [hurrying]
    agenda.put(effect(2))
    assert agenda.take() == []  # the one that hurries is under way
    agenda.put(replace(hurrying, standing=Standing.SETTLED))
    assert agenda.take() == [above]
    agenda.put(replace(above, standing=Standing.SETTLED))
    assert agenda.take() == [effect(2)]
