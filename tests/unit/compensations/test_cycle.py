"""Finding a cycle among declared dependencies."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from compensations.cycle import find_cycle

NAMES = "abcde"


def test_nothing_that_needs_nothing_has_a_cycle() -> None:
    assert find_cycle({}) is None


def test_what_is_needed_in_two_ways_is_no_cycle() -> None:
    assert find_cycle({"a": ["b", "c"], "b": ["d"], "c": ["d"]}) is None


def test_a_cycle_is_told_from_its_first_name_back_to_it() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]


def test_what_needs_itself_is_a_cycle() -> None:
    assert find_cycle({"a": ["a"]}) == ["a", "a"]


def test_a_long_way_is_gone_without_recursion() -> None:
    long = {str(number): [str(number + 1)] for number in range(20_000)}

    assert find_cycle(long) is None


@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES))))
def test_a_cycle_is_found_where_something_reaches_itself(needs: dict[str, set[str]]) -> None:
    reached = {name: set(needs.get(name, ())) for name in NAMES}
    for _ in NAMES:
        for name in NAMES:
            reached[name] |= {far for near in reached[name] for far in reached[near]}

    cycle = find_cycle(needs)

    assert (cycle is not None) == any(name in reached[name] for name in NAMES)
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert all(later in needs[name] for name, later in pairwise(cycle))
