"""Checks of JSON that are put together from smaller ones, and say every fault with its place.

Pure.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from approvals.testing.payloads import is_list, is_object

__all__ = [
    "Check",
    "boolean",
    "choice",
    "either",
    "integer",
    "listed",
    "matching",
    "shape",
    "string",
    "text",
]

Check = Callable[[Any, str, list[str]], None]


def string(most: int, least: int = 1) -> Check:
    """A string of so many characters."""

    def check(value: Any, place: str, faults: list[str]) -> None:
        if not isinstance(value, str):
            faults.append(f"{place}: must be a string")
        elif len(value) > most:
            faults.append(f"{place}: must be at most {most} characters, has {len(value)}")
        elif len(value) < least:
            faults.append(f"{place}: must be at least {least} characters, has {len(value)}")

    return check


def matching(pattern: str, meaning: str) -> Check:
    """A string of a certain form."""

    def check(value: Any, place: str, faults: list[str]) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            faults.append(f"{place}: must be {meaning}")

    return check


def boolean(value: Any, place: str, faults: list[str]) -> None:
    """True or false."""
    if not isinstance(value, bool):
        faults.append(f"{place}: must be true or false")


def integer(least: int, most: int) -> Check:
    """A whole number between two."""

    def check(value: Any, place: str, faults: list[str]) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            faults.append(f"{place}: must be a whole number from {least} to {most}")

    return check


def choice(*values: str) -> Check:
    """One of a few words."""

    def check(value: Any, place: str, faults: list[str]) -> None:
        if value not in values:
            faults.append(f"{place}: must be one of {', '.join(values)}")

    return check


def listed(item: Check, most: int, least: int = 1) -> Check:
    """A list of so many of the same."""

    def check(value: Any, place: str, faults: list[str]) -> None:
        if not is_list(value):
            faults.append(f"{place}: must be a list")
            return
        if not least <= len(value) <= most:
            faults.append(f"{place}: must have {least} to {most} items, has {len(value)}")
        for number, each in enumerate(value):
            item(each, f"{place}/{number}", faults)

    return check


def shape(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with certain keys and no others; `type` is looked at by `either`."""
    known = {**required, **(optional or {})}

    def check(value: Any, place: str, faults: list[str]) -> None:
        if not is_object(value):
            faults.append(f"{place}: must be an object")
            return
        faults.extend(f"{place}: lacks {key}" for key in required if key not in value)
        for key, each in value.items():
            if key in known:
                known[key](each, f"{place}/{key}", faults)
            elif key != "type":
                faults.append(f"{place}: has an invalid additional property: {key}")

    return check


def either(kinds: Mapping[str, Check]) -> Check:
    """An object that says by its `type` which of several it is."""

    def check(value: Any, place: str, faults: list[str]) -> None:
        kind = value.get("type") if is_object(value) else None
        if not isinstance(kind, str) or kind not in kinds:
            faults.append(f"{place}: has an unsupported type {kind!r}")
        else:
            kinds[kind](value, place, faults)

    return check


def text(most: int, *, plain: bool = False) -> Check:
    """A text object, or one that may be plain only."""
    words = string(most)
    kinds = {"plain_text": shape({"text": words}, {"emoji": boolean})}
    if not plain:
        kinds["mrkdwn"] = shape({"text": words}, {"verbatim": boolean})
    return either(kinds)
