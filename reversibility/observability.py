"""The second axis: whether we can find out that an effect happened.

Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reversibility.instants import as_utc, check_duration

__all__ = ["Observability", "ObservabilityKind"]


class ObservabilityKind(StrEnum):
    """By what an outcome in doubt can be settled without a person."""

    KEY = "key"
    """Call again under the same key: the destination does it once."""
    PROBE = "probe"
    """Ask the destination."""
    BOTH = "both"
    """Ask first; call again where the answer is absent."""
    NEITHER = "neither"
    """Only a person can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observability:
    """How the outcome of an effect can be found out.

    Raises:
        InvalidDeclaration: `key_ttl` is not positive, or longer than a century.
    """

    key_ttl: timedelta | None = None
    """How long the destination honours our idempotency key, counted from the first intent."""
    probe: bool = False
    """Whether a probe can ask the destination."""
    repeatable: bool = False
    """Whether a repetition does no harm; it counts as a key that does not expire."""

    def __post_init__(self) -> None:
        if self.key_ttl is not None:
            check_duration(
                "key_ttl", self.key_ttl, instead="declare repeatable=True if keys never expire"
            )

    @property
    def kind(self) -> ObservabilityKind:
        """What was declared, while the key is young."""
        return _kind(key=self.repeatable or self.key_ttl is not None, probe=self.probe)

    def key_alive(
        self, *, now: datetime, first_intent: datetime, timeout: timedelta, margin: timedelta
    ) -> bool:
        """Whether a call begun `now` reaches the destination while it still honours the key.

        True while ``now + timeout + margin < first_intent + key_ttl``: even a call that takes all
        of its `timeout`, with clocks that differ by `margin`, must arrive before the key dies.

        Raises:
            NaiveInstant: `now` or `first_intent` has no time zone.
        """
        if self.repeatable:
            return True
        if self.key_ttl is None:
            return False
        age = as_utc("now", now) - as_utc("first_intent", first_intent)
        return age + timeout + margin < self.key_ttl

    def at(
        self, *, now: datetime, first_intent: datetime, timeout: timedelta, margin: timedelta
    ) -> ObservabilityKind:
        """Return what is left of the declared kind for a call begun `now`; a dead key is none.

        Raises:
            NaiveInstant: `now` or `first_intent` has no time zone.
        """
        alive = self.key_alive(now=now, first_intent=first_intent, timeout=timeout, margin=margin)
        return _kind(key=alive, probe=self.probe)


def _kind(*, key: bool, probe: bool) -> ObservabilityKind:
    if key:
        return ObservabilityKind.BOTH if probe else ObservabilityKind.KEY
    return ObservabilityKind.PROBE if probe else ObservabilityKind.NEITHER
