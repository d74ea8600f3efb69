"""What outlives a simulated process: the database, the people, and the time.

Touches: SQLite, or the database of a URL.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sagas.authoring.catalog import Catalog
from sagas.driving.environment import Handlers
from sagas.journal import open_database
from sagas.journal.memory import MemoryJournal
from sagas.journal.store import Database
from sagas.testing.errors import Unexplorable
from sagas.testing.people import TestDirectory
from sagas.testing.simulating.loop import VirtualLoop

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When every simulation begins: a Monday morning."""


class Machine:
    """A database that processes come and go on.

    Args:
        memory: A journal in memory, which is emptied; for whom has no URL.
        url: The database, otherwise.
    """

    def __init__(
        self,
        catalogs: Iterable[Catalog],
        threads: ThreadPoolExecutor,
        *,
        memory: MemoryJournal | None,
        url: str | None,
        max_deaths: int,
        directory: TestDirectory,
        start: datetime = START,
    ) -> None:
        self.handlers = Handlers(catalogs)
        self.threads = threads
        self.directory = directory
        self.max_deaths = max_deaths
        self.start = start
        self.dead: set[tuple[int, int]] = set()
        self.processes = 0
        self._url = url
        self._loop: VirtualLoop | None = None
        self._opened: list[tuple[VirtualLoop, Database]] = []
        self.memory = memory
        if memory is not None:
            memory.uptime = self.micros
            memory.reset()

    def time(self) -> float:
        """Seconds since the simulation began."""
        return 0.0 if self._loop is None else self._loop.time()

    def micros(self) -> int:
        """The same in microseconds."""
        return round(self.time() * 1_000_000)

    def boot(self) -> VirtualLoop:
        """A loop for the next life; time goes on where the last one ended."""
        self._loop = VirtualLoop(self.threads, start=self.time())
        return self._loop

    async def open(self) -> Database:
        """Connect to the database, in the loop that was booted last."""
        if self.memory is not None:
            return self.memory.open()
        if self._url is None:
            raise Unexplorable("a simulation needs a journal: one in memory, or a URL")
        loop = self._loop
        if loop is None:
            raise Unexplorable("a database can be opened in a loop only")
        with loop.outside():
            database = await open_database(self._url)
        self._opened.append((loop, database))
        return database

    def disconnect(self, loop: VirtualLoop) -> None:
        """Close what a process that ended had open, as its operating system would."""
        mine = [database for owner, database in self._opened if owner is loop]
        self._opened = [pair for pair in self._opened if pair[0] is not loop]
        for database in mine:
            loop.run_until_complete(_closed(loop, database))


async def _closed(loop: VirtualLoop, database: Database) -> None:
    with loop.outside():
        await database.close()
