"""Durable sleeps, and waits for events.

A timer is an entry; the wait itself costs nothing, because the body is left while it lasts.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json

from sagas.driving.log import Withdrawn
from sagas.driving.places import Place
from sagas.entries import EventTaken, Interrupted, TimerFired, TimerSet
from sagas.errors import Parked, StepInterrupted
from sagas.model import micros, span
from sagas.moments import past
from sagas.state import Event, Timer


class Waiting:
    """One sleep or wait for an event, at its place in the body."""

    def __init__(self, place: Place, ordinal: int, path: str, label: str) -> None:
        self._place = place
        self._drive = place.body.drive
        self._ordinal = ordinal
        self._path = path
        self._label = label

    async def sleep(self, duration: timedelta) -> None:
        """Sleep."""
        await self._recorded(self._sleep(duration))

    async def event(self, name: str, until: datetime | None) -> Any:
        """Wait for an event; None if its time came first."""
        return await self._recorded(self._event(name, until))

    async def _recorded(self, work: Any) -> Any:
        """A cancellation by the body itself is recorded, so that it sees the same again."""
        self._drive.begin()
        try:
            return await work
        except Parked:
            self._place.mark_parked()
            raise
        except asyncio.CancelledError:
            closing = self._drive.closing or self._place.is_parked
            if closing or self._path not in self._drive.state.timers:
                self._look_again()
                self._place.park()
            with suppress(asyncio.CancelledError):  # a second one says nothing new
                await self._drive.log.commit(Interrupted(path=self._path, ordinal=self._ordinal))
            raise self._interrupted() from None
        finally:
            self._drive.finish()

    async def _sleep(self, duration: timedelta) -> None:
        timer = await self._timer("sleep", self._drive.now() + span(duration))
        while not timer.fired:
            await self._until_due(timer)

    async def _event(self, name: str, until: datetime | None) -> Any:
        timer = await self._timer(name, None if until is None else micros(until))
        while not timer.fired and timer.event is None:
            if self._place.is_closed:
                self._place.park()  # what it would take is for those who still wait
            event = _first(self._drive.state.events, name)
            if event is not None:
                event.taken = True  # no other branch may take it while this is being written
                await self._drive.log.commit(EventTaken(path=self._path, event=event.seq))
            else:
                await self._until_due(timer)
        if timer.event is None:
            return None
        return from_json(self._drive.state.events[timer.event].payload)

    async def _timer(self, what: str, until: int | None) -> Timer:
        if self._path not in self._drive.state.timers:
            if self._place.is_closed:
                self._place.park()
            self._place.begin_anew(self._path, lambda: self._label)
            if until is not None:
                await self._check(what, until)
            await self._drive.log.commit(
                TimerSet(path=self._path, ordinal=self._ordinal, what=what, until=until)
            )
        timer = self._drive.state.timers[self._path]
        if timer.interrupted:
            raise self._interrupted()
        return timer

    async def _check(self, what: str, until: int) -> None:
        """Refuse an instant that had passed before the saga began; the same in every run.

        Raises:
            TimerError: It had.
        """
        state = self._drive.state
        if not state.head:
            await self._drive.log.drained()
        if until < state.started_at:
            raise past(f"{what}: until", until, f"when {self._drive.saga_id} began")

    async def _until_due(self, timer: Timer) -> None:
        if timer.until is None or self._place.is_closed:
            self._place.park()
        if self._drive.now() < timer.until:
            await self._drive.pause(timer.until)
            return
        try:  # an event that was acknowledged before its time came is not missed
            await self._drive.log.commit(TimerFired(path=self._path), guarded=True)
        except Withdrawn:
            await self._drive.folded()

    def _look_again(self) -> None:
        """The body was left while this was on its way: it is waited for all the same."""
        timer = self._drive.state.timers.get(self._path)
        if timer is not None and timer.until is not None and not self._place.is_closed:
            self._drive.waits.append(timer.until)

    def _interrupted(self) -> StepInterrupted:
        return StepInterrupted(f"{self._path}: the body stopped waiting for it")


def _first(events: dict[int, Event], name: str) -> Event | None:
    return next((item for item in events.values() if item.name == name and not item.taken), None)
