"""Each channel passes the whole suite."""

from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from approvals.channels import Channel
from approvals.channels.mail import Mail
from approvals.channels.telling import render_notice_text
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
