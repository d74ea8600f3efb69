"""The world of the travel example: three partners and a mail server, each in its own process."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pydantic import TypeAdapter

from examples.ledger import LedgerLine
from examples.processes import Service, running
from examples.serving import LOOPBACK
from examples.travel.mailbox import Mail, read_mail
from examples.travel.partner import KINDS, Mood

LEDGER = TypeAdapter(list[LedgerLine])


class World:
    """The running services, their books and their moods."""

    def __init__(self, services: dict[str, Service], store: Path, http: httpx.Client) -> None:
        self.services = services
        self._store = store
        self._http = http

    @classmethod
    @contextmanager
    def start(cls, directory: Path) -> Generator["World"]:
        """Start everything with its files in `directory`; stop it when the block ends.

        Raises:
            ServiceDied: one of the services did not come up.
        """
        store = directory / "mail.jsonl"
        commands: dict[str, list[str]] = {
            kind: ["examples.travel.partner", kind, "--db", str(directory / f"{kind}.db")]
            for kind in KINDS
        }
        commands["mail"] = ["examples.travel.mailbox", "--store", str(store)]
        # A proxy named in the environment cannot see this machine's loopback.
        with running(directory, commands) as services, httpx.Client(trust_env=False) as http:
            yield cls(services, store, http)

    def url(self, kind: str) -> str:
        """Say where a partner is."""
        return f"http://{LOOPBACK}:{self.services[kind].port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the saga finds its partners."""
        urls = {f"{kind.upper()}_URL": self.url(kind) for kind in KINDS}
        mail = f"smtp://{LOOPBACK}:{self.services['mail'].port}"
        return {**urls, "SMTP_URL": mail, "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}

    def set_mood(self, kind: str, mood: Mood | None = None) -> None:
        """Put a partner into a mood; without one, into a good mood."""
        body = (mood or Mood()).model_dump_json()
        self._http.post(f"{self.url(kind)}/mood", content=body).raise_for_status()

    def ledger(self, kind: str) -> list[LedgerLine]:
        """Read a partner's own books."""
        response = self._http.get(f"{self.url(kind)}/ledger").raise_for_status()
        return LEDGER.validate_json(response.content)

    def mail(self) -> list[Mail]:
        """Read every message that arrived."""
        return read_mail(self._store)
