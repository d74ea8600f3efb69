"""Values to bytes and back: exactly, or refused with words that help."""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    Secret,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
)
from typing_extensions import TypedDict

from sagas.errors import DefinitionError, Misfit, PayloadError
from sagas.payloads import MAX_BYTES, MAX_DEPTH, Codec, check_bytes, depth, parse_untrusted


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Shape(Enum):
    SQUARE = "square"


@dataclass
class Point:
    x: float
    y: float = 0.0


@dataclass
class Labelled(Point):
    label: str = ""


class Pair(NamedTuple):
    left: int
    right: str


class Money(TypedDict):
    amount: Decimal
    currency: str


class Room(BaseModel):
    city: str
    price: float = 1.0
    discount: float | None = None


class Suite(Room):
    view: str = "sea"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    stamp: datetime


class Aliased(BaseModel):
    sender: str = Field(alias="from")


class TwoAliases(BaseModel):
    sender: str = Field(validation_alias="from", serialization_alias="von")


class Tree(BaseModel):
    children: list["Tree"] = []


class Secretive(BaseModel):
    token: SecretStr


class Nested(BaseModel):
    inner: dict[str, list[Secretive]]


@dataclass
class SecretiveData:
    token: Secret[int]


class Tagged(BaseModel):
    tags: dict[str, set[str]]


