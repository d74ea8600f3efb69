"""What an undo will probably leave behind, which may not be known.

Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

from compensations.residue import Residue
from compensations.total import Total


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one undo will probably leave.

    Attributes:
        residue: That; None if nothing is expected, or if it is unknown.
        unknown: Why nobody can tell; None if it is known.
    """

    residue: Residue | None = None
    unknown: str | None = None

    def masked(self, mask: Callable[[str], str]) -> "Estimate":
        """The same with what `mask` leaves of its words."""
        if self.residue is None:
            return self
        return Estimate(self.residue.model_copy(update={"text": mask(self.residue.text)}))

    @property
    def to_record(self) -> Residue | None:
        """What is recorded where the undo itself says nothing: what is not known is said to be so."""
        return self.residue if self.unknown is None else Residue(str(self))

    def __bool__(self) -> bool:
        """Whether anything may remain."""
        return self.unknown is not None or (self.residue is not None and self.residue.remains)

    def __str__(self) -> str:
        """The estimate in one line."""
        return (
            f"not known: {self.unknown}"
            if self.unknown is not None
            else str(self.residue or "nothing")
        )


@dataclass(slots=True)
class Expected:
    """What several undos will probably leave.

    Attributes:
        total: What is known of it.
        unknown: How many estimates could not be made: the total is too low by those.
    """

    total: Total = field(default_factory=Total)
    unknown: int = 0

    @classmethod
    def of(cls, estimates: Iterable[Estimate]) -> Self:
        """What they come to."""
        found = cls()
        for each in estimates:
            found.unknown += each.unknown is not None
            if each.residue is not None:
                found.total.add(each.residue)
        return found

    @property
    def is_worth_telling(self) -> bool:
        """Whether a sum says more than the estimates one by one: there is a measure, or one is missing."""
        return bool(str(self.total)) or self.unknown > 0

    def __str__(self) -> str:
        """What is expected, in one line; empty if it is nothing."""
        words, unknown = self.total.in_words, self.unknown
        told = [str(self.total)] if str(self.total) else []
        told += [f"{words} without an amount"] if words else []
        told += [f"{unknown} not known"] if unknown else []
        return ", ".join(told)
