"""What is known of the app, once Slack was asked whose the token is."""

from typing import Any

import pytest
from pydantic import SecretStr

from approvals.channels.errors import Retry, Stop
from approvals.channels.slack.settings import SlackSettings
from approvals.errors import ChannelDefinitionError
from approvals.testing import Fault, SlackServer
from sagas.slack.installed import Installed, installed


def settings(slack: SlackServer, **more: Any) -> SlackSettings:
    token: Any = SecretStr(slack.bot_token)
    given: dict[str, Any] = {"bot_token": token, "teams": frozenset({"T1"}), **more}
    return SlackSettings(**given, api_url=slack.base_url)


async def asked(slack: SlackServer, **more: Any) -> Installed:
    return await installed(settings(slack, **more), now=slack.clock.now)


async def test_slack_says_which_app_and_workspace_a_token_is_of(slack: SlackServer) -> None:
    team = await asked(slack)
    await team.close()
    assert (team.app, team.team, team.enterprise, team.bot_user) == ("A1", "T1", None, "U0BOT")


async def test_connections_are_let_go_of(slack: SlackServer) -> None:
    team = await asked(slack)
    await team.close()
    assert team.client.session.closed


async def test_a_token_of_another_workspace_is_refused_with_what_to_do(slack: SlackServer) -> None:
    with pytest.raises(ChannelDefinitionError, match=r"T1.*add it to SAGAS_SLACK_TEAMS"):
        await asked(slack, teams=frozenset({"T2"}))


async def test_a_token_that_slack_does_not_know_stops_it_with_what_to_do(
    slack: SlackServer,
) -> None:
    with pytest.raises(Stop, match="copy the Bot User OAuth Token"):
        await asked(slack, bot_token=SecretStr("xoxb-none"))


async def test_a_slack_that_does_not_answer_is_to_be_asked_again(slack: SlackServer) -> None:
    slack.fail("auth.test", Fault.broken())
    with pytest.raises(Retry):
        await asked(slack)


async def test_without_the_scope_for_people_it_is_said_which_is_missing(slack: SlackServer) -> None:
    slack.scopes.discard("users:read")
    with pytest.raises(Stop, match="users:read"):
        await asked(slack)
