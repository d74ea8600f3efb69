"""Socket Mode: Slack reaches the app by sockets that the app opens; no public address is needed.

An envelope that is not acknowledged counts as not taken: the person is told so, and an event comes
again. The library logs every frame, which holds what people see and secrets of single clicks; here
its log is told anew in words that hold neither. Touches: Slack.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from approvals.channels.errors import ChannelError, OutcomeUnknown, Retry
from approvals.channels.slack.calling import SLACK_API, Unanswered, answer, web_client
from approvals.errors import ChannelDefinitionError
from sagas.errors import JournalError
from sagas.slack.afterwards import Afterwards
from sagas.slack.once import Once
from sagas.slack.reply import Reply
from sagas.slack.taking import Takes

__all__ = ["CONNECTIONS", "SlackSocket"]

log = logging.getLogger("sagas")

CONNECTIONS: Final = 2
"""Sockets of one process: while Slack has one of them made anew, clicks come through the other."""

_PING: Final = timedelta(seconds=10)
_PATIENCE: Final = timedelta(seconds=10)
_AGAIN: Final = timedelta(seconds=2)
_MOST_REMEMBERED: Final = 1_000
_MENDS: Final = {
    "missing_scope": "give the app-level token the scope connections:write, or make another one",
    "not_allowed_token_type": "copy an app-level token (xapp-...), not a bot token",
}
_MEND: Final = (
    "copy an app-level token (xapp-...) with connections:write from Basic Information of the app "
    "into SAGAS_SLACK_APP_TOKEN, and switch Socket Mode on"
)


class SlackSocket:
    """Takes what comes by sockets to a desk.

    Args:
        desk: Takes what people do.
        app_token: Opens sockets (xapp-...).
        connections: How many are open at the same time; Slack allows ten for an app.
        api_url: Where Slack's Web API is; another one is for tests and demonstrations.
        ping: How often a socket is looked at; one that is cut is found by then.
    """

    def __init__(
        self,
        desk: Takes,
        app_token: str,
        *,
        connections: int = CONNECTIONS,
        api_url: str = SLACK_API,
        ping: timedelta = _PING,
    ) -> None:
        self._desk = desk
        self._app_token = app_token
        self._connections = connections
        self._api_url = api_url
        self._ping = ping
        self._once = Once[Mapping[str, Any] | None]()
        self._answered: OrderedDict[str, Mapping[str, Any] | None] = OrderedDict()
        self._afterwards = Afterwards()
        self._is_closing = False

    def __repr__(self) -> str:
        return f"<SlackSocket of {self._connections} connections>"

    async def run(self) -> NoReturn:
        """Take what comes, until cancelled; what is being committed then is finished first.

        Raises:
            ChannelDefinitionError: Slack opens no socket for this token; the message says what to
                do.
        """
        clients: list[_Client] = []
        try:
            for _ in range(self._connections):
                clients.append(self._client())
                await _opened(clients[-1])
            log.info("Slack is heard by Socket Mode")
            await asyncio.Event().wait()
            raise AssertionError("nobody sets it")
        finally:
            self._is_closing = True
            await self._once.close()
            await asyncio.gather(*(_closed(client) for client in clients))
            await self._afterwards.close()

    def _client(self) -> "_Client":
        client = _Client(
            app_token=self._app_token,
            logger=_retold(),
            web_client=web_client("", base_url=self._api_url, timeout=_PATIENCE),
            ping_interval=self._ping.total_seconds(),
        )
        if urlsplit(self._api_url).hostname in {"127.0.0.1", "::1", "localhost"}:
            client.proxy = None  # the environment's proxy cannot reach this machine's loopback
        client.socket_mode_request_listeners.append(self._heard)
        return client

    async def _heard(self, client: Any, request: SocketModeRequest) -> None:
        """Take one envelope; it is acknowledged once what it asks is committed."""
        if self._is_closing:
            return
        try:
            body = await self._taken(request)
        except JournalError as error:
            log.warning("nothing of what Slack brought is decided: %s", error)
            return
        except Exception as error:  # noqa: BLE001  what it says may quote what came in
            log.error("an envelope of Slack failed: %s", type(error).__name__)  # noqa: TRY400
            return
        payload = None if body is None else dict(body)
        try:
            await client.send_socket_mode_response(
                SocketModeResponse(envelope_id=request.envelope_id, payload=payload)
            )
        except Exception as error:  # noqa: BLE001  the library names none
            log.warning(
                "Slack did not hear that something was taken (%s); it counts all the same",
                type(error).__name__,
            )

    async def _taken(self, request: SocketModeRequest) -> Mapping[str, Any] | None:
        """What an acknowledgement carries; an envelope that comes again is answered as before."""
        key = request.envelope_id
        if key in self._answered:
            return self._answered[key]
        body, _ = await self._once.do(key, lambda: self._committed(request))
        return body

    async def _committed(self, request: SocketModeRequest) -> Mapping[str, Any] | None:
        reply = await self._handed(request)
        self._answered[request.envelope_id] = reply.body
        if len(self._answered) > _MOST_REMEMBERED:
            self._answered.popitem(last=False)
        self._afterwards.do(reply.after)
        return reply.body

    async def _handed(self, request: Any) -> Reply:
        payload: Mapping[str, Any] = request.payload
        if request.type == "interactive":
            return await self._desk.interaction(payload)
        if request.type == "events_api":
            return await self._desk.event(payload)
        return Reply()


class _Client(SocketModeClient):
    """The library's client, which says in our words what is wrong."""

    async def issue_new_wss_url(self) -> str:
        """Ask Slack for the address of a socket.

        Raises:
            Unanswered: There is none now.
        """
        try:
            return await self._address()
        except Unanswered as error:
            log.warning("Slack opens no socket now: %s; it is asked again", error)
            await asyncio.sleep((error.after or _AGAIN).total_seconds())
            raise

    async def _address(self) -> str:
        web: Any = self.web_client  # the library says too little of its arguments
        url = (await answer(web.apps_connections_open(app_token=self.app_token))).get("url")
        if not isinstance(url, str) or not url:
            raise Unanswered("no_answer")
        return url

    async def first_address(self) -> None:
        """Ask for the address of the first socket.

        Raises:
            Unanswered: There is none.
        """
        self.wss_uri = await self._address()


