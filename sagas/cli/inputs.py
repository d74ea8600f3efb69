"""What is typed: JSON or a file of it, an instant or a span of time."""

import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sagas.cli.failing import Mistake
from sagas.errors import PayloadError
from sagas.payloads import MAX_BYTES, parse_untrusted

MOST = 16 * MAX_BYTES
"""A file may be larger than what is stored, by its white space; not by any amount."""

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def json_text(given: str, what: str) -> str:
    """The JSON text that was typed, or that stands in the file after the `@` (`@-`: the input).

    Raises:
        Mistake: The file cannot be read.
    """
    if not given.startswith("@"):
        return given
    name = given[1:]
    try:
        content = _read(name)
    except OSError as error:
        raise Mistake(f"{what}: {name} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise Mistake(f"{what}: {name!r} is no file's name ({error})") from None
    if len(content) > MOST:
        raise Mistake(f"{what}: {name} is larger than {MOST:,} bytes; pass a reference instead")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Mistake(f"{what}: {name} is not UTF-8 text") from None


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(MOST + 1)
    with Path(name).open("rb") as file:
        return file.read(MOST + 1)


def json_bytes(given: str, what: str) -> bytes:
    """The same, checked: JSON that the journal can store.

    Raises:
        Mistake: The file cannot be read.
        PayloadError: It is not JSON, or holds what cannot be stored.
    """
    try:
        return parse_untrusted(json_text(given, what), what)
    except PayloadError:
        if os.path.isfile(given):  # noqa: PTH113 - a `Path` refuses a text too long for a name
            raise Mistake(f"{what}: {given} is a file: write @{given}") from None
        raise


def json_value(given: str, what: str) -> object:
    """The same, as a plain value."""
    value: object = json.loads(json_bytes(given, what))
    return value


def since(text: str | None, now: datetime, what: str = "--since") -> datetime | None:
    """An instant: ISO 8601 (UTC unless it says otherwise), or a span before now such as `2h`.

    Args:
        what: The option that it was given for.

    Raises:
        Mistake: It is neither.
    """
    if text is None:
        return None
    try:
        ago = _span(text)
        if ago is not None:
            return now - ago
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise Mistake(
            f"{what} takes an instant such as 2027-03-01T09:00 or a span such as 2h or 7d, not "
            f"{text!r}"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def later(text: str, what: str, now: datetime) -> datetime:
    """An instant: ISO 8601 (UTC unless it says otherwise), or a span from now such as `7d`.

    Raises:
        Mistake: It is neither.
    """
    try:
        ahead = _span(text)
        if ahead is not None:
            return now + ahead
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise Mistake(
            f"{what} takes an instant such as 2027-03-01T09:00 or a span such as 12h or 7d, not "
            f"{text!r}"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def span(text: str, what: str) -> timedelta:
    """A span of time such as `90d`.

    Raises:
        Mistake: It is none.
    """
    try:
        found = _span(text)
    except OverflowError:
        found = None
    if found is None:
        raise Mistake(f"{what} takes a span such as 12h, 90d or 2w, not {text!r}")
    return found


def _span(text: str) -> timedelta | None:
    found = _SPAN.fullmatch(text.strip())
    return None if found is None else timedelta(**{_UNITS[found[2]]: float(found[1])})
