"""Many requests that wait at one place: shown together in one message, which each of them keeps true.

A request for whom enough older ones wait at its place *joins* a round-up there, or begins one. What
joins is recorded first and shown then: whoever writes a round-up reads afterwards who is in it, and
writes it again until that has not changed, so that the last one to write has read the truth.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from approvals.channels import Channel, Gathers, MessageLost, Notice, Retry, RoundUp, Saying
from sagas.dispatching.sending import Attempt, instead_of_posting, posted
from sagas.dispatching.viewing import Viewer
from sagas.errors import JournalError
from sagas.model import micros, span
from sagas.ports import Delivery, DeliveryState, Settlement, Store

log = logging.getLogger("sagas")

WITHIN = timedelta(minutes=10)
"""A round-up takes in what was asked within this of its first request. Changing a message rings no
bell: what comes later has another one posted."""

_LATEST = 20
"""So many of the newest requests in round-ups of a place are looked at for one to join."""

_GIVEN_UP = frozenset({DeliveryState.DEAD, DeliveryState.LOST, DeliveryState.MOOT})

_WAITS = frozenset({"pending", "open"})
"""The first part of what a message says while somebody is waited for."""

_Place = tuple[str, str]


class Gathering:
    """Finds out which requests are shown together, and shows them."""

    def __init__(self, store: Store, viewer: Viewer) -> None:
        self._store = store
        self._viewer = viewer
        self._turns: dict[_Place, asyncio.Lock] = {}
        self._shown: dict[_Place, str] = {}

    @asynccontextmanager
    async def turn(self, channel: Channel, delivery: Delivery) -> AsyncGenerator[Attempt | None]:
        """How a message is brought there, one at a time, if it is shown among others; or None."""
        if not isinstance(channel, Gathers) or not await self._is_gathered(channel, delivery):
            yield None
            return
        async with self._turns.setdefault(_place(delivery), asyncio.Lock()):
            yield self._attempt

    async def _is_gathered(self, channel: Gathers, delivery: Delivery) -> bool:
        if delivery.round_up is not None:
            return True
        is_new = delivery.state is not DeliveryState.STALE and delivery.saying != Saying.REMINDED
        above = channel.round_up_above
        if not (above and is_new):
            return False
        try:
            older = await self._store.waiting_at(
                delivery.channel, delivery.target, before=delivery.id, limit=above
            )
        except JournalError as error:
            log.warning("what waits at %s cannot be counted now: %s", delivery.target, error)
            return False  # nor can it be shown, nor recorded
        return len(older) == above

    async def _attempt(self, channel: Channel, delivery: Delivery, notice: Notice) -> Settlement:
        try:
            if delivery.round_up is None:
                return await self._begin(channel, delivery, notice)
            return await self._show(channel, delivery, delivery.round_up, notice)
        except JournalError as error:
            raise Retry(f"who waits beside it cannot be looked up now: {error}") from error

    async def _begin(self, channel: Channel, delivery: Delivery, notice: Notice) -> Settlement:
        """Join others, or post what others can join; what was gathered before is posted."""
        found = await instead_of_posting(channel, delivery, notice)
        if found is None:
            other = await self._joinable(channel, delivery)
            if other is not None:
                return _joining(other, notice)
            alone = RoundUp(reference=notice.reference, notices=(notice,), link=self._viewer.link)
            found = await posted(channel, replace(notice, round_up=alone))
        is_there = found.state is DeliveryState.SENT
        return replace(found, round_up=notice.reference if is_there else None)

    async def _show(
        self, channel: Channel, delivery: Delivery, name: str, notice: Notice
    ) -> Settlement:
        """Have a round-up say what is so by now of everything that is in it."""
        joins = delivery.state is not DeliveryState.STALE
        try:
            receipt = await self._written(channel, delivery, name, notice, joins=joins)
        except MessageLost as error:
            if not joins:
                raise
            log.info("%s: the message it was to join is gone: %s", delivery.subject, error)
            return await self._begin(channel, delivery, notice)  # nobody was told of it there
        state = DeliveryState.SENT if joins else DeliveryState.UPDATED
        return Settlement(state=state, at=micros(notice.at), says=notice.version, receipt=receipt)

    async def _written(
        self, channel: Channel, delivery: Delivery, name: str, notice: Notice, *, joins: bool
    ) -> dict[str, str]:
        shown = self._shown.pop(_place(delivery), None)
        if not joins or delivery.attempts > 1:
            shown = None  # another change of it may have been cut short
        receipt = delivery.receipt or {}
        round_up = await self._viewer.round_up(name, micros(notice.at), joins=joins)
        while round_up.version != shown:
            receipt = await channel.update(receipt, replace(notice, round_up=round_up))
            shown = round_up.version
            round_up = await self._viewer.round_up(name, micros(notice.at), joins=joins)
        self._shown[_place(delivery)] = round_up.version
        return dict(receipt)

    async def _joinable(self, channel: Channel, delivery: Delivery) -> Delivery | None:
        """One that is in a round-up at the place that takes another one in, the newest first.

        What was to join one that is gone joins none.
        """
        if delivery.round_up is not None or not isinstance(channel, Gathers):
            return None
        latest = await self._store.gathered_at(delivery.channel, delivery.target, limit=_LATEST)
        for name in dict.fromkeys(each.round_up for each in latest if _says_it_waits(each)):
            first, *more = await self._store.gathered(name or "")
            is_late = delivery.made_at - first.made_at > span(WITHIN)
            if 1 + len(more) < channel.most_gathered and not is_late:
                return next(each for each in latest if each.round_up == name)
        return None


def _joining(other: Delivery, notice: Notice) -> Settlement:
    """It is to be shown where another one is: until then nobody knows whether it was."""
    at = micros(notice.at)
    return Settlement(
        state=DeliveryState.UNKNOWN,
        at=at,
        next_at=at,
        receipt=other.receipt,
        round_up=other.round_up,
    )


def _says_it_waits(delivery: Delivery) -> bool:
    return delivery.state not in _GIVEN_UP and delivery.says.partition(".")[0] in _WAITS


def _place(delivery: Delivery) -> _Place:
    return delivery.channel, delivery.target
