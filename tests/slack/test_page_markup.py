"""Slack's own markup, as the page of the local Slack reads it."""

from hypothesis import given
from hypothesis import strategies as st

from approvals.testing.page.mrkdwn import Piece, read


def said(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text + said(piece.inside) for piece in pieces)


def test_styles_stand_within_each_other() -> None:
    assert read("*bold _and slanted_*") == (
        Piece(
            "bold",
            inside=(
                Piece("text", "bold "),
                Piece("italic", inside=(Piece("text", "and slanted"),)),
            ),
        ),
    )


def test_a_mark_within_a_word_is_a_letter() -> None:
    assert read("a_b_c 2*3*4") == (Piece("text", "a_b_c 2*3*4"),)


def test_nothing_is_markup_within_code() -> None:
    assert read("`*x* <@U1>`") == (Piece("code", "*x* <@U1>"),)
    assert read("```*x*\n_y_```") == (Piece("pre", "*x*\n_y_"),)


def test_a_link_has_a_label_and_a_target() -> None:
    assert read("<https://a.example/?x=1&amp;y=2|here>") == (
        Piece("link", "here", target="https://a.example/?x=1&y=2"),
    )


def test_calls_are_told_from_links() -> None:
    assert [piece.target for piece in read("<@U1><!here><#C1|general>")] == ["@U1", "!here", "#C1"]


def test_quoted_lines_are_one_quote() -> None:
    assert read("&gt; one\n&gt; two\nthree") == (
        Piece("quote", inside=(Piece("text", "one\ntwo"),)),
        Piece("text", "three"),
    )


def test_entities_are_read_once() -> None:
    assert read("&amp;lt;b&amp;gt;") == (Piece("text", "&lt;b&gt;"),)


@given(st.text(alphabet=st.sampled_from("ab *_~`<>|@!&;\n"), max_size=40))
def test_whatever_is_written_is_read_and_no_letter_of_it_is_lost(text: str) -> None:
    plain = [letter for letter in said(read(text)) if letter in "ab"]
    targets = sum(letter in "ab" for piece in _all(read(text)) for letter in piece.target)
    assert len(plain) + targets >= sum(letter in "ab" for letter in text)


def _all(pieces: tuple[Piece, ...]) -> list[Piece]:
    return [each for piece in pieces for each in (piece, *_all(piece.inside))]
