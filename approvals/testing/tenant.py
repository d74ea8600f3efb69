"""The workspace together with its time, tokens and scopes: what every method works on.

Touches: the clock.
"""

import secrets
from collections.abc import Iterable
from copy import deepcopy
from datetime import timedelta

from approvals.testing.clock import Clock
from approvals.testing.payloads import Json, acting, jsons
from approvals.testing.workspace import Channel, Profile, Response, Trigger, Workspace

__all__ = ["RESPONSE_FOR", "RESPONSE_USES", "TRIGGER_FOR", "Refusal", "Tenant"]

TRIGGER_FOR = timedelta(seconds=3)
RESPONSE_FOR = timedelta(minutes=30)
RESPONSE_USES = 5
_FIRST_TS = 100_000  # Slack's timestamps have six digits after the point


class Refusal(Exception):
    """Slack's own no, by its name."""

    def __init__(self, error: str, faults: Iterable[str] = (), **more: object) -> None:
        super().__init__(error)
        self.error = error
        self.faults = tuple(faults)
        self.more: Json = dict(more)


class Tenant:
    """One workspace with one app in it.

    Attributes:
        scopes: What the bot may; take one away, and its methods say `missing_scope`.
        app_scopes: The same of the app-level token.
    """

    def __init__(self, *, team: str, app: str, bot: str, scopes: Iterable[str]) -> None:
        self.space = Workspace(team=team, app=app, bot=bot)
        self.scopes = set(scopes)
        self.app_scopes = {"connections:write"}
        self.clock = Clock()
        self.bot_token = f"xoxb-test-{secrets.token_hex(8)}"
        self.app_token = f"xapp-test-{secrets.token_hex(8)}"
        self.url = ""

    def seconds(self) -> float:
        """The time as a number."""
        return self.clock.now().timestamp()

    def timestamp(self) -> str:
        """A message's timestamp: its name, and later than that of any other before it."""
        return f"{int(self.seconds())}.{_FIRST_TS + self.space.count():06d}"

    def named(self, blocks: object) -> list[Json]:
        """A copy of blocks in which every block and element has the id that Slack gives it."""
        copies = deepcopy(jsons(blocks))
        for block in copies:
            block.setdefault("block_id", f"b{self.space.count()}")
            for element in acting(block):
                element.setdefault("action_id", f"a{self.space.count()}")
        return copies

    def trigger(self, user: str, view: str | None = None) -> str:
        """Leave to open one modal within three seconds."""
        name = f"{self.space.count()}.{secrets.token_hex(6)}"
        self.space.triggers[name] = Trigger(user=user, at=self.seconds(), view=view)
        return name

    def response_url(self, user: str, channel: str, message: str | None) -> str:
        """An address that takes five answers within half an hour."""
        name = secrets.token_hex(12)
        self.space.responses[name] = Response(
            user=user, channel=channel, message=message, at=self.seconds()
        )
        return f"{self.url}/response/{name}"

    def use_trigger(self, name: object) -> Trigger:
        """Use a leave, once and in time.

        Raises:
            Refusal: There is none, it was used, or it is too late.
        """
        trigger = self.space.triggers.get(str(name))
        if trigger is None:
            raise Refusal("invalid_trigger_id")
        if trigger.used:
            raise Refusal("exchanged_trigger_id")
        if self.seconds() - trigger.at > TRIGGER_FOR.total_seconds():
            raise Refusal("expired_trigger_id")
        trigger.used = True
        return trigger

    def use_response(self, name: str) -> Response:
        """Use an address once more.

        Raises:
            Refusal: There is none, it was used five times, or it is too late.
        """
        response = self.space.responses.get(name)
        if response is None:
            raise Refusal("invalid_url")
        if self.seconds() - response.at > RESPONSE_FOR.total_seconds():
            raise Refusal("expired_url")
        if response.uses >= RESPONSE_USES:
            raise Refusal("used_url")
        response.uses += 1
        return response

    def need(self, scope: str) -> None:
        """Refuse what the bot was not given leave for."""
        if scope not in self.scopes:
            raise Refusal("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def person(self, user: object) -> Profile:
        """Somebody by id."""
        found = self.space.people.get(str(user))
        if found is None:
            raise Refusal("user_not_found")
        return found

    def channel(self, name: object) -> Channel:
        """A channel that the bot can see, by id."""
        found = self.space.channels.get(str(name))
        if found is None or (found.private and self.space.bot not in found.members):
            raise Refusal("channel_not_found")
        return found

    def inside(self, channel: Channel) -> Channel:
        """The same, if the bot is in it."""
        if self.space.bot not in channel.members:
            raise Refusal("not_in_channel")
        return channel
