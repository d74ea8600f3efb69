"""A partner service that is kept in memory or in a file, with a character chosen for the test.

```python
hotels = Provider.lossy()  # takes the first booking, and loses the answer

@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=timedelta(hours=24))
async def book_hotel(city: str) -> str:
    return await hotels.do("hotel", city)

@book_hotel.compensation()
async def cancel_hotel(city: str, result: str) -> None:
    await hotels.undo("hotel", result)

report = await explore(book_trip, trip, world=hotels)
```

Touches: what its books touch; the event loop or the thread, if it is slow.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from pydantic import JsonValue

from sagas.clock import SteadyClock
from sagas.model import span
from sagas.ports import Clock
from sagas.testing.world import Effect
from sagas.testing.worlds.books import Books
from sagas.testing.worlds.desk import Character, Desk, When

_AT_ONCE = timedelta(0)


class Provider:
    """A World with one service in it, which remembers what was done to what, under which key.

    Each flag is one trait, and they combine; `keyed`, `keyless`, `probed`, `slow` and `lossy` are
    the usual ones. A call numbers itself, has its effect, takes its time, and then loses its
    answer: an effect is durable before anything is answered.

    Args:
        keys: Whether a key that is known has no second effect and gets the first answer.
        probe: Whether `find` can be asked.
        lag: How long after an effect `find` does not show it yet.
        slow: How long an answer takes after the effect.
        loses: The calls that have their effect, and whose answer is lost.
        refuses: The calls that are refused without an effect. A refusal is not remembered, and
            what was done under a key that is honoured is not refused.
        at: A SQLite file to keep the books in, so that they outlive the process and other
            processes see them; without one they are in memory.
        beside: Another provider, in whose books this one writes too: one world of two characters.
        name: What tells its calls, as they are counted, from those of others in the same books.
        clock: By what `lag` is measured, if not by the host's clock.
    """

    _desk: Desk

    def __init__(
        self,
        *,
        keys: bool = True,
        probe: bool = True,
        lag: timedelta = _AT_ONCE,
        slow: timedelta = _AT_ONCE,
        loses: When = (),
        refuses: When = (),
        at: Path | str | None = None,
        beside: "Provider | None" = None,
        name: str = "provider",
        clock: Clock | None = None,
    ) -> None:
        character = Character(
            name=name, keys=keys, probe=probe, lag=span(lag), loses=loses, refuses=refuses
        )
        books = beside._desk.books if beside else Books(Path(at) if at is not None else None)  # noqa: SLF001  of its own kind
        self._desk = Desk(character, books, clock or SteadyClock())
        self._wait = slow.total_seconds()

    # --- the usual characters -----------------------------------------------------------------

    @classmethod
    def keyed(cls, *, at: Path | str | None = None, beside: "Provider | None" = None) -> "Provider":
        """Honours keys, and cannot be asked."""
        return cls(probe=False, at=at, beside=beside, name="keyed")

    @classmethod
    def keyless(
        cls, *, at: Path | str | None = None, beside: "Provider | None" = None
    ) -> "Provider":
        """Ignores keys, and cannot be asked."""
        return cls(keys=False, probe=False, at=at, beside=beside, name="keyless")

    @classmethod
    def probed(
        cls,
        *,
        lag: timedelta = _AT_ONCE,
        at: Path | str | None = None,
        beside: "Provider | None" = None,
    ) -> "Provider":
        """Ignores keys, and can be asked."""
        return cls(keys=False, lag=lag, at=at, beside=beside, name="probed")

    @classmethod
    def slow(
        cls, by: timedelta, *, at: Path | str | None = None, beside: "Provider | None" = None
    ) -> "Provider":
        """Honours keys, can be asked, and takes its time to answer."""
        return cls(slow=by, at=at, beside=beside, name="slow")

    @classmethod
    def lossy(
        cls,
        loses: When = (1,),
        *,
        at: Path | str | None = None,
        beside: "Provider | None" = None,
    ) -> "Provider":
        """Honours keys, can be asked, and loses answers: that of the first call."""
        return cls(loses=loses, at=at, beside=beside, name="lossy")

    # --- what actions call --------------------------------------------------------------------

    async def do(
        self, name: str, subject: str, /, *, key: str | None = None, **details: object
    ) -> str:
        """Do something to a subject: it stands from now on, with its details.

        In a compensation it is done to undo something, as a refund is.

        Args:
            key: The idempotency key that is sent, if not that of the step that calls.
            details: What else is remembered of it, as JSON; part of the request.

        Returns:
            Its id.

        Raises:
            Refused: Nothing happened.
            AnswerLost: It happened.
            KeyReused: The key was sent with another request before.
        """
        reply = self._desk.do(name, subject, details, key)
        await asyncio.sleep(self._wait)
        return reply.arrived() or ""

    async def undo(
        self,
        name: str,
        id: str | None = None,  # noqa: A002  the word of a user's call
        *,
        key: str | None = None,
        of: str | None = None,
    ) -> str | None:
        """Take something back, so that it stands no longer.

        Args:
            id: What `do` answered. Without it, whatever was done under the key `of`.
            key: The idempotency key that is sent, if not that of the step that calls.
            of: The key it was done under, if not that of the call that the compensation undoes.

        Returns:
            Its id; None if there was nothing to take back, so that nothing happened.

        Raises:
            Refused: Nothing happened.
            AnswerLost: It happened.
            KeyReused: The key was sent with another request before.
        """
        reply = self._desk.undo(name, id, key, of)
        await asyncio.sleep(self._wait)
        return reply.arrived()

    async def find(self, name: str, *, key: str | None = None) -> str | None:
        """Ask whether something was done under a key; in a compensation's probe, whether undone.

        Args:
            key: The key, if not that of the call that is asked about.

        Returns:
            Its id; None if there is no trace of it, or not yet.

        Raises:
            NotAskable: This provider cannot be asked.
        """
        reply = self._desk.find(name, key)
        await asyncio.sleep(self._wait)
        return reply.arrived()

    @property
    def sync(self) -> "SyncProvider":
        """The same for functions that are not async."""
        return SyncProvider(self._desk, self._wait)

    # --- the world ----------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget everything, and count calls from 1 again."""
        with self._desk.books.page() as page:
            page.clear()

    def snapshot(self) -> JsonValue:
        """What stands: by name and subject, the details of each. No ids, keys or instants."""
        with self._desk.books.page() as page:
            return page.snapshot()

    def ledger(self) -> Sequence[Effect]:
        """Every effect since the reset, in order."""
        with self._desk.books.page() as page:
            return page.ledger()

    def close(self) -> None:
        """Close the file, if there is one."""
        self._desk.books.close()


class SyncProvider:
    """A provider as functions that are not async call it."""

    def __init__(self, desk: Desk, wait: float) -> None:
        self._desk = desk
        self._wait = wait

    def do(self, name: str, subject: str, /, *, key: str | None = None, **details: object) -> str:
        """As `Provider.do`."""
        reply = self._desk.do(name, subject, details, key)
        time.sleep(self._wait)
        return reply.arrived() or ""

    def undo(
        self,
        name: str,
        id: str | None = None,  # noqa: A002  the word of a user's call
        *,
        key: str | None = None,
        of: str | None = None,
    ) -> str | None:
        """As `Provider.undo`."""
        reply = self._desk.undo(name, id, key, of)
        time.sleep(self._wait)
        return reply.arrived()

    def find(self, name: str, *, key: str | None = None) -> str | None:
        """As `Provider.find`."""
        reply = self._desk.find(name, key)
        time.sleep(self._wait)
        return reply.arrived()
