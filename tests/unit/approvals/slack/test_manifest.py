"""What the app is made from, for both transports."""

import json
from typing import Any

import pytest

from approvals.channels.slack.manifest import SCOPES, manifest, manifest_json
from approvals.errors import ChannelDefinitionError

GOLDEN = """\
{
  "display_information": {
    "name": "Sagas",
    "description": "Puts what cannot be undone before people, before it happens."
  },
  "features": {
    "app_home": {
      "home_tab_enabled": true,
      "messages_tab_enabled": true,
      "messages_tab_read_only_enabled": true
    },
    "bot_user": {
      "display_name": "Sagas",
      "always_online": true
    }
  },
  "oauth_config": {
    "scopes": {
      "bot": [
        "channels:history",
        "channels:read",
        "chat:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "usergroups:read",
        "users:read"
      ]
    }
  },
  "settings": {
    "event_subscriptions": {
      "bot_events": [
        "app_home_opened",
        "app_uninstalled",
        "channel_archive",
        "channel_deleted",
        "group_archive",
        "subteam_members_changed",
        "tokens_revoked",
        "user_change"
      ]
    },
    "interactivity": {
      "is_enabled": true
    },
    "org_deploy_enabled": false,
    "socket_mode_enabled": true,
    "token_rotation_enabled": false
  }
}
"""


def test_the_manifest_for_socket_mode_is_this() -> None:
    assert manifest_json() == GOLDEN


def test_the_manifest_for_http_differs_by_its_addresses_alone() -> None:
    expected: dict[str, Any] = json.loads(GOLDEN)
    settings = expected["settings"]
    settings["socket_mode_enabled"] = False
    settings["interactivity"]["request_url"] = (
        "https://approve.example.org:8443/slack/interactivity"
    )
    settings["event_subscriptions"]["request_url"] = "https://approve.example.org:8443/slack/events"
    assert manifest(url="https://approve.example.org:8443/") == expected


def test_addresses_are_read_only_where_people_are_looked_for_by_them() -> None:
    scopes = manifest(by_email=True)["oauth_config"]["scopes"]["bot"]
    assert set(scopes) - set(SCOPES) == {"users:read.email"}


@pytest.mark.parametrize(
    "url",
    [
        "http://approve.example.org",
        "approve.example.org",
        "https://",
        "https://approve.example.org/inbox",
        "https://approve.example.org?x=1",
        "https://ana:secret@approve.example.org",
        "https://[bad",
        "https://approve.example.org:port",
    ],
)
def test_an_address_that_slack_cannot_send_to_is_refused(url: str) -> None:
    with pytest.raises(ChannelDefinitionError, match=r"such as https://approve\.example\.org"):
        manifest(url=url)


@pytest.mark.parametrize("name", ["", "  ", "x" * 36, "a\u202eb"])
def test_a_name_that_slack_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(ChannelDefinitionError, match="choose another"):
        manifest(name=name)
