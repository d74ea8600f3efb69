"""What remains in the world although an effect was undone.

Pure.
"""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class Residue(BaseModel):
    """Something that an undo left behind.

    A compensation returns one to say what remains. Returning None means "as declared": the
    action's declared residue is recorded, if it has one. `Residue.nothing()` says that this
    time nothing remained.

    Attributes:
        text: What remains, in words. Empty means nothing.
        amount: What it cost, if money.
        currency: ISO 4217 code of `amount`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    amount: Decimal | None = None
    currency: str | None = None

    def __init__(
        self, text: str, *, amount: Decimal | int | str | None = None, currency: str | None = None
    ) -> None:
        super().__init__(text=storable(text), amount=amount, currency=currency)

    @classmethod
    def nothing(cls) -> "Residue":
        """The statement that nothing remained."""
        return cls("")

    @property
    def remains(self) -> bool:
        """Whether there is anything."""
        return bool(self.text) or bool(self.amount)

    def __str__(self) -> str:
        """The residue in one line."""
        money = f"{self.amount} {self.currency or ''}".strip() if self.amount is not None else ""
        return f"{self.text} ({money})" if self.text and money else self.text or money or "nothing"


def storable(text: object) -> object:
    """Text without what databases cannot hold. An undo is never lost over the words about it."""
    if not isinstance(text, str):
        return text  # the validation says what is wrong with it
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")


def settle(returned: Residue | None, declared: str | None) -> Residue | None:
    """The residue to record: the one returned, else the one declared, else none."""
    if returned is not None:
        return returned if returned.remains else None
    return Residue(declared) if declared else None
