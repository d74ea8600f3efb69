"""Socket Mode of the local Slack, with the real client at the other end."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from approvals.testing import Person, SlackServer
from tests.slack.conftest import Client, asked, modal

pytestmark = pytest.mark.usefixtures("ann")
Listener = Callable[[Any, Any], Awaitable[None]]


async def take(client: Any, request: Any) -> None:
    """Acknowledge and do nothing."""
    await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))


@asynccontextmanager
async def connected(
    slack: SlackServer, listener: Listener, ping: float = 30
) -> AsyncGenerator[None]:
    before = slack.sockets.connected
    client: Any = SocketModeClient(
        app_token=slack.app_token,
        web_client=AsyncWebClient(base_url=slack.base_url),
        ping_interval=ping,
    )
    client.socket_mode_request_listeners.append(listener)
    try:
        await client.connect()
        await slack.until(lambda: slack.sockets.connected == before + 1)
        yield
    finally:
        await client.close()
        gone = [client.message_receiver, client.message_processor, client.current_session_monitor]
        await asyncio.gather(*(item for item in gone if item), return_exceptions=True)


async def test_a_click_comes_through_the_socket(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    heard: list[Any] = []

    async def listen(line: Any, request: Any) -> None:
        heard.append(request)
        await take(line, request)

    async with connected(slack, listen):
        outcome = await ann.click(await asked(slack, client), "Approve")
    assert outcome.acknowledged
    assert [(item.type, item.payload["type"]) for item in heard] == [
        ("interactive", "block_actions")
    ]


async def test_a_form_is_answered_through_the_socket(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    async def listen(line: Any, request: Any) -> None:
        submitted = request.payload["type"] == "view_submission"
        answer = {"response_action": "errors", "errors": {"why": "Too late"}}
        await line.send_socket_mode_response(
            SocketModeResponse(
                envelope_id=request.envelope_id, payload=answer if submitted else None
            )
        )

    async with connected(slack, listen):
        click = await ann.click(await asked(slack, client), "Reject")
        assert click.delivery
        await client.views_open(trigger_id=click.delivery.payload["trigger_id"], view=modal())
        ann.fill("Reason", "x")
        outcome = await ann.submit()
    assert outcome.errors == {"Reason": "Too late"}


async def test_without_a_socket_a_click_is_lost_and_the_person_sees_it(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    outcome = await ann.click(await asked(slack, client), "Approve")
    assert outcome.warning
    assert slack.unacknowledged == [outcome.delivery]


async def test_envelopes_go_to_one_socket_each_in_turn(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    async with AsyncExitStack() as lines:
        for _ in range(2):
            await lines.enter_async_context(connected(slack, take))
        message = await asked(slack, client)
        for _ in range(4):
            await ann.click(message, "Approve")
    assert [item.socket for item in slack.deliveries] == [1, 2, 1, 2]


async def test_a_client_that_is_told_to_refresh_connects_again(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    async with connected(slack, take):
        await slack.sockets.disconnect()
        await slack.until(lambda: slack.sockets.opened == 2)
        outcome = await ann.click(await asked(slack, client), "Approve")
    assert outcome.acknowledged
    assert outcome.delivery
    assert outcome.delivery.socket == 2


async def test_a_client_whose_line_is_cut_connects_again(slack: SlackServer) -> None:
    async with connected(slack, take, ping=0.5):
        slack.sockets.drop()
        await slack.until(lambda: slack.sockets.opened >= 2)
    assert slack.sockets.opened >= 2


async def test_an_envelope_that_is_never_acknowledged_is_noted(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    async def lose(_: Any, __: Any) -> None:
        slack.sockets.drop()  # the line goes before the acknowledgement

    async with connected(slack, lose):
        outcome = await ann.click(await asked(slack, client), "Approve")
    assert slack.unacknowledged == [outcome.delivery]


async def test_an_eleventh_socket_is_sent_away(slack: SlackServer) -> None:
    async with ClientSession() as session, AsyncExitStack() as lines:
        said: list[str] = []
        for _ in range(11):
            url = f"{slack.url}/socket?ticket={slack.sockets.ticket()}"
            line = await lines.enter_async_context(session.ws_connect(url))
            said.append((await line.receive_json())["type"])
    assert said == ["hello"] * 10 + ["disconnect"]


async def test_a_ticket_connects_once(slack: SlackServer) -> None:
    url = f"{slack.url}/socket?ticket={slack.sockets.ticket()}"
    async with ClientSession() as session:
        async with session.ws_connect(url):
            pass
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(url)


async def test_a_second_acknowledgement_is_noted(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    async def twice(line: Any, request: Any) -> None:
        await take(line, request)
        await take(line, request)

    async with connected(slack, twice):
        await ann.click(await asked(slack, client), "Approve")
        await slack.until(lambda: slack.sockets.stray)
    assert len(slack.sockets.stray) == 1
