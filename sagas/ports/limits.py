"""Permits that are counted over all workers.

Pure.
"""

from collections.abc import Sequence
from typing import Protocol

from sagas.allotment import Answer, Mark, Want

__all__ = ["Limits"]


class Limits(Protocol):
    """Permits that are counted over all workers, by the database's own clock."""

    async def exchange(self, wants: Sequence[Want], marks: Sequence[Mark]) -> list[Answer]:
        """Change and give back permits; then answer each want, who has waited longest first.

        A want is given all that it needs or nothing. What was asked once may be asked again: a
        permit that is held is not given twice.
        """
        ...

    async def tidy(self) -> None:
        """Remove what has lapsed."""
        ...
