"""The books of a service of the examples, in memory, for a world to explore.

Touches: SQLite, in memory.
"""

from collections.abc import Callable
from pathlib import Path

from examples.ledger import Answer, Ledger, LedgerLine, Transaction

MEMORY = Path(":memory:")


class Books(Ledger):
    """A service's ledger, which tells of each line when it is written.

    Args:
        told: Is called with each new line.
    """

    def __init__(self, schema: str, told: Callable[[LedgerLine], None]) -> None:
        super().__init__(MEMORY, schema)
        self._told = told
        self._known = 0

    def once(self, key: str, request: str, work: Callable[[Transaction], Answer]) -> Answer:
        """Answer a request, and tell what was done for it."""
        answer = super().once(key, request, work)
        new = self.lines()[self._known :]
        for line in new:
            self._told(line)
        self._known += len(new)
        return answer

    def clear(self) -> None:
        """Forget everything."""
        for table in self.query("select name from sqlite_master where type = 'table'"):
            self.query(f"delete from {table['name']}")
        self._known = 0
