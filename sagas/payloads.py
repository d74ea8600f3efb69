"""Values to bytes and back, exactly or not at all.

What is stored is what is hashed, what a person approves, and what an action receives. So a value
is accepted only if its bytes decode to an equal value and encode to the same bytes again. There is
no fallback serializer, and nothing is ever unpickled or imported by name.

Pure.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError

from sagas.errors import DefinitionError, PayloadError

T = TypeVar("T")

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64

_CONFIG = ConfigDict(ser_json_inf_nan="constants")
_OWN_CONFIG = ("__pydantic_config__", "__pydantic_fields__", "model_fields")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')


class Codec(Generic[T]):
    """Encodes and decodes the values of one declared type.

    Args:
        annotation: The type, as written in the signature.
        what: How error messages name the value, such as "result of travel.book_hotel".

    Raises:
        DefinitionError: The type cannot be stored, or holds secrets.
    """

    __slots__ = ("_adapter", "what")

    def __init__(self, annotation: object, what: str) -> None:
        self.what = what
        self._adapter: TypeAdapter[T] = _adapter(annotation, what)
        _refuse_secrets(self._adapter, what)

    def encode(self, value: T) -> bytes:
        """The exact bytes of a value.

        Raises:
            PayloadError: It does not survive the round trip, is too large, or too deep.
        """
        encoded = self._dump(value)
        check_bytes(encoded, self.what)
        decoded = self.decode(encoded)
        if decoded != value or self._dump(decoded) != encoded:
            raise PayloadError(
                f"{self.what} does not come back unchanged from JSON: "
                f"{_difference(value, decoded)}; use types that survive a round trip"
            )
        return encoded

    def decode(self, encoded: bytes) -> T:
        """The value of stored bytes.

        Raises:
            PayloadError: The bytes do not fit the type; the message names each field.
        """
        try:
            return self._adapter.validate_json(encoded)
        except ValidationError as error:
            raise PayloadError(f"{self.what}: {explain(error)}") from error

    def same(self, first: bytes, second: bytes) -> bool:
        """Whether two encodings mean the same: byte by byte, canonically only where they differ."""
        return first == second or canonical(first) == canonical(second)

    def schema(self) -> dict[str, Any]:
        """The JSON schema, for people and tools."""
        return self._adapter.json_schema()

    def _dump(self, value: T) -> bytes:
        try:
            return self._adapter.dump_json(value, warnings="error")
        except (
            PydanticSerializationError,
            UnicodeEncodeError,
            RecursionError,
            ValueError,
        ) as error:
            raise PayloadError(
                f"{self.what} cannot be stored as JSON: {_first_line(error)}"
            ) from error


def check_bytes(encoded: bytes, what: str) -> None:
    """Refuse JSON text that one of the databases would change or choke on.

    Raises:
        PayloadError: It is too large, too deep, or contains a NUL character.
    """
    if len(encoded) > MAX_BYTES:
        raise PayloadError(
            f"{what} is {len(encoded):,} bytes; at most {MAX_BYTES:,} are stored: "
            "keep large content elsewhere and pass a reference"
        )
    if b"\\u0000" in encoded and _NUL.search(encoded):
        raise PayloadError(f"{what} contains a NUL character, which databases cannot store")
    if encoded.count(b"[") + encoded.count(b"{") > MAX_DEPTH and depth(encoded) > MAX_DEPTH:
        raise PayloadError(f"{what} is nested deeper than {MAX_DEPTH} levels")


def depth(encoded: bytes) -> int:
    """How deep JSON text is nested, counted without recursion."""
    level = deepest = 0
    for character in _STRINGS.sub(b"", encoded):
        if character in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif character in b"]}":
            level -= 1
    return deepest


def canonical(encoded: bytes) -> object:
    """JSON text as plain values, for comparing two encodings of one meaning."""
    return json.loads(encoded)


def parse_untrusted(text: str, what: str) -> bytes:
    """JSON that a person or another program wrote, checked before any type sees it.

    Raises:
        PayloadError: It is not JSON, repeats a key, or holds NaN, infinities, lone surrogates or NUL.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError as error:
        raise PayloadError(f"{what} is nested deeper than {MAX_DEPTH} levels") from error
    except UnicodeEncodeError as error:
        raise PayloadError(f"{what} contains a lone surrogate, which is not text") from error
    except json.JSONDecodeError as error:
        raise PayloadError(f"{what} is not JSON: {error}") from error
    check_bytes(encoded, what)
    return encoded


def explain(error: ValidationError) -> str:
    """A validation error in one line: each field and what is wrong with it."""
    parts: list[str] = []
    for item in error.errors(include_url=False, include_context=False, include_input=False)[:5]:
        where = ".".join(str(part) for part in item["loc"]) or "value"
        parts.append(f"{where}: {item['msg']}")
    more = error.error_count() - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def _adapter(annotation: Any, what: str) -> TypeAdapter[Any]:
    try:
        try:
            return TypeAdapter(annotation, config=_CONFIG)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            return TypeAdapter(annotation)
    except (PydanticUserError, TypeError, NameError) as error:
        raise DefinitionError(
            f"{what} has the type {_name(annotation)}, which cannot be stored: {_first_line(error)}; "
            "use pydantic models, dataclasses or plain JSON types"
        ) from error


def _refuse_secrets(adapter: TypeAdapter[Any], what: str) -> None:
    try:
        schema = json.dumps(adapter.json_schema(mode="validation"))
    except PydanticUserError as error:
        raise DefinitionError(
            f"{what} cannot be described as JSON: {_first_line(error)}"
        ) from error
    if '"writeOnly": true' in schema:
        raise DefinitionError(
            f"{what} contains a secret; secrets never enter the journal: "
            "pass a reference and resolve it inside the action"
        )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for name, value in pairs:
        if name in result:
            raise PayloadError(f"the key {name!r} appears twice")
        result[name] = value
    return result


def _refuse_constant(name: str) -> object:
    raise PayloadError(f"{name} is not JSON")


def _difference(before: object, after: object) -> str:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        one, other = cast(Mapping[object, object], before), cast(Mapping[object, object], after)
        for name in one:
            if name not in other or one[name] != other[name]:
                return f"{name}: {_shown(one[name])} became {_shown(other.get(name))}"
    return f"{_shown(before)} became {_shown(after)}"


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  a repr is user code
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else text[:77] + "..."


def _name(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
