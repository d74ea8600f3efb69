"""The arguments of an action as the fields of a form, and what comes back as JSON text.

Every value that the action's type names one by one is a field of its own; what it does not is JSON.
Secrets and what nobody may change are shown and kept as they are: a form never carries a secret.

Pure.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from approvals.redaction import Redaction
from approvals.wording import visible

PREFIX = "at/"
"""How the names of these fields begin in a form."""

MOST = 60
"""How many fields a form has at most, before whole arguments are edited as JSON."""

LONG = 60
"""Characters from which on a text has several lines."""


class Kind(StrEnum):
    """How a value is edited."""

    TEXT = "text"
    LONG_TEXT = "long-text"
    NUMBER = "number"
    TRUTH = "truth"
    CHOICE = "choice"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of the arguments in a form."""

    path: tuple[str, ...]
    kind: Kind
    value: str
    """As it is now: as it stands in a form, or safe to show if it cannot be changed."""
    choices: tuple[str, ...] = ()
    fixed: str | None = None
    """Why it cannot be changed; None if it can."""
    kept: tuple[str, ...] = ()
    """What of it an edit may not change."""

    @property
    def name(self) -> str:
        """Its name in a form."""
        return PREFIX + "/".join(part.replace("~", "~0").replace("/", "~1") for part in self.path)

    @property
    def label(self) -> str:
        """Its name for people."""
        return visible(".".join(self.path))


class Unreadable(Exception):
    """What was sent is not what fields of these kinds take.

    Attributes:
        faults: What is wrong, by the names of the fields.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = faults


def fields_of(
    arguments: bytes, schema: Mapping[str, Any], redaction: Redaction, pinned: Sequence[str]
) -> list[Field]:
    """The fields of canonical arguments.

    Args:
        schema: The JSON schema of the arguments.
        redaction: What of them is secret.
        pinned: The paths that an edit may not change.
    """
    found = _Finding(schema, redaction, [_path_of(pin) for pin in pinned])
    document = cast(dict[str, object], json.loads(arguments))
    fields = list(found.below((), document, schema))
    if len(fields) > MOST:
        fields = [
            found.field((name,), value, {}) for name, value in document.items()
        ]  # whole arguments as JSON
    return fields


def arguments_of(arguments: bytes, fields: Sequence[Field], sent: Mapping[str, str]) -> str:
    """The JSON text of all arguments: those that were sent, and the others as they are.

    Raises:
        Unreadable: A field holds no number, or no JSON.
    """
    document = cast(dict[str, object], json.loads(arguments))
    faults: dict[str, str] = {}
    for field in fields:
        given = sent.get(field.name)
        if field.fixed is not None or (given is None and field.kind is not Kind.TRUTH):
            continue
        try:
            changed, value = _read(field, given)
        except ValueError as error:
            faults[field.name] = str(error)
            continue
        if changed:
            _put(document, field.path, value)
    if faults:
        raise Unreadable(faults)
    return json.dumps(document, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Finding:
    schema: Mapping[str, Any]
    redaction: Redaction
    pins: Sequence[tuple[str, ...]]

    def below(
        self, path: tuple[str, ...], value: object, schema: Mapping[str, Any]
    ) -> Iterator[Field]:
        named = self._members(schema)
        members = _members_of(value)
        if not members or not members.keys() <= named.keys():
            yield self.field(path, value, self._resolved(schema))
            return
        for key, member in members.items():
            yield from self.below((*path, key), member, named[key])

    def field(self, path: tuple[str, ...], value: object, schema: Mapping[str, Any]) -> Field:
        if self.redaction.value(value, path) != value:
            return Field(
                path=path,
                kind=Kind.TEXT,
                value=self._stand_in(value, path),
                fixed="it is secret, and stays as it is",
            )
        kind, choices = self._kind(value, schema)
        kept = [pin for pin in self.pins if _overlap(pin, path)]
        is_fixed = any(len(pin) <= len(path) for pin in kept)
        text = _text(value, kind)
        return Field(
            path=path,
            kind=kind,
            value=visible(text) if is_fixed else text,
            choices=choices,
            fixed="an edit may not change it" if is_fixed else None,
            kept=() if is_fixed else tuple(".".join(pin) for pin in kept),
        )

    def _stand_in(self, value: object, path: tuple[str, ...]) -> str:
        if isinstance(value, str) and not self.redaction.hides(path):
            return self.redaction.shown(value)[0]  # only a part of it is
        return self.redaction.stand_in(value)

    def _members(self, schema: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        members: Mapping[str, Mapping[str, Any]] = self._resolved(schema).get("properties", {})
        return members

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = str(schema.get("$ref", ""))
        known: Mapping[str, Mapping[str, Any]] = self.schema.get("$defs", {})
        return known.get(reference.rpartition("/")[2], schema)

    def _kind(self, value: object, schema: Mapping[str, Any]) -> tuple[Kind, tuple[str, ...]]:
        choices = schema.get("enum", ())
        if value in choices and all(isinstance(choice, str) for choice in choices):
            return Kind.CHOICE, tuple(choices)
        types = self._types(schema)
        if isinstance(value, str) and "string" in types <= {"string", "number"}:
            return _kind_of_text(value), ()
        if isinstance(value, bool):
            return (Kind.TRUTH if types == {"boolean"} else Kind.JSON), ()
        if isinstance(value, int | float) and types and types <= {"integer", "number"}:
            return Kind.NUMBER, ()
        return Kind.JSON, ()

    def _types(self, schema: Mapping[str, Any]) -> set[str]:
        options: Sequence[Mapping[str, Any]] = schema.get("anyOf", [schema])
        return {str(self._resolved(option).get("type", "any")) for option in options}


def _members_of(value: object) -> dict[str, object]:
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _path_of(pin: str) -> tuple[str, ...]:
    return tuple(part.removesuffix("[*]") for part in pin.split("."))


def _overlap(pin: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether one is at the other, above it or below it."""
    return all(one == other for one, other in zip(pin, path, strict=False))


