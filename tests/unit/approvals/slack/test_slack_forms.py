import json
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from approvals.channels.slack.forms import EditForm, FormFaults, Kind, form_of
from approvals.redaction import Redaction, Sensitive
from tests.unit.approvals.slack.limits import check_blocks

OPEN = Redaction("journal-1")


class Cabin(Enum):
    ECONOMY = "economy"
    FIRST = "first"


class Card(BaseModel):
    number: Annotated[str, Sensitive()]
    holder: str


class Trip(BaseModel):
    to: str
    nights: int
    price: Decimal
    rate: float
    insured: bool
    cabin: Cabin
    seat: Literal["aisle", "window"] | None
    guests: list[str]
    on: date
    card: Card
    extras: dict[str, int]
    note: str | None = None


TRIP = Trip(
    to="Rome",
    nights=3,
    price=Decimal("250.10"),
    rate=1.5,
    insured=True,
    cabin=Cabin.ECONOMY,
    seat=None,
    guests=["ana", "bo"],
    on=date(2026, 5, 1),
    card=Card(number="4111", holder="ana"),
    extras={"bags": 2},
)
SECRET = Redaction("journal-1", ("/card/number",))


def of_trip(
    redaction: Redaction = SECRET, mode: Literal["validation", "serialization"] = "validation"
) -> EditForm:
    return made(Trip.model_json_schema(mode=mode), TRIP.model_dump(mode="json"), redaction)


def made(schema: dict[str, Any], arguments: object, redaction: Redaction = OPEN) -> EditForm:
    form = form_of(schema, json.dumps(arguments).encode(), redaction)
    assert form is not None
    check_blocks([field.element() for field in form.fields])
    return form


def of(kind: dict[str, Any], value: object, redaction: Redaction = OPEN) -> EditForm:
    schema = {"type": "object", "properties": {"a": kind}}
    return made(schema, {"a": value}, redaction)


def entered(form: EditForm, **values: str | None) -> dict[str, str | None]:
    """The form as it comes back when only those fields were touched; __ for a dot."""
    told = {name.replace("__", "."): value for name, value in values.items()}
    assert set(told) <= {field.label for field in form.fields}
    return {field.block_id: told.get(field.label, field.initial) for field in form.fields}


def filled(form: EditForm, **values: str | None) -> Any:
    return json.loads(form.filled(entered(form, **values)))


def begins(form: EditForm) -> dict[str, str | None]:
    return {field.label: field.initial for field in form.fields}


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_each_type_has_its_kind_of_field(mode: Literal["validation", "serialization"]) -> None:
    assert [(field.label, field.kind) for field in of_trip(mode=mode).fields][:4] == [
        ("to", Kind.TEXT),
        ("nights", Kind.INTEGER),
        ("price", Kind.DECIMAL if mode == "validation" else Kind.TEXT),
        ("rate", Kind.DECIMAL),
    ]
    assert [(field.label, field.kind) for field in of_trip(mode=mode).fields][4:] == [
        ("insured", Kind.BOOLEAN),
        ("cabin", Kind.CHOICE),
        ("seat", Kind.CHOICE),
        ("guests", Kind.LINES),
        ("on", Kind.TEXT),
        ("card.number", Kind.TEXT),
        ("card.holder", Kind.TEXT),
        ("extras", Kind.JSON),
        ("note", Kind.TEXT),
    ]


def test_a_form_that_nobody_touches_changes_nothing() -> None:
    assert filled(of_trip()) == TRIP.model_dump(mode="json")


def test_every_field_can_be_changed() -> None:
    changed = filled(
        of_trip(),
        to="Oslo",
        nights="4",
        price="300.00",
        rate="2.5",
        insured="1",
        cabin="1",
        seat="0",
        guests="ana\nzoe\n",
        on="2026-06-01",
        card__number="4222",
        card__holder="bo",
        extras='{"bags": 3}',
        note="late",
    )
    assert Trip.model_validate(changed) == Trip(
        to="Oslo",
        nights=4,
        price=Decimal("300.00"),
        rate=2.5,
        insured=False,
        cabin=Cabin.FIRST,
        seat="aisle",
        guests=["ana", "zoe"],
        on=date(2026, 6, 1),
        card=Card(number="4222", holder="bo"),
        extras={"bags": 3},
        note="late",
    )
    assert changed["price"] == "300.00"


