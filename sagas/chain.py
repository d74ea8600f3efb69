"""The hash chain that makes a changed, missing or moved entry show.

Each entry's hash covers its predecessor's, so verifying from the first entry finds and locates the
first one that was touched. A cut-off tail shows against the head that the saga row records, or
against a head kept elsewhere: a chain alone cannot know how long it was.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

_DOMAIN = b"agent-sagas entry 1\x00"


class Row(NamedTuple):
    """An entry as it is stored."""

    saga_id: str
    seq: int
    kind: str
    version: int
    at: int
    body: str
    payload: str | None
    hash: str


def genesis(journal_id: str, saga_id: str) -> str:
    """The predecessor of a saga's first entry."""
    return sha256(_DOMAIN + f"{journal_id}\x00{saga_id}".encode()).hexdigest()


class Fields(NamedTuple):
    """What an entry's hash covers besides its predecessor's."""

    seq: int
    kind: str
    version: int
    at: int
    body: bytes
    payload: bytes | None


def link(previous: str, entry: Fields) -> str:
    """The hash of an entry after its predecessor's."""
    seq, kind, version, at, body, payload = entry
    head = f"{previous}\x00{seq}\x00{kind}\x00{version}\x00{at}\x00{len(body)}\x00".encode()
    tail = b"-" if payload is None else b"+" + payload
    return sha256(_DOMAIN + head + body + tail).hexdigest()


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not verify, and why."""

    saga_id: str
    seq: int
    reason: str


def verify(
    journal_id: str,
    saga_id: str,
    rows: Iterable[Row],
    *,
    head: int | None = None,
    head_hash: str | None = None,
) -> Break | None:
    """The first place where a saga's chain is broken, if any.

    Args:
        rows: Its entries in order.
        head: The number of an entry that it had, where it is known from elsewhere.
        head_hash: That entry's hash, likewise.
    """
    previous, expected = genesis(journal_id, saga_id), 1
    for row in rows:
        if row.seq != expected:
            return Break(saga_id, expected, f"entry {expected} is missing (found {row.seq})")
        payload = None if row.payload is None else row.payload.encode()
        fields = Fields(row.seq, row.kind, row.version, row.at, row.body.encode(), payload)
        computed = link(previous, fields)
        if computed != row.hash:
            return Break(
                saga_id, row.seq, f"entry {row.seq} ({row.kind}) was changed after it was written"
            )
        if row.seq == head and head_hash not in (None, row.hash):
            reason = f"entry {head} is not the one that was written: the chain was made anew"
            return Break(saga_id, row.seq, reason)
        previous, expected = row.hash, expected + 1
    if head is not None and expected - 1 < head:
        return Break(
            saga_id, expected, f"the journal ends at entry {expected - 1}, but {head} were written"
        )
    return None
