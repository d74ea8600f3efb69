"""What an author says of an action's window, and what cannot be right about that.

Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from reversibility import Modifiers, Reversibility, Window
from reversibility.errors import InvalidDeclaration
from sagas.errors import DefinitionError

_PREFIX = "#/$defs/"
_INSTANT = "date-time"

Schema = Mapping[str, Any]


def check_window(what: str, window: object, reversibility: Reversibility) -> None:
    """Refuse a window that is none, or of an effect that has no undo.

    Raises:
        DefinitionError: The message says what to write instead.
    """
    if window is None:
        return
    if not isinstance(window, Window):
        raise DefinitionError(
            f"{what}: window is a Window, such as Window(duration=timedelta(days=7)), not {window!r}"
        )
    try:
        contradictions = Modifiers(window=window).contradictions(reversibility)
    except InvalidDeclaration as error:
        raise DefinitionError(f"{what}: {error}") from error
    if contradictions:
        raise DefinitionError(f"{what}: {'; '.join(contradictions)}")


def check_until(
    what: str, window: Window | None, result: Schema, sensitive: tuple[str, ...]
) -> None:
    """Refuse a closing instant that the result does not have, or that people may not see.

    Args:
        result: The JSON schema of the result as it is stored.
        sensitive: Where the result is secret, as JSON pointers.

    Raises:
        DefinitionError: The message says what to write instead.
    """
    if window is None or window.until is None:
        return
    field = window.until
    place = "/" + field.replace(".", "/")
    if any(f"{place}/".startswith(f"{secret}/") for secret in sensitive):
        raise DefinitionError(
            f"{what}: until= names {field!r}, which is sensitive: people are shown when a window "
            "closes, so return the instant in a field of its own"
        )
    definitions = result.get("$defs", {})
    found = [result]
    for name in field.split("."):
        found = [
            part["properties"][name]
            for held in found
            for part in _alternatives(held, definitions)
            if name in part.get("properties", {})
        ]
        if not found:
            raise DefinitionError(
                f"{what}: until= names {field!r}, and the result has no field {name!r}: name a field "
                "of the result that holds an aware datetime"
            )
    kinds = [part for held in found for part in _alternatives(held, definitions)]
    if not all(_is_instant(part) for part in kinds) or all(map(_is_nothing, kinds)):
        raise DefinitionError(
            f"{what}: until= names {field!r}, which is no instant: make it an aware datetime, "
            "or one that may be None where nothing can be undone"
        )


def _alternatives(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """What may stand in the place of a schema, references followed."""
    reference = schema.get("$ref")
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if isinstance(reference, str):
        parts.append(definitions[reference.removeprefix(_PREFIX)])
    if not parts:
        yield schema
    for part in parts:
        yield from _alternatives(part, definitions)


def _is_instant(part: Schema) -> bool:
    return _is_nothing(part) or part.get("format") == _INSTANT


def _is_nothing(part: Schema) -> bool:
    return part.get("type") == "null"
