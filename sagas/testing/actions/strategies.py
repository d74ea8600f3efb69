"""Strategies for hypothesis, made of what pydantic knows of a type.

Pydantic describes every type in one language, its core schema, with all constraints resolved, and
so one walk over it serves models, dataclasses, typed dicts and annotated types alike. What is made
is validated like any input; what a validator of the user's own refuses is not used.

Imported only where inputs are made, because hypothesis is optional.

Touches nothing.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from sagas.authoring.action import Action
from sagas.errors import PayloadError
from sagas.testing.errors import Unexplorable

Schema = Mapping[str, Any]
Strategies = Mapping[Any, Any]
"""By the name of a parameter, or by class."""

_EARLIEST, _LATEST = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001  bounds of both kinds
_PAST, _FUTURE = date(2000, 1, 1), date(2150, 1, 1)
_ZONES = [UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=3, minutes=30))]
_TEXT = st.characters(codec="utf-8", exclude_characters="\x00")
_NAMES = st.text(alphabet="abc", min_size=1, max_size=3)
_JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(_TEXT, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=5,
)


def arguments_of(action: Action[..., Any], strategies: Strategies) -> SearchStrategy[bytes]:
    """The arguments of an action, as bytes. What could not be sent at all is not made.

    Raises:
        Unexplorable: A parameter's type says too little to make values of it.
    """

    def encoded(arguments: dict[str, object]) -> bytes:
        try:
            return action.inputs.encode(arguments)
        except PayloadError:
            reject()

    return members_of(action, strategies, finite=True).map(encoded)


def members_of(
    action: Action[..., Any], strategies: Strategies, *, finite: bool = False
) -> SearchStrategy[dict[str, object]]:
    """The arguments of an action, by name.

    Args:
        finite: Whether to leave out NaN and the infinities, which cannot be sent.

    Raises:
        Unexplorable: A parameter's type says too little to make values of it.
    """
    inputs = action.shape.inputs
    made = st.fixed_dictionaries(
        {
            name: strategies[name]
            if name in strategies
            else values_of(hint, strategies, f"{action.name}: parameter {name!r}", finite=finite)
            for name, hint in inputs.items()
        }
    )
    # Made in any order, and sent in that of the signature.
    return made.map(lambda arguments: {name: arguments[name] for name in inputs})


def values_of(
    hint: Any, strategies: Strategies, what: str, *, finite: bool = False
) -> SearchStrategy[Any]:
    """Valid values of a type.

    Args:
        what: How errors name it.
        finite: Whether to leave out NaN and the infinities.

    Raises:
        Unexplorable: The type says too little to make values of it.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
        made = _Maker(strategies, what, finite=finite).of(adapter.core_schema)
    except PydanticUserError as error:
        raise Unexplorable(f"{what}: no values of its type can be made: {error}") from error

    def valid(value: object) -> object:
        try:
            return adapter.validate_python(value, by_alias=True, by_name=True)
        except ValidationError:
            reject()

    return made.map(valid)


