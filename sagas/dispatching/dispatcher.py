"""Brings what waits for people to them, again and again, beside the sagas.

It takes messages in hand under the lease of this process's worker: whoever finds that worker dead
takes them over. Hints tell when to look, and rows are the truth.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any

from approvals import ApprovalError, Directory, Gate
from approvals.channels import Channel, Channels, Notice, Saying
from approvals.delegation import Delegation
from sagas.dispatching.gathering import Gathering
from sagas.dispatching.planning import Members, entitled, looking_again, plan
from sagas.dispatching.sending import Attempt, send
from sagas.dispatching.viewing import Present, Viewer
from sagas.errors import JournalError
from sagas.model import micros
from sagas.ports import (
    Announcement,
    Clock,
    Delivery,
    DeliveryState,
    FaultPoints,
    Lease,
    Settlement,
    Store,
    Unannounced,
)

log = logging.getLogger("sagas")

AT_ONCE = 8
"""So many messages are sent over one channel at a time."""

PAGE = 100
POLL_SECONDS = 1.0
SHORTEST_SECONDS = 0.01
RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0
GRACE_SECONDS = 5.0
UNSHOWN_AGAIN = 60_000_000
"""When a message that cannot be prepared is tried again (microseconds)."""


class Dispatcher:
    """Announces, sends and repairs.

    Args:
        present: A gate as people see it, by its id.
        directory: Who is who, as of now.
        lease: The present lease of this process.
        faults: Told of every boundary that a crash could fall on; for tests.
    """

    def __init__(
        self,
        store: Store,
        channels: Channels,
        *,
        present: Present,
        directory: Callable[[], Directory],
        clock: Clock,
        lease: Callable[[], Awaitable[Lease]],
        faults: FaultPoints | None = None,
    ) -> None:
        self._store = store
        self._routes = channels.routes
        self._channels = channels.by_name()
        self._viewer = Viewer(store, present, channels.link)
        self._gathering = Gathering(store, self._viewer)
        self._directory = directory
        self._clock = clock
        self._lease = lease
        self._faults = faults or FaultPoints()
        self._in_hand: dict[int, tuple[str, asyncio.Task[None]]] = {}
        self._paused: dict[str, int] = {}
        self._woken = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        failed = RETRY_SECONDS
        while True:
            try:
                await self._wait(await self._round())
                failed = RETRY_SECONDS
            except JournalError as error:
                log.warning("what people are to be told cannot be looked up now: %s", error)
                failed = await _longer(failed)
            except Exception:
                log.exception("telling people failed unexpectedly; it is tried again")
                failed = await _longer(failed)

    async def look(self) -> bool:
        """Announce and take in hand what is due; whether there was anything."""
        lease = await self._lease()
        announced = await self._announce()
        taken = [await self._take(lease, channel) for channel in self._channels]
        return announced or any(taken)

    def wake(self) -> None:
        """Look soon: something may have opened or moved."""
        self._woken.set()

    async def settled(self) -> None:
        """Wait until nothing is in hand."""
        while self._in_hand:
            await asyncio.wait([task for _, task in self._in_hand.values()])

    async def close(self) -> None:
        """Take nothing more in hand, wait a little for what is, and let go of the channels."""
        self._closing = True
        tasks = [task for _, task in self._in_hand.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in late:  # what they had in hand is looked for by whoever comes next
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for channel in self._channels.values():
            with suppress(Exception):
                await channel.close()

    # --- looking ------------------------------------------------------------------------------

    async def _round(self) -> float:
        """Do what is due; seconds until there may be more."""
        self._woken.clear()
        due = await self._store.next_delivery(await self._lease())
        now = self._now()
        if due is None:
            return POLL_SECONDS
        if due > now:
            return min(max((due - now) / 1_000_000, SHORTEST_SECONDS), POLL_SECONDS)
        return 0.0 if await self.look() else POLL_SECONDS

    async def _wait(self, seconds: float) -> None:
        """Wait for a change, or for room, at most that long."""
        if not seconds:
            await asyncio.sleep(0)
            return
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._store.changed(seconds)),
            asyncio.ensure_future(self._woken.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    # --- announcing ---------------------------------------------------------------------------

    async def _announce(self) -> bool:
        found = await self._store.unannounced(now=self._now(), limit=PAGE)
        announced = [await self._announce_one(each) for each in found]
        return any(announced)

    async def _announce_one(self, found: Unannounced) -> bool:
        unknown: list[str] = []
        now = self._now()
        members = cache(partial(self._members, unknown))
        delegations = await self._delegations(found, members, now)
        announcement = plan(found, self._routes, members, now, delegations)
        if unknown:
            announcement = looking_again(announcement, now)
        if not await self._store.announce(found, announcement):
            return False
        for new in announcement.new:
            log.debug("%s: %s at %s:%s", found.id, new.saying, new.channel, new.target)
        if found.subject is None:
            log.error("%s cannot be read here, and nobody is told of it", found.id)
        elif not unknown and _nobody_is_asked(found, announcement):
            log.error(
                "%s: nobody is told of it, because no route leads to anyone who can decide; add "
                "routes, or places under `otherwise`",
                found.id,
            )
        return True

    async def _delegations(
        self, found: Unannounced, members: Members, now: int
    ) -> Sequence[Delegation]:
        """Who decides by now for those who can decide, as far as it is a gate."""
        people = entitled(found.subject, members, now) if isinstance(found.subject, Gate) else ()
        return await self._store.delegated_by(people, at=now) if people else ()

    def _members(self, unknown: list[str], group: str) -> Collection[str]:
        """Who is in a group; nobody, and the group is noted, where that cannot be told now."""
        try:
            return self._directory().members(group)
        except ApprovalError as error:
            log.warning("who is in %s cannot be told now, and is asked again: %s", group, error)
            unknown.append(group)
            return ()

    # --- sending ------------------------------------------------------------------------------

    async def _take(self, lease: Lease, channel: str) -> bool:
        having = [number for number, (name, _) in self._in_hand.items() if name == channel]
        room = AT_ONCE - len(having)
        now = self._now()
        if self._closing or room <= 0 or self._paused.get(channel, 0) > now:
            return False
        taken = await self._store.take(lease, channel=channel, now=now, limit=room, having=having)
        for delivery in taken:
            loop = asyncio.get_running_loop()
            task = loop.create_task(self._carry(lease, delivery), name="sagas-deliver")
            self._in_hand[delivery.id] = (channel, task)
            task.add_done_callback(partial(self._let_go, delivery.id))
        return bool(taken)

    def _let_go(self, number: int, _: asyncio.Task[None]) -> None:
        del self._in_hand[number]
        self.wake()

    async def _carry(self, lease: Lease, delivery: Delivery) -> None:
        """Bring one message to where it belongs, and record that."""
        await self._reached("after-claim", delivery)
        channel = self._channels[delivery.channel]
        async with self._gathering.turn(channel, delivery) as attempt:
            found = await self._sent(channel, delivery, attempt)
            await self._reached("before-record", delivery)
            _tell(delivery, found)
            await self._record(lease, delivery, found)
        await self._reached("after-record", delivery)

    async def _sent(
        self, channel: Channel, delivery: Delivery, attempt: Attempt | None
    ) -> Settlement:
        notice = await self._notice(delivery)
        if isinstance(notice, Settlement):
            return notice
        await self._reached("before-post", delivery)
        found = await send(channel, delivery, notice, attempt)
        await self._reached("after-post", delivery)
        if found.pause is not None:
            self._paused[delivery.channel] = found.pause
        return found

    async def _notice(self, delivery: Delivery) -> Notice | Settlement:
        now = self._now()
        try:
            return await self._viewer.notice(delivery, now)
        except Exception as error:
            log.exception("%s: what people are to be told cannot be prepared", delivery.subject)
            state = delivery.state
            if state is DeliveryState.SENDING:
                state = DeliveryState.QUEUED  # nothing was sent
            why = f"it cannot be shown: {type(error).__name__}: {error}"
            return Settlement(state=state, at=now, next_at=now + UNSHOWN_AGAIN, error=why)

    async def _record(self, lease: Lease, delivery: Delivery, found: Settlement) -> None:
        """Record what became of a message, as soon as the database takes it."""
        failed = RETRY_SECONDS
        while True:
            try:
                recorded = await self._store.settle(lease, delivery, found)
            except JournalError as error:
                if self._closing:
                    raise
                log.warning("%s: what was sent cannot be recorded now: %s", delivery.subject, error)
                failed = await _longer(failed)
            else:
                if recorded is None:
                    log.info("%s: its message is in other hands by now", delivery.subject)
                return

    async def _reached(self, point: str, delivery: Delivery) -> None:
        await self._faults.reached(point, delivery.saga_id, delivery.subject)

    def _now(self) -> int:
        return micros(self._clock.now())


def _nobody_is_asked(found: Unannounced, announcement: Announcement) -> bool:
    """Whether it waits, and nobody who can end that has been told; a veto is no decision to run."""
    state = getattr(found.subject, "state", None)
    sayings = (each.saying for each in (*found.told, *announcement.new))
    return state in {"pending", "open"} and all(saying == Saying.MAY_VETO for saying in sayings)


def _tell(delivery: Delivery, found: Settlement) -> None:
    where = f"{delivery.channel}:{delivery.target}"
    if found.state is DeliveryState.DEAD:
        rest = "the next place is tried" if delivery.rest else "NOBODY ELSE IS TOLD of it"
        log.error("%s cannot be told at %s: %s; %s", delivery.subject, where, found.error, rest)
    elif found.error is not None:
        log.warning("%s: the message to %s: %s", delivery.subject, where, found.error)


async def _longer(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return min(2 * seconds, LONGEST_RETRY_SECONDS)
