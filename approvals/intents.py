"""By what a request is recognized when it comes again, in whatever shape.

Pure.
"""

import hashlib
from decimal import Decimal
from typing import cast

from approvals.conditions import values_at

__all__ = ["intent_key"]

_DOMAIN = b"agent-sagas/intent/1"


def intent_key(action: str, arguments: bytes, named: tuple[str, ...]) -> str:
    """Return what two requests have in common that are the same to people.

    Args:
        action: The full name of the action.
        arguments: Its canonical arguments.
        named: The arguments that count; all of them if empty. One that is missing counts as
            missing.
    """
    digest = hashlib.sha256(_DOMAIN)
    parts = [arguments] if not named else [_value(arguments, path) for path in named]
    for part in (action.encode(), *parts):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()


def _value(arguments: bytes, path: str) -> bytes:
    return repr(_plain(values_at(arguments, path))).encode("utf-8", "backslashreplace")


def _plain(value: object) -> object:
    """The value without what only its spelling shows: ``1.0`` is ``1``, and keys have no order."""
    if isinstance(value, Decimal):
        return value.normalize()
    if isinstance(value, dict):
        members = cast(dict[str, object], value).items()
        return sorted((key, repr(_plain(member))) for key, member in members)
    if isinstance(value, list):
        return [_plain(item) for item in cast(list[object], value)]
    return value
