"""T16: what does not fit is cut with a mark, and cannot be approved from a cut view."""

from typing import Any

import pytest
from hypothesis import given

from approvals.rendering import render_html, render_text
from approvals.seen import is_cut
from tests.threats.views import documents, of


def deep(levels: int, leaf: object = "x") -> object:
    return leaf if not levels else {"in": deep(levels - 1, leaf)}


TOO_MUCH: dict[str, Any] = {
    "a long text": {"body": "x" * 501},
    "many values": {f"k{at}": at for at in range(101)},
    "a long name": {"k" * 121: 1},
    "long and deep": {"a": deep(9, "x" * 501)},
}


@pytest.mark.parametrize("arguments", TOO_MUCH.values(), ids=TOO_MUCH)
def test_t16_a_cut_view_offers_no_approval_and_says_where_all_of_it_is(
    arguments: dict[str, object],
) -> None:
    shown = of(arguments)
    assert not shown.may_approve
    assert is_cut(shown.seen)
    for rendered in (render_text(shown), render_html(shown)):
        assert "cannot be approved from here" in rendered
        assert "sagas inbox gate-7" in rendered


@pytest.mark.parametrize("arguments", TOO_MUCH.values(), ids=TOO_MUCH)
def test_t16_the_whole_view_shows_all_of_it(arguments: dict[str, object]) -> None:
    shown = of(arguments, whole=True)
    assert shown.may_approve
    assert not is_cut(shown.seen)
    assert "[cut:" not in render_text(shown)


@given(documents)
def test_t16_a_view_is_whole_exactly_where_nothing_is_marked_as_cut(arguments: object) -> None:
    shown = of(arguments)
    assert shown.complete == ("[cut:" not in "".join(f"{f.name}{f.value}" for f in shown.facts))


def test_t16_an_edit_that_does_not_fit_cuts_the_view_too() -> None:
    from approvals.presentation import present
    from tests.unit.approvals.builders import NOW, pending

    shown = present(pending(), former=b'{"to":"' + b"x" * 501 + b'"}', now=NOW)
    assert not shown.may_approve


@pytest.mark.parametrize("seen", ["", "cut:ab", "anything", "WHOLE:ab"])
def test_t16_what_is_no_digest_of_a_whole_view_is_a_cut_one(seen: str) -> None:
    assert is_cut(seen)
