"""The methods about channels, and about what was said in them.

Touches: the clock.
"""

from typing import Any

from approvals.testing.payloads import Json
from approvals.testing.tenant import Refusal, Tenant
from approvals.testing.workspace import Channel, Message

__all__ = [
    "conversations_history",
    "conversations_info",
    "conversations_members",
    "conversations_open",
    "conversations_replies",
]

_PAGE = 100
_MOST = 1000


def conversations_open(tenant: Tenant, body: Json) -> Json:
    """Begin a conversation with one person."""
    users = [name for name in str(body.get("users") or "").split(",") if name]
    if not users:
        raise Refusal("users_list_not_supplied")
    if len(users) > 1:
        raise Refusal("method_not_supported_for_channel_type")  # groups are not played here
    if tenant.person(users[0]).deleted:
        raise Refusal("user_disabled")
    return {"channel": {"id": tenant.space.direct(users[0]).id}}


def conversations_info(tenant: Tenant, body: Json) -> Json:
    """What there is to know about a channel."""
    channel = _readable(tenant, body, "read")
    told: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.private and not channel.direct,
        "is_group": channel.private,
        "is_im": channel.direct,
        "is_private": channel.private or channel.direct,
        "is_archived": channel.archived,
        "is_member": tenant.space.bot in channel.members,
    }
    if body.get("include_num_members"):
        told["num_members"] = len(channel.members)
    return {"channel": told}


def conversations_members(tenant: Tenant, body: Json) -> Json:
    """Who is in a channel, page by page."""
    channel = _readable(tenant, body, "read")
    members, cursor = _page(sorted(channel.members), body)
    return {"members": members, "response_metadata": {"next_cursor": cursor}}


def conversations_history(tenant: Tenant, body: Json) -> Json:
    """What was said in a channel, the newest first, page by page."""
    channel = tenant.inside(_readable(tenant, body, "history"))
    return _told(tenant, list(reversed(channel.shown)), body)


def conversations_replies(tenant: Tenant, body: Json) -> Json:
    """A message and what was said in its thread, the oldest first, page by page."""
    channel = tenant.inside(_readable(tenant, body, "history"))
    thread = channel.thread(str(body.get("ts")))
    if not thread:
        raise Refusal("thread_not_found")
    return _told(tenant, thread, body)


def _told(tenant: Tenant, messages: list[Message], body: Json) -> Json:
    wanted = [item for item in messages if _within(item.ts, body)]
    page, cursor = _page(wanted, body)
    metadata = bool(body.get("include_all_metadata"))
    return {
        "messages": [
            item.told(tenant.space.app, tenant.space.team, metadata=metadata) for item in page
        ],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


def _readable(tenant: Tenant, body: Json, what: str) -> Channel:
    channel = tenant.channel(body.get("channel"))
    tenant.need(f"{channel.kind}:{what}")
    return channel


def _within(ts: str, body: Json) -> bool:
    oldest, latest = float(body.get("oldest") or 0), float(body.get("latest") or "inf")
    if body.get("inclusive"):
        return oldest <= float(ts) <= latest
    return oldest < float(ts) < latest


def _page(items: list[Any], body: Json) -> tuple[list[Any], str]:
    try:
        limit, start = int(body.get("limit") or _PAGE), int(body.get("cursor") or 0)
    except ValueError:
        raise Refusal("invalid_cursor") from None
    if not 1 <= limit < _MOST:
        raise Refusal("invalid_limit")
    more = start + limit < len(items)
    return items[start : start + limit], str(start + limit) if more else ""
