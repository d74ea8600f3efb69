"""What a saga has done so far, and what would become of it if a gate were rejected.

The caller says so, because only the saga's own planner knows. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reversibility import Reversibility

__all__ = ["Deed", "Fate", "closing"]


class Fate(StrEnum):
    """What becomes of a deed when the saga is undone."""

    UNDONE = "undone"
    REMAINS = "remains"
    ASKED = "asked"
    """A person has to act before it can be undone."""
    SETTLED = "settled"
    """There is nothing to undo: it changed nothing, or was undone already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One step that took effect, or may have."""

    name: str
    reversibility: Reversibility
    fate: Fate
    is_in_doubt: bool = False
    """Whether nobody knows yet that it took effect."""
    leaves: str | None = None
    """What its undo is declared to leave; None if nothing is, or that is not known."""
    until: datetime | None = None
    """From this instant on it cannot be undone any more; aware. None if that is not known."""
    event: str | None = None
    """The event from which on it cannot be undone any more, while that has not come."""


def closing(deeds: Sequence[Deed]) -> Deed | None:
    """The first of them that can no longer be undone, as far as it is known when that will be."""
    limited = [(deed.until, place) for place, deed in enumerate(deeds) if deed.until is not None]
    return deeds[min(limited)[1]] if limited else None
