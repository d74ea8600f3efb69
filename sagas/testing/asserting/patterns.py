"""Patterns of entries: texts, `entry(...)`, regular expressions, `ANY`, and `...` for any number.

Values may be bound: what a name stood for once, it stands for everywhere.

Pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import EllipsisType
from typing import Any, Final, TypeAlias, cast

from sagas.entries import KINDS, Entry
from sagas.testing.asserting.words import line, words

Bindings: TypeAlias = Mapping[str, object]
"""What names stand for so far."""


class _Any:
    """Stands for one entry, or for one value, whatever it is."""

    def __repr__(self) -> str:
        return "ANY"


ANY: Final = _Any()


@dataclass(frozen=True, slots=True)
class Bound:
    """Stands for one value, and for the same wherever its name comes again."""

    name: str

    def __repr__(self) -> str:
        return f"bound({self.name!r})"


@dataclass(frozen=True, slots=True)
class EntryPattern:
    """Stands for one entry of a kind; see `entry`."""

    kind: str
    named: tuple[str, ...] = ()
    members: Mapping[str, object] = field(default_factory=dict[str, object])

    def __str__(self) -> str:
        given = [f"{name}={value!r}" for name, value in self.members.items()]
        return " ".join([self.kind, *self.named, *given])


Pattern: TypeAlias = "str | EntryPattern | re.Pattern[str] | _Any | EllipsisType"


def bound(name: str) -> Any:
    """A value that is not known, and is the same wherever this name comes again.

    ```python
    assert_history(history, [
        ...,
        entry("Intended", "book_hotel", key=bound("hotel")),
        ...,
        entry("Intended", "book_hotel", key=bound("hotel"), attempt=2),
        ...,
    ])
    ```
    """
    return Bound(name)


def entry(kind: str, *named: str, **members: object) -> EntryPattern:
    """One entry of a kind.

    Args:
        kind: The name of its class, such as `Intended`; see the table of entries.
        named: Words that it must be known by: the name of the action, `rent_car#2`, a whole path,
            or the text of one of its fields.
        members: Its fields, by name; `payload` is given as the JSON value. A value may be `ANY`,
            `bound(...)` or a regular expression, at any depth.

    Raises:
        ValueError: There is no such kind of entry, or it has no such field.
    """
    known = KINDS.get(kind)
    if known is None:
        raise ValueError(f"there is no entry of the kind {kind!r}: one of {', '.join(KINDS)}")
    has = [item.name for item in fields(known)]
    missing = [name for name in members if name not in has]
    if missing:
        raise ValueError(
            f"an entry of the kind {kind} has no {', '.join(missing)}: it has {', '.join(has)}"
        )
    return EntryPattern(kind, named, members)


def read(pattern: object) -> Pattern:
    """What was given as a pattern; texts become `entry` patterns.

    Raises:
        TypeError: It is none.
        ValueError: It names a kind of entry that there is not.
    """
    if isinstance(pattern, str):
        kind, *named = pattern.split() or [""]
        return entry(kind, *named)
    if isinstance(pattern, EntryPattern | re.Pattern | _Any | EllipsisType):
        return cast(Pattern, pattern)
    raise TypeError(
        f"{pattern!r} is no pattern of an entry: write a text such as 'Intended book_hotel', "
        "entry(...), a regular expression, ANY, or ... for any number of entries"
    )


def told(pattern: Pattern) -> str:
    """A pattern as it is shown."""
    if isinstance(pattern, EllipsisType):
        return "..."
    return f"/{pattern.pattern}/" if isinstance(pattern, re.Pattern) else str(pattern)


def fits(pattern: Pattern, found: Entry, bindings: Bindings) -> Bindings | None:
    """What names stand for if the pattern stands for this entry; None if it does not."""
    if isinstance(pattern, _Any):
        return bindings
    if isinstance(pattern, re.Pattern):
        return bindings if pattern.search(line(found)) else None
    if not isinstance(pattern, EntryPattern) or pattern.kind != found.kind:
        return None
    if not words(found).issuperset(pattern.named):
        return None
    known: Bindings | None = bindings
    for name, wanted in pattern.members.items():
        if known is not None:
            known = _equal(wanted, _member(found, name), known)
    return known


def _member(found: Entry, name: str) -> object:
    value: object = getattr(found, name)
    return json.loads(value) if isinstance(value, bytes) else value


def _equal(wanted: object, value: object, bindings: Bindings) -> Bindings | None:
    if isinstance(wanted, _Any):
        return bindings
    if isinstance(wanted, Bound):
        if wanted.name in bindings:
            return bindings if bindings[wanted.name] == value else None
        return {**bindings, wanted.name: value}
    if isinstance(wanted, re.Pattern):
        found = isinstance(value, str) and cast("re.Pattern[str]", wanted).search(value)
        return bindings if found else None
    return _inside(wanted, value, bindings)


def _inside(wanted: object, value: object, bindings: Bindings) -> Bindings | None:
    if isinstance(wanted, Mapping) and isinstance(value, Mapping):
        ours, theirs = cast(Mapping[str, object], wanted), cast(Mapping[str, object], value)
        if ours.keys() != theirs.keys():
            return None
        return _each([(ours[name], theirs[name]) for name in ours], bindings)
    if isinstance(wanted, list | tuple) and isinstance(value, list | tuple):
        first, second = cast(Sequence[object], wanted), cast(Sequence[object], value)
        if len(first) != len(second):
            return None
        return _each(list(zip(first, second, strict=True)), bindings)
    return bindings if wanted == value else None


def _each(pairs: Sequence[tuple[object, object]], bindings: Bindings) -> Bindings | None:
    known: Bindings | None = bindings
    for wanted, value in pairs:
        if known is not None:
            known = _equal(wanted, value, known)
    return known
