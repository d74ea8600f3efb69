"""The digest of a view: evidence of what somebody had before them when they decided.

It says of itself whether the view was whole, so that nobody approves what they have seen in part.
Pure.
"""

import hashlib
import json

__all__ = ["is_cut", "view_digest"]

_WHOLE = "whole:"
_CUT = "cut:"


def view_digest(content: object, *, complete: bool) -> str:
    """Return the digest of everything that is shown, of plain JSON values."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"{_WHOLE if complete else _CUT}{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def is_cut(seen: str | None) -> bool:
    """Whether a view of that digest did not show everything; what is no such digest is no view."""
    return seen is not None and not seen.startswith(_WHOLE)
