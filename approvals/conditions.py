"""Conditions on the arguments of an action, as data that can be stored, shown and compared.

``amount > 1000``, ``order.currency in ["EUR", "CHF"]``, ``any to[*] not matches "*@example.com"``,
``every guests[*].age >= 18``, ``note is missing``. A condition is asked of the canonical arguments,
the bytes that would run. It holds, or does not, or cannot be told: a name that is not there, a text
compared with a number. What *cannot be told* means is the caller's to decide: who asks for more
approval takes it for a yes, who asks for less takes it for a no. Pure.
"""

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, cast

from approvals.errors import ApprovalDefinitionError

__all__ = ["Condition", "Operator", "condition", "values_at"]


class Operator(StrEnum):
    """How a value is compared."""

    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    IN = "in"
    NOT_IN = "not in"
    MATCHES = "matches"
    """A pattern of ``*`` and ``?`` over the whole text, letter by letter."""
    NOT_MATCHES = "not matches"
    MISSING = "is missing"
    GIVEN = "is given"


_FORM = re.compile(
    r"(?:(?P<over>any|every)\s+)?"
    r"(?P<path>[^\W\d]\w*(?:\[\*\])?(?:\.[^\W\d]\w*(?:\[\*\])?)*)"
    r"\s*(?P<operator>==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b|\bnot\s+matches\b|\bmatches\b"
    r"|\bis\s+missing\b|\bis\s+given\b)\s*"
    r"(?P<value>.*)",
    re.DOTALL,
)
_HOW = 'write for example: amount > 1000, any to[*] not matches "*@example.com", note is missing'
_ORDER: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
_PRESENCE = (Operator.MISSING, Operator.GIVEN)
_PATTERN = (Operator.MATCHES, Operator.NOT_MATCHES)
_MEMBERSHIP = (Operator.IN, Operator.NOT_IN)
_NEGATED = (Operator.UNEQUAL, Operator.NOT_IN, Operator.NOT_MATCHES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition on the arguments; made by `condition`."""

    path: str
    """Where the value is: ``order.amount``; ``[*]`` stands for every item of a list."""
    operator: Operator
    value: str
    """What it is compared with, as JSON; empty for ``is missing`` and ``is given``."""
    every: bool = False
    """Whether all items have to fulfil it, where the path names several; else one is enough."""

    def __str__(self) -> str:
        several = ("every " if self.every else "any ") if "[*]" in self.path else ""
        return f"{several}{self.path} {self.operator} {self.value}".rstrip()

    def holds(self, arguments: bytes) -> bool | None:
        """Whether it holds for these canonical arguments; None where that cannot be told."""
        found = values_at(arguments, self.path)
        if found is None:
            return {Operator.MISSING: True, Operator.GIVEN: False}.get(self.operator)
        answers = [self._compare(value) for value in found]
        decisive = not self.every
        if decisive in answers:
            return decisive
        return None if None in answers else self.every

    def _compare(self, value: object) -> bool | None:
        if self.operator in _PRESENCE:
            return (value is None) is (self.operator is Operator.MISSING)
        answer = self._answer(value, _parsed(self.value))
        return answer if answer is None or self.operator not in _NEGATED else not answer

    def _answer(self, value: object, wanted: object) -> bool | None:
        if self.operator in _PATTERN:
            return fnmatchcase(value, str(wanted)) if isinstance(value, str) else None
        if self.operator in _MEMBERSHIP:
            return _is_among(value, cast(Sequence[object], wanted))
        if self.operator in _ORDER:
            return _ordered(_ORDER[self.operator], value, wanted)
        return _is_equal(value, wanted)


def condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ApprovalDefinitionError: It is not one; the message says what is missing.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ApprovalDefinitionError(f"{text!r} is no condition; {_HOW}")
    made = Condition(
        path=found["path"],
        operator=Operator(" ".join(found["operator"].split())),
        value=found["value"].strip(),
        every=found["over"] == "every",
    )
    several = "[*]" in made.path
    if several is (found["over"] is None):
        raise ApprovalDefinitionError(
            f"{text!r} does not say whether any or every item has to fulfil it; write "
            f"'any {made.path} ...' or 'every {made.path} ...'"
            if several
            else f"{text!r} says {found['over']!r}, and {made.path} is one value; leave it out, or "
            "name the items of a list with [*]"
        )
    _check_value(text, made)
    return made


def values_at(arguments: bytes, path: str) -> list[object] | None:
    """The values at a path of canonical arguments, numbers exact; None where there is nothing."""
    try:
        document = cast(object, json.loads(arguments, parse_float=Decimal, parse_int=Decimal))
        return list(_walk(document, path.split(".")))
    except (ValueError, LookupError, RecursionError, InvalidOperation):
        return None


def _walk(value: object, path: Sequence[str]) -> Iterator[object]:
    if not path:
        yield value
        return
    name, several = path[0].removesuffix("[*]"), path[0].endswith("[*]")
    member = _member(value, name)
    if not several:
        yield from _walk(member, path[1:])
        return
    for item in _items(member):
        yield from _walk(item, path[1:])


def _items(value: object) -> list[object]:
    if isinstance(value, list):
        return cast(list[object], value)
    raise LookupError("it is no list")


def _member(value: object, name: str) -> object:
    if isinstance(value, dict) and name in value:
        return cast(dict[str, object], value)[name]
    raise LookupError(f"there is no {name}")


def _check_value(text: str, made: Condition) -> None:
    if made.operator in _PRESENCE:
        if made.value:
            raise ApprovalDefinitionError(f"{text!r} ends with more than it needs; {_HOW}")
        return
    try:
        wanted = _parsed(made.value)
    except ValueError as error:
        raise ApprovalDefinitionError(
            f"{text!r} compares with {made.value!r}, which is no JSON value; put a text in double "
            "quotes"
        ) from error
    _check_kind(text, made.operator, wanted)


def _check_kind(text: str, how: Operator, wanted: object) -> None:
    needed: tuple[type, ...] | None = None
    if how in _PATTERN:
        needed, words = (str,), "a text"
    elif how in _MEMBERSHIP:
        needed, words = (list,), "a list"
    elif how in _ORDER:
        needed, words = (Decimal, str), "a number or a text"
    else:
        return
    if not isinstance(wanted, needed):
        raise ApprovalDefinitionError(f"{text!r}: {how} compares with {words}; {_HOW}")


def _parsed(text: str) -> object:
    return cast(object, json.loads(text, parse_float=Decimal, parse_int=Decimal))


def _is_among(value: object, wanted: Sequence[object]) -> bool | None:
    answers = [_is_equal(value, each) for each in wanted]
    return True if True in answers else (None if None in answers else False)


def _is_equal(value: object, wanted: object) -> bool | None:
    pair = _pair(value, wanted)
    return None if pair is None else pair[0] == pair[1]


def _ordered(compare: Callable[[Any, Any], bool], value: object, wanted: object) -> bool | None:
    pair = _pair(value, wanted)
    return None if pair is None else compare(*pair)


def _pair(value: object, wanted: object) -> tuple[object, object] | None:
    """Both as values that can be compared; a number written as a text counts as a number."""
    if isinstance(wanted, Decimal) and isinstance(value, str):
        value = _number(value)
    return (value, wanted) if type(value) is type(wanted) else None


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
