"""Where a page begins: after the instant and the id of what was the last one.

Pure.
"""

from sagas.web.errors import WebError


def mark(at: int, id: str) -> str:  # noqa: A002  (as everywhere else)
    """Where the page begins that follows what came at that instant (microseconds) under this id."""
    return f"{at}.{id}"


def cursor(text: str | None) -> tuple[int, str] | None:
    """Where a page begins.

    Raises:
        WebError: It is no mark that was given.
    """
    if text is None:
        return None
    at, _, last = text.partition(".")
    if not (at.isascii() and at.isdecimal() and len(at) <= 18) or not last.isprintable():
        raise WebError(400, "this is no mark of a page: begin at the first page")
    return int(at), last[:200]
