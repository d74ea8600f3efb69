"""The class and window of a whole made of parts: the worst class and the earliest window.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reversibility.classes import Reversibility, worst
from reversibility.errors import InvalidDeclaration
from reversibility.instants import as_utc

__all__ = ["Profile", "at", "compose"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What can be done about an effect, and until when.

    Raises:
        InvalidDeclaration: a read-only effect with a closing instant.
        NaiveInstant: `closes_at` has no time zone.
    """

    reversibility: Reversibility
    closes_at: datetime | None = None
    """The instant, in UTC, from which an undo is no longer possible; ``None``: no such instant."""

    def __post_init__(self) -> None:
        if self.closes_at is None:
            return
        if not self.reversibility.has_effect:
            # A part with nothing to undo must not make the whole irreversible.
            raise InvalidDeclaration(
                "a read-only effect has nothing to undo, so it has no window: leave closes_at out"
            )
        object.__setattr__(self, "closes_at", as_utc("closes_at", self.closes_at))


def compose(parts: Iterable[Profile]) -> Profile:
    """Return the profile of the whole; of no parts at all, a read-only one.

    Looking at the whole at any instant gives the worst of what looking at the parts gives:
    ``at(compose(parts), now) == worst(at(part, now) for part in parts)``.
    """
    profiles = tuple(parts)
    ends = [part.closes_at for part in profiles if part.closes_at is not None]
    return Profile(worst(part.reversibility for part in profiles), min(ends, default=None))


def at(profile: Profile, now: datetime) -> Reversibility:
    """Return the class at `now`: from its closing instant on, an effect is irreversible.

    An unknown class stays unknown, since that is worse.

    Raises:
        NaiveInstant: `now` has no time zone.
    """
    if profile.closes_at is None or as_utc("now", now) < profile.closes_at:
        return profile.reversibility
    return worst((profile.reversibility, Reversibility.IRREVERSIBLE))
