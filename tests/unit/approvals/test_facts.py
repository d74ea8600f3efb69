"""Arguments are shown whole and unmistakably, or visibly not whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.facts import Fact, facts_of

texts = st.text(alphabet='a.0[]"\n', max_size=3)
scalars = st.none() | st.booleans() | st.integers(0, 9) | texts
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def shown(arguments: bytes) -> dict[str, str]:
    return {fact.name: fact.value for fact in facts_of(arguments).shown}


def test_arguments_are_flattened_into_names_and_values() -> None:
    arguments = b'{"to":"eve@example.org","trip":{"guests":[{"name":"Eve"},{"name":"Bo"}]}}'
    assert shown(arguments) == {
        "to": "eve@example.org",
        "trip.guests[0].name": "Eve",
        "trip.guests[1].name": "Bo",
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("42", "42"),
        ('"42"', '"42"'),
        ("1e2", "1e2"),
        ("100000000000000000000.10", "100000000000000000000.10"),
        ("9" * 450, "9" * 450),
        ("true", "true"),
        ('"true"', '"true"'),
        ("null", "null"),
        ('"null"', '"null"'),
        ('""', '""'),
        ('" a"', '" a"'),
        ('"[1]"', '"[1]"'),
        ('"say \\"hi\\""', 'say "hi"'),
        ('"\\"hi\\""', '"""hi"""'),
        ("[]", "[]"),
        ("{}", "{}"),
        ("NaN", "NaN"),
        ('"a\\nb"', r"a\nb"),
        ('"\\u202ea"', r"\u202ea"),
        ('"1 room"', "1 room"),
    ],
)
def test_a_value_is_shown_so_that_its_kind_cannot_be_mistaken(value: str, words: str) -> None:
    assert shown(b'{"x":' + value.encode() + b"}") == {"x": words}


def test_a_key_that_comes_twice_is_shown_twice() -> None:
    assert facts_of(b'{"to":"eve","to":"mal"}').shown == (Fact("to", "eve"), Fact("to", "mal"))


def test_a_key_that_is_no_plain_name_is_quoted() -> None:
    assert shown(b'{"a":{"b.c":1,"d\\n":2}}') == {'a["b.c"]': "1", r'a["d\n"]': "2"}


def test_a_key_cannot_be_taken_for_a_deeper_name() -> None:
    assert shown(b'{"a.b":1}').keys() != shown(b'{"a":{"b":1}}').keys()


def test_arguments_that_are_one_value_are_shown_as_such() -> None:
    assert shown(b"7") == {"(all)": "7"}


@pytest.mark.parametrize(("raw", "words"), [(b"not json", "not json"), (b"\xff", r"\\xff")])
def test_bytes_that_are_no_json_are_shown_as_they_are(raw: bytes, words: str) -> None:
    assert shown(raw) == {"(all)": words}


def test_what_is_nested_deep_is_shown_on_one_line() -> None:
    inner = b'{"a":[1,"x",true,{"k":[]}],"b":null}'
    nested = b"[" * 8 + inner + b"]" * 8
    assert list(shown(nested).values()) == ['{"a": [1, "x", true, {"k": []}], "b": null}']


def test_what_is_nested_too_deep_to_read_is_shown_as_it_is() -> None:
    facts = facts_of(b"[" * 100_000)
    assert (facts.shown[0].value[:3], facts.complete) == ("[[[", False)


def test_arguments_shown_whole_are_called_complete() -> None:
    assert facts_of(b'{"body":"' + b"x" * 500 + b'"}').complete


def test_a_long_value_is_cut_with_its_length_and_not_called_complete() -> None:
    facts = facts_of(b'{"body":"' + b"x" * 12_345 + b'"}')
    assert facts.shown[0].value.endswith("[cut: 500 of 12345 characters shown]")
    assert not facts.complete


def test_a_name_within_the_limit_is_whole() -> None:
    assert facts_of(b'{"' + b"x" * 120 + b'":1}').complete


def test_a_long_name_is_not_called_complete() -> None:
    assert not facts_of(b'{"' + b"x" * 121 + b'":1}').complete


def test_many_values_are_cut_with_their_number_and_not_called_complete() -> None:
    facts = facts_of(json.dumps(list(range(137))).encode())
    assert facts.shown[-1] == Fact("…", "[cut: 37 more values]")
    assert not facts.complete


@given(documents, documents)
def test_two_different_arguments_never_look_the_same(one: object, other: object) -> None:
    first, second = json.dumps(one), json.dumps(other)
    same = facts_of(first.encode()) == facts_of(second.encode())
    assert same == (first == second)


@given(st.binary())
def test_any_bytes_can_be_shown_on_one_line_a_fact(raw: bytes) -> None:
    assert all((fact.name + fact.value).isprintable() for fact in facts_of(raw).shown)
