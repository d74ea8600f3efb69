"""Money as text and decimals, and what is done with it: an order, a hold, a capture, a transfer.

Pure.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from approvals import Sensitive


def exact(amount: object) -> object:
    """Refuse an amount that has been a float on its way."""
    if isinstance(amount, float):
        # Pydantic tells of a ValueError, and lets a TypeError through.
        raise ValueError("an amount is text, such as '120.00': a float is not exact")  # noqa: TRY004
    return amount


class Money(BaseModel):
    """An amount with its currency."""

    model_config = ConfigDict(frozen=True)

    amount: Annotated[Decimal, BeforeValidator(exact), Field(ge=0, decimal_places=2)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]

    def __str__(self) -> str:
        """As people read it: `120.00 EUR`."""
        return f"{self.amount} {self.currency}"


class Order(BaseModel):
    """What a customer has ordered, and the supplier who is paid for it."""

    number: str
    card: Annotated[str, Sensitive()]
    """The token under which the processor keeps the card."""
    price: Money
    supplier: str
    """The account that the supplier is paid on."""
    cost: Money


class Authorisation(BaseModel):
    """What the processor is asked to set aside."""

    order: str
    card: str
    amount: Money


class Wire(BaseModel):
    """What the bank is asked to send."""

    to: str
    amount: Money
    reference: str


class Hold(BaseModel):
    """Money that is set aside on a card, and not taken yet."""

    payment: str
    amount: Money
    lapses_at: AwareDatetime
    """From then on it can neither be captured nor voided."""


class Capture(BaseModel):
    """Money that was taken, and what the processor charges for that."""

    payment: str
    amount: Money
    fee: Money


class Refund(BaseModel):
    """Money that was given back, and the fee that the processor keeps all the same."""

    payment: str
    amount: Money
    kept: Money


class Transfer(BaseModel):
    """Money that has left the account for good."""

    id: str
    amount: Money
    end_to_end_id: str
    """What both banks know it by."""


class Voided(BaseModel):
    """Nothing is set aside any more."""

    payment: str


class Receipt(BaseModel):
    """The mail that the processor has sent to the customer."""

    payment: str


class Settlement(BaseModel):
    """An order that is paid."""

    capture: Capture
    transfer: Transfer
    receipt_sent: bool
