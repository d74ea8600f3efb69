"""Rules about locks: a saga keeps what it holds, and no two hold one key.

Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sagas.entries import Ended, Intended, LockReleased
from sagas.testing.oracles.evidence import Evidence


@dataclass(slots=True)
class Holding:
    """A key in the hands of one saga, from its first intent under it until its end.

    Attributes:
        token: The lock token under which it was held.
        since: The instant of that intent.
        until: When it was given back; None if it was not.
    """

    saga_id: str
    key: str
    token: int
    since: int
    until: int | None = None


def a_lock_is_kept_until_the_end(evidence: Evidence) -> Iterator[str]:
    """A saga's steps have a key under one token, unless a person took the key from the saga."""
    tokens: dict[str, int] = {}
    for seq, _, entry in evidence.of(Intended, LockReleased):
        if isinstance(entry, LockReleased):
            tokens.pop(entry.key, None)
            continue
        if entry.tokens is not None and len(entry.tokens) != len(entry.conflicts or ()):
            yield f"entry {seq} does not say under which token each key is held"
        for key, token in zip(entry.conflicts or (), entry.tokens or (), strict=False):
            if tokens.setdefault(key, token) != token:
                yield f"entry {seq} has {key} under {token}, and it was held under {tokens[key]}"


def overlaps(evidences: Iterable[Evidence]) -> Iterator[str]:
    """Of the sagas of one journal no two hold one key at a time, and tokens rise with time.

    A sentence for each violation.
    """
    by_key: dict[str, list[Holding]] = defaultdict(list)
    for evidence in evidences:
        for holding in holdings(evidence):
            by_key[holding.key].append(holding)
    for key, held in by_key.items():
        in_order = sorted(held, key=lambda holding: holding.token)
        for one, next_ in pairwise(in_order):
            if one.token == next_.token:
                yield f"{key} is held by {one.saga_id} and {next_.saga_id} under {one.token}"
            elif one.until is None or one.until > next_.since:
                yield f"{key} is held by {next_.saga_id} while {one.saga_id} holds it"


def holdings(evidence: Evidence) -> list[Holding]:
    """What a saga held, as its entries say it."""
    saga_id, found = evidence.history.saga_id, dict[tuple[str, int], Holding]()
    for _, at, entry in evidence.of(Intended, LockReleased, Ended):
        if isinstance(entry, Intended):
            for key, token in zip(entry.conflicts or (), entry.tokens or (), strict=False):
                found.setdefault((key, token), Holding(saga_id, key, token, at))
            continue
        for holding in found.values():
            if isinstance(entry, Ended) or (holding.key, holding.token) == (entry.key, entry.token):
                holding.until = at if holding.until is None else holding.until
    return list(found.values())
