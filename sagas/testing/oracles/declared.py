"""What an action declares of how the outcome of a call can be found out.

Pure.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sagas.authoring.action import Action
from sagas.model import Direction, span


@dataclass(frozen=True, slots=True)
class Declared:
    """One of an action's two calls; durations are in microseconds.

    Attributes:
        key_ttl: How long the destination knows a key; None if it knows none.
        accepts_unknown: Whether the action's undo does no harm if nobody knows of an effect.
    """

    key_ttl: int | None
    repeatable: bool
    probe: bool
    lag: int
    timeout: int
    accepts_unknown: bool

    def may_repeat(self, first: int, now: int) -> bool:
        """Whether a call that began at `now` reaches the destination while it knows the key."""
        if self.repeatable:
            return True
        return self.key_ttl is not None and now - first + self.timeout < self.key_ttl

    def answers_for_all(self, first: int, now: int) -> bool:
        """Whether a "no" to one attempt speaks for the earlier ones too: the key is remembered."""
        return self.key_ttl is not None and now - first < self.key_ttl


@lru_cache(maxsize=1024)
def declared_call(action: Action[..., Any] | None, direction: str) -> Declared | None:
    """What is declared, if anything."""
    if action is None:
        return None
    called = action if direction == Direction.DO else action.undo
    if called is None:
        return None
    options, probe = called.options, called.asks
    return Declared(
        key_ttl=None if options.key_ttl is None else span(options.key_ttl),
        repeatable=options.repeatable,
        probe=probe is not None,
        lag=0 if probe is None else span(probe.lag),
        timeout=span(options.timeout),
        accepts_unknown=action.undo is not None and action.undo.binding.accepts_unknown,
    )
