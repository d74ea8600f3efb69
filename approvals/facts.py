"""The canonical arguments of an action, flattened into names and values that people can read.

Nothing is left out unseen: every member of the JSON text becomes a fact, also a key that comes
twice; what is too long is cut with a mark, and what is secret has something standing in its place.
Pure.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeGuard

from approvals.redaction import Redaction
from approvals.scripts import warnings_of

__all__ = ["Fact", "Facts", "Limits", "facts_of"]

# How a number, a constant, a list, an object, a quoted text or nothing at all begins or reads.
_NO_TEXT = re.compile(r'["\[{]|-?\d[\d.eE+-]*\Z|-?Infinity\Z|NaN\Z|true\Z|false\Z|null\Z|\Z')

_NOTHING_HIDDEN = Redaction(key="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of some arguments is shown; None shows all."""

    value: int | None = 500
    name: int | None = 120
    facts: int | None = 100
    depth: int | None = 8


WHOLE = Limits(value=None, name=None, facts=None, depth=None)
"""Everything is shown."""

_AT_A_GLANCE = Limits()


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of the arguments, safe to show on one line."""

    name: str
    """Where it is: ``request.guests[0].name``."""
    value: str
    is_secret: bool = False
    """Whether something else stands in the place of the value."""
    warnings: tuple[str, ...] = ()
    """What a reader could be deceived by."""


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


@dataclass(frozen=True, slots=True)
class _Leaf:
    name: str
    text: str
    is_secret: bool = False
    is_all: bool = True


def facts_of(
    arguments: bytes,
    redaction: Redaction = _NOTHING_HIDDEN,
    *,
    limits: Limits = _AT_A_GLANCE,
) -> Facts:
    """Flatten canonical arguments; what is no JSON, or nested too deep, is shown as it is.

    Args:
        arguments: The canonical bytes.
        redaction: What of them is secret.
        limits: How much is shown.
    """
    flattening = _Flattening(redaction, limits)
    try:
        return flattening.gather(_parse(arguments))
    except RecursionError:
        return flattening.gather(_as_written(arguments))


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


@dataclass(frozen=True, slots=True)
class _Flattening:
    redaction: Redaction
    limits: Limits

    def gather(self, document: object) -> Facts:
        leaves = self._leaves("", document, ())
        found = [self._fact(leaf) for leaf in islice(leaves, self.limits.facts)]
        shown = [fact for fact, _ in found]
        left_out = sum(1 for _ in leaves)
        if left_out:
            shown.append(Fact("…", f"[cut: {left_out} more values]"))
        return Facts(tuple(shown), complete=not left_out and all(whole for _, whole in found))

    def _fact(self, leaf: _Leaf) -> tuple[Fact, bool]:
        name, named = self.redaction.shown(leaf.name, self.limits.name)
        if leaf.is_secret:
            return Fact(name, leaf.text, is_secret=True), named and leaf.is_all
        value, whole = self.redaction.shown(leaf.text, self.limits.value)
        warnings = tuple(warnings_of(f"{leaf.name} {leaf.text}"))
        return Fact(name, value, warnings=warnings), named and whole

    def _leaves(self, name: str, value: object, path: tuple[str, ...]) -> Iterator[_Leaf]:
        if self._is_unreadable(value, path) or self.redaction.hides(path):
            yield _Leaf(name or "(all)", self._stand_in(value), is_secret=True)
            return
        members = _members(name, value)
        if members and len(path) == self.limits.depth:
            yield self._folded(name, value, path)
            return
        if not members:
            yield _Leaf(name or "(all)", _text(value))
            return
        for inner, key, member in members:
            yield from self._leaves(inner, member, (*path, key))

    def _folded(self, name: str, value: object, path: tuple[str, ...]) -> _Leaf:
        """What is nested too deep to be flattened is one text, unless it has a secret in it."""
        if self._holds_secret(value, path):
            return _Leaf(name, self._stand_in(value), is_secret=True, is_all=False)
        return _Leaf(name, _nested(value))

    def _holds_secret(self, value: object, path: tuple[str, ...]) -> bool:
        return self.redaction.hides(path) or any(
            self._holds_secret(member, (*path, key)) for _, key, member in _members("", value)
        )

    def _is_unreadable(self, value: object, path: tuple[str, ...]) -> bool:
        """Whether the whole could not be taken apart, so that its secrets cannot be found."""
        return not path and isinstance(value, _Literal) and bool(self.redaction.places)

    def _stand_in(self, value: object) -> str:
        return self.redaction.stand_in(_plain(value))


def _plain(value: object) -> object:
    """The JSON value of what was parsed; the last of the members with one key stands."""
    if isinstance(value, _Object):
        return {key: _plain(member) for key, member in value}
    if _is_list(value):
        return [_plain(member) for member in value]
    if isinstance(value, _Literal):
        try:
            return json.loads(value)
        except ValueError:
            return str(value)
    return value


def _members(name: str, value: object) -> list[tuple[str, str, object]]:
    """Each member's name for people, its key, and its value."""
    if isinstance(value, _Object):
        return [(_member_name(name, key), key, member) for key, member in value]
    if _is_list(value):
        return [(f"{name}[{at}]", str(at), member) for at, member in enumerate(value)]
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
