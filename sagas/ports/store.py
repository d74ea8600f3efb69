"""All of it: one database.

Pure.
"""

from typing import Protocol

from sagas.ports.deliveries import Deliveries, RoundUps
from sagas.ports.desk import Desk, Edits
from sagas.ports.drills import Drills
from sagas.ports.entrance import Entrance, Keys
from sagas.ports.journal import Journal
from sagas.ports.library import Figures, Inbox, Library
from sagas.ports.limits import Limits
from sagas.ports.locks import Locking
from sagas.ports.ownership import Ownership
from sagas.ports.rules import Delegations, Rules
from sagas.ports.timing import Timekeeper

__all__ = ["Store"]


class Store(
    Journal,
    Timekeeper,
    Ownership,
    Desk,
    Edits,
    Library,
    Inbox,
    Figures,
    Rules,
    Delegations,
    Limits,
    Locking,
    Drills,
    Deliveries,
    RoundUps,
    Entrance,
    Keys,
    Protocol,
):
    """All of it: one database."""

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
