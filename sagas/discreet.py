"""What people read of a journal and of the log, without the secrets that are in it.

Nothing is changed where it is stored: entries are hashed and replayed as they are.
"""

import json
import logging
from dataclasses import fields, replace
from typing import Any, TypeVar

from approvals.redaction import Redaction, mask_tokens
from sagas.entries import Entry

E = TypeVar("E", bound=Entry)


def discreet(entry: E, journal_id: str) -> E:
    """An entry as people are shown it: secrets in its payload and its texts have stand-ins.

    Args:
        journal_id: The journal's own id, which keys the hashes.
    """
    redaction = Redaction(journal_id, tuple(entry.sensitive or ()))
    changed: dict[str, Any] = {}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if isinstance(value, str) and (masked := redaction.masked(value)) != value:
            changed[field.name] = masked
    if entry.payload is not None:
        changed["payload"] = _payload(entry.payload, redaction)
    return replace(entry, **changed) if changed else entry


def _payload(payload: bytes, redaction: Redaction) -> bytes:
    """The bytes as they are, unless something in them is secret: no digit of a number is lost."""
    value: object = json.loads(payload)
    shown = redaction.value(value)
    return payload if shown == value else json.dumps(shown, ensure_ascii=False).encode()


class Discretion(logging.Filter):
    """Keeps tokens out of the log, in messages and in tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask a record's text; every record passes."""
        record.msg, record.args = mask_tokens(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = mask_tokens(record.exc_text)
        return True


_DISCRETION = Discretion()


def keep_tokens_out_of_the_log() -> None:
    """See to it that the log of agent-sagas has no tokens; a second time changes nothing."""
    logging.getLogger("sagas").addFilter(_DISCRETION)
