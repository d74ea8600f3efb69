"""Locks: whether a step keeps other sagas away from what it touches, and what it does if they are there.

Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from sagas.errors import DefinitionError

LONGEST_WAIT = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Locks:
    """How a step gets the keys that its action's `conflicts=` computes.

    The saga holds them from before the step's first intent until it has ended, its unwind included:
    no other saga does a step that locks one of them meanwhile. `Locks.WAIT` waits for as long as it
    takes, `Locks(within=timedelta(minutes=5))` for so long, and `Locks.FAIL` not at all: the step
    then fails with `Locked`, and nothing has happened.

    Args:
        wait: Whether to stand in line for what another saga holds.
        within: For how long; None for as long as it takes.

    Raises:
        DefinitionError: It cannot be right; the message says why.
    """

    WAIT: ClassVar["Locks"]
    FAIL: ClassVar["Locks"]

    wait: bool = True
    within: timedelta | None = None

    def __post_init__(self) -> None:
        if self.within is None:
            return
        if not self.wait:
            raise DefinitionError("Locks(wait=False) does not wait: leave within= out")
        _check_within(self.within)


Locks.WAIT = Locks()
Locks.FAIL = Locks(wait=False)


def _check_within(within: object) -> None:
    """It comes from people who may run no type checker."""
    if not isinstance(within, timedelta) or not timedelta(0) < within <= LONGEST_WAIT:
        raise DefinitionError(
            "within= of Locks is a timedelta above zero and at most a year, such as "
            f"timedelta(minutes=5), not {within!r}"
        )


def check_locks(what: str, locks: object, conflicts: Callable[..., Any] | None) -> None:
    """Refuse locks that are none, or that say nothing of what they lock.

    Raises:
        DefinitionError: Each mistake with its own message.
    """
    if locks is None:
        return
    if not isinstance(locks, Locks):
        raise DefinitionError(
            f"{what}: locks= is Locks.WAIT, Locks.FAIL or Locks(within=...), not {locks!r}"
        )
    if conflicts is None:
        raise DefinitionError(
            f"{what}: locks= needs conflicts=, a function of the inputs that computes the keys to lock"
        )
