"""What Slack sends when somebody clicks or sends a form, with much that nobody here looks at."""

from typing import Any


def clicked(action_id: str, value: str | None, **different: Any) -> dict[str, Any]:
    pressed = {"type": "button", "block_id": "b", "action_id": action_id, "action_ts": "1.1"}
    return {
        "type": "block_actions",
        "team": {"id": "T1", "domain": "example", "enterprise_id": "E1"},
        "user": {"id": "U1", "username": "ana", "team_id": "T1", "name": "ana"},
        "api_app_id": "A1",
        "token": "legacy",
        "container": {"type": "message", "message_ts": "1700000000.000100", "channel_id": "C1"},
        "trigger_id": "1.2.abc",
        "channel": {"id": "C1", "name": "approvals"},
        "message": {"type": "message", "ts": "1700000000.000100", "text": "..."},
        "response_url": "https://hooks.example.org/actions/1",
        "actions": [pressed if value is None else {**pressed, "value": value}],
        "state": {"values": {}},
        **different,
    }


def submitted(view: dict[str, Any], values: dict[str, Any], **different: Any) -> dict[str, Any]:
    """What comes of sending that view with those values: a text, or ``{"option": ...}``."""
    return {
        "type": "view_submission",
        "team": {"id": "T1", "domain": "example"},
        "user": {"id": "U1", "name": "ana"},
        "api_app_id": "A1",
        "trigger_id": "1.2.abc",
        "view": {
            **view,
            "id": "V1",
            "hash": "1.abc",
            "app_id": "A1",
            "app_installed_team_id": "T1",
            "state": {"values": {block: {"value": _of(each)} for block, each in values.items()}},
        },
        "response_urls": [],
        "is_enterprise_install": False,
        **different,
    }


def _of(value: str | dict[str, str] | None) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"type": "static_select", "selected_option": {"value": value["option"], "text": {}}}
    return {"type": "plain_text_input", "value": value}
