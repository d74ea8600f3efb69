"""A strict local Slack for tests, on loopback.

Touches: the network, loopback only.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, TCPConnector, web

from approvals.testing.changes import Changes
from approvals.testing.clock import Clock
from approvals.testing.courier import Courier
from approvals.testing.errors import Impossible, Unexpected
from approvals.testing.faults import Fault, Faults
from approvals.testing.interactions import event
from approvals.testing.payloads import Json
from approvals.testing.person import Person
from approvals.testing.records import Call, Delivery
from approvals.testing.sockets import Sockets
from approvals.testing.tenant import Tenant
from approvals.testing.webapi import WebApi
from approvals.testing.workspace import Channel, Ephemeral, Message, Profile, UserGroup, Workspace

__all__ = ["ALL_SCOPES", "SlackServer"]

ALL_SCOPES = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
_PATIENCE = timedelta(seconds=30)
_MOST_BYTES = 4 * 1024 * 1024


class SlackServer:
    """A workspace with one app, reached as Slack is: Web API, Socket Mode, signed requests.

    Interactions and events go through Socket Mode until `deliver_to` names addresses.

    Args:
        team: The id of the workspace.
        app: The id of the app.
        bot: The user id of the app.
        scopes: What the bot may; `scopes` of the server can be changed at any time.
        ack_within: How long an acknowledgement is waited for, by the machine's clock.
        clock: What triggers, answers and signatures go by; it stands until a test moves it.

    Attributes:
        faults: What goes wrong: `server.faults.add("chat.postMessage", Fault.timeout())`.
        space: People, groups, channels and views as they are.
        courier: Deliveries; repeats, holds back and forges them on demand.
        sockets: The sockets of Socket Mode.

    Raises:
        Unexpected: On leaving: methods were called that are not played here.
    """

    def __init__(
        self,
        *,
        team: str = "T1",
        app: str = "A1",
        bot: str = "U0BOT",
        scopes: Iterable[str] = ALL_SCOPES,
        ack_within: timedelta = timedelta(seconds=3),
        clock: Clock | None = None,
    ) -> None:
        self._tenant = Tenant(team=team, app=app, bot=bot, scopes=scopes)
        self._tenant.clock = clock or Clock()
        self._changes = Changes()
        self.faults = Faults()
        self.sockets = Sockets(app, self._changes)
        self.courier = Courier(self._tenant, self.sockets, self._changes, ack_within)
        self._web = WebApi(self._tenant, self.sockets, self.faults, self._changes)
        self._runner: web.AppRunner | None = None
        self.person(bot, name="Approvals", bot=True)

    @property
    def space(self) -> Workspace:
        """People, groups, channels and views as they are."""
        return self._tenant.space

    @property
    def clock(self) -> Clock:
        """The time as this Slack has it."""
        return self._tenant.clock

    @property
    def scopes(self) -> set[str]:
        """What the bot may."""
        return self._tenant.scopes

    @property
    def url(self) -> str:
        """Where the server is, without a slash at the end."""
        return self._tenant.url

    @property
    def base_url(self) -> str:
        """What slack-sdk's clients take for `base_url`."""
        return f"{self._tenant.url}/api/"

    @property
    def bot_token(self) -> str:
        """The token for the Web API."""
        return self._tenant.bot_token

    @property
    def app_token(self) -> str:
        """The token for Socket Mode."""
        return self._tenant.app_token

    @property
    def changes(self) -> int:
        """How often something has changed here, to wait for the next time with `until`."""
        return self._changes.count

    @property
    def signing_secret(self) -> str:
        """What requests to the app are signed with; set it to rotate."""
        return self.courier.secret

    @signing_secret.setter
    def signing_secret(self, secret: str) -> None:
        self.courier.secret = secret

    @property
    def calls(self) -> list[Call]:
        """Every call, the oldest first."""
        return self._web.calls

    @property
    def unknown(self) -> list[str]:
        """What was called and is not played here; empty it to leave without an error."""
        return self._web.unknown

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything that was brought to the app, the oldest first."""
        return self.courier.deliveries

    @property
    def unacknowledged(self) -> list[Delivery]:
        """What was brought to the app and not taken."""
        return [item for item in self.deliveries if not item.acknowledged]

    @property
    def ephemerals(self) -> list[Ephemeral]:
        """Every message that one person saw alone."""
        return self.space.ephemerals

    def called(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self.calls if call.method == method]

    def messages(self, channel: str) -> list[Message]:
        """What stands in a channel now, threads included, the oldest first."""
        return [item for item in self.space.channels[channel].messages if not item.deleted]

    def person(
        self,
        id: str,  # noqa: A002  the word of the interface
        *,
        name: str | None = None,
        email: str | None = None,
        email_confirmed: bool = True,
        bot: bool = False,
        guest: bool = False,
        deleted: bool = False,
        team: str | None = None,
    ) -> Person:
        """Add somebody; of another `team` is whoever comes through a shared channel."""
        self.space.people[id] = Profile(
            id=id,
            name=name or id,
            email=email,
            email_confirmed=email_confirmed,
            team=team or self.space.team,
            bot=bot,
            guest=guest,
            deleted=deleted,
        )
        return Person(id, self._tenant, self.courier, self._changes)

    def somebody(self, id: str) -> Person:  # noqa: A002
        """Somebody who was added before.

        Raises:
            Impossible: Nobody has this id.
        """
        if id not in self.space.people:
            raise Impossible(f"nobody is {id!r}; there are: {', '.join(self.space.people)}")
        return Person(id, self._tenant, self.courier, self._changes)

    def usergroup(
        self,
        id: str,  # noqa: A002
        *,
        handle: str,
        members: Iterable[str] = (),
        disabled: bool = False,
    ) -> UserGroup:
        """Add a group of people."""
        group = UserGroup(id=id, handle=handle, members=list(members), disabled=disabled)
        self.space.groups[id] = group
        return group

    def channel(
        self,
        id: str,  # noqa: A002
        *,
        name: str,
        members: Iterable[str] = (),
        private: bool = False,
        archived: bool = False,
        with_bot: bool = True,
    ) -> Channel:
        """Add a channel; the bot is in it unless told otherwise."""
        everybody = {*members, self.space.bot} if with_bot else set(members)
        made = Channel(id=id, name=name, private=private, archived=archived, members=everybody)
        self.space.channels[id] = made
        return made

    def deliver_to(self, *, interactivity: str | None, events: str | None = None) -> None:
        """Post interactions and events to these addresses, signed, instead of through sockets."""
        self.courier.interactivity, self.courier.events = interactivity, events

    async def emit(self, told: Json) -> Delivery:
        """Bring any event to the app, such as `{"type": "tokens_revoked", "tokens": {}}`."""
        return await self.courier.bring("events_api", event(self._tenant, told))

    async def until(self, so: Callable[[], object], within: timedelta = _PATIENCE) -> None:
        """Wait until something is so here.

        Raises:
            TimeoutError: It was not so in time.
        """
        await self._changes.until(so, within)

    def fail(self, method: str, fault: Fault, *, times: int | None = 1) -> None:
        """Let the next calls of a method go wrong; `*` is any method, None is until mended."""
        self.faults.add(method, fault, times)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_route("*", "/api/{method}", self._web.handle_method)
        app.router.add_post("/response/{name}", self._web.handle_response)
        app.router.add_get("/socket", self.sockets.handle)
        app.router.add_route("*", "/{rest:.*}", self._web.handle_other)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._tenant.url = f"http://{host}:{port}"
        # a line that the app has closed meanwhile would lose a click
        self.courier.session = ClientSession(connector=TCPConnector(limit=0, force_close=True))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._web.closing.set()
        await self.sockets.close()
        if self.courier.session is not None:
            await self.courier.session.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if kind is None and self.unknown:
            raise Unexpected(
                f"called, and not played here: {', '.join(self.unknown)}; "
                "call what `approvals.testing.METHODS` lists"
            )
