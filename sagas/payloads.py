"""Values to bytes and back, exactly or not at all.

What is stored is what is hashed, what a person approves, and what an action receives. So a value
is accepted only if its bytes decode to an equal value and encode to the same bytes again. There is
no fallback serializer, and nothing is ever unpickled or imported by name.

Pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Generic, NoReturn, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from sagas.errors import DefinitionError, Misfit, PayloadError

T = TypeVar("T")

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64

_CONFIG = ConfigDict(ser_json_inf_nan="constants")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_SCHEMA = ("default", "metadata")
_QUOTED = re.compile(r"input_value=.*, (?=input_type=)", re.DOTALL)
"""How pydantic quotes a value in a message."""

_NOT_NUMBERS = (b"NaN", b"Infinity")


class Codec(Generic[T]):
    """Encodes and decodes the values of one declared type.

    Args:
        annotation: The type, as written in the signature.
        what: How error messages name the value, such as "result of travel.book_hotel".

    Attributes:
        sensitive: Where its values are secret, as JSON pointers: no error message quotes them then.

    Raises:
        DefinitionError: The type cannot be stored, holds secrets, or has no order of its own.
    """

    __slots__ = ("_adapter", "sensitive", "what")

    def __init__(self, annotation: object, what: str) -> None:
        self.what = what
        self.sensitive: tuple[str, ...] = ()
        self._adapter: TypeAdapter[T] = _adapter(annotation, what)
        _refuse_unfit(self._adapter, what)

    def encode(self, value: T) -> bytes:
        """The exact bytes of a value.

        Raises:
            PayloadError: It does not survive the round trip, is too large, or too deep.
        """
        encoded = self._dump(value)
        check_bytes(encoded, self.what)
        decoded = self.decode(encoded)
        if not self._equal(value, decoded) or self._dump(decoded) != encoded:
            differs = (
                "what differs may be secret" if self.sensitive else _difference(value, decoded)
            )
            raise PayloadError(
                f"{self.what} does not come back unchanged from JSON: "
                f"{differs}; use types that survive a round trip"
            )
        return encoded

    def decode(self, encoded: bytes) -> T:
        """The value of stored bytes.

        Raises:
            PayloadError: The bytes do not fit the type; the message names each field.
        """
        try:
            return self._adapter.validate_json(encoded, by_alias=True, by_name=True)
        except ValidationError as error:
            raise PayloadError(f"{self.what}: {explain(error)}") from error
        except Exception as error:
            raise PayloadError(
                f"{self.what}: its type failed to read it: {_named(error)}"
            ) from error

    def same(self, first: bytes, second: bytes) -> bool:
        """Whether two encodings mean the same: byte by byte, canonically only where they differ.

        The order of keys means nothing; `1`, `1.0` and `true` are three different things.
        """
        return first == second or canonical(first) == canonical(second)

    def recall(self, recorded: bytes, *, exact: bool = False) -> T:
        """The value of bytes that an earlier release of the code may have recorded.

        Everything that was recorded must come back as it was. A type that has gained a member
        with a default reads what was recorded without it.

        Args:
            exact: Refuse that too, because the value is sent again under the same key.

        Raises:
            Misfit: The type changed under the same version: something is lost, or reads otherwise.
        """
        try:
            value = self.decode(recorded)
            again = self._dump(value)
        except PayloadError as error:
            reason = str(error).removeprefix(f"{self.what}: ")
            raise Misfit(self.what, reason, recorded, None, self.sensitive) from error
        if again != recorded and not _covers(json.loads(recorded), json.loads(again), exact=exact):
            reason = "it does not come back unchanged"
            raise Misfit(self.what, reason, recorded, again, self.sensitive)
        return value

    def reads_as(self, recorded: bytes, now: bytes) -> bool:
        """Whether today's type makes of what was recorded what is encoded now."""
        try:
            return self.same(self._dump(self.recall(recorded)), now)
        except PayloadError:
            return False

    def schema(self, *, stored: bool = False) -> dict[str, Any]:
        """The JSON schema, for people and tools.

        Args:
            stored: With the names that members have where they are stored.
        """
        return self._adapter.json_schema(by_alias=not stored)

    def _dump(self, value: T) -> bytes:
        # Names and not aliases: a model may read one alias and write another.
        try:
            return self._adapter.dump_json(value, warnings="error", by_alias=False)
        except Exception as error:
            why = _first_line(error)
            if self.sensitive:
                why = _QUOTED.sub("", why)
            raise PayloadError(f"{self.what} cannot be stored as JSON: {why}") from error

    def _equal(self, value: T, decoded: T) -> bool:
        try:
            return bool(value == decoded)
        except Exception as error:
            raise PayloadError(
                f"{self.what} cannot be compared with what would be stored: {_named(error)}"
            ) from error


def check_bytes(encoded: bytes, what: str) -> None:
    """Refuse JSON text that one of the databases would change or choke on.

    Raises:
        PayloadError: It is too large, too deep, holds NaN or an infinity, or a NUL character.
    """
    if len(encoded) > MAX_BYTES:
        raise PayloadError(
            f"{what} is {len(encoded):,} bytes; at most {MAX_BYTES:,} are stored: "
            "keep large content elsewhere and pass a reference"
        )
    if b"\\u0000" in encoded and _NUL.search(encoded):
        raise PayloadError(f"{what} contains a NUL character, which databases cannot store")
    if any(word in encoded for word in _NOT_NUMBERS):
        rest = _STRINGS.sub(b"", encoded)
        if any(word in rest for word in _NOT_NUMBERS):
            raise PayloadError(f"{what} holds NaN or an infinity, which JSON cannot express")
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


