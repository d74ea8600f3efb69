"""Hearing Slack in one process: by requests to the inbox's server, or by sockets.

Loaded where Slack is among the channels: it needs the extra `slack`.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from approvals.channels import Channels
from approvals.channels.slack.calling import SLACK_API
from approvals.channels.slack.settings import SlackSettings
from approvals.channels.slack.signing import Signatures
from sagas.coordinator import Coordinator
from sagas.slack.http import PATHS, SlackHttp
from sagas.slack.opening import Opening
from sagas.slack.socket import SlackSocket


@asynccontextmanager
async def requests(
    coordinator: Coordinator, settings: SlackSettings, channels: Channels
) -> AsyncGenerator[Mapping[str, ASGIApp]]:
    """What serves the paths that Slack sends to; nothing without a signing secret."""
    if not settings.signing_secrets:
        yield {}
        return
    signatures = Signatures(settings.needs_signing_secrets(), now=coordinator.now)
    opening = Opening(coordinator, settings, link=channels.link)
    served = SlackHttp(coordinator, opening.desk, signatures)
    asking = asyncio.ensure_future(opening.try_to_open())
    try:
        yield dict.fromkeys(PATHS, served)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await served.close()
        await opening.close()


async def by_sockets(
    coordinator: Coordinator, settings: SlackSettings, channels: Channels, *, connections: int
) -> None:
    """Take what comes by Socket Mode, until cancelled.

    Raises:
        ChannelDefinitionError: A token cannot be right; the message says what to do.
    """
    token = settings.needs_app_token()
    opening = Opening(coordinator, settings, link=channels.link)
    try:
        desk = await opening.opened()
        socket = SlackSocket(
            desk, token, connections=connections, api_url=settings.api_url or SLACK_API
        )
        await socket.run()
    finally:
        await opening.close()
