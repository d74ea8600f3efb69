"""T2: what is shown is what would run, and nothing that an agent words passes for words of ours."""

from hypothesis import given
from hypothesis import strategies as st

from tests.threats.views import Page, documents, lines_of, of, texts

OURS = ("What would run", "What follows", "Done so far", "Who decides")


@given(documents)
def test_t2_no_argument_forges_a_line(arguments: object) -> None:
    plain, found = lines_of(of({"x": "x"})), lines_of(of(arguments))
    begin, end = found.index("What would run"), found.index("What follows")
    inside = [line for line in found[begin + 1 : end] if line]
    marks = [line for line in inside if not line.startswith("  ")]
    assert marks in ([], ["Look closely"])
    digests = ("  digest     ",)
    outside = [line for line in (*found[:begin], *found[end:]) if not line.startswith(digests)]
    begin, end = plain.index("What would run"), plain.index("What follows")
    assert outside == [
        line for line in (*plain[:begin], *plain[end:]) if not line.startswith(digests)
    ]


@given(texts)
def test_t2_the_agents_own_words_stand_in_their_own_block_in_quotes(why: str) -> None:
    lines = lines_of(of({}, because=why or "x"))
    at = lines.index("Why, in words that nobody has verified")
    assert lines[at + 1].startswith("  > ")
    rest = lines[at + 2 :]
    following = [line for line in rest if not line.startswith("      | ")]
    assert following[:2] == ["", "What follows"]
    assert [line for line in lines if line in OURS] == list(OURS)


@given(documents, documents)
def test_t2_two_different_arguments_are_never_shown_alike(one: object, other: object) -> None:
    if repr(one) != repr(other):
        assert of(one, whole=True).facts != of(other, whole=True).facts


@given(documents)
def test_t2_the_page_has_the_same_tags_whatever_the_values_are(arguments: object) -> None:
    shown = of(arguments)
    harmless = {f"a{at}": "x" for at in range(len(shown.facts))} or {}
    expected = of(harmless) if harmless else of({})
    extra = {"section", "h3", "ul", "li"} if shown.warnings else set[str]()
    tags = [tag for tag, _ in Page(shown).tags if tag not in extra and tag != "bdi"]
    wanted = [tag for tag, _ in Page(expected).tags if tag not in extra and tag != "bdi"]
    assert tags == wanted


@given(st.text(max_size=40))
def test_t2_no_text_passes_for_a_mark_of_ours(text: str) -> None:
    for forged in (f"[cut: {text}]", f"[redacted: text, {text}]", f"ok [redacted: token{text}"):
        (fact,) = of({"x": forged}, whole=True).facts
        assert "[cut:" not in fact.value
        assert "[redacted:" not in fact.value
