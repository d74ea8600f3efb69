"""Each channel passes the whole suite."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from approvals.channels import Channel
from approvals.channels.mail import Mail
from approvals.channels.slack.message import message_of, news_of
from approvals.channels.slack.pacing import Pace
from approvals.channels.slack.posting import SlackChannel
from approvals.channels.telling import render_notice_text
from approvals.testing import Message, SlackServer
from tests.board import Board
from tests.conformance.channels_suite import Arrived, ChannelSuite
from tests.postbox import Postbox, postbox


def text_of(message: EmailMessage) -> str:
    """What is read of a message where HTML is not shown."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


class TestMail(ChannelSuite):
    @pytest.fixture
    async def box(self) -> AsyncIterator[Postbox]:
        async with postbox() as box:
            yield box

    @pytest.fixture
    def channel(self, box: Postbox) -> Channel:
        return Mail(host="127.0.0.1", port=box.port, sender="sagas@example.org", security="none")

    @pytest.fixture
    def arrived(self, box: Postbox) -> Arrived:
        async def arrived() -> list[tuple[str, str]]:
            return [(str(message["To"]), text_of(message)) for message in box.messages]

        return arrived


class TestBoard(ChannelSuite):
    @pytest.fixture
    def board(self) -> Board:
        return Board()

    @pytest.fixture
    def channel(self, board: Board) -> Channel:
        return board

    @pytest.fixture
    def arrived(self, board: Board) -> Arrived:
        async def arrived() -> list[tuple[str, str]]:
            return [(note.target, render_notice_text(note.shown[-1])) for note in board.notes]

        return arrived


def read_in(message: Message) -> str:
    """What a person reads in a message of Slack, and where its buttons lead."""
    found: list[str] = []

    def note(part: dict[str, Any]) -> None:
        found.extend(part[key] for key in ("text", "url") if isinstance(part.get(key), str))

    json.loads(json.dumps(message.blocks), object_hook=note)
    return "\n".join(found)


class TestSlack(ChannelSuite):
    @pytest.fixture
    async def slack(self) -> AsyncIterator[SlackServer]:
        async with SlackServer() as server:
            server.channel("C1", name="approvals")
            yield server

    @pytest.fixture
    def target(self) -> str:
        return "C1"

    @pytest.fixture
    def channel(self, slack: SlackServer) -> Channel:
        pace = Pace(timedelta(milliseconds=1))
        return SlackChannel(
            slack.bot_token, message_of, story=news_of, api_url=slack.base_url, pace=pace
        )

    @pytest.fixture
    def arrived(self, slack: SlackServer) -> Arrived:
        async def arrived() -> list[tuple[str, str]]:
            return [("C1", read_in(message)) for message in slack.messages("C1")]

        return arrived
