"""A class may get worse after it was declared, never better."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reversibility import (
    ClassUpgrade,
    Reversibility,
    ReversibilityError,
    classify,
    hint,
    is_worse,
    worst,
)

classes = st.sampled_from(list(Reversibility))
pairs = [(declared, computed) for declared in Reversibility for computed in Reversibility]


@pytest.mark.parametrize(
    ("declared", "computed"), [pair for pair in pairs if not is_worse(pair[0], pair[1])]
)
def test_a_class_no_better_than_declared_is_taken(
    declared: Reversibility, computed: Reversibility
) -> None:
    assert classify(declared, computed) is computed


@pytest.mark.parametrize(
    ("declared", "computed"), [pair for pair in pairs if is_worse(pair[0], pair[1])]
)
def test_a_class_better_than_declared_is_refused(
    declared: Reversibility, computed: Reversibility
) -> None:
    with pytest.raises(ClassUpgrade):
        classify(declared, computed)


def test_what_nobody_declared_is_not_made_known_by_computing_it() -> None:
    with pytest.raises(ClassUpgrade):
        classify(Reversibility.UNKNOWN, Reversibility.READ_ONLY)


def test_a_refused_upgrade_names_both_classes() -> None:
    with pytest.raises(ClassUpgrade, match=r"'reversible', is better than.*'irreversible'"):
        classify(Reversibility.IRREVERSIBLE, Reversibility.REVERSIBLE)


def test_a_refused_upgrade_keeps_both_classes() -> None:
    with pytest.raises(ClassUpgrade) as refused:
        classify(Reversibility.IRREVERSIBLE, Reversibility.REVERSIBLE)

    assert (refused.value.declared, refused.value.computed) == (
        Reversibility.IRREVERSIBLE,
        Reversibility.REVERSIBLE,
    )


def test_a_refused_upgrade_survives_pickling() -> None:
    error = ClassUpgrade(Reversibility.IRREVERSIBLE, Reversibility.REVERSIBLE)

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert str(copy) == str(error)


def test_a_refused_upgrade_is_caught_by_the_root_of_the_package() -> None:
    assert issubclass(ClassUpgrade, ReversibilityError)


@given(classes, classes)
def test_a_hint_never_improves_a_class(declared: Reversibility, hinted: Reversibility) -> None:
    assert not is_worse(declared, hint(declared, hinted))


@given(classes, classes)
def test_a_worse_hint_is_taken(declared: Reversibility, hinted: Reversibility) -> None:
    assert not is_worse(hinted, hint(declared, hinted))


@given(classes, st.lists(classes))
def test_the_order_of_hints_does_not_matter(
    declared: Reversibility, hints: list[Reversibility]
) -> None:
    result = declared
    for hinted in hints:
        result = hint(result, hinted)

    assert result is worst([declared, *hints])


def test_a_better_hint_is_passed_over_without_an_error() -> None:
    kept = hint(Reversibility.IRREVERSIBLE, Reversibility.READ_ONLY)

    assert kept is Reversibility.IRREVERSIBLE
