"""How the saga talks to a partner: book, find by reference, cancel.

A partner that answers "full" has refused for good.
"""

from http import HTTPStatus

from pydantic import BaseModel

from examples.calling import Caller


class NoRoom(Exception):
    """The partner is full: nothing was booked."""


class Booking(BaseModel):
    """What a partner has reserved, and the reference it was asked under."""

    id: str
    reference: str


class PartnerClient(Caller):
    """A partner whose address is in an environment variable."""

    async def book(self, details: BaseModel, *, key: str) -> Booking:
        """Book, at most once for this key.

        Raises:
            NoRoom: the partner refused; it will refuse this key for ever.
        """
        response = await self.post("/bookings", details.model_dump(mode="json"), key=key)
        if response.status_code == HTTPStatus.CONFLICT:
            raise NoRoom(f"{self.name} have no room")
        return Booking.model_validate_json(response.raise_for_status().content)

    async def find(self, *, key: str) -> Booking | None:
        """Find what was booked under this key; `None` if nothing was."""
        response = await self.look("/bookings", key=key)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return Booking.model_validate_json(response.raise_for_status().content)

    async def cancel(self, booking: Booking, *, key: str) -> str | None:
        """Cancel, at most once, and say which fee the partner keeps, such as "25.00 EUR"."""
        response = await self.post(f"/bookings/{booking.id}/cancel", {}, key=key)
        fee: str | None = response.raise_for_status().json().get("fee")
        return fee
