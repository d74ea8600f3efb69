"""Where a page of the inbox begins: after the opening and the id of a gate.

Pure.
"""

from approvals import Gate
from sagas.model import micros
from sagas.web.errors import WebError


def mark(gate: Gate) -> str:
    """Where the next page begins."""
    return f"{micros(gate.opened_at)}.{gate.id}"


def cursor(text: str | None) -> tuple[int, str] | None:
    """Where a page begins.

    Raises:
        WebError: It is no mark that was given.
    """
    if text is None:
        return None
    at, _, gate_id = text.partition(".")
    if not (at.isascii() and at.isdecimal() and len(at) <= 18) or not gate_id.isprintable():
        raise WebError(400, "this is no mark of a page: begin at the inbox")
    return int(at), gate_id[:200]
