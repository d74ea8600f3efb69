"""Who and what there is in a local Slack: people, groups, channels, messages and views.

Pure.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from approvals.testing.payloads import Json

__all__ = [
    "Channel",
    "Ephemeral",
    "Message",
    "Profile",
    "Response",
    "Trigger",
    "UserGroup",
    "View",
    "Workspace",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What Slack says about somebody."""

    id: str
    name: str
    email: str | None
    email_confirmed: bool
    team: str
    bot: bool
    guest: bool
    deleted: bool

    def told(self, home: str, *, with_email: bool) -> Json:
        """What `users.info` answers."""
        profile: Json = {"real_name": self.name, "display_name": self.name}
        if with_email and self.email is not None:
            profile["email"] = self.email
        told: Json = {
            "id": self.id,
            "team_id": self.team,
            "name": self.name.lower().replace(" ", "."),
            "real_name": self.name,
            "deleted": self.deleted,
            "profile": profile,
            "is_bot": self.bot,
            "is_app_user": False,
            "updated": 1,
        }
        if not self.deleted:
            told |= {
                "is_admin": False,
                "is_owner": False,
                "is_restricted": self.guest,
                "is_ultra_restricted": False,
                "is_stranger": self.team != home,
                "is_email_confirmed": self.email_confirmed,
                "tz": "Etc/UTC",
            }
        return told


@dataclass(slots=True, kw_only=True)
class UserGroup:
    """A group of people; its members can be changed at any time."""

    id: str
    handle: str
    members: list[str]
    disabled: bool = False


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as it is now.

    Attributes:
        mentions: Whom it calls.
        links: Addresses that Slack would unfold, as the message does not forbid it.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json]
    metadata: Json | None = None
    thread_ts: str | None = None
    broadcast: bool = False
    mentions: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    deleted: bool = False
    edited: int = 0

    def told(self, app: str, team: str, *, metadata: bool = True) -> Json:
        """What Slack answers about it."""
        told: Json = {
            "type": "message",
            "user": self.user,
            "ts": self.ts,
            "app_id": app,
            "team": team,
            "text": self.text,
            "blocks": self.blocks,
        }
        if self.thread_ts is not None:
            told["thread_ts"] = self.thread_ts
        if metadata and self.metadata is not None:
            told["metadata"] = self.metadata
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Ephemeral:
    """A message that one person saw."""

    channel: str
    user: str
    text: str
    blocks: list[Json]
    ts: str
    thread_ts: str | None = None
    mentions: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel; whether it is archived and who is in it can be changed at any time."""

    id: str
    name: str
    private: bool = False
    direct: bool = False
    archived: bool = False
    members: set[str] = field(default_factory=set[str])
    messages: list[Message] = field(default_factory=list[Message])

    @property
    def kind(self) -> str:
        """The first word of the scopes that are asked for it."""
        if self.direct:
            return "im"
        return "groups" if self.private else "channels"

    @property
    def shown(self) -> list[Message]:
        """What stands in the channel, threads left out, the oldest first."""
        return [
            item
            for item in self.messages
            if not item.deleted and (item.thread_ts in {None, item.ts} or item.broadcast)
        ]

    def thread(self, ts: str) -> list[Message]:
        """A message and what follows it in its thread."""
        return [
            item for item in self.messages if not item.deleted and ts in {item.ts, item.thread_ts}
        ]

    def find(self, ts: str) -> Message | None:
        """A message by its timestamp; None if it is gone."""
        return next((item for item in self.messages if item.ts == ts and not item.deleted), None)


@dataclass(slots=True, kw_only=True)
class View:
    """A modal or an App Home as one person has it on the screen."""

    id: str
    user: str
    kind: str
    body: Json
    hash: str
    root: str
    previous: str | None = None
    typed: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])

    @property
    def title(self) -> str:
        """What stands at its top."""
        return str(self.body.get("title", {}).get("text", ""))

    @property
    def blocks(self) -> list[Json]:
        """What it shows."""
        return list(self.body["blocks"])


@dataclass(slots=True, kw_only=True)
class Trigger:
    """Leave to open one modal, for three seconds."""

    user: str
    at: float
    view: str | None = None
    used: bool = False


@dataclass(slots=True, kw_only=True)
class Response:
    """An address at which one interaction is answered."""

    user: str
    channel: str
    message: str | None
    at: float
    uses: int = 0


@dataclass(slots=True)
class Workspace:
    """All there is; what tests change is changed here."""

    team: str
    app: str
    bot: str
    people: dict[str, Profile] = field(default_factory=dict[str, Profile])
    groups: dict[str, UserGroup] = field(default_factory=dict[str, UserGroup])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    ephemerals: list[Ephemeral] = field(default_factory=list[Ephemeral])
    views: dict[str, View] = field(default_factory=dict[str, View])
    stacks: dict[str, list[View]] = field(default_factory=dict[str, list[View]])
    homes: dict[str, View] = field(default_factory=dict[str, View])
    triggers: dict[str, Trigger] = field(default_factory=dict[str, Trigger])
    responses: dict[str, Response] = field(default_factory=dict[str, Response])
    counted: int = 0

    def count(self) -> int:
        """A number that nothing else has."""
        self.counted += 1
        return self.counted

    def change(self, user: str, **changes: Any) -> None:
        """Change what is known about somebody."""
        self.people[user] = replace(self.people[user], **changes)

    def direct(self, user: str) -> Channel:
        """The conversation of the app with one person; it is there once it is asked for."""
        id = "D" + user  # noqa: A001  the word of the interface
        return self.channels.setdefault(
            id, Channel(id=id, name=user, direct=True, members={user, self.bot})
        )
