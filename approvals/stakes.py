"""What is known of a call beside its arguments: its class, how much it moves, what is secret in it.

It is written down when a gate opens, so that people see it where the code is not at hand. Pure.
"""

import json
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from approvals.storing import reading
from reversibility import Magnitude, Reversibility

__all__ = ["UNKNOWN_STAKES", "Stakes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakes:
    """What a call puts at stake."""

    reversibility: Reversibility = Reversibility.UNKNOWN
    """Its class with these arguments."""
    magnitude: Magnitude | None = None
    """How much it moves and whom it reaches; None where that is not declared."""
    sensitive: tuple[str, ...] = ()
    """Where its arguments are secret, as JSON pointers in which ``*`` stands for any member."""

    def to_json(self) -> str:
        """Write it as canonical JSON."""
        size = self.magnitude or Magnitude()
        form = {
            "amount": None if size.amount is None else str(size.amount),
            "currency": size.currency,
            "recipients": size.recipients,
            "reversibility": self.reversibility.value,
            "sensitive": self.sensitive,
        }
        told = {name: value for name, value in form.items() if value not in (None, ())}
        return json.dumps(told, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Stakes":
        """Read what `to_json` wrote.

        Raises:
            PolicyUnreadable: The text is something else.
        """
        with reading("what is at stake"):
            stored = _Stored.model_validate_json(text)
            size = Magnitude(
                amount=stored.amount, currency=stored.currency, recipients=stored.recipients
            )
        return cls(
            reversibility=stored.reversibility,
            magnitude=None if size == Magnitude() else size,
            sensitive=stored.sensitive,
        )


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reversibility: Reversibility
    amount: Decimal | None = None
    currency: str | None = None
    recipients: int | None = None
    sensitive: tuple[str, ...] = ()


UNKNOWN_STAKES = Stakes()
"""Nothing is known: the class least to be trusted."""
