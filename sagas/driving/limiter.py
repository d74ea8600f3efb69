"""Asking for permits, for every drive of one process together.

There is one exchange with the database at a time, and it carries everything that waits: whoever
asks, what was begun and what is over. A hundred sagas that wait for one limit ask as one. Whoever
came first is served first; whoever would wait for long is sent away, and parks.

Touches: the event loop's clock and futures.
"""

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count

from sagas.allotment import Answer, Kind, Mark, Refused, Want
from sagas.errors import JournalError
from sagas.ports import Limits

log = logging.getLogger("sagas")

PATIENCE_SECONDS = 1.0
"""For how long a saga waits for a permit in place; for a longer wait it is parked."""

MOST = 500
"""How many are asked for in one exchange."""

RETRY_SECONDS = 1.0
FORGET_SECONDS = 60.0
"""When a permit that could not be given back is left to lapse."""

TIDY_SECONDS = 60.0


@dataclass(slots=True)
class _Asking:
    """Somebody who waits, since when, and when to ask next (in the loop's time)."""

    want: Want
    since: float
    due: float
    answer: "asyncio.Future[float | Refused | None]"


@dataclass(slots=True)
class _Noted:
    """A mark on its way; its span begins at `since`."""

    mark: Mark
    since: float
    due: float


class Limiter:
    """Takes and gives back the permits of one process.

    Attributes:
        process: A name that no other process has.
    """

    def __init__(self, store: Limits) -> None:
        self._store = store
        self._asking: list[_Asking] = []
        self._noted: list[_Noted] = []
        self.process = secrets.token_hex(8)
        self._numbers = count(1)
        self._task: asyncio.Task[None] | None = None
        self._awake: asyncio.Future[None] | None = None
        self._tidied_at = 0.0
        self._closed = self._gone = False

    def start(self) -> str:
        """A name for one beginning of one call, that nobody else gives."""
        return f"{self.process}-{next(self._numbers)}"

    def ask(self, want: Want) -> "asyncio.Future[float | Refused | None]":
        """Ask for permits.

        Returns:
            When they were asked for, in the loop's time, once they are granted; or that the wait
            is too long. Whoever stops waiting sets the future's result to None, or cancels it.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[float | Refused | None] = loop.create_future()
        if self._gone:
            answer.set_result(None)
            return answer
        now = loop.time()
        self._asking.append(_Asking(want, now, now, answer))
        answer.add_done_callback(lambda _: self._wake())
        self._wake()
        return answer

    def note(self, mark: Mark, *, within: float = 0.0) -> None:
        """Change a permit, at the latest after that many seconds; its span begins now."""
        if self._gone:
            return  # an abandoned call that outlived its worker: its permit lapses
        now = asyncio.get_running_loop().time()
        self._noted.append(_Noted(mark, now, now + within))
        self._wake()

    def give_back(self, want: Want) -> None:
        """The call is not made: what it holds, and its place in the line, are for others."""
        for demand in want.demands:
            self.note(Mark(demand.bucket, Kind.START, want.start, want.start))
            self.note(Mark(demand.bucket, Kind.CALL, want.holder, want.start))
            self.note(Mark(demand.bucket, Kind.TURN, want.holder))

    async def close(self) -> None:
        """Give back what is over; what cannot be given back lapses."""
        self._closed = True
        if self._task is not None:
            self._wake()
            await asyncio.wait({self._task})
        self._gone = True

    # --- one exchange after the other ---------------------------------------------------------

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name="sagas-limiter")
        elif self._awake is not None and not self._awake.done():
            self._awake.set_result(None)

    async def _run(self) -> None:
        """Exchange until nothing is left to do."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # what this turn of the loop still asks for comes along
        while True:
            self._asking = [asking for asking in self._asking if not asking.answer.done()]
            if not self._asking and not self._noted:
                return
            due = min([item.due for item in self._asking] + [item.due for item in self._noted])
            if due > loop.time() and not self._closed:
                self._awake = loop.create_future()
                await asyncio.wait({self._awake}, timeout=due - loop.time())
                continue
            await self._exchange()
            if self._closed:
                self._send_away()

    def _send_away(self) -> None:
        for asking in self._asking:
            if not asking.answer.done():
                asking.answer.set_result(None)

    async def _exchange(self) -> None:
        now = asyncio.get_running_loop().time()
        asking = self._asking[:MOST]
        noted, self._noted = self._noted, []
        wants = [_as_of(item, now) for item in asking]
        marks = [replace(item.mark, ago=_micros(now - item.since)) for item in noted]
        try:
            answers = await self._store.exchange(wants, marks)
            await self._tidy(now)
        except Exception as error:  # noqa: BLE001  a dead limiter would hang every saga that asks
            self._failed(error, asking, noted, now)
            return
        for item, answer in zip(asking, answers, strict=True):
            self._settle(item, answer, now)

    def _settle(self, asking: _Asking, answer: Answer, now: float) -> None:
        """Tell whoever waits; what was granted to somebody who waits no more is given back."""
        gone = asking.answer.done()
        if isinstance(answer, Refused):
            asking.due = now + answer.after / 1_000_000
            if answer.sent_away and not gone:
                asking.answer.set_result(answer)
            if answer.sent_away and gone:
                self.give_back(asking.want)
        elif gone:
            self.give_back(asking.want)
        else:
            asking.answer.set_result(now)

    def _failed(
        self, error: Exception, asking: list[_Asking], noted: list[_Noted], now: float
    ) -> None:
        for item in asking:
            if not item.answer.done():
                item.answer.set_exception(_as_journal_error(error))
        for note in noted:
            if now - note.since < FORGET_SECONDS and not self._closed:
                note.due = now + RETRY_SECONDS
                self._noted.append(note)

    async def _tidy(self, now: float) -> None:
        if now - self._tidied_at < TIDY_SECONDS:
            return
        self._tidied_at = now
        with suppress(JournalError):  # it is for others to try again
            await self._store.tidy()


def _as_of(asking: _Asking, now: float) -> Want:
    """A want as it is now: the longer it has waited, the less patience it has."""
    waited = now - asking.since
    patience = max(0.0, PATIENCE_SECONDS - waited)
    return replace(asking.want, waited=_micros(waited), patience=_micros(patience))


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _as_journal_error(error: Exception) -> JournalError:
    if isinstance(error, JournalError):
        return error
    wrapped = JournalError(f"permits cannot be asked for: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
