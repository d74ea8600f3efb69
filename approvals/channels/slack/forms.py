"""A form for other arguments, made from the types of the action, and what was filled in.

A form begins with the arguments as they are. What somebody leaves as it was stays exactly what it
was. A secret is never filled in, and stays as it is where its field is left empty. What no field
can hold is edited as JSON text; what is too long for that is not in the form, and stays too. Pure.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from math import isfinite
from typing import Any, TypeGuard, cast

from approvals.channels.slack.actions import LONGEST_INPUT, VALUE
from approvals.channels.slack.texts import Element, plain, size, weight
from approvals.errors import ApprovalError
from approvals.redaction import SENSITIVE, Redaction
from approvals.wording import visible

__all__ = ["EditForm", "Field", "FormFaults", "Kind", "draft_of", "form_of"]

_MOST_FIELDS = 60
_MOST_ROOM = 150_000
_MOST_OPTIONS = 100
_LONGEST_OPTION = 70
_LONGEST_LABEL = 300
_ONE_LINE = 80
_DEEPEST = 8
_NOTHING = "none"
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

Schema = Mapping[str, Any]
Path = tuple[str, ...]


class _Absent:
    """What is in the place of a value that is not there."""


_ABSENT = _Absent()


class Kind(StrEnum):
    """What a field takes."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    """A number of any size and precision, as text."""
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LINES = "lines"
    """A list of texts, one on each line."""
    JSON = "json"


class FormFaults(ApprovalError):
    """What was filled in cannot be read.

    Args:
        by_block: What is wrong, by the block of the field it is wrong in.
    """

    def __init__(self, by_block: Mapping[str, str]) -> None:
        super().__init__("; ".join(by_block.values()))
        self.by_block = dict(by_block)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One argument, or a part of one."""

    block_id: str
    path: Path
    """Where it is in the arguments; empty for all of them."""
    kind: Kind
    current: object
    """What is there by now."""
    is_secret: bool
    may_be_null: bool
    is_text: bool = True
    """Of a decimal: whether it is written as a text, and not as a number."""
    options: tuple[object, ...] = ()
    """Of a choice: the values."""

    @property
    def label(self) -> str:
        """Where it is, in words: ``guest.name``."""
        return ".".join(visible(part) for part in self.path) or "All arguments, as JSON"

    @property
    def initial(self) -> str | None:
        """What the field begins with; None for nothing."""
        if self.is_secret or isinstance(self.current, _Absent):
            return None
        return _SHOWN[self.kind](self)

    def element(self, entered: str | None = None) -> Element:
        """The block of it.

        Args:
            entered: What somebody has filled in already.
        """
        begins = self.initial if entered is None or self.is_secret else entered
        return {
            "type": "input",
            "block_id": self.block_id,
            "label": plain(self.label, _LONGEST_LABEL),
            "optional": True,
            "element": self._input(begins),
            **({"hint": plain(self._hint())} if self._hint() else {}),
        }

    def _hint(self) -> str:
        secret = (
            "It is secret, and not shown: leave it empty to keep it. " if self.is_secret else ""
        )
        return f"{secret}{_HINTS.get(self.kind, '')}".strip()

    def _input(self, begins: str | None) -> Element:
        if self.kind in (Kind.CHOICE, Kind.BOOLEAN):
            return self._select(begins)
        if self.kind is Kind.INTEGER:
            made: Element = {
                "type": "number_input",
                "action_id": VALUE,
                "is_decimal_allowed": False,
            }
        else:
            made = {
                "type": "plain_text_input",
                "action_id": VALUE,
                "multiline": self._is_long(begins or ""),
            }
        return made if not begins else {**made, "initial_value": begins}

    def _is_long(self, begins: str) -> bool:
        return self.kind in (Kind.LINES, Kind.JSON) or "\n" in begins or len(begins) > _ONE_LINE

    def _select(self, begins: str | None) -> Element:
        options = [_option(self._named(each), str(at)) for at, each in enumerate(self.options)]
        if self.may_be_null:
            options.append(_option("(nothing)", _NOTHING))
        chosen = [option for option in options if option["value"] == begins]
        return {
            "type": "static_select",
            "action_id": VALUE,
            "options": options,
            **({"initial_option": chosen[0]} if chosen else {}),
        }

    def _named(self, option: object) -> str:
        if isinstance(option, bool):
            return "yes" if option else "no"
        return visible(option if isinstance(option, str) else json.dumps(option))

    def read(self, given: str | None) -> object:
        """The value that was filled in, `_ABSENT` for none.

        Raises:
            ValueError: It is none; the message says what to write.
        """
        if (given or None) == (self.initial or None):
            return self.current
        if not given:
            return self._emptied()
        return _READ[self.kind](self, given)

    def _emptied(self) -> object:
        if self.may_be_null:
            return None
        if self.kind is Kind.LINES:
            return []
        if self.kind is Kind.TEXT:
            return ""
        raise ValueError("a value is missing: fill it in")


