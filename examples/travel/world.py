"""The world of the travel example: three partners and a mail server, each in its own process."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from examples.processes import Service, running
from examples.served import Services
from examples.serving import LOOPBACK
from examples.travel.mailbox import Mail, read_mail
from examples.travel.partner import KINDS, Mood


class World(Services):
    """The running partners, and the mail that arrived."""

    def __init__(self, services: dict[str, Service], store: Path, http: httpx.Client) -> None:
        super().__init__(services, http)
        self._store = store

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
        with running(directory, commands) as services, httpx.Client(trust_env=False) as http:
            yield cls(services, store, http)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the saga finds its partners."""
        mail = f"smtp://{LOOPBACK}:{self.services['mail'].port}"
        return {**super().environment, "SMTP_URL": mail}

    def set_mood(self, kind: str, mood: Mood | None = None) -> None:
        """Put a partner into a mood; without one, into a good mood."""
        self.change_mood(kind, mood or Mood())

    def mail(self) -> list[Mail]:
        """Read every message that arrived."""
        return read_mail(self._store)
