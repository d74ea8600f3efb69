"""The world of the publishing example: one CMS in its own process."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pydantic import TypeAdapter

from examples.ledger import LedgerLine
from examples.processes import Service, running
from examples.serving import LOOPBACK

LEDGER = TypeAdapter(list[LedgerLine])


class Site:
    """The running CMS, its books and its public pages."""

    def __init__(self, service: Service, http: httpx.Client) -> None:
        self.url = f"http://{LOOPBACK}:{service.port}"
        self._http = http

    @classmethod
    @contextmanager
    def start(cls, directory: Path) -> Generator["Site"]:
        """Start the CMS with its files in `directory`; stop it when the block ends.

        Raises:
            ServiceDied: the CMS did not come up.
        """
        commands = {"cms": ["examples.publish.cms", "--db", str(directory / "cms.db")]}
        with running(directory, commands) as services, httpx.Client(trust_env=False) as http:
            yield cls(services["cms"], http)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the saga finds the CMS."""
        return {"CMS_URL": self.url, "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}

    def ledger(self) -> list[LedgerLine]:
        """Read the CMS's own books."""
        response = self._http.get(f"{self.url}/ledger").raise_for_status()
        return LEDGER.validate_json(response.content)

    def page(self, slug: str) -> str | None:
        """Read an article as the public does; `None` if there is no such page."""
        response = self._http.get(f"{self.url}/articles/{slug}")
        return response.text if response.is_success else None
