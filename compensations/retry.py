"""How often and how soon a call is repeated, as data.

The counting survives crashes because it is done by the journal. The waits are those of tenacity's
exponential strategy; the jitter is derived from the call's own key, so that a fresh process
computes the same instant as the one that died.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from compensations.errors import CompensationError


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry policy.

    Attributes:
        attempts: How many calls in all, at least 1.
        first: The wait after the first attempt.
        factor: By how much each wait is longer than the one before.
        longest: No wait is longer.
    """

    attempts: int = 3
    first: timedelta = timedelta(milliseconds=200)
    factor: float = 2.0
    longest: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise CompensationError(
                f"Retry(attempts={self.attempts}): a call is made at least once"
            )
        if self.first < timedelta(0) or self.longest < self.first:
            raise CompensationError(
                "Retry: waits must not be negative, nor `first` above `longest`"
            )
        if self.factor < 1:
            raise CompensationError(f"Retry(factor={self.factor}): waits must not become shorter")

    def delay(self, failures: int, *, salt: str) -> timedelta:
        """The wait after that many failed attempts (1 = after the first).

        Between 75 % and 100 % of the exponential wait, decided by `salt`.
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