def canonical(encoded: bytes) -> str:
    """JSON text with its keys sorted, for comparing two encodings of one meaning."""
    return json.dumps(json.loads(encoded), sort_keys=True)


def _covers(recorded: object, now: object, *, exact: bool) -> bool:
    """Whether everything in one JSON value is in the other, unchanged."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        old, new = cast(dict[str, object], recorded), cast(dict[str, object], now)
        if exact and len(old) != len(new):
            return False
        return all(name in new and _covers(old[name], new[name], exact=exact) for name in old)
    if isinstance(recorded, list) and isinstance(now, list):
        one, other = cast(list[object], recorded), cast(list[object], now)
        return len(one) == len(other) and all(
            _covers(first, second, exact=exact) for first, second in zip(one, other, strict=True)
        )
    return json.dumps(recorded) == json.dumps(now)  # 1, 1.0 and true are three different things


def parse_untrusted(text: str, what: str) -> bytes:
    """JSON that a person or another program wrote, checked before any type sees it.

    The text itself is returned, so that no digit of a number is lost on the way to its type.

    Raises:
        PayloadError: It is not JSON, repeats a key, holds NaN, infinities, lone surrogates or NUL,
            or is too large or too deep.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _unique(pairs, what),
            parse_constant=lambda name: _refuse_number(name, what),
            parse_float=lambda digits: _finite(digits, what),
        )
        json.dumps(value, ensure_ascii=False).encode()
        encoded = text.strip().encode()
    except RecursionError as error:
        raise PayloadError(f"{what} is nested deeper than {MAX_DEPTH} levels") from error
    except UnicodeEncodeError as error:
        raise PayloadError(f"{what} contains a lone surrogate, which is not text") from error
    except ValueError as error:
        raise PayloadError(f"{what}: this is not JSON that can be read: {error}") from error
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
        adapter = _made(annotation)
    except (PydanticUserError, TypeError, NameError) as error:
        raise DefinitionError(
            f"{what} has the type {_name(annotation)}, which cannot be stored: {_first_line(error)}; "
            "use pydantic models, dataclasses or plain JSON types"
        ) from error
    if not adapter.pydantic_complete:
        raise DefinitionError(
            f"{what} has the type {_name(annotation)}, which names a type that is not defined: "
            "define or import it above, not only for type checking"
        )
    return adapter


def _made(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=_CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(annotation)


def _refuse_unfit(adapter: TypeAdapter[Any], what: str) -> None:
    """Refuse types that JSON can express, and that the journal must not hold."""
    try:
        schema = json.dumps(adapter.json_schema(mode="validation"))
    except PydanticUserError as error:
        raise DefinitionError(
            f"{what} cannot be described as JSON: {_first_line(error)}; "
            "use pydantic models, dataclasses or plain JSON types"
        ) from error
    if '"writeOnly": true' in schema or _masks(adapter.core_schema):
        raise DefinitionError(
            f"{what} contains a secret; secrets never enter the journal: "
            "pass a reference and resolve it inside the action"
        )
    if '"uniqueItems": true' in schema:
        raise DefinitionError(
            f"{what} contains a set, whose order differs from one process to the next: use a list"
        )


def _masks(schema: object) -> bool:
    """Whether any part is written as asterisks. `Secret[int]` has the JSON schema of an int."""
    parts = [schema]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            named = cast(Mapping[str, object], part)
            if getattr(named.get("function"), "__name__", "").startswith("_serialize_secret"):
                return True
            parts += [value for name, value in named.items() if name not in _NOT_SCHEMA]
        elif isinstance(part, list | tuple):
            parts += cast(Sequence[object], part)
    return False


def _unique(pairs: list[tuple[str, object]], what: str) -> dict[str, object]:
    result: dict[str, object] = {}
    for name, value in pairs:
        if name in result:
            raise PayloadError(f"{what} has the key {name!r} twice")
        result[name] = value
    return result


def _finite(digits: str, what: str) -> float:
    number = float(digits)
    return number if isfinite(number) else _refuse_number(digits, what)


def _refuse_number(text: str, what: str) -> NoReturn:
    raise PayloadError(f"{what} holds {text}, which is no number in JSON")


def _difference(before: object, after: object) -> str:
    whole = f"{_shown(before)} became {_shown(after)}"
    if isinstance(before, dict) and isinstance(after, dict):
        one, other = cast(Mapping[object, object], before), cast(Mapping[object, object], after)
        for name in one:
            if name not in other or one[name] != other[name]:
                return f"{_shown(name)}: {_shown(one[name])} became {_shown(other.get(name))}"
    return whole


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  a repr is user code
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else text[:77] + "..."


def _name(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    """The first line that says something; pydantic puts a heading above its warnings."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [""]
    return lines[1] if lines[0].endswith(":") and len(lines) > 1 else lines[0]
