"""What every click is handled with."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from sagas.coordinator import Coordinator
from sagas.slack.installed import Installed

__all__ = ["CHANNEL", "Office"]

CHANNEL = "slack"
"""What is recorded as where somebody decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A coordinator, and the app as it is installed."""

    coordinator: Coordinator
    team: Installed
    link: str | None
    """The address of the web inbox, without a path, if there is one."""

    def now(self) -> datetime:
        """The present instant, by the clock that decisions are made by."""
        return self.coordinator.now()

    def inbox_of(self, gate_id: str) -> str:
        """Where else a gate can be decided, in words."""
        if self.link is None:
            return f"`sagas inbox {gate_id}`"
        return f"{self.link.rstrip('/')}/gates/{quote(gate_id, safe='')}"