@pytest.mark.parametrize("redaction", [OPEN, SECRET, Redaction("k", ("/card",))])
def test_a_secret_is_never_filled_in(redaction: Redaction) -> None:
    form = of_trip(redaction)
    assert "4111" not in json.dumps([field.element() for field in form.fields])


def test_what_is_secret_as_a_whole_has_no_field_for_its_parts() -> None:
    kind = {"type": "object", "properties": {"holder": {"type": "string"}}}
    form = of(kind, {"holder": "ana"}, Redaction("k", ("/a",)))
    assert begins(form) == {"a": None}
    assert filled(form) == {"a": {"holder": "ana"}}


def test_a_secret_that_somebody_has_entered_is_not_sent_back() -> None:
    form = of_trip()
    secret = next(field for field in form.fields if field.is_secret)
    assert "4999" not in json.dumps(secret.element("4999"))


def test_a_token_in_any_text_is_a_secret_too() -> None:
    form = of({"type": "string"}, "xoxb-12345678901234567890")
    assert begins(form) == {"a": None}
    assert filled(form) == {"a": "xoxb-12345678901234567890"}


def test_a_secret_within_a_list_hides_the_list() -> None:
    form = of({"type": "array", "items": {"type": "string"}}, ["pin"], Redaction("k", ("/a/*",)))
    assert begins(form) == {"a": None}
    assert filled(form, a='["new"]') == {"a": ["new"]}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ({"type": "integer"}, 3, "3.5"),
        ({"type": "integer"}, 3, "1" * 100),
        ({"type": "integer"}, 3, "three"),
        ({"type": "integer"}, 3, ""),
        ({"type": "number"}, 3.5, "1,5"),
        ({"type": "number"}, 3.5, "1e999"),
        ({"type": "number"}, 3.5, "NaN"),
        ({"type": "boolean"}, True, "7"),
        ({"enum": ["a", "b"]}, "a", "2"),
        ({"enum": ["a", "b"]}, "a", "none"),
        ({"type": "object"}, {"x": 1}, "{x: 1}"),
        ({"type": "object"}, {"x": 1}, "NaN"),
        ({"type": "object"}, {"x": 1}, "[" * 3_000),
    ],
)
def test_what_a_field_cannot_take_is_told_at_that_field(
    kind: dict[str, Any], value: object, text: str
) -> None:
    form = of(kind, value)
    with pytest.raises(FormFaults) as caught:
        form.filled(entered(form, a=text))
    assert list(caught.value.by_block) == [form.fields[0].block_id]
    assert all(1 < len(said) <= 150 for said in caught.value.by_block.values())


@pytest.mark.parametrize(
    ("kind", "value", "emptied"),
    [
        ({"type": "string"}, "x", ""),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "x", None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "", ""),
        ({"type": "array", "items": {"type": "string"}}, ["x"], []),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 3, None),
    ],
)
def test_a_field_can_be_emptied(kind: dict[str, Any], value: object, emptied: object) -> None:
    assert filled(of(kind, value), a=None) == {"a": emptied}


def test_a_choice_can_be_of_nothing() -> None:
    form = of({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}, "a")
    assert filled(form, a="none") == {"a": None}


