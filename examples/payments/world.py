"""The world of the payments example: a card processor and a bank, each in its own process."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from examples.payments.service import Mood
from examples.processes import running
from examples.served import Services

KINDS = ("cards", "bank")


class World(Services):
    """The running processor and the running bank."""

    @classmethod
    @contextmanager
    def start(cls, directory: Path) -> Generator["World"]:
        """Start both with their files in `directory`; stop them when the block ends.

        Raises:
            ServiceDied: one of them did not come up.
        """
        commands = {
            kind: [f"examples.payments.{kind}", "--db", str(directory / f"{kind}.db")]
            for kind in KINDS
        }
        with running(directory, commands) as services, httpx.Client(trust_env=False) as http:
            yield cls(services, http)

    def set_mood(self, kind: str, mood: Mood | None = None) -> None:
        """Put one of them into a mood; without one, into a good mood."""
        self.change_mood(kind, mood or Mood())
