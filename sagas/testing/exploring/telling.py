"""Journals in lines, for people, and where two of them part.

Pure.
"""

from itertools import zip_longest
from typing import Any

from sagas.entries import Entry
from sagas.testing.history import History

SHOWN = ("path", "direction", "attempt", "state", "status", "answer", "via", "reason", "what")
NAMED = ("attempt", "via")
"""Shown with their names, since their values say too little."""

LONGEST = 100


def lines(history: History) -> tuple[str, ...]:
    """One line for each entry."""
    return tuple(f"{seq:>3} {line(entry)}" for seq, entry in history.entries)


def line(entry: Entry) -> str:
    """An entry in one line: its kind, and what tells it from others."""
    told = [(name, getattr(entry, name, None)) for name in SHOWN]
    texts = [
        f"{name} {value}" if name in NAMED else str(value)
        for name, value in told
        if value is not None
    ]
    error = getattr(entry, "error", None)
    if error is not None:
        message = getattr(entry, "message", "")
        texts.append(f"{error}: {message}" if message else error)
    return " ".join([entry.kind, *map(_short, texts)])


def first_difference(one: History, other: History, *, exact: bool) -> str | None:
    """Where two journals of the same schedule part; None if they do not.

    Args:
        exact: They are to be alike byte for byte; if not, only in what happened.
    """
    for first, second in zip_longest(one.entries, other.entries):
        if first is None or second is None:
            return f"one has {len(one.entries)} entries, and the other {len(other.entries)}"
        if line(first[1]) != line(second[1]):
            return f"entry {first[0]} is `{line(first[1])}` in one, and `{line(second[1])}` in the other"
    if not exact:
        return None
    for row, again in zip(one.rows, other.rows, strict=True):
        if row != again:
            return f"entry {row.seq} ({row.kind}) is {_values(row)} in one, and {_values(again)} in the other"
    return None


def _values(row: Any) -> str:
    return _short(f"{row.body} {row.payload or ''}".strip(), 300)


def _short(text: str, longest: int = LONGEST) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
