"""What is said in JSON, and how to go through it without trusting its shape.

Pure.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeGuard

__all__ = ["Json", "acting", "compact", "is_list", "is_object", "jsons", "parsed", "walked"]

Json = dict[str, Any]


def is_object(value: Any) -> TypeGuard[Json]:
    """Whether it is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether it is a list."""
    return isinstance(value, list)


def jsons(value: Any) -> list[Json]:
    """The objects in a list; none if it is no list."""
    return [item for item in value if is_object(item)] if is_list(value) else []


def parsed(value: Any) -> Any:
    """What a form field says: JSON if it is JSON, else itself."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def compact(value: Any) -> str:
    """The shortest JSON of a value."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def walked(value: Any) -> Iterator[Json]:
    """Every object within a value, itself first, depth first."""
    if is_object(value):
        yield value
        for item in value.values():
            yield from walked(item)
    elif is_list(value):
        for item in value:
            yield from walked(item)


def acting(block: Json) -> list[Json]:
    """What a person can click, choose or fill in within one block."""
    if block.get("type") == "actions":
        return jsons(block.get("elements"))
    return jsons([block.get("accessory"), block.get("element")])
