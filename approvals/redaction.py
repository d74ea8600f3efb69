"""What nobody needs to see in order to decide: secrets, shown as their kind, length and keyed hash.

What is hidden is what an author declared sensitive, by its place, and what has the well-known shape
of a token. A shape holds only such characters as tokens are made of, so that a message to people
cannot pass for one. The key is the journal's id, which is shown nowhere: equal secrets of one
journal look equal, and a short one cannot be guessed from its hash. In words about a call, such as
the text of an error, what was declared is found again by its value. Pure.
"""

import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeGuard

from approvals.wording import REDACTED, visible

__all__ = ["SENSITIVE", "Known", "Redaction", "Sensitive", "mask_tokens"]

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

SHORTEST_KNOWN = 4
"""Shorter values than this stand in too many words to be looked for (characters)."""

_SHORTEST_WITHIN = 8
"""Shorter ones than this count only as a word of their own (characters)."""

_KINDS: Mapping[type, str] = {str: "text", bool: "truth value", int: "number", float: "number"}


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Marks a type whose values people are not shown: ``Annotated[str, Sensitive()]``.

    The value itself is stored, approved and handed to the action as it is.
    """

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Mark it in the JSON schema, where it is found again."""
        return {**handler(schema), SENSITIVE: True}


class Known:
    """Secrets that are looked for in words, as they are and as JSON or Python would quote them.

    Looking takes as long as the text is, however many secrets there are.

    Args:
        secrets: Their JSON values; truth values, nothing, and what is short are not looked for.
    """

    __slots__ = ("_by_beginning",)

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        self._by_beginning: dict[str, dict[str, object]] = {}
        for secret in secrets:
            for form in _forms(secret):
                if len(form) >= SHORTEST_KNOWN:
                    self._by_beginning.setdefault(form[:SHORTEST_KNOWN], {})[form] = secret

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._by_beginning)

    def found(self, text: str) -> Iterator[tuple[int, int, object]]:
        """Where they are: begin, end and the secret; of several at one place the longest."""
        at = 0
        while self and at <= len(text) - SHORTEST_KNOWN:
            forms = self._by_beginning.get(text[at : at + SHORTEST_KNOWN], {})
            here = [form for form in forms if _stands(form, text, at)]
            if here:
                longest = max(here, key=len)
                yield at, at + len(longest), forms[longest]
            at += len(max(here, key=len)) if here else 1


@dataclass(frozen=True, slots=True)
class Redaction:
    """What of one document is hidden, and how that is worded."""

    key: str
    """What the hashes are keyed with: the journal's id; empty for none, as they could be guessed."""
    places: tuple[str, ...] = ()
    """Where its sensitive values are, as JSON pointers in which ``*`` stands for any member."""
    known: Known = field(default_factory=Known, compare=False)
    """What was declared elsewhere, and is looked for in every text."""

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
        for piece, instead in self._pieces(text):
            if left <= 0:
                break
            parts.append(visible(piece[:left]) if instead is None else instead)
            left -= len(piece)
        if limit is None or len(text) <= limit:
            return "".join(parts), True
        return f"{''.join(parts)} … [cut: {limit} of {len(text)} characters shown]", False

    def masked(self, text: str) -> str:
        """Replace its tokens and what is known, and leave everything else as it is."""
        pieces = self._pieces(text)
        return "".join(piece if instead is None else instead for piece, instead in pieces)

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
        if self.known and self.masked(text := json.dumps(found)) != text:
            return self.stand_in(found)
        return found

    def secrets_in(self, document: bytes | str) -> Iterator[object]:
        """The strings and numbers at its places, or below them; none of what is no JSON."""
        if self.places:
            with suppress(ValueError, RecursionError):
                yield from self._hidden(json.loads(document), ())

    def _hidden(self, found: object, path: tuple[str, ...]) -> Iterator[object]:
        if self.hides(path):
            yield from _leaves(found)
        elif _is_object(found):
            for key, member in found.items():
                yield from self._hidden(member, (*path, key))
        elif _is_list(found):
            for at, member in enumerate(found):
                yield from self._hidden(member, (*path, str(at)))

    def _pieces(self, text: str) -> Iterator[tuple[str, str | None]]:
        """The text in pieces, each with what is shown in its place, if it is not itself."""
        at = 0
        for begin, end, instead in self._secrets_in(text):
            if begin > at:
                yield text[at:begin], None
            yield text[begin:end], instead
            at = end
        if at < len(text):
            yield text[at:], None

    def _secrets_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where its tokens and what is known are; two that overlap are one token."""
        found = [(*match.span(), self.secret(match.group())) for match in _TOKEN.finditer(text)]
        found += [(at, end, self.stand_in(secret)) for at, end, secret in self.known.found(text)]
        begin = end = 0
        instead = ""
        for first, last, shown in sorted(found):
            if first >= end:
                if instead:
                    yield begin, end, instead
                begin, end, instead = first, last, shown
            elif last > end or first == begin:
                end = max(end, last)
                instead = self.secret(text[begin:end])
        if instead:
            yield begin, end, instead

    def _told(self, kind: str, text: str, length: int, unit: str) -> str:
        units = unit if length == 1 else f"{unit}s"
        return f"[{REDACTED}: {kind}, {length} {units}{self._hash(text)}]"

    def _hash(self, text: str) -> str:
        if not self.key:
            return ""
        hashed = hmac.new(self.key.encode("utf-8", "surrogatepass"), digestmod=sha256)
        hashed.update(_DOMAIN + text.encode("utf-8", "surrogatepass"))
        return f", hmac {hashed.hexdigest()[:_HASH_LENGTH]}"


def mask_tokens(text: str) -> str:
    """Replace what looks like a token where no key is at hand, as in a log."""
    return _TOKEN.sub(f"[{REDACTED}: token]", text)


def _forms(secret: object) -> set[str]:
    """How a JSON value may stand in a text."""
    if isinstance(secret, str):
        quoted = (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret))
        return {secret, *(form[1:-1] for form in quoted)}
    is_number = isinstance(secret, (int, float)) and not isinstance(secret, bool)
    return {json.dumps(secret)} if is_number else set()


def _stands(form: str, text: str, at: int) -> bool:
    """Whether it stands there, and is no part of a word if it is short."""
    if not text.startswith(form, at):
        return False
    if len(form) >= _SHORTEST_WITHIN:
        return True
    before, after = text[at - 1 : at] if at else "", text[at + len(form) :][:1]
    return not (_is_of_a_word(before) or _is_of_a_word(after))


def _is_of_a_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _leaves(value: object) -> Iterator[object]:
    if _is_object(value):
        for member in value.values():
            yield from _leaves(member)
    elif _is_list(value):
        for member in value:
            yield from _leaves(member)
    else:
        yield value


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
