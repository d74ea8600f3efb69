"""What nobody needs to see in order to decide: secrets, shown as their kind, length and keyed hash.

What is hidden is what an author declared sensitive, by its place, and what has the well-known shape
of a token. A shape holds only such characters as tokens are made of, so that a message to people
cannot pass for one. The key is the journal's id, which is shown nowhere: equal secrets of one
journal look equal, and a short one cannot be guessed from its hash. Pure.
"""

import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeGuard

from approvals.wording import REDACTED, visible

__all__ = ["SENSITIVE", "Redaction", "Sensitive", "mask_tokens"]

SENSITIVE = "x-sensitive"
"""The mark of a sensitive value in a JSON schema."""

ANY = "*"
"""In a place: any key, any index."""

_HASH_LENGTH = 12
_DOMAIN = b"agent-sagas/redaction/1\x00"

_SHAPES = (
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:\s+[\w+/=]{16,})+\s+-----END[A-Z ]{0,40}-----",
    r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",  # JSON Web Tokens
    r"\bsk-[\w-]{20,}",  # model providers
    r"\b[rsp]k_(?:live|test)_\w{16,}|\bwhsec_[\w+/=]{16,}",  # payment providers
    r"\bxox[a-z]-[\w-]{10,}|\bxapp-[\w-]{10,}",  # chat
    r"\bgh[pousr]_\w{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}",  # forges
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{35}|\bya29\.[\w-]{20,}",  # clouds
    r"\bnpm_\w{30,}|\bpypi-[\w-]{50,}|\bhf_\w{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}",
    r"(?<=\bBearer )[\w.~+/-]{16,}=*",
    r"(?<=://)[\w.%+~-]+:[\w.%+~!$&'()*,;=-]+(?=@)",  # a user and password in a URL
)
_TOKEN = re.compile("|".join(_SHAPES), re.ASCII)

_KINDS: Mapping[type, str] = {str: "text", bool: "truth value", int: "number", float: "number"}


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Marks a type whose values people are not shown: ``Annotated[str, Sensitive()]``.

    The value itself is stored, approved and handed to the action as it is.
    """

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Mark it in the JSON schema, where it is found again."""
        return {**handler(schema), SENSITIVE: True}


@dataclass(frozen=True, slots=True)
class Redaction:
    """What of one document is hidden, and how that is worded."""

    key: str
    """What the hashes are keyed with: the journal's id."""
    places: tuple[str, ...] = ()
    """Where its sensitive values are, as JSON pointers in which ``*`` stands for any member."""

    def hides(self, path: Sequence[str]) -> bool:
        """Whether the value at that path was declared sensitive."""
        return any(_covers(place, path) for place in self.places)

    def stand_in(self, value: object) -> str:
        """What is shown in the place of a JSON value."""
        if isinstance(value, str):
            return self._told("text", value, len(value), "character")
        text = json.dumps(value, sort_keys=True)
        if _is_object(value) or _is_list(value):
            kind = "object" if _is_object(value) else "list"
            return self._told(kind, text, len(value), "member")
        return self._told(_KINDS.get(type(value), "nothing"), text, len(text), "character")

    def secret(self, text: str) -> str:
        """What is shown in the place of a token."""
        return self._told("token", text, len(text), "character")

    def shown(self, text: str, limit: int | None = None) -> tuple[str, bool]:
        """Make text visible on one line, without its tokens, and tell whether that is all of it.

        Args:
            text: As it is.
            limit: How many of its characters are shown at most; all of them if left out.
        """
        parts: list[str] = []
        left = len(text) if limit is None else limit
        for piece, is_token in _pieces(text):
            if left <= 0:
                break
            parts.append(self.secret(piece) if is_token else visible(piece[:left]))
            left -= len(piece)
        if limit is None or len(text) <= limit:
            return "".join(parts), True
        return f"{''.join(parts)} … [cut: {limit} of {len(text)} characters shown]", False

    def masked(self, text: str) -> str:
        """Replace its tokens, and leave everything else as it is."""
        return "".join(self.secret(piece) if token else piece for piece, token in _pieces(text))

    def value(self, found: object, path: tuple[str, ...] = ()) -> object:
        """Return a JSON value with stand-ins in the place of what is hidden."""
        if self.hides(path):
            return self.stand_in(found)
        if isinstance(found, str):
            return self.masked(found)
        if _is_object(found):
            return {
                self.masked(key): self.value(member, (*path, key)) for key, member in found.items()
            }
        if _is_list(found):
            return [self.value(member, (*path, str(at))) for at, member in enumerate(found)]
        return found

    def _told(self, kind: str, text: str, length: int, unit: str) -> str:
        hashed = hmac.new(self.key.encode("utf-8", "surrogatepass"), digestmod=sha256)
        hashed.update(_DOMAIN + text.encode("utf-8", "surrogatepass"))
        units = unit if length == 1 else f"{unit}s"
        return f"[{REDACTED}: {kind}, {length} {units}, hmac {hashed.hexdigest()[:_HASH_LENGTH]}]"


def mask_tokens(text: str) -> str:
    """Replace what looks like a token where no key is at hand, as in a log."""
    return _TOKEN.sub(f"[{REDACTED}: token]", text)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is a token."""
    at = 0
    for found in _TOKEN.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], False
        yield found.group(), True
        at = found.end()
    if at < len(text):
        yield text[at:], False


def _covers(place: str, path: Sequence[str]) -> bool:
    wanted = [_unescaped(part) for part in place.split("/")[1:]]
    return len(wanted) == len(path) and all(
        one in (ANY, other) for one, other in zip(wanted, path, strict=True)
    )


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
