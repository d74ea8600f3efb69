"""A local Slack with a channel and a few people."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from approvals.testing import Message, Person, SlackServer
from tests.slack.desks import Counter, counter_in

Client = Any  # slack-sdk tells type checkers too little to be looked at by them
ACK_WITHIN = timedelta(seconds=30)  # a slow machine is no fault of anybody's


@pytest.fixture
async def slack() -> AsyncGenerator[SlackServer]:
    async with SlackServer(ack_within=ACK_WITHIN) as server:
        yield server


@pytest.fixture
def ann(slack: SlackServer) -> Person:
    ann = slack.person("U1", name="Ann", email="ann@example.org")
    slack.channel("C1", name="approvals", members=["U1"])
    return ann


@pytest.fixture
def client(slack: SlackServer) -> Client:
    return client_of(slack, retry_handlers=[])


def client_of(slack: SlackServer, token: str | None = None, **more: Any) -> Client:
    """The real client, as an app would make it."""
    return AsyncWebClient(token=token or slack.bot_token, base_url=slack.base_url, **more)


def answered(refused: pytest.ExceptionInfo[SlackApiError]) -> Any:
    """What Slack answered instead of doing it."""
    error: Any = refused.value
    return error.response


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text}}


def button(text: str, action: str, **more: Any) -> dict[str, Any]:
    words = {"type": "plain_text", "text": text}
    return {"type": "button", "text": words, "action_id": action, "value": "v", **more}


def asking(*buttons: dict[str, Any]) -> list[dict[str, Any]]:
    given = list(buttons) or [button("Approve", "approve"), button("Reject", "reject")]
    return [section("Pay 40 EUR?"), {"type": "actions", "elements": given}]


def reason(**element: Any) -> dict[str, Any]:
    typed = {"type": "plain_text_input", "action_id": "reason", **element}
    label = {"type": "plain_text", "text": "Reason"}
    return {"type": "input", "block_id": "why", "label": label, "element": typed}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    words = {"type": "plain_text", "text": "Reject"}
    return {
        "type": "modal",
        "title": words,
        "submit": words,
        "blocks": list(blocks) or [reason()],
        **more,
    }


async def asked(
    slack: SlackServer, client: Client, blocks: list[dict[str, Any]] | None = None
) -> Message:
    """A message with buttons, as it stands in the channel."""
    await client.chat_postMessage(channel="C1", text="Pay?", blocks=blocks or asking())
    return slack.messages("C1")[-1]


@dataclass
class App:
    """What an app hears over HTTP, and what it answers."""

    url: str
    heard: list[tuple[bytes, dict[str, str]]]
    status: int = 200
    text: str = ""


@pytest.fixture
async def app() -> AsyncGenerator[App]:
    said = App("", [])

    async def hear(request: web.Request) -> web.Response:
        said.heard.append((await request.read(), dict(request.headers)))
        return web.Response(status=said.status, text=said.text)

    served = web.Application()
    served.router.add_post("/{rest:.*}", hear)
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    said.url = f"http://{host}:{port}"
    try:
        yield said
    finally:
        await runner.cleanup()


@pytest.fixture
async def counter(slack: SlackServer, tmp_path: Path) -> AsyncGenerator[Counter]:
    async with counter_in(slack, tmp_path) as made:
        yield made
