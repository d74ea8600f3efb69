"""What a condition says of the arguments of an action, and when it cannot tell."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.conditions import Operator, condition, values_at
from approvals.errors import ApprovalDefinitionError

MAIL = json.dumps(
    {
        "to": ["ana@example.com", "eve@elsewhere.org"],
        "cc": [],
        "order": {"amount": "1200.50", "currency": "EUR", "lines": [{"price": 3}, {"price": 9}]},
        "urgent": True,
        "note": None,
        "nights": 3,
    }
).encode()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("nights == 3", True),
        ("nights == 3.0", True),
        ("nights != 3", False),
        ("nights > 2", True),
        ("nights > 3", False),
        ("nights >= 3", True),
        ("nights < 4", True),
        ("nights <= 2", False),
        ("order.amount > 1000", True),
        ("order.amount > 1200.50", False),
        ('order.currency == "EUR"', True),
        ('order.currency in ["EUR", "CHF"]', True),
        ('order.currency not in ["EUR"]', False),
        ('order.currency < "F"', True),
        ('order.currency matches "E?R"', True),
        ('order.currency not  matches "e*"', True),
        ("urgent == true", True),
        ("note == null", True),
        ("note is missing", True),
        ("note is given", False),
        ("nights is given", True),
        ("phone is missing", True),
        ("phone is given", False),
        ('any to[*] not matches "*@example.com"', True),
        ('every to[*] matches "*@example.com"', False),
        ('every to[*] matches "*@*"', True),
        ("any order.lines[*].price > 8", True),
        ("any order.lines[*].price > 9", False),
        ("every order.lines[*].price > 2", True),
        ('any cc[*] matches "*"', False),
        ('every cc[*] matches "ana"', True),
    ],
)
def test_a_condition_holds_or_does_not(text: str, answer: bool) -> None:
    assert condition(text).holds(MAIL) is answer


@pytest.mark.parametrize(
    "text",
    [
        "phone == 1",
        "order.phone > 1",
        "nights.amount > 1",
        'nights == "3"',
        'nights matches "3"',
        "urgent == 1",
        "order.currency > 10",
        'note in ["a"]',
        "order.currency in [1]",
        'any nights[*] == "x"',
        "any to[*] == 1",
        "any order.lines[*].weight > 1",
        "order.currency != 1",
    ],
)
def test_what_is_not_there_or_of_another_kind_cannot_be_told(text: str) -> None:
    assert condition(text).holds(MAIL) is None


@pytest.mark.parametrize("text", ["sum == 1", "sum < 1", "sum > 1"])
def test_a_text_that_is_no_finite_number_is_not_compared_with_one(text: str) -> None:
    assert condition(text).holds(b'{"sum":"NaN"}') is None


def test_one_item_that_fulfils_it_decides_where_another_cannot_be_told() -> None:
    assert condition("any x[*] > 1").holds(b'{"x":["a",2]}') is True


def test_one_item_that_does_not_fulfil_it_decides_where_another_cannot_be_told() -> None:
    assert condition("every x[*] > 1").holds(b'{"x":["a",1]}') is False


@pytest.mark.parametrize("arguments", [b"", b"[1]", b"7", b"\xff"])
def test_arguments_that_are_no_object_cannot_be_told(arguments: bytes) -> None:
    assert condition("a == 1").holds(arguments) is None


def test_numbers_are_compared_exactly() -> None:
    assert condition("a == 0.1").holds(b'{"a":0.1000000000000000000001}') is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no condition"),
        ("amount", "no condition"),
        ("amount = 3", "no condition"),
        ("1 == 1", "no condition"),
        ("to[0] == 1", "no condition"),
        ("amount > ", "no JSON value"),
        ("currency == EUR", "double quotes"),
        ("note is missing 3", "more than it needs"),
        ("to[*] == 1", "any or every"),
        ("any amount > 1", "one value"),
        ("amount in 3", "compares with a list"),
        ("to matches 3", "compares with a text"),
        ("amount > [1]", "compares with a number or a text"),
        ("amount > true", "compares with a number or a text"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, words: str) -> None:
    with pytest.raises(ApprovalDefinitionError, match=words):
        condition(text)


@pytest.mark.parametrize(
    "text",
    ["amount > 1000", 'any to[*] not matches "*@a.b"', "every a.b[*].c in [1, 2]", "note is given"],
)
def test_a_condition_reads_as_it_was_written(text: str) -> None:
    assert str(condition(text)) == text


@given(
    st.sampled_from(["a", "a.b", "any a[*]", "every a.b[*].c"]),
    st.sampled_from([o for o in Operator if o not in (Operator.MISSING, Operator.GIVEN)]),
    st.sampled_from(['"x*"', "3", "1.50", "[1]", '["a", null]']),
)
def test_a_condition_that_was_read_reads_the_same_again(
    path: str, operator: Operator, value: str
) -> None:
    try:
        made = condition(f"{path} {operator} {value}")
    except ApprovalDefinitionError:
        return
    assert condition(str(made)) == made


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_have_an_answer(arguments: bytes) -> None:
    assert condition("a.b > 3").holds(arguments) in (True, False, None)


def test_the_values_at_a_path_are_found_in_order() -> None:
    assert values_at(MAIL, "to[*]") == ["ana@example.com", "eve@elsewhere.org"]
