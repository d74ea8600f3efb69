"""Signatures as Slack makes them, and as others forge them.

Pure.
"""

import hmac
from enum import StrEnum
from hashlib import sha256

__all__ = ["Forgery", "signed"]


class Forgery(StrEnum):
    """What is wrong with a request that is signed."""

    ALTERED_BODY = "altered_body"
    MALFORMED_TIMESTAMP = "malformed_timestamp"
    MISSING = "missing"
    NON_ASCII = "non_ascii"
    STALE = "stale"
    WRONG_SECRET = "wrong_secret"  # noqa: S105  a word about one


_STALE = 301


def signed(
    body: bytes, at: int, secret: str, forgery: Forgery | None = None
) -> tuple[bytes, dict[str, str]]:
    """A body and its headers, right or wrong in one way."""
    when = str(at - _STALE) if forgery is Forgery.STALE else str(at)
    key = "not-" + secret if forgery is Forgery.WRONG_SECRET else secret
    signature = _signature(body, when, key)
    if forgery is Forgery.MISSING:
        return body, {}
    if forgery is Forgery.MALFORMED_TIMESTAMP:
        when = "now"
    elif forgery is Forgery.NON_ASCII:
        signature += "é"
    elif forgery is Forgery.ALTERED_BODY:
        body += b"&altered=1"
    return body, {"X-Slack-Request-Timestamp": when, "X-Slack-Signature": signature}


def _signature(body: bytes, when: str, secret: str) -> str:
    mac = hmac.new(secret.encode(), f"v0:{when}:".encode() + body, sha256)
    return f"v0={mac.hexdigest()}"
