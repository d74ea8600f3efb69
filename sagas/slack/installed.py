"""The app as it is installed: what Slack says of its token, and what is asked of Slack with it.

Touches: Slack.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from approvals.channels.slack.calling import SLACK_API, Unanswered, answer, record, web_client
from approvals.channels.slack.people import SlackPeople
from approvals.channels.slack.settings import SlackSettings
from approvals.errors import ChannelDefinitionError
from reversibility import Reversibility

__all__ = ["Installed", "installed"]

PATIENCE: Final = timedelta(seconds=2)
"""How long one answer of Slack is waited for: a person waits, and Slack for three seconds."""

_KEPT_OPEN = timedelta(seconds=5)
"""An idle connection is not trusted for longer: a call on one that Slack has closed is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An app of Slack, and the workspace or organization that it is installed in."""

    client: Any
    """Slack's client (AsyncWebClient): makes each call once, and logs nothing of it."""
    app: str
    """The id of the app (A...)."""
    team: str
    """The workspace (T...)."""
    enterprise: str | None
    """The organization above it (E...), if there is one."""
    bot_user: str
    """As whom the app speaks (U...)."""
    teams: frozenset[str]
    """The workspaces and organizations whose people may take part."""
    web_only: frozenset[Reversibility]
    """Classes of effects that are not approved in Slack, only rejected."""
    people: SlackPeople

    async def close(self) -> None:
        """Let go of the connections to Slack."""
        await self.client.session.close()


async def installed(settings: SlackSettings, *, now: Callable[[], datetime]) -> Installed:
    """Ask Slack whose the token is.

    Args:
        settings: With the token.
        now: The time; aware.

    Raises:
        ChannelDefinitionError: The token is none of an app in the workspaces that are set, or a
            library is missing; the message says what to do.
        ChannelError: Slack does not answer now.
    """
    client = _client(settings)
    try:
        return await _asked(client, settings, now)
    except Unanswered as error:
        await client.session.close()
        raise error.told(is_repeatable=True) from None
    except BaseException:
        await client.session.close()
        raise


def _client(settings: SlackSettings) -> Any:
    client: Any = web_client(
        settings.bot_token.get_secret_value(),
        base_url=settings.api_url or SLACK_API,
        timeout=PATIENCE,
    )
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

    client.session = ClientSession(
        connector=TCPConnector(keepalive_timeout=_KEPT_OPEN.total_seconds()),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=PATIENCE.total_seconds()),
    )
    return client


async def _asked(client: Any, settings: SlackSettings, now: Callable[[], datetime]) -> Installed:
    said = await answer(client.auth_test())
    team, enterprise = _id(said, "team_id"), _id(said, "enterprise_id")
    bot_user, bot = _id(said, "user_id"), _id(said, "bot_id")
    if team is None or bot_user is None or bot is None:
        raise ChannelDefinitionError(
            "Slack does not say of the bot token whose it is: copy the Bot User OAuth Token "
            "(xoxb-...) from OAuth & Permissions of the app into SAGAS_SLACK_BOT_TOKEN"
        )
    if not {team, enterprise} & settings.teams:
        raise ChannelDefinitionError(
            f"the bot token is of the workspace {team}, which is not among those whose people may "
            "take part: add it to SAGAS_SLACK_TEAMS, or copy the token of the app there"
        )
    app = _id(record((await answer(client.bots_info(bot=bot))).get("bot")), "app_id")
    if app is None:
        raise ChannelDefinitionError(
            "Slack does not say which app the bot token is of: copy the Bot User OAuth Token "
            "(xoxb-...) from OAuth & Permissions of the app into SAGAS_SLACK_BOT_TOKEN"
        )
    return Installed(
        client=client,
        app=app,
        team=team,
        enterprise=enterprise,
        bot_user=bot_user,
        teams=settings.teams,
        web_only=settings.web_only,
        people=SlackPeople(
            client,
            teams=settings.teams,
            now=now,
            guests=settings.guests,
            by_email=settings.by_email,
        ),
    )


def _id(said: Mapping[str, object], name: str) -> str | None:
    found = said.get(name)
    return found if isinstance(found, str) and found else None
