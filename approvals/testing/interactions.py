"""What Slack tells the app when a person does something.

Touches: the clock.
"""

from typing import Any

from approvals.testing.fields import initial
from approvals.testing.payloads import Json
from approvals.testing.screens import shown
from approvals.testing.tenant import Tenant
from approvals.testing.workspace import Message, Profile, View

__all__ = ["clicked", "closed", "event", "filled", "held", "submitted"]


def clicked(
    tenant: Tenant,
    person: Profile,
    where: Message | View,
    *,
    block: Json,
    element: Json,
    chosen: Json,
) -> Json:
    """A `block_actions` payload: a button was clicked, or an option chosen."""
    told: Json = {
        "type": "block_actions",
        **_who(tenant, person),
        "actions": [_action(tenant, block, element, chosen)],
    }
    if isinstance(where, View):
        told |= {
            "trigger_id": tenant.trigger(person.id, where.id),
            "container": {"type": "view", "view_id": where.id},
            "view": filled(tenant, where),
        }
        return told
    channel = tenant.space.channels[where.channel]
    container: Json = {
        "type": "message",
        "message_ts": where.ts,
        "channel_id": channel.id,
        "is_ephemeral": False,
    }
    if where.thread_ts is not None:
        container["thread_ts"] = where.thread_ts
    name = "directmessage" if channel.direct else channel.name
    return told | {
        "trigger_id": tenant.trigger(person.id),
        "container": container,
        "channel": {"id": channel.id, "name": "privategroup" if channel.private else name},
        "message": where.told(tenant.space.app, tenant.space.team, metadata=False),
        "state": {"values": _values(initial(where.blocks))},
        "response_url": tenant.response_url(person.id, channel.id, where.ts),
    }


def submitted(tenant: Tenant, person: Profile, view: View) -> Json:
    """A `view_submission` payload: no channel and no message, as with Slack."""
    return {
        "type": "view_submission",
        **_who(tenant, person),
        "trigger_id": tenant.trigger(person.id, view.id),
        "view": filled(tenant, view),
        "response_urls": [],
    }


def closed(tenant: Tenant, person: Profile, view: View, *, cleared: bool) -> Json:
    """A `view_closed` payload."""
    return {
        "type": "view_closed",
        **_who(tenant, person),
        "view": filled(tenant, view),
        "is_cleared": cleared,
    }


def event(tenant: Tenant, told: Json) -> Json:
    """An event, wrapped as Slack wraps it."""
    return {
        "token": "unused",
        "team_id": tenant.space.team,
        "api_app_id": tenant.space.app,
        "type": "event_callback",
        "event": {"event_ts": tenant.timestamp(), **told},
        "event_id": f"Ev{tenant.space.count():08d}",
        "event_time": int(tenant.seconds()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": tenant.space.team,
                "user_id": tenant.space.bot,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
    }


def filled(tenant: Tenant, view: View) -> Json:
    """A view with what stands in its fields."""
    return {**shown(tenant, view), "state": {"values": _values(held(view))}}


def held(view: View) -> dict[tuple[str, str], Any]:
    """What stands in the fields of a view."""
    first = initial(view.blocks)
    return {key: view.typed.get(key, value) for key, value in first.items()}


def _values(fields: dict[tuple[str, str], Any]) -> Json:
    values: Json = {}
    for (block, action), value in fields.items():
        values.setdefault(block, {})[action] = value
    return values


def _who(tenant: Tenant, person: Profile) -> Json:
    """The workspace is that of the person, who may be a guest from elsewhere."""
    return {
        "team": {"id": person.team, "domain": "example"},
        "enterprise": None,
        "is_enterprise_install": False,
        "user": {
            "id": person.id,
            "username": person.name.lower().replace(" ", "."),
            "name": person.name.lower().replace(" ", "."),
            "team_id": person.team,
        },
        "api_app_id": tenant.space.app,
        "token": "unused",
    }


def _action(tenant: Tenant, block: Json, element: Json, chosen: Json) -> Json:
    kept: Json = {key: element[key] for key in ("text", "value", "style") if key in element}
    return {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": tenant.timestamp(),
        **kept,
        **chosen,
    }
