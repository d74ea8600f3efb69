"""When an action was last seen done and undone.

Pure.
"""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Drill", "Drills"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What one drill of one action showed.

    Attributes:
        id: Unlike that of any other drill, so that it is recorded once.
        action: The action's name with the catalog's, such as `travel.book_hotel`.
        digest: The handler digest of the code that was drilled.
        passed: Whether its round trips left what they should.
        detail: What was seen, if it did not pass; else a summary.
        runs: How many round trips there were.
        sandbox: Against what, in the sandbox's own words.
        at: When, in microseconds since 1970.
    """

    id: str
    action: str
    version: int
    digest: str
    passed: bool
    detail: str
    runs: int
    sandbox: str
    by: str
    at: int


class Drills(Protocol):
    """When an action was last seen done and undone, and with which code."""

    async def record(self, drill: Drill) -> None:
        """Add a drill to those recorded; nothing, if one of its id is."""
        ...

    async def drills(self, catalog: str) -> list[Drill]:
        """The last drill of each action and version of that catalog, in the order of names."""
        ...
