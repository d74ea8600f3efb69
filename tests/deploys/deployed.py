"""A module as a deploy finds it: RELEASE names the edit, LEDGER the partner's books.

The partner holds back its answer to HOLD for ever, so that a process can be killed meanwhile.
"""

import asyncio
import os
from pathlib import Path

from tests.behaviour.releases import EDITS, FIRST
from tests.behaviour.world import World


class Partner(World):
    """A partner that keeps its books in a file, synced before it answers."""

    async def do(self, what: str) -> str:
        """Write it down, and answer."""
        write_down(what)
        if what == os.environ.get("HOLD"):
            await asyncio.Event().wait()
        return f"{what}-done"


def write_down(what: str) -> None:
    """One line in the books, synced."""
    with Path(os.environ["LEDGER"]).open("a") as books:
        books.write(f"{what}\n")
        books.flush()
        os.fsync(books.fileno())


made, trip = {"first": FIRST, **EDITS}[os.environ["RELEASE"]].build(Partner())