def test_truth_and_one_are_two_options() -> None:
    assert begins(of({"enum": [1, True]}, True)) == {"a": "1"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "string"}, "a\u202eb"),
        ({"type": "string"}, "a\r\nb"),
        ({"type": "string"}, 5),
        ({"type": "integer"}, True),
        ({"type": "array", "items": {"type": "string"}}, ["a\nb"]),
        ({"type": "array", "items": {"type": "string"}}, [""]),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array"}, [1]),
        ({"enum": ["a"]}, "z"),
        ({"enum": ["a" * 100]}, "a" * 100),
        ({"enum": list(range(200))}, 3),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 3),
        ({"anyOf": "x"}, 3),
        ({"$ref": "#/nowhere"}, 3),
        ({"type": "object", "properties": {}, "additionalProperties": True}, {"x": 1}),
    ],
)
def test_what_no_field_can_hold_is_edited_as_json(kind: dict[str, Any], value: object) -> None:
    form = of(kind, value)
    assert form.fields[0].kind is Kind.JSON
    assert (form.fields[0].initial or "").isascii()
    assert filled(form) == {"a": value}
    assert filled(form, a="[1, null]") == {"a": [1, None]}


def test_json_that_says_two_things_of_one_member_is_refused() -> None:
    form = of({"type": "object", "additionalProperties": True}, {"x": 1})
    with pytest.raises(FormFaults, match="no JSON"):
        filled(form, a='{"to": "ana", "to": "eve"}')


def test_a_model_within_itself_ends() -> None:
    schema = {
        "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}},
        "$ref": "#/$defs/N",
    }
    value: dict[str, Any] = {}
    for _ in range(20):
        value = {"n": value}
    assert filled(made(schema, value)) == value


def test_a_reference_to_itself_ends() -> None:
    assert of({"$ref": "#/properties/a"}, 3).fields[0].kind is Kind.JSON


def test_too_many_fields_are_one_text() -> None:
    names = [f"f{at}" for at in range(70)]
    schema = {"type": "object", "properties": {name: {"type": "integer"} for name in names}}
    form = made(schema, dict.fromkeys(names, 1))
    assert [field.label for field in form.fields] == ["All arguments, as JSON"]
    assert form.filled({form.fields[0].block_id: '{"f1":2}'}) == '{"f1":2}'


def test_what_is_too_long_for_a_field_is_kept() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    form = made(schema, {"a": "x" * 4_000, "b": "y"})
    assert form.left_out == ("a",)
    assert filled(form, b="z") == {"a": "x" * 4_000, "b": "z"}


@pytest.mark.parametrize("arguments", [b"no json", b'{"a":"' + b"x" * 9_000 + b'"}', b"[" * 9_000])
def test_what_no_form_can_hold_has_none(arguments: bytes) -> None:
    assert form_of(
        {"type": "object", "properties": {"a": {"type": "string"}}}, arguments, OPEN
    ) is (None)


def test_a_member_that_is_not_there_stays_away_until_it_is_filled_in() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    form = made(schema, {"b": 1})
    assert filled(form) == {"b": 1}
    assert filled(form, a="x") == {"a": "x", "b": 1}


KINDS: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "integer"},
    {"type": "number"},
    {"type": "boolean"},
    {"enum": ["a", 1, None]},
    {"type": "array", "items": {"type": "string"}},
    {"anyOf": [{"type": "number"}, {"type": "string"}]},
    {"anyOf": [{"type": "string"}, {"type": "null"}]},
    {"type": "object", "properties": {"x": {"type": "string"}}},
    {},
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=5),
    values=st.lists(JSON, min_size=5, max_size=5),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_there_comes_back_as_it_was(
    kinds: list[dict[str, Any]], values: list[Any]
) -> None:
    names = [f"a{at}" for at in range(len(kinds))]
    schema = {"type": "object", "properties": dict(zip(names, kinds, strict=True))}
    arguments = dict(zip(names, values, strict=False))
    form = made(schema, arguments)
    given_back = {
        field.block_id: begun if (begun := field.initial) else None for field in form.fields
    }
    assert json.dumps(json.loads(form.filled(given_back))) == json.dumps(arguments)
    untouched = {
        field.block_id: field.element()["element"].get("initial_value")
        for field in form.fields
        if field.kind not in (Kind.CHOICE, Kind.BOOLEAN)
    }
    assert untouched.items() <= given_back.items()
