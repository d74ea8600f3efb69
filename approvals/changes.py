"""What an edit changed: the fields in which two revisions of some arguments differ.

Pure.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from approvals.facts import Fact, Limits, facts_of
from approvals.redaction import Redaction

__all__ = ["Change", "changes_between"]


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs, safe to show on one line."""

    name: str
    before: str | None
    """What it was; None where it was not there."""
    after: str | None
    """What it is; None where it is not there any more."""


def changes_between(
    before: bytes, after: bytes, redaction: Redaction, *, limits: Limits
) -> tuple[tuple[Change, ...], bool]:
    """List the fields that differ, in their order, and tell whether those are all.

    A secret that changed shows as two stand-ins with different hashes.
    """
    old = facts_of(before, redaction, limits=limits)
    new = facts_of(after, redaction, limits=limits)
    was, now = _by_name(old.shown), _by_name(new.shown)
    found = [
        Change(name, old_value, new_value)
        for name in dict.fromkeys((*was, *now))
        for old_value, new_value in _paired(was.get(name, []), now.get(name, []))
        if old_value != new_value
    ]
    return tuple(found), old.complete and new.complete


def _by_name(facts: Iterable[Fact]) -> dict[str, list[str]]:
    """The values under each name: a key may come twice."""
    found: dict[str, list[str]] = defaultdict(list)
    for fact in facts:
        found[fact.name].append(fact.value)
    return dict(found)


def _paired(was: list[str], now: list[str]) -> Iterable[tuple[str | None, str | None]]:
    for at in range(max(len(was), len(now))):
        yield was[at] if at < len(was) else None, now[at] if at < len(now) else None
