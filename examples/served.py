"""The running services of an example, as its demonstration sees them: addresses, books, moods."""

from collections.abc import Mapping

import httpx
from pydantic import BaseModel, TypeAdapter

from examples.ledger import LedgerLine
from examples.processes import Service
from examples.serving import LOOPBACK

LEDGER = TypeAdapter(list[LedgerLine])


class Services:
    """Services that keep books, and treat their callers as they are told to."""

    def __init__(self, services: Mapping[str, Service], http: httpx.Client) -> None:
        self.services = services
        self._http = http

    def url(self, name: str) -> str:
        """Say where a service is."""
        return f"http://{LOOPBACK}:{self.services[name].port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the sagas find them."""
        urls = {f"{name.upper()}_URL": self.url(name) for name in self.services}
        # A proxy named in the environment cannot see this machine's loopback.
        return {**urls, "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}

    def change_mood(self, name: str, mood: BaseModel) -> None:
        """Put a service into a mood."""
        response = self._http.post(f"{self.url(name)}/mood", content=mood.model_dump_json())
        response.raise_for_status()

    def ledger(self, name: str) -> list[LedgerLine]:
        """Read a service's own books."""
        response = self._http.get(f"{self.url(name)}/ledger").raise_for_status()
        return LEDGER.validate_json(response.content)