class Tolerant(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


class Hidden(BaseModel):
    name: str
    note: str = Field(default="", exclude=True)


class Private(BaseModel):
    name: str
    _seen: int = PrivateAttr(default=0)


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str

    @computed_field
    def length(self) -> int:
        return len(self.name)


class Constants(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")

    value: float


class Picky(BaseModel):
    value: int

    @field_validator("value")
    @classmethod
    def _refuse_seven(cls, value: int) -> int:
        if value == 7:
            raise KeyError("seven")
        return value


class Moody(BaseModel):
    value: int

    @field_serializer("value")
    def _fail(self, value: int) -> int:
        raise LookupError("not today")


@dataclass(eq=False)
class Incomparable:
    x: int

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]


class Plain:
    pass


BERLIN = ZoneInfo("Europe/Berlin")
BIG = 10**4000

ACCEPTED: list[tuple[object, Any, bytes]] = [
    (None, None, b"null"),
    (bool, True, b"true"),
    (int, 2**63, b"9223372036854775808"),
    (int, -(2**63) - 1, b"-9223372036854775809"),
    (int, BIG, str(BIG).encode()),
    (float, -0.0, b"-0.0"),
    (float, 5e-324, b"5e-324"),
    (float, 3, b"3.0"),
    (str, "", b'""'),
    (str, 'é\u2028😀\t"\\', '"é\u2028😀\\t\\"\\\\"'.encode()),
    (str, "e\u0301", b'"e\xcc\x81"'),
    (str, "\\u0000", rb'"\\u0000"'),
    (str, "NaN and Infinity", b'"NaN and Infinity"'),
    (str, '"NaN', b'"\\"NaN"'),
    (bytes, b"plain", b'"plain"'),
    (Decimal, Decimal("1.10"), b'"1.10"'),
    (Decimal, Decimal("1E+3"), b'"1E+3"'),
    (datetime, datetime(2026, 3, 29, 1, 2, 3, 4), b'"2026-03-29T01:02:03.000004"'),  # noqa: DTZ001
    (datetime, datetime(2026, 3, 29, tzinfo=UTC), b'"2026-03-29T00:00:00Z"'),
    (
        datetime,
        datetime(2026, 3, 29, tzinfo=timezone(timedelta(hours=-3))),
        b'"2026-03-29T00:00:00-03:00"',
    ),
    (datetime, datetime(2026, 7, 1, tzinfo=BERLIN), b'"2026-07-01T00:00:00+02:00"'),
    (date, date(1, 1, 1), b'"0001-01-01"'),
    (time, time(1, 2, 3, 4), b'"01:02:03.000004"'),
    (timedelta, timedelta(days=-1, microseconds=3), b'"-PT23H59M59.999997S"'),
    (UUID, UUID(int=5), b'"00000000-0000-0000-0000-000000000005"'),
    (Colour, Colour.RED, b'"red"'),
    (Level, Level.HIGH, b"3"),
    (Shape, Shape.SQUARE, b'"square"'),
    (Point, Point(1, 2.5), b'{"x":1.0,"y":2.5}'),
    (Pair, Pair(1, "a"), b'[1,"a"]'),
    (Money, {"amount": Decimal("9.90"), "currency": "EUR"}, b'{"amount":"9.90","currency":"EUR"}'),
    (Room, Room(city="Rome"), b'{"city":"Rome","price":1.0,"discount":null}'),
    (Frozen, Frozen(stamp=datetime(2026, 1, 1, tzinfo=UTC)), b'{"stamp":"2026-01-01T00:00:00Z"}'),
    (Aliased, Aliased.model_validate({"from": "ana"}), b'{"sender":"ana"}'),
    (TwoAliases, TwoAliases.model_validate({"from": "ana"}), b'{"sender":"ana"}'),
    (Tolerant, Tolerant.model_validate({"name": "a", "x": [1]}), b'{"name":"a","x":[1]}'),
    (Hidden, Hidden(name="a"), b'{"name":"a"}'),
    (Private, Private(name="a"), b'{"name":"a"}'),
    (RootModel[list[int]], RootModel[list[int]]([1, 2]), b"[1,2]"),
    (AnyUrl, AnyUrl("https://example.org/a"), b'"https://example.org/a"'),
    (dict[str, int], {"b": 1, "a": 2}, b'{"b":1,"a":2}'),
    (dict[int, str], {1: "one"}, b'{"1":"one"}'),
    (tuple[int, ...], (1, 2), b"[1,2]"),
    (int | str | None, "1", b'"1"'),
    (Any, {"a": [1, 2.0, "x", None, True]}, b'{"a":[1,2.0,"x",null,true]}'),
]


@pytest.mark.parametrize(("annotation", "value", "encoded"), ACCEPTED, ids=lambda v: str(v)[:40])
def test_an_accepted_value_has_these_bytes(annotation: object, value: Any, encoded: bytes) -> None:
    assert Codec[Any](annotation, "value").encode(value) == encoded


@pytest.mark.parametrize(("annotation", "value", "encoded"), ACCEPTED, ids=lambda v: str(v)[:40])
def test_an_accepted_value_comes_back_from_its_bytes(
    annotation: object, value: Any, encoded: bytes
) -> None:
    codec = Codec[Any](annotation, "value")

    assert codec.decode(encoded) == value
    assert codec.encode(codec.decode(encoded)) == encoded


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


REFUSED: list[tuple[str, object, Callable[[], Any], str]] = [
    ("nan", float, lambda: math.nan, "NaN or an infinity"),
    ("infinity", float, lambda: math.inf, "NaN or an infinity"),
    ("minus infinity", float, lambda: -math.inf, "NaN or an infinity"),
    ("infinity in any", dict[str, Any], lambda: {"a": [math.inf]}, "NaN or an infinity"),
    ("infinity in a model", Room, lambda: Room(city="x", price=math.inf), "valid number"),
    (
        "nan where null fits",
        Room,
        lambda: Room(city="x", discount=math.nan),
        "does not come back unchanged",
    ),
    ("infinity as a constant", Constants, lambda: Constants(value=math.inf), "NaN or an infinity"),
    ("nan as a decimal", Decimal, lambda: Decimal("NaN"), "finite number"),
    ("an int too long to read back", int, lambda: 10**5000, "number out of range"),
    ("a lone surrogate", str, lambda: "a\ud800", "surrogates not allowed"),
    ("a lone surrogate as a key", dict[str, int], lambda: {"\udfff": 1}, "'\\udfff': 1 became"),
    ("nul", str, lambda: "a\x00b", "NUL character"),
    ("nul after a backslash", str, lambda: "\\\x00", "NUL character"),
    ("nul after two backslashes", str, lambda: "\\\\\x00", "NUL character"),
    ("nul in a key", dict[str, int], lambda: {"\x00": 1}, "NUL character"),
    ("nul in bytes", bytes, lambda: b"\x00", "NUL character"),
    ("bytes that are no text", bytes, lambda: b"\xff", "invalid utf-8"),
    ("too deep", list[Any], lambda: nested(MAX_DEPTH + 1), "nested deeper than 64 levels"),
    ("far too deep", list[Any], lambda: nested(100_000), "depth exceeded"),
    ("a cycle", list[Any], cycle, "Circular reference"),
    ("too large", str, lambda: "x" * MAX_BYTES, "keep large content elsewhere"),
    ("a set in any", Any, lambda: {1, 2}, "does not come back unchanged"),
    ("a tuple in any", Any, lambda: (1, 2), "(1, 2) became [1, 2]"),
    ("a decimal in any", Any, lambda: Decimal("1.1"), "Decimal('1.1') became '1.1'"),
    ("an int key in any", Any, lambda: {1: 2}, "does not come back unchanged"),
    ("a secret in any", Any, lambda: SecretStr("s3cret"), "does not come back unchanged"),
    ("an object in any", Any, Plain, "Unable to serialize unknown type"),
    ("an exception in any", Any, lambda: ValueError("x"), "Unable to serialize unknown type"),
    ("a model in any", Any, lambda: Room(city="x"), "does not come back unchanged"),
    ("a subclass of the model", Room, lambda: Suite(city="x"), "Suite(city='x'"),
    ("a subclass of the dataclass", Point, lambda: Labelled(1.0), "does not come back unchanged"),
    ("a model made by force", Room, lambda: forced(Room, city=5), "Expected `str`"),
    ("a model made with too little", Room, lambda: forced(Room), "city"),
    ("an excluded field that is set", Hidden, lambda: Hidden(name="a", note="b"), "note='b'"),
    ("a private attribute that is set", Private, lambda: seen(Private(name="a")), "unchanged"),
    ("a computed field that is forbidden", Computed, lambda: Computed(name="a"), "length"),
    ("another type", int, lambda: "x", "Expected `int`"),
    ("a validator that breaks", Picky, lambda: forced(Picky, value=7), "KeyError: 'seven'"),
    ("a serializer that breaks", Moody, lambda: Moody(value=1), "not today"),
    ("a comparison that breaks", Incomparable, lambda: Incomparable(1), "no comparison"),
    (
        "an hour that happens twice",
        datetime,
        lambda: datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
        "does not come back unchanged",
    ),
]


def forced(model: type[BaseModel], **fields: Any) -> Any:
    make: Any = model.model_construct
    return make(**fields)


def seen(model: Private) -> Private:
    model._seen = 1
    return model


@pytest.mark.parametrize(
    ("annotation", "make", "words"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_a_value_that_would_change_is_refused_with_the_reason(
    annotation: object, make: Callable[[], Any], words: str
) -> None:
    codec = Codec[Any](annotation, "the room")

    with pytest.raises(PayloadError) as caught:
        codec.encode(make())

    assert words in str(caught.value)
    assert str(caught.value).startswith("the room")


def test_a_refusal_does_not_show_a_secret() -> None:
    with pytest.raises(PayloadError) as caught:
        Codec[Any](Any, "value").encode({"token": SecretStr("s3cret")})

    assert "s3cret" not in str(caught.value)


def test_a_difference_in_a_mapping_names_the_key() -> None:
    with pytest.raises(PayloadError, match="'two': \\(1,\\) became \\[1\\]"):
        Codec[Any](dict[str, Any], "value").encode({"one": 1, "two": (1,)})


def test_a_difference_with_an_unreadable_repr_is_still_told() -> None:
    class Mute(str):
        __slots__ = ()

        def __repr__(self) -> str:
            raise RuntimeError

        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = str.__hash__

    with pytest.raises(PayloadError, match="<Mute> became 'x'"):
        Codec[Any](str, "value").encode(Mute("x"))


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(PayloadError) as caught:
        Codec[Any](Any, "value").encode(tuple(range(1000)))

    assert len(str(caught.value)) < 300


UNFIT: list[tuple[str, object, str]] = [
    ("a class", Plain, "use pydantic models, dataclasses or plain JSON types"),
    ("a function", Callable[[], int], "cannot be described as JSON"),
    ("a name nobody defined", list["Nowhere"], "define or import it above"),  # type: ignore[name-defined]  # noqa: F821
    ("a secret", SecretStr, "resolve it inside the action"),
    ("a secret in a model", Secretive, "resolve it inside the action"),
    ("a secret deep inside", Nested, "resolve it inside the action"),
    ("a secret in a dataclass", SecretiveData, "resolve it inside the action"),
    ("a secret in a union", int | dict[str, Secretive] | None, "resolve it inside the action"),
    ("a set", set[str], "use a list"),
    ("a frozen set", frozenset[int], "use a list"),
    ("a set deep inside", Tagged, "use a list"),
]


@pytest.mark.parametrize(
    ("annotation", "words"), [row[1:] for row in UNFIT], ids=[row[0] for row in UNFIT]
)
def test_an_unfit_type_is_refused_before_there_is_a_value(annotation: object, words: str) -> None:
    with pytest.raises(DefinitionError, match=words) as caught:
        Codec[Any](annotation, "the input")

    assert str(caught.value).startswith("the input")


def test_bytes_that_do_not_fit_the_type_name_each_field() -> None:
    with pytest.raises(PayloadError, match="room: city: Field required; price: Input should be"):
        Codec[Any](Room, "room").decode(b'{"price": "much"}')


def test_more_than_five_faults_are_counted() -> None:
    with pytest.raises(PayloadError, match="and 2 more"):
        Codec[Any](list[int], "numbers").decode(json.dumps(["x"] * 7).encode())


def test_aliases_are_read_as_well_as_names() -> None:
    codec = Codec[Any](Aliased, "message")

    assert codec.decode(b'{"from":"ana"}') == codec.decode(b'{"sender":"ana"}')


def test_the_order_of_keys_makes_no_difference() -> None:
    assert Codec[Any](Any, "value").same(
        b'{"a":1,"b":[{"c":1,"d":2}]}', b'{"b":[{"d":2,"c":1}],"a":1}'
    )


@pytest.mark.parametrize(("first", "second"), [(b"1", b"1.0"), (b"1", b"true"), (b'"1"', b"1")])
def test_equal_looking_values_of_different_kinds_differ(first: bytes, second: bytes) -> None:
    assert not Codec[Any](Any, "value").same(first, second)


def test_the_schema_is_for_people_and_tools() -> None:
    assert Codec[Any](Point, "point").schema()["required"] == ["x"]


# --- bytes ------------------------------------------------------------------------------------


def test_the_deepest_and_the_largest_value_are_accepted() -> None:
    check_bytes(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "value")
    check_bytes(b'"' + b"x" * (MAX_BYTES - 2) + b'"', "value")


def test_many_brackets_are_not_deep() -> None:
    check_bytes(json.dumps([[] for _ in range(500)]).encode(), "value")


@given(st.recursive(st.text() | st.none(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_depth_is_counted_as_a_parser_would(value: Any) -> None:
    assert depth(json.dumps(value).encode()) == levels(value)


def levels(value: Any) -> int:
    if value is None or isinstance(value, str):
        return 0
    parts = getattr(value, "values", value.__iter__)
    return 1 + max(map(levels, parts()), default=0)


@given(st.text(alphabet='\\"u0\x00a'))
@example("\\\\\x00")
@example("\\\\u0000")
def test_nul_is_found_among_backslashes(text: str) -> None:
    codec = Codec[Any](str, "value")

    if "\x00" in text:
        with pytest.raises(PayloadError, match="NUL"):
            codec.encode(text)
    else:
        assert codec.decode(codec.encode(text)) == text


# --- what people and other programs wrote -----------------------------------------------------


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2.50, "x"]}', "12345678901234567.890", '"\\ud83d\\ude00"', "-0.0", "null"]
)
def test_json_that_somebody_wrote_is_kept_to_the_digit(text: str) -> None:
    assert parse_untrusted(f" {text}\n", "the result") == text.encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("{'a': 1}", "is not JSON"),
        ('"a\x00b"', "is not JSON"),
        ('{"a": 1, "a": 2}', "the result has the key 'a' twice"),
        ('[{"a": {"b": 1, "b": 1}}]', "the key 'b' twice"),
        ("NaN", "holds NaN"),
        ("[-Infinity]", "holds -Infinity"),
        ("1e999", "holds 1e999"),
        ("1" * 5000, ": this is not JSON that can be read"),
        ('"\\ud800"', "lone surrogate"),
        ('{"\\udc00": 1}', "lone surrogate"),
        ('"\ud800"', "lone surrogate"),
        ('"\\u0000"', "NUL character"),
        ("[" * 65 + "]" * 65, "nested deeper than 64 levels"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 64 levels"),
        ('"' + "x" * MAX_BYTES + '"', "at most 262,144"),
    ],
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)
def test_json_that_cannot_be_trusted_is_refused(text: str, words: str) -> None:
    with pytest.raises(PayloadError) as caught:
        parse_untrusted(text, "the result")

    assert words in str(caught.value)
    assert str(caught.value).startswith("the result")


# --- the property -----------------------------------------------------------------------------

TEXT = st.text()
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.characters(codec=None, categories=["Cs"])
    | st.decimals()
    | st.binary(max_size=5)
    | st.sampled_from([Colour.RED, Level.HIGH, Shape.SQUARE])
    | st.datetimes()
    | st.tuples(st.integers()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)
MOMENTS = st.datetimes(timezones=st.none() | st.timezones())
TYPED: list[tuple[object, st.SearchStrategy[Any]]] = [
    (Any, ANY_JSON),
    (dict[str, Any], st.dictionaries(TEXT, ANY_JSON, max_size=4)),
    (float, st.floats() | st.integers()),
    (int, st.integers() | st.booleans() | st.integers(10**4290, 10**4310)),
    (str, st.text(alphabet=st.characters(codec=None, categories=None))),
    (bytes, st.binary()),
    (Decimal, st.decimals()),
    (datetime, MOMENTS),
    (time, st.times(timezones=st.none() | st.just(UTC))),
    (timedelta, st.timedeltas()),
    (Point, st.builds(Point, st.floats(), st.floats() | st.integers())),
    (Room, st.builds(Room, city=TEXT, price=st.floats(), discount=st.none() | st.floats())),
    (Money, st.fixed_dictionaries({"amount": st.decimals(), "currency": TEXT})),
    (Pair, st.builds(Pair, st.integers(), TEXT)),
    (dict[int, list[float | None]], st.dictionaries(st.integers(), st.lists(st.floats()))),
    (int | float | str | bool | None, st.integers() | st.floats() | TEXT | st.booleans()),
]


@given(st.data())
def test_what_is_accepted_comes_back_equal_and_what_is_not_is_refused_in_words(
    data: st.DataObject,
) -> None:
    annotation, values = data.draw(st.sampled_from(TYPED))
    value = data.draw(values)
    codec = Codec[Any](annotation, "value")

    try:
        encoded = codec.encode(value)
    except PayloadError:
        return

    decoded = codec.decode(encoded)
    assert decoded == value
    assert codec.encode(decoded) == encoded
    assert b"\x00" not in encoded
    json.loads(encoded.decode(), parse_constant=pytest.fail)


@given(ANY_JSON)
def test_what_is_accepted_inside_any_is_plain_json(value: Any) -> None:
    codec = Codec[Any](Any, "value")
    try:
        encoded = codec.encode(value)
    except PayloadError:
        return

    assert json.loads(encoded) == value


@given(ANY_JSON.map(lambda value: forced(Room, city=value)))
def test_a_model_made_by_force_never_slips_through_changed(room: Room) -> None:
    codec = Codec[Any](Room, "room")
    try:
        encoded = codec.encode(room)
    except PayloadError:
        return

    assert codec.decode(encoded) == room


def test_a_dataclass_keeps_its_fields() -> None:
    assert dataclasses.asdict(Codec[Any](Point, "p").decode(b'{"x":1}')) == {"x": 1.0, "y": 0.0}


# --- values that another release recorded ------------------------------------------------------


class Old(BaseModel):
    what: str
    nights: int = 2


class Gained(BaseModel):
    what: str
    nights: int = 2
    pets: bool = False


class Renamed(BaseModel):
    what: str
    days: int = 2


def recorded() -> bytes:
    old: Codec[Old] = Codec(Old, "input")
    return old.encode(Old(what="room"))


def test_what_the_same_type_recorded_is_recalled() -> None:
    assert Codec(Old, "input").recall(recorded(), exact=True) == Old(what="room")


def test_a_type_that_gained_a_default_recalls_what_was_recorded_without_it() -> None:
    assert Codec(Gained, "input").recall(recorded()) == Gained(what="room")


def test_a_value_that_is_sent_again_may_gain_nothing() -> None:
    with pytest.raises(Misfit) as caught:
        Codec(Gained, "input").recall(recorded(), exact=True)
    assert caught.value.reread == b'{"what":"room","nights":2,"pets":false}'


def test_a_member_that_was_lost_under_a_default_is_no_recall() -> None:
    with pytest.raises(Misfit, match="does not come back unchanged"):
        Codec(Renamed, "input").recall(recorded())


@pytest.mark.parametrize(
    ("type_", "given"),
    [(float, b"1"), (list[Renamed], b'[{"what":"a","nights":1}]'), (bool, b"1"), (int, b'"1"')],
)
def test_a_value_of_another_kind_is_no_recall(type_: Any, given: bytes) -> None:
    with pytest.raises(Misfit):
        Codec(type_, "input").recall(given)


def test_the_order_of_members_means_nothing_to_a_recall() -> None:
    assert Codec(Old, "input").recall(b'{"nights":2,"what":"room"}', exact=True) == Old(what="room")


def test_a_value_that_cannot_be_read_is_no_recall_and_keeps_its_bytes() -> None:
    with pytest.raises(Misfit, match="nights: ") as caught:
        Codec(Old, "input").recall(b'{"what":"room","nights":"two"}')
    assert (caught.value.recorded[:7], caught.value.reread) == (b'{"what"', None)


def test_a_recorded_value_reads_as_what_todays_type_makes_of_it() -> None:
    codec: Codec[Gained] = Codec(Gained, "input")
    assert codec.reads_as(recorded(), codec.encode(Gained(what="room")))
    assert not codec.reads_as(recorded(), codec.encode(Gained(what="room", pets=True)))
    assert not Codec(Renamed, "input").reads_as(recorded(), b'{"what":"room","days":2}')
