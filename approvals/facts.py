"""The canonical arguments of an action, flattened into names and values that people can read.

Nothing is left out unseen: every member of the JSON text becomes a fact, also a key that comes
twice; what is too long is cut with a mark. Pure.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeGuard

from approvals.wording import cut

__all__ = ["Fact", "Facts", "facts_of"]

# How a number, a constant, a list, an object, a quoted text or nothing at all begins or reads.
_NO_TEXT = re.compile(r'["\[{]|-?\d[\d.eE+-]*\Z|-?Infinity\Z|NaN\Z|true\Z|false\Z|null\Z|\Z')

_VALUE_LIMIT = 500
_NAME_LIMIT = 120
_FACT_LIMIT = 100
_DEPTH_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of the arguments, safe to show on one line."""

    name: str
    """Where it is: ``request.guests[0].name``."""
    value: str


@dataclass(frozen=True, slots=True)
class Facts:
    """The arguments as people see them."""

    shown: tuple[Fact, ...]
    complete: bool
    """Whether everything is shown: nothing was cut, and no value left out."""


class _Literal(str):
    """A number, a truth value or null, letter by letter as it was written."""

    __slots__ = ()


class _Object(tuple[tuple[str, object], ...]):
    """An object's members in their order, with those whose key comes twice."""

    __slots__ = ()


def facts_of(arguments: bytes) -> Facts:
    """Flatten canonical arguments; what is no JSON, or nested too deep, is shown as it is."""
    try:
        return _gather(_flatten("", _parse(arguments), depth=0))
    except RecursionError:
        return _gather(_flatten("", _as_written(arguments), depth=0))


def _parse(arguments: bytes) -> object:
    try:
        return json.loads(
            arguments.decode("utf-8"),
            object_pairs_hook=_Object,
            parse_int=_Literal,
            parse_float=_Literal,
            parse_constant=_Literal,
        )
    except ValueError:
        return _as_written(arguments)


def _as_written(arguments: bytes) -> _Literal:
    return _Literal(arguments.decode("utf-8", "backslashreplace"))


def _gather(leaves: Iterator[tuple[str, str]]) -> Facts:
    first = list(islice(leaves, _FACT_LIMIT))
    shown = [Fact(cut(name, _NAME_LIMIT), cut(value, _VALUE_LIMIT)) for name, value in first]
    left_out = sum(1 for _ in leaves)
    if left_out:
        shown.append(Fact("…", f"[cut: {left_out} more values]"))
    whole = all(len(name) <= _NAME_LIMIT and len(value) <= _VALUE_LIMIT for name, value in first)
    return Facts(tuple(shown), complete=whole and not left_out)


def _flatten(name: str, value: object, *, depth: int) -> Iterator[tuple[str, str]]:
    members = _members(name, value)
    if not members or depth == _DEPTH_LIMIT:
        yield name or "(all)", _text(value)
        return
    for inner, member in members:
        yield from _flatten(inner, member, depth=depth + 1)


def _members(name: str, value: object) -> list[tuple[str, object]]:
    if isinstance(value, _Object):
        return [(_member_name(name, key), member) for key, member in value]
    if _is_list(value):
        return [(f"{name}[{at}]", member) for at, member in enumerate(value)]
    return []


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _member_name(name: str, key: str) -> str:
    if not key.isidentifier():
        return f"{name}[{_quoted(key)}]"
    return f"{name}.{key}" if name else key


def _text(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value) if _misleads(value) else value
    return _nested(value)


def _nested(value: object) -> str:
    if isinstance(value, _Literal):
        return value
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, _Object):
        return "{" + ", ".join(f"{_quoted(key)}: {_nested(m)}" for key, m in value) + "}"
    if _is_list(value):
        return "[" + ", ".join(_nested(member) for member in value) + "]"
    return json.dumps(value)


def _misleads(text: str) -> bool:
    """Whether a text, unquoted, could be taken for something that is not a text."""
    if isinstance(text, _Literal):
        return False
    return text != text.strip() or _NO_TEXT.match(text) is not None


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
