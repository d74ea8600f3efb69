"""What several residues come to, each measure by itself.

Amounts of different currencies are never added, and what is known in words alone is counted. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Context, Decimal

from compensations.residue import Residue, duration
from reversibility import Audience

_EXACT = Context(prec=200)


@dataclass(slots=True)
class Total:
    """What some residues come to.

    Attributes:
        money: Amounts by currency, exact up to 200 digits; without a currency under the empty text.
        rows: How many records are left.
        time: How long it took from somebody, in all.
        audience: The widest of those who saw something; None if nobody is named.
        in_words: How many residues are known in words alone, without any measure.
    """

    money: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    rows: int = 0
    time: timedelta = timedelta(0)
    audience: Audience | None = None
    in_words: int = 0

    @classmethod
    def of(cls, residues: Iterable[Residue]) -> "Total":
        """What they come to."""
        total = Total()
        for residue in residues:
            total.add(residue)
        return total

    def add(self, residue: Residue) -> None:
        """Add one; the statement that nothing remains adds nothing."""
        if not residue.remains:
            return
        self.in_words += not residue.is_measured
        if residue.amount is not None:
            currency = residue.currency or ""
            self.money[currency] = _EXACT.add(self.money.get(currency, Decimal(0)), residue.amount)
        self.rows += residue.rows or 0
        self.time += residue.time or timedelta(0)
        if residue.audience is not None:
            seen = self.audience is not None and self.audience.reaches(residue.audience)
            self.audience = self.audience if seen else residue.audience

    def __str__(self) -> str:
        """The measures in one line; empty if there are none."""
        told = [f"{amount} {name}".strip() for name, amount in sorted(self.money.items())]
        told += [f"{self.rows} row{'' if self.rows == 1 else 's'}"] if self.rows else []
        told += [duration(self.time)] if self.time else []
        told += [f"audience: {self.audience}"] if self.audience is not None else []
        return ", ".join(told)
