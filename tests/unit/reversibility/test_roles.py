"""Which effect is the pivot, and what that makes of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reversibility import Reversibility, Role
from reversibility.roles import Effect, derive, pivot_index

READ = (Reversibility.READ_ONLY, False)
BOOK = (Reversibility.COMPENSATABLE, False)
MAIL = (Reversibility.IRREVERSIBLE, False)
UNSENT_MAIL = (Reversibility.IRREVERSIBLE, True)
MYSTERY = (Reversibility.UNKNOWN, False)

effects = st.lists(st.tuples(st.sampled_from(list(Reversibility)), st.booleans()))


def test_without_effects_there_is_no_pivot() -> None:
    assert pivot_index([]) is None


def test_without_effects_there_are_no_roles() -> None:
    assert derive([]) == []


def test_without_a_pivot_every_effect_is_compensatable() -> None:
    assert derive([READ, BOOK]) == [Role.COMPENSATABLE, Role.COMPENSATABLE]


@pytest.mark.parametrize("pivot", [MAIL, MYSTERY], ids=["irreversible", "unknown"])
def test_effects_before_the_pivot_are_compensatable_and_after_it_retriable(pivot: Effect) -> None:
    assert derive([BOOK, pivot, BOOK]) == [Role.COMPENSATABLE, Role.PIVOT, Role.RETRIABLE]


def test_the_first_of_two_irreversible_effects_is_the_pivot() -> None:
    assert derive([MAIL, MAIL]) == [Role.PIVOT, Role.RETRIABLE]


def test_an_effect_known_not_executed_is_no_pivot() -> None:
    assert derive([BOOK, UNSENT_MAIL]) == [Role.COMPENSATABLE, Role.COMPENSATABLE]


def test_the_pivot_is_sought_beyond_an_effect_known_not_executed() -> None:
    assert pivot_index([UNSENT_MAIL, BOOK, MAIL]) == 2


@given(effects)
def test_a_saga_has_at_most_one_pivot(saga: list[Effect]) -> None:
    assert derive(saga).count(Role.PIVOT) <= 1


@given(effects)
def test_every_effect_has_a_role(saga: list[Effect]) -> None:
    assert len(derive(saga)) == len(saga)


@given(effects)
def test_the_pivot_role_stands_at_the_pivot_index(saga: list[Effect]) -> None:
    roles = derive(saga)

    assert pivot_index(saga) == (roles.index(Role.PIVOT) if Role.PIVOT in roles else None)


@given(effects)
def test_no_executed_effect_before_the_end_of_compensation_is_a_pivot_class(
    saga: list[Effect],
) -> None:
    roles = derive(saga)

    assert not any(
        role is Role.COMPENSATABLE and reversibility.is_pivot and not known_not_executed
        for role, (reversibility, known_not_executed) in zip(roles, saga, strict=True)
    )


@given(effects)
def test_everything_after_the_pivot_is_retriable(saga: list[Effect]) -> None:
    roles = derive(saga)
    after = roles[roles.index(Role.PIVOT) + 1 :] if Role.PIVOT in roles else []

    assert set(after) <= {Role.RETRIABLE}


@given(effects, effects)
def test_later_effects_never_move_a_pivot(saga: list[Effect], later: list[Effect]) -> None:
    pivot = pivot_index(saga)

    assert pivot is None or pivot_index([*saga, *later]) == pivot
