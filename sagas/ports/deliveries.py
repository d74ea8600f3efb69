"""What people are told, and what became of telling them.

Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from approvals import Gate
from sagas.ports.ownership import Lease
from sagas.ports.rows import QuestionRow

__all__ = [
    "Announcement",
    "Deliveries",
    "Delivery",
    "DeliveryState",
    "NewDelivery",
    "RoundUps",
    "Settlement",
    "Unannounced",
]


class DeliveryState(StrEnum):
    """Where one message to one target stands."""

    QUEUED = "queued"
    """To be sent."""
    SENDING = "sending"
    """A dispatcher has it in hand; nobody else sends it while that one lives."""
    UNKNOWN = "unknown"
    """It may have arrived: to be looked for, or sent again."""
    SENT = "sent"
    """It arrived, and says what is so."""
    STALE = "stale"
    """It arrived, and what it says is no longer so: to be repaired."""
    UPDATED = "updated"
    """It was repaired, and says what is so."""
    LOST = "lost"
    """It may be there, and cannot be repaired."""
    DEAD = "dead"
    """It was given up; the next place of its route was tried instead, if there is one."""
    MOOT = "moot"
    """It was not sent, because there was nothing to ask any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message to be sent.

    Attributes:
        channel: The channel's name.
        target: Where on that channel.
        saying: Why it is sent: `asked`, `reminded`, `escalated` or `may-veto`.
        level: How many reminders and escalations of the gate were due.
        rest: The places to try when this one fails, each a channel and a target.
        for_whom: Who is told in the place of somebody who is away, each as `zoe for ana`.
    """

    channel: str
    target: str
    saying: str
    level: int
    rest: tuple[tuple[str, str], ...] = ()
    for_whom: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(NewDelivery):
    """One message to one target, about one gate or intervention.

    Attributes:
        subject: The id of the gate or the intervention.
        attempts: How often it was taken in hand since something last succeeded.
        next_at: When it is to be taken in hand; None if there is nothing to do.
        says: What the message says, as `announcing.tells` names it.
        receipt: What the channel needs to find the message again.
        error: Why the last attempt failed.
        round_up: The reference of the message that shows it together with others; None if it has a
            message of its own.
    """

    id: int
    saga_id: str
    subject: str
    state: DeliveryState
    attempts: int
    next_at: int | None
    says: str
    receipt: Mapping[str, str] | None
    error: str | None
    made_at: int
    changed_at: int
    round_up: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unannounced:
    """A gate or an intervention of which there may be something to tell.

    Attributes:
        subject: As it is stored; None if this version cannot read it.
        notify_at: Since when; whoever announces it compares.
        told: The messages there are about it.
    """

    id: str
    subject: "Gate | QuestionRow | None"
    notify_at: int
    told: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is to be told of a gate or an intervention by now.

    Attributes:
        next_at: When to look again, if nobody does anything.
        says: What messages about it should say.
        new: Messages to be sent.
        stale: Messages that say something else.
        moot: Messages that need not be sent any more.
    """

    next_at: int | None
    says: str
    at: int
    new: tuple[NewDelivery, ...] = ()
    stale: tuple[int, ...] = ()
    moot: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a message that a dispatcher had in hand.

    Attributes:
        state: Where it stands now.
        at: When that was found out.
        next_at: When to try again; None if there is nothing to do.
        says: What the message says by now; None if that did not change.
        reroute: Whether the next place of its route is tried.
        round_up: The reference of the message that shows it together with others; None if that did
            not change.
        pause: Until when the whole channel is left alone, if it asks for that.
    """

    state: DeliveryState
    at: int
    next_at: int | None = None
    says: str | None = None
    receipt: Mapping[str, str] | None = None
    error: str | None = None
    reroute: bool = False
    round_up: str | None = None
    pause: int | None = None


class Deliveries(Protocol):
    """What people are told: an outbox, filled by whatever opens or moves what they decide."""

    async def next_delivery(self, lease: Lease) -> int | None:
        """When there is something to announce or to send next; None if there is nothing ahead.

        Dispatchers that died are found out, and what they had in hand is due.
        """
        ...

    async def unannounced(self, *, now: int, limit: int) -> list[Unannounced]:
        """Some of the gates and interventions of which there may be something to tell."""
        ...

    async def announce(self, found: Unannounced, plan: Announcement) -> bool:
        """Queue messages, and mark those that are out of date; False if it has moved meanwhile."""
        ...

    async def take(
        self, lease: Lease, *, channel: str, now: int, limit: int, having: Sequence[int]
    ) -> list[Delivery]:
        """Take messages of a channel in hand that are due, and that no living dispatcher has.

        Args:
            having: Those that this dispatcher has in hand and knows of.

        Raises:
            LeaseLost: This dispatcher's worker was declared dead.
        """
        ...

    async def settle(self, lease: Lease, delivery: Delivery, found: Settlement) -> Delivery | None:
        """Record what became of a message in hand; None if it is not in this one's hand any more."""
        ...

    async def deliveries_about(self, subject: str) -> list[Delivery]:
        """The messages about a gate or an intervention, the oldest first."""
        ...

    async def deliveries(
        self, *, saga_id: str | None, state: str | None, limit: int
    ) -> list[Delivery]:
        """Messages, the newest first."""
        ...


class RoundUps(Protocol):
    """What waits at one place, and what is shown together there."""

    async def waiting_at(
        self, channel: str, target: str, *, before: int, limit: int
    ) -> list[Delivery]:
        """The first messages at a place that say that somebody is waited for, the newest first.

        Reminders, and what was given up, are none of them.

        Args:
            before: Only those with a lower number.
        """
        ...

    async def gathered(self, round_up: str) -> list[Delivery]:
        """The messages that are shown in one, the oldest first, with those that were given up."""
        ...

    async def gathered_at(self, channel: str, target: str, *, limit: int) -> list[Delivery]:
        """The messages at a place that are shown among others, the newest first."""
        ...