class _Maker:
    """Walks one core schema. A method for each kind that is no mere wrapper."""

    def __init__(self, strategies: Strategies, what: str, *, finite: bool) -> None:
        self._finite = finite
        self._strategies = strategies
        self._what = what
        self._defined: dict[str, Schema] = {}
        self._made: dict[str, SearchStrategy[Any]] = {}

    def of(self, schema: Schema) -> SearchStrategy[Any]:
        """Values that such a schema is likely to accept."""
        chosen = self._chosen(schema)
        if chosen is not None:
            return chosen
        kind = str(schema["type"]).replace("-", "_")
        make: Any = getattr(self, f"_{kind}", self._unknown)
        return cast(SearchStrategy[Any], make(schema))

    def _chosen(self, schema: Schema) -> SearchStrategy[Any] | None:
        cls = schema.get("cls")
        try:
            return self._strategies.get(cls) if cls is not None else None
        except TypeError:
            return None  # not hashable, so nobody can have named it

    def _unknown(self, schema: Schema) -> Any:
        cls = schema.get("cls")
        kind = getattr(cls, "__name__", None) or schema["type"]
        raise Unexplorable(
            f"{self._what}: no values can be made of {kind}: pass examples, or a strategy, as "
            "strategies={'the parameter': ...} or strategies={TheClass: ...}"
        )

    # --- numbers and texts --------------------------------------------------------------------

    def _bool(self, schema: Schema) -> SearchStrategy[Any]:
        return st.booleans()

    def _none(self, schema: Schema) -> SearchStrategy[Any]:
        return st.none()

    def _any(self, schema: Schema) -> SearchStrategy[Any]:
        return _JSON

    def _int(self, schema: Schema) -> SearchStrategy[Any]:
        step = schema.get("multiple_of", 1)
        least = _first(schema.get("ge"), _beyond(schema.get("gt"), 1))
        most = _first(schema.get("le"), _beyond(schema.get("lt"), -1))
        low = None if least is None else math.ceil(least / step)
        high = None if most is None else math.floor(most / step)
        return st.integers(low, high).map(lambda number: number * step)

    def _float(self, schema: Schema) -> SearchStrategy[Any]:
        low = _first(schema.get("ge"), schema.get("gt"))
        high = _first(schema.get("le"), schema.get("lt"))
        made = st.floats(
            low,
            high,
            exclude_min="gt" in schema,
            exclude_max="lt" in schema,
            allow_nan=False,
            allow_infinity=False,
        )
        if self._finite or schema.get("allow_inf_nan") is False:
            return made
        # They are rare among floats, and the first that a journal cannot take.
        return made | st.sampled_from([math.inf, -math.inf, math.nan])

    def _decimal(self, schema: Schema) -> SearchStrategy[Any]:
        places, digits = schema.get("decimal_places"), schema.get("max_digits")
        bound = Decimal(10) ** (digits - (places or 0)) if digits is not None else None
        low = _first(schema.get("ge"), schema.get("gt"), None if bound is None else -bound)
        high = _first(schema.get("le"), schema.get("lt"), bound)
        return st.decimals(low, high, allow_nan=False, allow_infinity=False, places=places)

    def _str(self, schema: Schema) -> SearchStrategy[Any]:
        pattern = schema.get("pattern")
        if pattern is not None:
            made = st.from_regex(re.compile(pattern) if isinstance(pattern, str) else pattern)
            return made.filter(lambda text: "\x00" not in text)
        return st.text(
            _TEXT, min_size=schema.get("min_length", 0), max_size=schema.get("max_length")
        )

    def _bytes(self, schema: Schema) -> SearchStrategy[Any]:
        return st.binary(min_size=schema.get("min_length", 0), max_size=schema.get("max_length"))

    def _uuid(self, schema: Schema) -> SearchStrategy[Any]:
        return st.uuids(version=schema.get("version"))

    def _url(self, schema: Schema) -> SearchStrategy[Any]:
        schemes: list[str] = schema.get("allowed_schemes") or ["https"]
        parts = st.tuples(st.sampled_from(schemes), _NAMES)
        return parts.map(lambda part: f"{part[0]}://example.com/{part[1]}")

    _multi_host_url = _url

    def _json(self, schema: Schema) -> SearchStrategy[Any]:
        inner = self.of(schema["schema"]) if "schema" in schema else _JSON
        return inner.map(json.dumps)

    # --- time ---------------------------------------------------------------------------------

    def _date(self, schema: Schema) -> SearchStrategy[Any]:
        low = _first(schema.get("ge"), schema.get("gt"), _since(schema), _EARLIEST.date())
        high = _first(schema.get("le"), schema.get("lt"), _until(schema), _LATEST.date())
        return st.dates(low, high)

    def _datetime(self, schema: Schema) -> SearchStrategy[Any]:
        since, until = _since(schema), _until(schema)
        low = _first(schema.get("ge"), schema.get("gt"), since and _midnight(since), _EARLIEST)
        high = _first(schema.get("le"), schema.get("lt"), until and _midnight(until), _LATEST)
        return st.datetimes(
            low.replace(tzinfo=None),
            high.replace(tzinfo=None),
            timezones=_zones(schema.get("tz_constraint")),
        )

    def _time(self, schema: Schema) -> SearchStrategy[Any]:
        return st.times()

    def _timedelta(self, schema: Schema) -> SearchStrategy[Any]:
        low = _first(schema.get("ge"), schema.get("gt"), -timedelta(days=3650))
        high = _first(schema.get("le"), schema.get("lt"), timedelta(days=3650))
        return st.timedeltas(low, high)

    # --- choices ------------------------------------------------------------------------------

    def _literal(self, schema: Schema) -> SearchStrategy[Any]:
        return st.sampled_from(list(schema["expected"]))

    def _enum(self, schema: Schema) -> SearchStrategy[Any]:
        return st.sampled_from(list(schema["members"]))

    def _union(self, schema: Schema) -> SearchStrategy[Any]:
        choices: list[Any] = schema["choices"]
        return st.one_of([self.of(_bare(item)) for item in choices])

    def _tagged_union(self, schema: Schema) -> SearchStrategy[Any]:
        choices: dict[object, Any] = schema["choices"]
        return st.one_of([self.of(item) for item in choices.values() if not isinstance(item, str)])

    def _nullable(self, schema: Schema) -> SearchStrategy[Any]:
        return st.none() | self.of(schema["schema"])

    # --- collections --------------------------------------------------------------------------

    def _list(self, schema: Schema) -> SearchStrategy[Any]:
        return st.lists(
            self._items(schema),
            min_size=schema.get("min_length", 0),
            max_size=schema.get("max_length"),
        )

    _generator = _set = _frozenset = _list

    def _items(self, schema: Schema) -> SearchStrategy[Any]:
        return self.of(schema["items_schema"]) if "items_schema" in schema else _JSON

    def _tuple(self, schema: Schema) -> SearchStrategy[Any]:
        items = [self.of(item) for item in cast(list[Schema], schema["items_schema"])]
        variadic: int | None = schema.get("variadic_item_index")
        if variadic is None:
            return st.tuples(*items)
        many = st.lists(items[variadic], min_size=schema.get("min_length", 0))
        first, last = st.tuples(*items[:variadic]), st.tuples(*items[variadic + 1 :])
        return st.tuples(first, many, last).map(_joined)

    def _dict(self, schema: Schema) -> SearchStrategy[Any]:
        return st.dictionaries(
            self.of(schema["keys_schema"]) if "keys_schema" in schema else _NAMES,
            self.of(schema["values_schema"]) if "values_schema" in schema else _JSON,
            min_size=schema.get("min_length", 0),
            max_size=schema.get("max_length"),
        )

    # --- structures ---------------------------------------------------------------------------

    def _model(self, schema: Schema) -> SearchStrategy[Any]:
        inner = cast(Schema, schema["schema"])
        made = self.of(inner)
        if schema.get("config", {}).get("extra_fields_behavior") == "allow":
            more = st.fixed_dictionaries({}, optional={"extra_field": st.integers()})
            return st.tuples(more, made).map(_merged)
        return made

    def _dataclass(self, schema: Schema) -> SearchStrategy[Any]:
        return self.of(schema["schema"])

    def _model_fields(self, schema: Schema) -> SearchStrategy[Any]:
        return self._members(schema["fields"])

    def _typed_dict(self, schema: Schema) -> SearchStrategy[Any]:
        return self._members(schema["fields"])

    def _dataclass_args(self, schema: Schema) -> SearchStrategy[Any]:
        fields = [field for field in schema["fields"] if field.get("init", True)]
        return self._members({field["name"]: field for field in fields})

    def _named_tuple(self, schema: Schema) -> SearchStrategy[Any]:
        return self._members({field["name"]: field for field in schema["fields"]})

    def _call(self, schema: Schema) -> SearchStrategy[Any]:
        fields: Sequence[Schema] = schema["arguments_schema"]["arguments_schema"]
        return self._members({field["name"]: field for field in fields})

    def _members(self, fields: Mapping[str, Schema]) -> SearchStrategy[Any]:
        made = {name: self.of(field["schema"]) for name, field in fields.items()}
        optional = {
            name
            for name, field in fields.items()
            if field["schema"]["type"] == "default" or field.get("required") is False
        }
        return st.fixed_dictionaries(
            {name: one for name, one in made.items() if name not in optional},
            optional={name: one for name, one in made.items() if name in optional},
        )

    # --- wrappers -----------------------------------------------------------------------------

    def _default(self, schema: Schema) -> SearchStrategy[Any]:
        return self.of(schema["schema"])

    _function_before = _function_wrap = _default

    def _function_after(self, schema: Schema) -> SearchStrategy[Any]:
        decoder = getattr(schema["function"]["function"], "__self__", None)
        encode = getattr(decoder, "encode", None)
        inner = self.of(schema["schema"])
        if encode is None or schema["schema"]["type"] not in ("bytes", "str"):
            return inner
        if schema["schema"]["type"] == "bytes":  # pydantic's Base64Bytes and its kind
            return inner.map(encode)
        return inner.map(lambda text: encode(text.encode()).decode())

    def _function_plain(self, schema: Schema) -> SearchStrategy[Any]:
        told = cast(Schema | None, schema.get("json_schema_input_schema"))
        return self._unknown(schema) if told is None or told["type"] == "any" else self.of(told)

    def _json_or_python(self, schema: Schema) -> SearchStrategy[Any]:
        return self.of(schema["json_schema"])

    def _lax_or_strict(self, schema: Schema) -> SearchStrategy[Any]:
        return self.of(schema["lax_schema"])

    def _chain(self, schema: Schema) -> SearchStrategy[Any]:
        return self.of(schema["steps"][0])

    def _definitions(self, schema: Schema) -> SearchStrategy[Any]:
        self._defined |= {str(item["ref"]): item for item in schema["definitions"]}
        return self.of(schema["schema"])

    def _definition_ref(self, schema: Schema) -> SearchStrategy[Any]:
        name = str(schema["schema_ref"])
        if name not in self._made:
            self._made[name] = st.deferred(lambda: self.of(self._defined[name]))
        return self._made[name]


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _bare(choice: Any) -> Schema:
    """A choice of a union, without its label."""
    return cast(Schema, choice[0] if isinstance(choice, tuple) else choice)


def _joined(parts: tuple[tuple[Any, ...], list[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
    first, many, last = parts
    return (*first, *many, *last)


def _merged(parts: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _zones(constraint: object) -> SearchStrategy[Any]:
    """Time zones: some, none, or either where nothing is said."""
    if constraint == "naive":
        return st.none()
    some: SearchStrategy[Any] = st.sampled_from(_ZONES)
    return some if constraint == "aware" else st.none() | some


def _beyond(value: Any, step: int) -> Any:
    return None if value is None else value + step


def _since(schema: Schema) -> date | None:
    return _FUTURE if schema.get("now_op") == "future" else None


def _until(schema: Schema) -> date | None:
    return _PAST if schema.get("now_op") == "past" else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001  a zone is added to it
