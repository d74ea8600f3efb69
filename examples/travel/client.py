"""How the saga talks to a partner: book, find by reference, cancel.

A partner that answers "full" has refused for good; one that cannot be reached was never asked. Any
other trouble (a timeout, a lost answer, a 503) leaves open whether the call took effect, and is
raised as it is.
"""

import os
from datetime import timedelta
from http import HTTPStatus

import httpx
from pydantic import BaseModel

from sagas import NotExecuted


class NoRoom(Exception):
    """The partner is full: nothing was booked."""


class Booking(BaseModel):
    """What a partner has reserved, and the reference it was asked under."""

    id: str
    reference: str


class PartnerClient:
    """A partner whose address is in an environment variable.

    Attributes:
        transport: What carries the requests; the network, unless a test has the partner beside it.
    """

    def __init__(self, variable: str) -> None:
        self._variable = variable
        self.transport: httpx.AsyncBaseTransport | None = None

    async def book(self, details: BaseModel, *, key: str) -> Booking:
        """Book, at most once for this key.

        Raises:
            NoRoom: the partner refused; it will refuse this key for ever.
        """
        response = await self._post("/bookings", details.model_dump(mode="json"), key)
        if response.status_code == HTTPStatus.CONFLICT:
            raise NoRoom(f"{self._name} have no room")
        return Booking.model_validate_json(response.raise_for_status().content)

    async def find(self, *, key: str) -> Booking | None:
        """Find what was booked under this key; `None` if nothing was."""
        async with self._http() as http:
            response = await http.get("/bookings", params={"reference": key})
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return Booking.model_validate_json(response.raise_for_status().content)

    async def cancel(self, booking: Booking, *, key: str) -> str | None:
        """Cancel, at most once, and say which fee the partner keeps, such as "25.00 EUR"."""
        response = await self._post(f"/bookings/{booking.id}/cancel", {}, key)
        fee: str | None = response.raise_for_status().json().get("fee")
        return fee

    async def _post(self, path: str, body: dict[str, object], key: str) -> httpx.Response:
        try:
            async with self._http() as http:
                return await http.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx.ConnectError as error:
            reason = f"{self._name} cannot be reached"
            raise NotExecuted(reason, retry_after=timedelta(seconds=1)) from error

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=os.environ[self._variable], timeout=10, transport=self.transport
        )

    @property
    def _name(self) -> str:
        return self._variable.removesuffix("_URL").lower()
