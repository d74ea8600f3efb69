"""How values are worded for people: durations, instants, and text nobody vouches for.

Pure.
"""

import re
from datetime import UTC, datetime, timedelta
from unicodedata import category, east_asian_width

__all__ = ["REDACTED", "cut", "duration", "fold", "instant", "visible"]

REDACTED = "redacted"
"""How what stands in the place of a secret begins, in brackets."""

# Nobody's text may pass for one of our own marks.
_OUR_MARK = re.compile(rf"\[(?=(?:cut|{REDACTED}):)")
_MARKS_IN_A_ROW = 3

_UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
)

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Printable by name and blank to the eye: fillers, joiners, variation selectors.
_BLANK = frozenset(
    chr(point)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for point in range(first, last + 1)
)


def duration(length: timedelta) -> str:
    """Word a duration that is not negative, exactly: ``1 d 2 h``, ``30 min``, ``1.5 s``."""
    parts: list[str] = []
    for unit, name in _UNITS:
        count, length = divmod(length, unit)
        if count:
            parts.append(f"{count} {name}")
    if length or not parts:
        parts.append(f"{_seconds(length)} s")
    return " ".join(parts)


def _seconds(length: timedelta) -> str:
    if not length.microseconds:
        return str(length.seconds)
    return f"{length.seconds}.{length.microseconds:06}".rstrip("0")


def instant(at: datetime, *, now: datetime) -> str:
    """Word an aware instant in UTC to the minute, with its date unless that is today's."""
    at = at.astimezone(UTC)
    form = "%H:%M UTC" if at.date() == now.astimezone(UTC).date() else "%Y-%m-%d %H:%M UTC"
    return at.strftime(form)


def visible(text: str) -> str:
    r"""Show every character of `text` on one line; two different texts never look the same.

    Control and format characters, blanks other than the space, fillers and lone surrogates are
    written as escapes (``\n``, ``\u202e``), and a backslash as two. So are combining marks with
    nothing to combine with, or so many that they would cover other lines, and the bracket of what
    could pass for a mark of ours.
    """
    if text.isascii() and text.isprintable() and "\\" not in text and "[" not in text:
        return text
    return _OUR_MARK.sub(r"\\u005b", _printable(text))


def _printable(text: str) -> str:
    parts: list[str] = []
    marks = _MARKS_IN_A_ROW
    for character in text:
        marks = marks + 1 if category(character) in {"Mn", "Me"} else 0
        parts.append(_escaped(character) if marks > _MARKS_IN_A_ROW else _visible(character))
    return "".join(parts)


def _visible(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable() and character not in _BLANK:
        return character
    return _escaped(character)


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def cut(text: str, limit: int) -> str:
    """Make `text` visible, at most its first `limit` characters, and say so where it is longer."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])} … [cut: {limit} of {len(text)} characters shown]"


def fold(line: str, *, width: int, mark: str) -> str:
    """Break one line into lines of at most `width` columns, each but the first after `mark`.

    It is broken after a blank where one is near, and no character is left out. A terminal that
    broke it would let padded text pass for a line of ours.
    """
    rows: list[str] = []
    row, left = "", width
    for character in line:
        columns = _columns(character)
        if columns > left:
            done, begun = (
                (row, "") if character == " " else _at_blank(row, (width - len(mark)) // 3)
            )
            rows.append(done)
            row, left = begun, width - len(mark) - _columns(begun)
        row += character
        left -= columns
    return f"\n{mark}".join([*rows, row])


def _at_blank(row: str, most: int) -> tuple[str, str]:
    """Split after the last blank, unless more than `most` characters follow it."""
    place = row.rfind(" ") + 1
    return (row[:place], row[place:]) if place and len(row) - place <= most else (row, "")


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(character) in {"F", "W"} else 1 for character in text)
