"""T15: no character hides, reorders or imitates, in any renderer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.rendering import render_html, render_text
from tests.threats.views import of

HIDDEN = [
    *("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u3164", "\ufe0f"),
    *("\u202a", "\u202e", "\u2066", "\u2069", "\u200f", "\u061c"),
    *("\x00", "\x07", "\x08", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u00a0"),
    *("\ue000", "\U000e0041", "\U000e0100", "\ud800"),
]


@pytest.mark.parametrize("character", HIDDEN, ids=lambda character: f"U+{ord(character):04X}")
def test_t15_what_cannot_be_seen_is_an_escape_in_every_renderer(character: str) -> None:
    shown = of({f"k{character}": f"pay{character}pal"}, because=f"so{character}so", whole=True)
    for rendered in (render_text(shown), render_html(shown)):
        assert character not in rendered
        assert rendered.count(f"{ord(character):04x}") >= 3


@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=3), st.text(max_size=40)
)
def test_t15_every_renderer_shows_printable_characters_only(
    arguments: dict[str, str], why: str
) -> None:
    shown = of(arguments, because=why or None)
    for rendered in (render_text(shown), render_html(shown)):
        assert all(line.isprintable() for line in rendered.split("\n"))


@pytest.mark.parametrize(
    ("word", "scripts"),
    [
        ("p\u0430ypal.com", "Cyrillic \u0430 (U+0430)"),
        ("\u0440aypal", "Cyrillic \u0440 (U+0440)"),
        ("g\u03bfogle", "Greek \u03bf (U+03BF)"),
        ("eve@ex\u0430mple.org", "Cyrillic \u0430 (U+0430)"),
        ("\uff41dmin", "Fullwidth \uff41 (U+FF41)"),
        ("\U0001d5baccount", "Mathematical \U0001d5ba (U+1D5BA)"),
    ],
)
def test_t15_a_word_of_several_scripts_is_pointed_out(word: str, scripts: str) -> None:
    shown = of({"to": f"pay {word} now"})
    [warning] = shown.warnings
    assert warning.startswith(f'to: "{word}" mixes letters that may look alike')
    assert scripts in warning
    assert f"! {warning}" in render_text(shown).replace("\n      | ", "")
    assert "Look closely" in render_html(shown)


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Ömer Ñandú",
        "Привет Omar",
        "東京タワーです",
        "Tシャツ",
        "서울2026",
        "5 µm",
        "Ελλάδα",
        "naïve café",
    ],
)
def test_t15_honest_words_are_not_pointed_out(text: str) -> None:
    assert of({"to": text}).warnings == ()


def test_t15_a_deceptive_name_of_an_argument_is_pointed_out() -> None:
    [warning] = of({"t\u043e": "x"}).warnings
    assert "Cyrillic" in warning


def test_t15_text_from_right_to_left_is_pointed_out() -> None:
    [warning] = of({"to": "\u05d0\u05d1 100"}).warnings
    assert "right to left" in warning


def test_t15_the_words_about_why_are_looked_at_too() -> None:
    [warning] = of({}, because="p\u0430ypal").warnings
    assert warning.startswith("the words about why: ")


def test_t15_marks_do_not_pile_up_over_other_lines() -> None:
    (fact,) = of({"x": "a" + "\u0301" * 50}).facts
    assert fact.value.count("\u0301") == 3
    assert fact.value.count("\\u0301") == 47


def test_t15_a_mark_has_something_of_its_own_to_combine_with() -> None:
    (fact,) = of({"x": "\u0338ok"}).facts
    assert fact.value == "\\u0338ok"


def test_t15_many_warnings_are_counted() -> None:
    shown = of({f"k{at}": "p\u0430y" for at in range(14)})
    assert (len(shown.warnings), shown.warnings[-1]) == (11, "and 4 more like these")
