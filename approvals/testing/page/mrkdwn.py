"""What Slack's own markup says: a text as pieces, each of them shown in one way.

It is read as Slack documents it, and no further: nested lists, tables and HTML are text. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Piece", "read"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text.

    Attributes:
        kind: `text`, `bold`, `italic`, `strike`, `code`, `pre`, `quote`, `link` or `call`.
        text: What is shown, markup and entities resolved; empty where there are pieces inside.
        inside: The pieces within it.
        target: Where a link leads; whom a call calls, such as `@U1`, `#C1` or `!here`.
    """

    kind: str
    text: str = ""
    inside: tuple["Piece", ...] = ()
    target: str = ""


_LITERAL = re.compile(r"```(.+?)```|`([^`\n]+)`", re.DOTALL)
_ANGLED = re.compile(r"<([^<>\n]+)>")
_QUOTED = re.compile(r"(?:^(?:&gt;|>) ?.*(?:\n|\Z))+", re.MULTILINE)
_STYLED = re.compile(r"(?<![\w*_~])(?P<mark>[*_~])(?=\S)(?P<text>[^\n]+?)(?<=\S)(?P=mark)(?!\w)")
_STYLES = {"*": "bold", "_": "italic", "~": "strike"}
_CALLS = ("@", "#", "!")


def read(text: str) -> tuple[Piece, ...]:
    """The pieces of a text in Slack's markup."""
    return tuple(_quotes(text))


def _quotes(text: str) -> Iterator[Piece]:
    at = 0
    for found in _QUOTED.finditer(text):
        yield from _literals(text[at : found.start()])
        lines = [re.sub(r"^(?:&gt;|>) ?", "", line) for line in found[0].splitlines()]
        yield Piece("quote", inside=tuple(_literals("\n".join(lines))))
        at = found.end()
    yield from _literals(text[at:])


def _literals(text: str) -> Iterator[Piece]:
    at = 0
    for found in _LITERAL.finditer(text):
        yield from _angles(text[at : found.start()])
        kind = "pre" if found[1] is not None else "code"
        yield Piece(kind, _plain(found[1] or found[2]))
        at = found.end()
    yield from _angles(text[at:])


def _angles(text: str) -> Iterator[Piece]:
    at = 0
    for found in _ANGLED.finditer(text):
        yield from _styles(text[at : found.start()])
        target, _, label = found[1].partition("|")
        kind = "call" if target.startswith(_CALLS) else "link"
        yield Piece(kind, _plain(label), target=_plain(target))
        at = found.end()
    yield from _styles(text[at:])


def _styles(text: str) -> Iterator[Piece]:
    at = 0
    for found in _STYLED.finditer(text):
        yield from _text(text[at : found.start()])
        yield Piece(_STYLES[found["mark"]], inside=tuple(_styles(found["text"])))
        at = found.end()
    yield from _text(text[at:])


def _text(text: str) -> Iterator[Piece]:
    if text:
        yield Piece("text", _plain(text))


def _plain(text: str) -> str:
    """The characters that the three entities stand for; nothing else is an entity."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
