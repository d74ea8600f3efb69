"""The manifest of the Slack app: what it may do and what Slack tells it, and no more than is used.

Names are those of Slack's app manifest. Pure.
"""

import json
from typing import Any, Final
from urllib.parse import urlsplit

from approvals.errors import ChannelDefinitionError

__all__ = ["EVENTS_PATH", "INTERACTIVITY_PATH", "SCOPES", "manifest", "manifest_json"]

INTERACTIVITY_PATH: Final = "/slack/interactivity"
EVENTS_PATH: Final = "/slack/events"

SCOPES: Final = {
    "channels:history": "finding a message whose posting was not confirmed, in public channels",
    "channels:read": "checking that the app is in a public channel",
    "chat:write": "posting and changing its own messages",
    "groups:history": "finding a message whose posting was not confirmed, in private channels",
    "groups:read": "checking that the app is in a private channel",
    "im:history": "finding a message whose posting was not confirmed, in direct messages",
    "im:write": "writing to one person",
    "usergroups:read": "telling who is in a user group now",
    "users:read": "telling who clicked",
}
"""What the bot may do, and what for; sorted."""

_BY_EMAIL = "users:read.email"
_EVENTS = (
    "app_home_opened",
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "group_archive",
    "subteam_members_changed",
    "tokens_revoked",
    "user_change",
)


def manifest(
    *, name: str = "Sagas", url: str | None = None, by_email: bool = False
) -> dict[str, Any]:
    """Say what an app is made from.

    Args:
        name: What people see; 35 characters at most.
        url: Where Slack reaches `sagas serve`: https, without a path. Socket Mode, if left out.
        by_email: Whether people are looked for by their addresses as well.

    Raises:
        ChannelDefinitionError: The name or the address cannot be right.
    """
    shown = _name(name)
    return {
        "display_information": {
            "name": shown,
            "description": "Puts what cannot be undone before people, before it happens.",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": shown, "always_online": True},
        },
        "oauth_config": {"scopes": {"bot": sorted([*SCOPES, *([_BY_EMAIL] if by_email else [])])}},
        "settings": _settings(None if url is None else _base(url)),
    }


def manifest_json(*, name: str = "Sagas", url: str | None = None, by_email: bool = False) -> str:
    """Write the manifest as Slack takes it; arguments and errors are those of `manifest`."""
    return json.dumps(manifest(name=name, url=url, by_email=by_email), indent=2) + "\n"


def _settings(base: str | None) -> dict[str, Any]:
    events: dict[str, Any] = {"bot_events": list(_EVENTS)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if base is not None:
        events = {"request_url": base + EVENTS_PATH, **events}
        interactivity["request_url"] = base + INTERACTIVITY_PATH
    return {
        "event_subscriptions": events,
        "interactivity": interactivity,
        "org_deploy_enabled": False,
        "socket_mode_enabled": base is None,
        "token_rotation_enabled": False,
    }


def _name(name: str) -> str:
    shown = name.strip()
    if not shown or len(shown) > 35 or not shown.isprintable():
        raise ChannelDefinitionError(
            "the name of a Slack app has 1 to 35 characters that can be seen: choose another"
        )
    return shown


def _base(url: str) -> str:
    mend = "give the public address of `sagas serve`, such as https://approve.example.org"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ChannelDefinitionError(f"{url!r} is no address: {mend}") from error
    if parts.scheme != "https" or not host:
        raise ChannelDefinitionError(f"Slack sends to https only, not to {url!r}: {mend}")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ChannelDefinitionError(f"{url!r} is more than an address: {mend}")
    return f"https://{parts.netloc}"
