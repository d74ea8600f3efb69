"""What one person has before them: where they can go, and what stands where they are.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals.testing.workspace import Channel, Ephemeral, Message, Profile, View, Workspace

__all__ = ["HOME", "Look", "Shown", "look_at"]

HOME = "home"
"""The place of the App Home, beside the ids of channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message as it stands in a channel or a thread.

    Attributes:
        replies: How many messages follow in its thread.
        alone: Whether nobody else sees it.
    """

    message: Message | Ephemeral
    replies: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One person's screen.

    Attributes:
        people: Who can be looked through.
        where: The id of the channel, or `HOME`.
        thread: The messages of the thread that is open, the oldest first; none if none is.
    """

    space: Workspace
    person: Profile
    people: Sequence[Profile]
    channels: Sequence[Channel]
    where: str
    channel: Channel | None
    messages: Sequence[Shown]
    thread: Sequence[Shown]
    home: View | None
    modal: View | None

    @property
    def thread_ts(self) -> str:
        """The name of the thread that is open; empty if none is."""
        return self.thread[0].message.ts if self.thread else ""


def look_at(space: Workspace, person: str = "", where: str = "", thread: str = "") -> Look | None:
    """What somebody sees; what is not there any more is replaced by what is there first.

    Returns:
        None where there is nobody to look through.
    """
    people = [item for item in space.people.values() if not item.bot and not item.deleted]
    if not people:
        return None
    who = next((item for item in people if item.id == person), people[0])
    channels = [item for item in space.channels.values() if who.id in item.members]
    known = {item.id for item in channels}
    first = channels[0].id if channels else HOME
    at = where if where in {*known, HOME} else first
    channel = space.channels[at] if at in known else None
    stack = space.stacks.get(who.id)
    return Look(
        space=space,
        person=who,
        people=people,
        channels=channels,
        where=at,
        channel=channel,
        messages=_messages(space, who.id, channel),
        thread=_thread(space, who.id, channel, thread),
        home=space.homes.get(who.id),
        modal=stack[-1] if stack else None,
    )


def _messages(space: Workspace, person: str, channel: Channel | None) -> list[Shown]:
    if channel is None:
        return []
    public = [
        Shown(message=item, replies=len(channel.thread(item.ts)) - 1) for item in channel.shown
    ]
    return _in_order([*public, *_ephemerals(space, person, channel, None)])


def _thread(space: Workspace, person: str, channel: Channel | None, ts: str) -> list[Shown]:
    if channel is None or channel.find(ts) is None:
        return []
    public = [Shown(message=item) for item in channel.thread(ts)]
    return _in_order([*public, *_ephemerals(space, person, channel, ts)])


def _ephemerals(space: Workspace, person: str, channel: Channel, thread: str | None) -> list[Shown]:
    return [
        Shown(message=item, alone=True)
        for item in space.ephemerals
        if (item.user, item.channel, item.thread_ts) == (person, channel.id, thread)
    ]


def _in_order(shown: list[Shown]) -> list[Shown]:
    return sorted(shown, key=lambda item: float(item.message.ts))