@dataclass(frozen=True, slots=True, kw_only=True)
class EditForm:
    """The fields of some arguments."""

    fields: tuple[Field, ...]
    left_out: tuple[str, ...]
    """What has no field, in words: it stays as it is."""
    arguments: bytes
    """The arguments that it begins with."""

    def filled(self, values: Mapping[str, str | None]) -> str:
        """The arguments with what was filled in, as JSON text.

        Raises:
            FormFaults: A field has what it cannot take.
        """
        document: object = json.loads(self.arguments)
        faults: dict[str, str] = {}
        for field in self.fields:
            try:
                value = field.read(values.get(field.block_id))
            except (ValueError, RecursionError) as error:
                faults[field.block_id] = str(error)
                continue
            if value is not field.current:
                document = _placed(document, field.path, value)
        if faults:
            raise FormFaults(faults)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def draft_of(arguments: str) -> str:
    """What stands for some arguments where they are not carried: their hash."""
    return sha256(arguments.encode("utf-8", "surrogatepass")).hexdigest()


def form_of(schema: Schema, arguments: bytes, redaction: Redaction) -> EditForm | None:
    """The form for some arguments; None if no form can hold them.

    Args:
        schema: The JSON schema of the arguments.
        arguments: Their canonical bytes.
        redaction: What of them is secret.
    """
    try:
        document = json.loads(arguments)
        made = _Making(schema, redaction)
        drafts = list(made.fields(schema, document, ()))
    except (ValueError, RecursionError):
        return None
    if not 0 < len(drafts) <= _MOST_FIELDS or _room(drafts) > _MOST_ROOM:
        drafts = [made.as_json(document, (), may_be_null=False)]
    fields, left_out = _held(drafts)
    if not fields:
        return None
    return EditForm(fields=fields, left_out=left_out, arguments=arguments)


def _room(drafts: Sequence[Field]) -> int:
    return sum(weight(each.element()) for each in drafts)


def _held(drafts: Sequence[Field]) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    held = tuple(each for each in drafts if size(each.initial or "") <= LONGEST_INPUT)
    return held, tuple(each.label for each in drafts if each not in held)


