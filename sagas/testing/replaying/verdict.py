"""What a replay found.

Pure.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the code of today makes of a recorded history."""

    SAME = "same"
    """It calls what is recorded, and comes to the recorded end."""
    COMPATIBLE = "compatible"
    """All that is recorded still fits, and it goes on, ends or is declared otherwise after that."""
    BLOCKED = "blocked"
    """A saga with this history would be put before a person."""
    UNREADABLE = "unreadable"
    """The history cannot be read: it was changed, or a newer release wrote it."""

    @property
    def is_good(self) -> bool:
        """Whether sagas with this history would go on."""
        return self in (Verdict.SAME, Verdict.COMPATIBLE)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one history.

    Attributes:
        saga_id: The id of the recorded saga; empty if that cannot be read.
        saga: Its full name.
        changes: Each change: one line that says it and, where there is one, a diff below.
    """

    verdict: Verdict
    saga_id: str = ""
    saga: str = ""
    version: int = 0
    changes: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """All that changed."""
        return "\n".join(self.changes)

    def check(self) -> None:
        """Raise an `AssertionError` that shows the diff, unless sagas like this one would go on."""
        if not self.verdict.is_good:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        what = f" {self.saga} version {self.version}" if self.saga else ""
        head = f"{self.saga_id or 'the history'}: {self.verdict}{what}"
        return "\n".join([head, *(f"  {line}" for line in self.diff.splitlines())])
