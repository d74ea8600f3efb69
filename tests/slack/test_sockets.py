"""Socket Mode: envelopes through the real client are taken once, and acknowledged once committed."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from approvals.errors import ChannelDefinitionError
from approvals.testing import Fault, Message, Person, SlackServer
from sagas.errors import JournalUnavailable
from sagas.slack.socket import SlackSocket
from tests.slack.conftest import Client, asked
from tests.slack.hearing import TestDesk

PING = timedelta(seconds=30)  # a slow machine lets no heartbeat decide


@asynccontextmanager
async def heard(
    slack: SlackServer, desk: TestDesk, *, connections: int = 1, ping: timedelta = PING
) -> AsyncGenerator[SlackSocket]:
    before = slack.sockets.connected
    socket = SlackSocket(
        desk, slack.app_token, connections=connections, api_url=slack.base_url, ping=ping
    )
    running = asyncio.ensure_future(socket.run())
    try:
        await slack.until(lambda: slack.sockets.connected == before + connections)
        yield socket
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@dataclass
class House:
    """A socket, the desk behind it, and the message that is clicked on."""

    desk: TestDesk
    slack: SlackServer
    message: Message
    ann: Person


@pytest.fixture
async def house(slack: SlackServer, client: Client, ann: Person) -> AsyncIterator[House]:
    desk = TestDesk()
    async with heard(slack, desk):
        yield House(desk, slack, await asked(slack, client), ann)


async def test_a_click_is_taken_and_the_acknowledgement_carries_the_answer(house: House) -> None:
    house.desk.body = {"response_action": "clear"}
    outcome = await house.ann.click(house.message, "Approve")
    assert outcome.delivery is not None
    assert outcome.delivery.answer == {"response_action": "clear"}
    assert [each["type"] for each in house.desk.taken] == ["block_actions"]


async def test_an_event_is_taken(house: House) -> None:
    assert (await house.ann.open_home()).acknowledged
    assert [each["event"]["type"] for each in house.desk.events] == ["app_home_opened"]


async def test_an_envelope_that_comes_again_is_answered_as_before_and_taken_once(
    house: House,
) -> None:
    house.desk.body = {"response_action": "clear"}
    delivery = (await house.ann.click(house.message, "Approve")).delivery
    assert delivery is not None
    again = await house.slack.courier.again(delivery)
    assert again.answer == {"response_action": "clear"}
    assert len(house.desk.taken) == 1


async def test_while_the_journal_is_away_nothing_is_acknowledged(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    desk = TestDesk(errors=[JournalUnavailable("it is away"), ValueError("hush")])
    slack.courier._within = timedelta(seconds=0.3)
    message = await asked(slack, client)
    async with heard(slack, desk):
        said = [(await ann.click(message, "Approve")).acknowledged for _ in range(2)]
        slack.courier._within = timedelta(seconds=30)
        assert (await ann.click(message, "Approve")).acknowledged
    assert said == [False, False]
    assert len(desk.taken) == 1


async def test_a_click_while_slack_renews_the_socket_is_taken(house: House) -> None:
    house.desk.go_on = asyncio.Event()
    clicking = asyncio.ensure_future(house.ann.click(house.message, "Approve"))
    while not house.desk.begun:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0.01)
    opened = house.slack.sockets.opened
    await house.slack.sockets.disconnect()
    await house.slack.until(lambda: house.slack.sockets.opened > opened)
    house.desk.go_on.set()
    await clicking  # whether its acknowledgement came through or not
    again = await house.ann.click(house.message, "Approve")
    assert again.acknowledged
    assert len(house.desk.taken) == 2


async def test_a_socket_that_is_cut_is_made_anew(slack: SlackServer, client: Client) -> None:
    desk = TestDesk()
    async with heard(slack, desk, ping=timedelta(seconds=1)):
        slack.sockets.drop()
        await slack.until(lambda: slack.sockets.opened >= 2 and slack.sockets.connected == 1)


async def test_of_two_processes_each_click_reaches_one(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    desks = TestDesk(), TestDesk()
    message = await asked(slack, client)
    async with heard(slack, desks[0], connections=2), heard(slack, desks[1]):
        for _ in range(6):
            assert (await ann.click(message, "Approve")).acknowledged
    assert sum(len(desk.taken) for desk in desks) == 6
    assert all(desk.taken for desk in desks)


async def test_clicks_that_come_in_another_order_are_all_taken(house: House) -> None:
    house.slack.courier.hold()
    clicks = [
        asyncio.ensure_future(house.ann.click(house.message, what))
        for what in ("Approve", "Reject")
    ]
    await house.slack.until(lambda: house.slack.courier.held == 2)
    await house.slack.courier.release(reverse=True)
    assert all(outcome.acknowledged for outcome in await asyncio.gather(*clicks))
    assert [each["actions"][0]["action_id"] for each in house.desk.taken] == ["reject", "approve"]


async def test_what_has_begun_is_committed_and_followed_before_the_socket_ends(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    told: list[str] = []

    async def after() -> None:
        told.append("told")

    desk = TestDesk(go_on=asyncio.Event(), after=after)
    message = await asked(slack, client)
    async with heard(slack, desk):
        clicking = asyncio.ensure_future(ann.click(message, "Approve"))
        while not desk.begun:  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.01)
        assert desk.go_on is not None
        asyncio.get_running_loop().call_later(0.05, desk.go_on.set)
    assert (await clicking).acknowledged
    assert (len(desk.taken), told) == (1, ["told"])


async def test_an_app_token_that_is_none_is_refused_with_what_to_do(slack: SlackServer) -> None:
    for token, words in [("xapp-1-hush", "invalid_auth"), (slack.bot_token, "not a bot token")]:
        socket = SlackSocket(TestDesk(), token, api_url=slack.base_url)
        with pytest.raises(ChannelDefinitionError, match=words) as refused:
            await socket.run()
        assert token not in str(refused.value)


async def test_slack_is_asked_again_for_a_socket_while_it_is_out_of_order(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.slack.socket._AGAIN", timedelta(milliseconds=10))
    slack.fail("apps.connections.open", Fault.broken(), times=2)
    async with heard(slack, TestDesk()):
        assert slack.sockets.connected == 1


async def test_no_log_at_any_level_has_what_lets_others_in(
    slack: SlackServer, client: Client, ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    desk = TestDesk()
    message = await asked(slack, client)
    caplog.clear()
    for name in [None, *logging.root.manager.loggerDict]:
        if name != "slack_sdk.web.async_base_client":  # what the test itself asks with
            caplog.set_level(logging.DEBUG, name)
    async with heard(slack, desk):
        await ann.click(message, "Approve")
        await slack.sockets.disconnect()
        await slack.until(lambda: slack.sockets.opened == 2)
        slack.fail("apps.connections.open", Fault.refused("invalid_auth"), times=1)
    [payload] = desk.taken
    secrets = [slack.app_token, slack.bot_token, payload["trigger_id"], payload["response_url"]]
    assert [each for each in [*secrets, "ticket="] if each in caplog.text] == []