def _kind_of_text(value: str) -> Kind:
    """What a text is edited as; what holds anything that cannot be seen is edited as JSON."""
    plain = value.replace("\n", "").replace("\\", "").replace("[", "")
    if visible(plain) != plain:
        return Kind.JSON
    return Kind.LONG_TEXT if "\n" in value or len(value) > LONG else Kind.TEXT


def _text(value: object, kind: Kind) -> str:
    if kind in (Kind.TEXT, Kind.LONG_TEXT, Kind.CHOICE):
        return str(value)
    line = json.dumps(value, ensure_ascii=False)
    whole = line if len(line) <= LONG else json.dumps(value, ensure_ascii=False, indent=2)
    lines = whole.replace("\n", "")
    quoted = lines.replace("\\", "").replace("[", "")
    return whole if visible(quoted) == quoted else json.dumps(value, indent=2)


def _read(field: Field, given: str | None) -> tuple[bool, object]:
    """Whether a field was changed, and what it holds.

    Raises:
        ValueError: It is no number, or no JSON.
    """
    if field.kind is Kind.TRUTH:
        return (given is not None) is not (field.value == "true"), given is not None
    text = (given or "").replace("\r\n", "\n")
    if text == field.value:
        return False, None
    if field.kind not in (Kind.NUMBER, Kind.JSON):
        return True, text
    try:
        value: object = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise ValueError(_WANTED[field.kind]) from None
    if field.kind is Kind.NUMBER and (
        isinstance(value, bool) or not isinstance(value, int | float)
    ):
        raise ValueError(_WANTED[field.kind])
    return True, value


_WANTED = {
    Kind.NUMBER: "this is no number: write it like 12 or 12.5",
    Kind.JSON: 'this is no JSON: write texts in double quotes, like ["one", "two"]',
}


def _refuse(name: str) -> object:
    raise ValueError(name)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _put(document: dict[str, object], path: tuple[str, ...], value: object) -> None:
    for part in path[:-1]:
        document = cast(dict[str, object], document[part])
    document[path[-1]] = value