@dataclass(frozen=True, slots=True)
class _Making:
    root: Schema
    redaction: Redaction

    def fields(self, schema: Schema, value: object, path: Path) -> Iterator[Field]:
        """The fields for a value, in the order of its members."""
        kind, may_be_null = self._without_null(self._resolved(schema))
        if self.redaction.hides(path) or SENSITIVE in schema or SENSITIVE in kind:
            yield self._secret(kind, value, path)
            return
        members = kind.get("properties")
        is_nested = kind.get("type") == "object" and not kind.get("additionalProperties")
        if is_nested and _is_object(members) and _is_object(value) and len(path) < _DEEPEST:
            for name, member in members.items():
                known = member if _is_object(member) else {}
                yield from self.fields(known, value.get(name, _ABSENT), (*path, name))
        else:
            yield self._field(kind, value, path, may_be_null=may_be_null)

    def as_json(self, value: object, path: Path, *, may_be_null: bool) -> Field:
        is_secret = self._is_hidden(value, path)
        return self._made(Kind.JSON, value, path, may_be_null=may_be_null, is_secret=is_secret)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(_DEEPEST):
            place = schema.get("$ref")
            if not isinstance(place, str):
                break
            schema = self._at(place)
        return schema

    def _at(self, place: str) -> Schema:
        found: object = dict(self.root)
        for part in place.removeprefix("#/").split("/"):
            found = found.get(part) if _is_object(found) else None
        return found if _is_object(found) else {}

    def _without_null(self, schema: Schema) -> tuple[Schema, bool]:
        offered = schema.get("anyOf")
        if not _is_list(offered):
            return schema, False
        kinds = [self._resolved(each) for each in offered if _is_object(each)]
        others = [each for each in kinds if each.get("type") != "null"]
        may_be_null = len(others) < len(kinds)
        if len(others) == 1:
            return others[0], may_be_null
        if {each.get("type") for each in others} == {"number", "string"}:
            return _EITHER, may_be_null
        return {}, may_be_null

    def _field(self, schema: Schema, value: object, path: Path, *, may_be_null: bool) -> Field:
        if self._is_hidden(value, path):
            return self._secret(schema, value, path)
        for takes in (_choice, _scalar, _lines):
            more = takes(schema, value)
            if more is not None:
                return self._made(value=value, path=path, may_be_null=may_be_null, **more)
        return self.as_json(value, path, may_be_null=may_be_null)

    def _secret(self, schema: Schema, value: object, path: Path) -> Field:
        is_text = isinstance(value, str) or schema.get("type") == "string"
        kind = Kind.TEXT if is_text else Kind.JSON
        return self._made(kind, value, path, may_be_null=False, is_secret=True)

    def _is_hidden(self, value: object, path: Path) -> bool:
        return not isinstance(value, _Absent) and self.redaction.value(value, path) != value

    def _made(
        self,
        kind: Kind,
        value: object,
        path: Path,
        *,
        may_be_null: bool,
        is_secret: bool = False,
        is_text: bool = True,
        options: tuple[object, ...] = (),
    ) -> Field:
        name = draft_of(json.dumps(path))[:24]
        return Field(
            block_id=f"field.{name}",
            path=path,
            kind=kind,
            current=value,
            is_secret=is_secret,
            may_be_null=may_be_null,
            is_text=is_text,
            options=options,
        )


_EITHER: Schema = {"type": "either"}


def _choice(schema: Schema, value: object) -> dict[str, Any] | None:
    offered = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if not _is_list(offered) or not 0 < len(offered) < _MOST_OPTIONS:
        return None
    if any(size(json.dumps(each)) > _LONGEST_OPTION for each in offered):
        return None
    is_there = value is None or isinstance(value, _Absent) or value in offered
    return {"kind": Kind.CHOICE, "options": tuple(offered)} if is_there else None


def _scalar(schema: Schema, value: object) -> dict[str, Any] | None:
    kind = schema.get("type")
    is_none = value is None or isinstance(value, _Absent)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "boolean" and (is_none or isinstance(value, bool)):
        return {"kind": Kind.BOOLEAN, "options": (True, False)}
    if kind == "integer" and (is_none or (is_number and isinstance(value, int))):
        return {"kind": Kind.INTEGER}
    if kind in ("number", "either") and (is_none or is_number):
        return {"kind": Kind.DECIMAL, "is_text": kind == "either" and is_none}
    if kind == "either" and isinstance(value, str) and _NUMBER.fullmatch(value):
        return {"kind": Kind.DECIMAL}
    if kind == "string" and (is_none or (isinstance(value, str) and _is_plain(value))):
        return {"kind": Kind.TEXT}
    return None


