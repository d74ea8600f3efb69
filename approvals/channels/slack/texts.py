"""Texts as Slack shows them letter by letter, and how much room they take.

Nothing here is markup: what others have worded stands in plain text or in preformatted text, where
no mention, link or emphasis is read out of it. Pure.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = [
    "LONGEST_TEXT",
    "Element",
    "bold",
    "button",
    "context",
    "cut_to",
    "fields",
    "header",
    "in_pieces",
    "our_words",
    "plain",
    "preformatted",
    "section",
    "size",
    "weight",
]

Element = dict[str, Any]
"""A block, or a part of one, as JSON."""

LONGEST_TEXT = 3_000
"""What a section holds (see `size`)."""

_LONGEST_HEADER = 150
_LONGEST_BUTTON = 75
_LONGEST_FIELD = 2_000
_MOST_FIELDS = 10
_MOST_IN_CONTEXT = 10
_ENTITIES = {"&": 4, "<": 3, ">": 3}
_CUT = " … [cut: {size} characters in all]"
_OURS = re.compile(r"[A-Za-z0-9 .,:;?()_-]*")


def size(text: str) -> int:
    """How much room a text takes, by the strictest way to count it.

    Slack does not say how it counts. This counts UTF-16 units of the text as JSON, with ``&``,
    ``<`` and ``>`` as the entities that they become.
    """
    return _units(json.dumps(text, ensure_ascii=False)[1:-1])


def weight(content: object) -> int:
    """How much room blocks take together, counted like `size`, with the names of their members."""
    return _units(json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def _units(text: str) -> int:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return units + sum(text.count(each) * more for each, more in _ENTITIES.items())


def cut_to(text: str, most: int) -> str:
    """At most that much of a text from its beginning, with a mark where something is missing."""
    if size(text) <= most:
        return text
    mark = _CUT.format(size=len(text))
    return _beginning(text, most - size(mark)) + mark


def in_pieces(text: str, most: int = LONGEST_TEXT) -> Iterator[str]:
    """A text in pieces of at most that size, broken between lines where they are short enough."""
    piece = ""
    for line in text.split("\n"):
        if piece and size(f"{piece}\n{line}") > most:
            yield piece
            piece = ""
        piece = f"{piece}\n{line}" if piece else line
        while size(piece) > most:
            begun = _beginning(piece, most)
            yield begun
            piece = piece[len(begun) :]
    if piece:
        yield piece


def _beginning(text: str, most: int) -> str:
    """As many of its first characters as have room, one at least."""
    begun = text[: max(most, 1)]
    while len(begun) > 1 and (over := size(begun) - most) > 0:
        begun = begun[: -max(1, min(len(begun) - 1, over // 12))]
    return begun


def our_words(text: str) -> str:
    """A text in which Slack can read nothing but letters, or nothing of it at all.

    For the line of a notification, which is read as markup.
    """
    return text if _OURS.fullmatch(text) else ""


def plain(text: str, most: int = LONGEST_TEXT) -> Element:
    """Text of which every character is shown as it is."""
    return {"type": "plain_text", "text": cut_to(text, most) or "(nothing)", "emoji": False}


def header(text: str) -> Element:
    """A line at the top."""
    return {"type": "header", "text": plain(text, _LONGEST_HEADER)}


def section(text: str, most: int = LONGEST_TEXT) -> Element:
    """A paragraph that is never folded."""
    return {"type": "section", "text": plain(text, most), "expand": True}


def fields(*pairs: tuple[str, str | None], most: int = _LONGEST_FIELD) -> Element:
    """Labels of ours with their values; those without a value are left out."""
    told = [plain(f"{label}\n{value}", most) for label, value in pairs if value is not None]
    return {"type": "section", "fields": told[:_MOST_FIELDS]}


def context(*texts: str, most: int = LONGEST_TEXT) -> Element:
    """Small print."""
    return {"type": "context", "elements": [plain(each, most) for each in texts[:_MOST_IN_CONTEXT]]}


def bold(label: str) -> Element:
    """A label of ours."""
    text = {"type": "text", "text": label, "style": {"bold": True}}
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [text]}],
    }


def preformatted(label: str, text: str) -> list[Element]:
    """A label of ours, and below it a text as it is, in as many blocks as it needs."""
    pieces = [_literal(piece) for piece in in_pieces(text)] or [_literal("(nothing)")]
    first = bold(label)
    first["elements"].append(pieces[0])
    return [first, *({"type": "rich_text", "elements": [piece]} for piece in pieces[1:])]


def _literal(text: str) -> Element:
    return {
        "type": "rich_text_preformatted",
        "elements": [{"type": "text", "text": text or " "}],
    }


def button(
    label: str,
    action_id: str,
    *,
    value: str | None = None,
    url: str | None = None,
    style: str | None = None,
    confirm: Element | None = None,
) -> Element:
    """A button; what it has none of is left out."""
    told = {"value": value, "url": url, "style": style, "confirm": confirm}
    return {
        "type": "button",
        "action_id": action_id,
        "text": plain(label, _LONGEST_BUTTON),
        **{name: each for name, each in told.items() if each is not None},
    }
