"""What outlives a simulated process: the database, the people, and the time.

Touches: SQLite, or the database of a URL.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sagas.authoring.catalog import Catalog
from sagas.driving.environment import Handlers
from sagas.journal.memory import MemoryJournal
from sagas.journal.store import Database
from sagas.testing.errors import Unexplorable
from sagas.testing.simulating.carried import Carried
from sagas.testing.simulating.loop import VirtualLoop
from sagas.testing.simulating.prompt import PromptDatabase, RealTime

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When every simulation begins: a Monday morning."""


class Machine:
    """A database that processes come and go on.

    Args:
        carried: What there is of the run so far.
        memory: A journal in memory, which is emptied; for whom has no URL.
        url: The database, otherwise.
        real_time: Where that database is asked.
    """

    def __init__(
        self,
        catalogs: Iterable[Catalog],
        threads: ThreadPoolExecutor,
        carried: Carried,
        *,
        memory: MemoryJournal | None,
        url: str | None,
        real_time: RealTime,
        start: datetime = START,
    ) -> None:
        self.handlers = Handlers(catalogs)
        self.threads = threads
        self.carried = carried
        self.start = start
        self._url = url
        self._real_time = real_time
        self._loop: VirtualLoop | None = None
        self._users: list[PromptDatabase] = []
        self.memory = memory
        if memory is not None:
            memory.uptime = self.micros
            memory.reset()

    def time(self) -> float:
        """Seconds since the simulation began."""
        if self._loop is not None:
            self.carried.seconds = self._loop.time()
        return self.carried.seconds

    def micros(self) -> int:
        """The same in microseconds."""
        return round(self.time() * 1_000_000)

    def boot(self) -> VirtualLoop:
        """A loop for the next life; time goes on where the last one ended."""
        self._loop = VirtualLoop(self.threads, start=self.time())
        return self._loop

    def halt(self) -> None:
        """Time stands still until the next boot."""
        self.time()
        self._loop = None

    def open(self) -> Database:
        """Connect to the database.

        Raises:
            JournalError: It cannot be used.
        """
        if self.memory is not None:
            return self.memory.open()
        if self._url is None:
            raise Unexplorable("a simulation needs a journal: one in memory, or a URL")
        return PromptDatabase.open(self._url, self._real_time, self._users)

    def disconnect(self) -> None:
        """Close what a process that ended had open, as its operating system would."""
        for database in list(self._users):
            database.disconnect()