def _lines(schema: Schema, value: object) -> dict[str, Any] | None:
    items = schema.get("items")
    of_texts = schema.get("type") == "array" and _is_object(items) and _is_text(items)
    if not of_texts:
        return None
    is_held = (
        value is None
        or isinstance(value, _Absent)
        or (_is_list(value) and all(isinstance(each, str) and _is_line(each) for each in value))
    )
    return {"kind": Kind.LINES} if is_held else None


def _is_text(schema: Mapping[str, object]) -> bool:
    return schema.get("type") == "string" and "enum" not in schema


def _is_plain(text: str) -> bool:
    """Whether a field brings a text back as it is, and a person sees what is in it."""
    return "\\u" not in visible(text) and "\\U" not in visible(text) and "\r" not in text


def _is_line(text: str) -> bool:
    return text != "" and "\n" not in text and _is_plain(text)


def _texts(value: object) -> str | None:
    return "\n".join(cast(list[str], value)) if _is_list(value) else None


def _place(field: Field) -> str | None:
    """Which of the options it is; ``1`` and ``true`` are two."""
    for at, option in enumerate(field.options):
        if option == field.current and type(option) is type(field.current):
            return str(at)
    return _NOTHING if field.current is None and field.may_be_null else None


def _plainly(field: Field) -> str | None:
    return None if field.current is None else str(field.current)


_SHOWN: Mapping[Kind, Callable[[Field], str | None]] = {
    Kind.TEXT: _plainly,
    Kind.INTEGER: _plainly,
    Kind.DECIMAL: lambda field: (
        field.current if isinstance(field.current, str) else _json_or_none(field.current)
    ),
    Kind.BOOLEAN: _place,
    Kind.CHOICE: _place,
    Kind.LINES: lambda field: _texts(field.current),
    Kind.JSON: lambda field: json.dumps(field.current, indent=1),
}


def _json_or_none(value: object) -> str | None:
    return None if value is None else json.dumps(value)


def _read_integer(field: Field, given: str) -> object:
    text = given.strip()
    if len(text) > _LONGEST_OPTION or not _INTEGER.fullmatch(text):
        raise ValueError("this is no whole number: write one such as 42")
    return int(text)


def _read_decimal(field: Field, given: str) -> object:
    text = given.strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError("this is no number: write one such as 12.50")
    if field.is_text:
        return text
    if not isfinite(float(text)):
        raise ValueError("this number is too large: write a smaller one")
    return cast(object, json.loads(text))


def _read_option(field: Field, given: str) -> object:
    if given == _NOTHING and field.may_be_null:
        return None
    known = {str(at): option for at, option in enumerate(field.options)}
    if given not in known:
        raise ValueError("this is not on offer: choose again")
    return known[given]


def _read_json(field: Field, given: str) -> object:
    try:
        return json.loads(given, parse_constant=_refuse, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        raise ValueError(
            'this is no JSON: write a text in double quotes, or such as {"a": 1}'
        ) from (None)


def _once_each(members: list[tuple[str, object]]) -> object:
    if len(dict(members)) < len(members):
        raise ValueError("a member comes twice")
    return dict(members)


def _refuse(constant: str) -> object:
    raise ValueError(constant)


_READ: Mapping[Kind, Callable[[Field, str], object]] = {
    Kind.TEXT: lambda _, given: given,
    Kind.INTEGER: _read_integer,
    Kind.DECIMAL: _read_decimal,
    Kind.BOOLEAN: _read_option,
    Kind.CHOICE: _read_option,
    Kind.LINES: lambda _, given: [line for line in given.split("\n") if line],
    Kind.JSON: _read_json,
}
_HINTS = {
    Kind.DECIMAL: "A number, such as 12.50.",
    Kind.LINES: "One on each line.",
    Kind.JSON: "As JSON.",
}


def _option(text: str, value: str) -> Element:
    return {"text": plain(text, 75), "value": value}


def _placed(document: object, path: Path, value: object) -> object:
    """The document with that value at that place."""
    if not path:
        return value
    held = cast(dict[str, object], document)
    return {**held, path[0]: _placed(held.get(path[0]), path[1:], value)}


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
