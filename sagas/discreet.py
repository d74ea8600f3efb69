"""What people read of a journal and of the log, without the secrets that are in it.

Nothing is changed where it is stored: entries are hashed and replayed as they are.
"""

import json
import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

from approvals.redaction import Known, Redaction, mask_tokens
from sagas.declared import Declared
from sagas.entries import (
    Blocked,
    CompensationIntended,
    Entry,
    GateOpened,
    GateRevised,
    Intended,
    Interrupted,
    Started,
)

E = TypeVar("E", bound=Entry)

_NOTHING = Known()
_ASKED_FOR = (
    Started,
    Blocked,
    Intended,
    Interrupted,
    GateOpened,
    GateRevised,
    CompensationIntended,
)
"""What a saga was asked to do, and asks: shown as approvers see it, by its places alone."""

_WORDS = frozenset(
    {
        *("message", "reason", "question", "evidence", "because", "unstorable", "data"),
        *("conflicts", "key", "keys"),
    }
)
"""The texts that anything may stand in; the others are names and states."""


def redaction_of(entries: Iterable[tuple[int, int, Entry]], journal_id: str) -> Redaction:
    """What hides, in words, the secrets that a saga's entries `(seq, at, entry)` declare.

    Args:
        journal_id: The journal's own id, which keys the hashes.
    """
    declared = Declared()
    for _, _, entry in entries:
        declared.add(entry)
    return declared.redaction(journal_id)


def without_secrets(
    entries: Iterable[tuple[int, int, Entry]], redaction: Redaction
) -> list[tuple[int, int, Entry]]:
    """A saga's entries as people are shown them.

    Args:
        redaction: That of all of its entries.
    """
    key, known = redaction.key, redaction.known
    return [(seq, at, discreet(entry, key, known)) for seq, at, entry in entries]


def discreet(entry: E, journal_id: str, known: Known = _NOTHING) -> E:
    """An entry as people are shown it: secrets in its payload and its texts have stand-ins.

    Args:
        journal_id: The journal's own id, which keys the hashes.
        known: What its saga declares to be secret, to be looked for in words and results.
    """
    changed: dict[str, Any] = {}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if field.name in ("payload", "before", "sensitive", "sensitive_before") or value is None:
            continue
        told = Redaction(journal_id, known=known if field.name in _WORDS else _NOTHING)
        if isinstance(value, str | list):
            shown = told.value(cast(object, value))
            changed |= {field.name: shown} if shown != value else {}
    if entry.payload is not None:
        places = tuple(entry.sensitive or ())
        is_asked = isinstance(entry, _ASKED_FOR)
        told = Redaction(journal_id, places, _NOTHING if is_asked else known)
        changed["payload"] = _shown(entry.payload, told)
    if isinstance(entry, Intended) and entry.before is not None:
        told = Redaction(journal_id, tuple(entry.sensitive_before or ()), known)
        changed["before"] = _shown(entry.before.encode(), told).decode()
    return replace(entry, **changed) if changed else entry


def _shown(payload: bytes, redaction: Redaction) -> bytes:
    """The bytes as they are, unless something in them is secret: no digit of a number is lost."""
    value: object = json.loads(payload)
    shown = redaction.value(value)
    return payload if shown == value else json.dumps(shown, ensure_ascii=False).encode()


_REDACTION: ContextVar[Callable[[], Redaction] | None] = ContextVar("redaction", default=None)


@contextmanager
def logging_without(redaction: Callable[[], Redaction]) -> Generator[None]:
    """Keep a saga's secrets out of what is logged in the block, by it and by tasks begun in it.

    Args:
        redaction: What hides them by then.
    """
    token = _REDACTION.set(redaction)
    try:
        yield
    finally:
        _REDACTION.reset(token)


class Discretion(logging.Filter):
    """Keeps tokens out of the log, in messages and in tracebacks, and a saga's secrets in its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask a record's text; every record passes."""
        redaction = _REDACTION.get()
        masked = mask_tokens if redaction is None else redaction().masked
        record.msg, record.args = masked(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(record.exc_text)
        return True


_DISCRETION = Discretion()


def keep_tokens_out_of_the_log() -> None:
    """See to it that the log of agent-sagas has no tokens; a second time changes nothing."""
    logging.getLogger("sagas").addFilter(_DISCRETION)
