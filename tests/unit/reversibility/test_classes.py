"""The classes, their order, and the algebra of the worst."""

import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reversibility import Reversibility, is_worse, worst

classes = st.sampled_from(list(Reversibility))
groups = st.lists(classes)


def test_the_classes_are_ranked_from_read_only_to_unknown() -> None:
    ranked = [reversibility.value for reversibility in sorted(Reversibility, key=lambda c: c.rank)]

    assert ranked == ["read-only", "reversible", "compensatable", "irreversible", "unknown"]


def test_ranks_count_from_zero_without_gaps() -> None:
    assert [reversibility.rank for reversibility in Reversibility] == [0, 1, 2, 3, 4]


def test_the_worst_of_nothing_is_read_only() -> None:
    assert worst([]) is Reversibility.READ_ONLY


@given(groups)
def test_unknown_dominates_every_group(group: list[Reversibility]) -> None:
    assert worst([*group, Reversibility.UNKNOWN]) is Reversibility.UNKNOWN


@given(groups)
def test_read_only_changes_no_group(group: list[Reversibility]) -> None:
    assert worst([*group, Reversibility.READ_ONLY]) is worst(group)


@given(classes, classes, classes)
def test_worst_is_associative(a: Reversibility, b: Reversibility, c: Reversibility) -> None:
    assert worst([worst([a, b]), c]) is worst([a, worst([b, c])])


@given(groups, groups)
def test_the_worst_of_two_groups_is_the_worst_of_their_worsts(
    left: list[Reversibility], right: list[Reversibility]
) -> None:
    assert worst([*left, *right]) is worst([worst(left), worst(right)])


@given(classes, classes)
def test_worst_is_commutative(a: Reversibility, b: Reversibility) -> None:
    assert worst([a, b]) is worst([b, a])


@given(classes)
def test_worst_is_idempotent(a: Reversibility) -> None:
    assert worst([a, a]) is a


@given(classes, classes, classes)
def test_worst_is_monotone(a: Reversibility, b: Reversibility, c: Reversibility) -> None:
    better, worse = (b, a) if is_worse(a, b) else (a, b)

    assert not is_worse(worst([better, c]), worst([worse, c]))


@given(st.lists(classes, min_size=1))
def test_the_worst_is_one_of_the_group(group: list[Reversibility]) -> None:
    assert worst(group) in group


@given(groups)
def test_nothing_in_a_group_is_worse_than_its_worst(group: list[Reversibility]) -> None:
    assert not any(is_worse(member, worst(group)) for member in group)


def test_the_worst_is_found_in_one_pass_over_a_generator() -> None:
    stream = (Reversibility(value) for value in ("reversible", "irreversible", "read-only"))

    assert worst(stream) is Reversibility.IRREVERSIBLE


@given(classes)
def test_no_class_is_worse_than_itself(a: Reversibility) -> None:
    assert not is_worse(a, a)


@given(classes, classes)
def test_of_two_different_classes_exactly_one_is_worse(a: Reversibility, b: Reversibility) -> None:
    assert (is_worse(a, b) != is_worse(b, a)) is (a is not b)


def test_unknown_is_worse_than_irreversible() -> None:
    assert is_worse(Reversibility.UNKNOWN, Reversibility.IRREVERSIBLE)


@pytest.mark.parametrize(
    "compare",
    [operator.lt, operator.le, operator.gt, operator.ge],
    ids=["lt", "le", "gt", "ge"],
)
def test_an_operator_refuses_to_compare_classes_by_spelling(
    compare: Callable[[str, str], bool],
) -> None:
    with pytest.raises(TypeError, match=r"'irreversible'.*'read-only'.*\.rank.*Reversibility"):
        compare(Reversibility.IRREVERSIBLE, Reversibility.READ_ONLY)


def test_only_read_only_has_no_effect() -> None:
    assert [c for c in Reversibility if not c.has_effect] == [Reversibility.READ_ONLY]


def test_reversible_and_compensatable_are_undoable() -> None:
    undoable = [c for c in Reversibility if c.is_undoable]

    assert undoable == [Reversibility.REVERSIBLE, Reversibility.COMPENSATABLE]


def test_an_unknown_class_needs_approval_as_an_irreversible_one_does() -> None:
    gated = [c for c in Reversibility if c.needs_approval]

    assert gated == [Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN]


def test_an_unknown_class_is_a_pivot_as_an_irreversible_one_is() -> None:
    pivots = [c for c in Reversibility if c.is_pivot]

    assert pivots == [Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN]


def test_every_class_has_its_own_label() -> None:
    assert len({c.label for c in Reversibility}) == len(Reversibility)


def test_a_label_tells_people_whether_an_undo_is_possible() -> None:
    assert Reversibility.IRREVERSIBLE.label == "cannot be undone"


@pytest.mark.parametrize("reversibility", list(Reversibility))
def test_what_happens_on_unwind_is_one_sentence(reversibility: Reversibility) -> None:
    sentence = reversibility.on_unwind

    assert sentence[0].isupper()
    assert sentence.count(".") == 1
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    "reversibility", [c for c in Reversibility if c.has_effect and not c.is_undoable]
)
def test_what_cannot_be_undone_is_left_to_a_person(reversibility: Reversibility) -> None:
    assert "a person decides" in reversibility.on_unwind


def test_a_class_is_stored_as_its_value() -> None:
    assert f"{Reversibility.READ_ONLY}" == "read-only"