async def _opened(client: _Client) -> None:
    """Open a socket; as long as Slack cannot be asked, it is asked again.

    Raises:
        ChannelDefinitionError: Slack opens none for this token.
    """
    while True:
        try:
            await client.first_address()
            break
        except Unanswered as error:
            if not _may_pass(error.told(is_repeatable=True)):
                raise ChannelDefinitionError(
                    f"Slack opens no socket for the app-level token ({error.code}): "
                    f"{_MENDS.get(error.code, _MEND)}"
                ) from None
            log.warning("Slack opens no socket now: %s; it is asked again", error)
            await asyncio.sleep((error.after or _AGAIN).total_seconds())
    opening: Any = client  # the library says nothing of what its methods take
    await opening.connect()


def _may_pass(error: ChannelError) -> bool:
    return isinstance(error, Retry | OutcomeUnknown)


async def _closed(client: _Client) -> None:
    """End a socket and everything that the library began for it."""
    known: Any = client  # the library says too little of what it holds
    begun = [known.message_receiver, known.message_processor, known.current_session_monitor]
    try:
        await known.close()
    except Exception as error:  # noqa: BLE001  the library names none
        log.debug("a socket to Slack did not close: %s", type(error).__name__)
    tasks = [task for task in begun if task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Retold(logging.Filter):
    """Tells what the library warns of without its words, which hold addresses that let others in."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let nothing through."""
        if record.levelno >= logging.WARNING:
            kind = record.exc_info[0] if record.exc_info else None
            log.warning(
                "a socket to Slack is not well%s; it is made anew by itself",
                f" ({kind.__name__})" if kind else "",
            )
        return False


def _retold() -> logging.Logger:
    """A log for the library."""
    found = logging.getLogger("sagas.slack.library")
    found.setLevel(logging.WARNING)
    if not any(isinstance(each, _Retold) for each in found.filters):
        found.addFilter(_Retold())
    return found
