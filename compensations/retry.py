"""How often and how soon a call is repeated, as data.

The counting survives crashes because it is done by the journal. The waits are those of tenacity's
exponential strategy; the jitter is derived from the call's own key, so that a fresh process
computes the same instant as the one that died.

Pure.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from compensations.errors import CompensationError

_CENTURY = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry policy.

    Attributes:
        attempts: How many calls in all, at least 1.
        first: The wait after the first attempt.
        factor: By how much each wait is longer than the one before.
        longest: No wait is longer.

    Raises:
        CompensationError: It cannot be right; the message says why.
    """

    attempts: int = 3
    first: timedelta = timedelta(milliseconds=200)
    factor: float = 2.0
    longest: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        if not _is_count(self.attempts):
            raise CompensationError(
                f"Retry(attempts={self.attempts!r}): give a whole number, 1 or more: "
                "a call is made at least once"
            )
        for name in ("first", "longest"):
            if not _is_wait(getattr(self, name)):
                raise CompensationError(
                    f"Retry({name}={getattr(self, name)!r}): give a timedelta, "
                    "not negative and at most a century"
                )
        if self.longest < self.first:
            raise CompensationError(
                f"Retry: `first` ({self.first}) is above `longest` ({self.longest}): "
                "lower one or raise the other"
            )
        if not (1 <= self.factor < math.inf):
            raise CompensationError(
                f"Retry(factor={self.factor!r}): give 1 or more: waits do not become shorter"
            )

    def delay(self, failures: int, *, salt: str) -> timedelta:
        """The wait after that many failed attempts (1 = after the first).

        Between 75 % and 100 % of the exponential wait, decided by `salt`, so that sagas that
        failed together do not return together.
        """
        from tenacity import RetryCallState, wait_exponential  # only failing calls pay for it

        wait = wait_exponential(
            multiplier=self.first.total_seconds(),
            exp_base=self.factor,
            max=self.longest.total_seconds(),
        )
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = failures
        spread = sha256(f"{salt}:{failures}".encode()).digest()[0] / 255
        return timedelta(seconds=wait(state) * (0.75 + 0.25 * spread))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_wait(value: object) -> bool:
    return isinstance(value, timedelta) and timedelta(0) <= value <= _CENTURY
