"""Where the inputs of an action are secret: found in their types, or declared by name.

Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard, cast

from approvals.redaction import SENSITIVE
from sagas.errors import DefinitionError

ANY = "*"
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_PREFIX = "#/$defs/"

Schema = Mapping[str, Any]


def places_of(
    schema: Schema, declared: Iterable[str], inputs: Mapping[str, object], what: str
) -> tuple[str, ...]:
    """The places of secrets, as JSON pointers in which `*` stands for any member; sorted.

    Args:
        schema: The JSON schema of the inputs as they are stored.
        declared: Dotted paths that the author named.
        inputs: The inputs' names.
        what: How messages name the action.

    Raises:
        DefinitionError: A declared path does not begin with an input's name.
    """
    names = (declared,) if isinstance(declared, str) else tuple(declared)
    for name in names:
        if name.partition(".")[0] not in inputs:
            raise DefinitionError(
                f"{what}: sensitive= names {name!r}, which begins with no input of it: "
                f"it has {', '.join(inputs) or 'none'}"
            )
    found = {"".join(f"/{_escaped(part)}" for part in name.split(".")) for name in names}
    return tuple(sorted(found.union(marked_places(schema))))


def marked_places(schema: Schema) -> tuple[str, ...]:
    """The places of values whose types are marked as sensitive; sorted."""
    if not _is_marked(schema):
        return ()
    found = _Search(schema.get("$defs", {})).places(schema, "", frozenset())
    return tuple(sorted(set(found)))


class _Search:
    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions

    def places(self, schema: Schema, place: str, within: frozenset[str]) -> Iterator[str]:
        """The places of marked values in a schema that stands at that place."""
        if schema.get(SENSITIVE):
            yield place
            return
        reference = schema.get("$ref")
        if reference is not None:
            yield from self._referred(reference.removeprefix(_PREFIX), place, within)
        for name, part in _parts(schema):
            yield from self.places(part, place + name, within)

    def _referred(self, name: str, place: str, within: frozenset[str]) -> Iterator[str]:
        if name not in within:
            yield from self.places(self._definitions[name], place, within | {name})
        elif self._holds(name, frozenset()):
            yield place  # a type that holds itself: from the second time on all of it is hidden

    def _holds(self, name: str, seen: frozenset[str]) -> bool:
        """Whether something is marked in a definition, or in one that it refers to."""
        definition, known = self._definitions[name], seen | {name}
        return _is_marked(definition) or any(
            self._holds(other, known) for other in _references(definition) if other not in known
        )


def _parts(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The schemas of what may stand at the same place, and of what stands below it."""
    for alternatives in _ALTERNATIVES:
        for part in schema.get(alternatives, ()):
            yield "", part
    for name, part in schema.get("properties", {}).items():
        yield f"/{_escaped(name)}", part
    below = [schema.get("items"), schema.get("additionalProperties")]
    below += [*schema.get("prefixItems", ()), *schema.get("patternProperties", {}).values()]
    for part in below:
        if _is_schema(part):
            yield f"/{ANY}", part


def _references(schema: object) -> Iterator[str]:
    if _is_schema(schema):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(_PREFIX)
        parts: Iterable[object] = schema.values()
    else:
        parts = cast(list[object], schema) if isinstance(schema, list) else ()
    for part in parts:
        yield from _references(part)


def _is_marked(schema: object) -> bool:
    if _is_schema(schema):
        return bool(schema.get(SENSITIVE)) or any(map(_is_marked, schema.values()))
    return isinstance(schema, list) and any(map(_is_marked, cast(list[object], schema)))


def _is_schema(part: object) -> TypeGuard[Schema]:
    return isinstance(part, dict)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
