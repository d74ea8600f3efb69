"""The methods about messages.

Touches: the clock.
"""

from typing import Any

from approvals.testing.blocks import block_faults, over_budget
from approvals.testing.mentions import links, mentions
from approvals.testing.payloads import Json, compact, is_list, is_object
from approvals.testing.tenant import Refusal, Tenant
from approvals.testing.workspace import Channel, Ephemeral, Message, Response

__all__ = [
    "chat_delete",
    "chat_get_permalink",
    "chat_post_ephemeral",
    "chat_post_message",
    "chat_update",
    "respond",
]

_CUT_AT = 40_000
_UPDATE_MOST = 4_000
_METADATA_MOST = 8_000
_EDITABLE_IDS = ("C", "D", "G")


def chat_post_message(tenant: Tenant, body: Json) -> Json:
    """Post a message to a channel, or to a person as the app."""
    channel = _to_post(tenant, body.get("channel"))
    text, blocks = _content(tenant, body)
    thread = _thread(channel, body)
    unfolds = _unfolds(body)
    message = Message(
        channel=channel.id,
        ts=tenant.timestamp(),
        user=tenant.space.bot,
        text=text[:_CUT_AT],
        blocks=blocks,
        metadata=_metadata(body),
        thread_ts=thread,
        broadcast=bool(body.get("reply_broadcast")),
        mentions=_mentions(text, blocks, body),
        links=links(text, blocks) if unfolds else (),
    )
    channel.messages.append(message)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message.told(tenant.space.app, tenant.space.team),
    }


def chat_update(tenant: Tenant, body: Json) -> Json:
    """Change a message of the app; what is left out of blocks and metadata stays as it is."""
    if not str(body.get("channel", "")).startswith(_EDITABLE_IDS):
        raise Refusal("channel_not_found")  # names and people will do for new messages only
    channel = tenant.channel(body.get("channel"))
    if channel.archived:
        raise Refusal("is_inactive")
    message = _own(tenant, channel, body, "cant_update_message")
    if len(str(body.get("text") or "")) > _UPDATE_MOST:
        raise Refusal("msg_too_long")
    if not any(key in body for key in ("text", "blocks", "metadata", "attachments")):
        raise Refusal("no_text")
    if "blocks" in body:
        text, message.blocks = _content(tenant, {"text": message.text, **body})
    else:
        text = str(body.get("text", message.text))
    message.text = text
    if "metadata" in body:
        message.metadata = _metadata(body)
    message.mentions = _mentions(text, message.blocks, body)
    message.edited += 1
    return {"channel": channel.id, "ts": message.ts, "text": text}


def chat_post_ephemeral(tenant: Tenant, body: Json) -> Json:
    """Show one person in a channel a message that nobody else sees."""
    channel = _to_post(tenant, body.get("channel"))
    user = str(body.get("user"))
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    text, blocks = _content(tenant, body)
    shown = _show(
        tenant,
        channel=channel.id,
        user=user,
        text=text,
        blocks=blocks,
        thread=_thread(channel, body),
    )
    return {"message_ts": shown.ts}


def chat_delete(tenant: Tenant, body: Json) -> Json:
    """Delete a message of the app."""
    channel = tenant.channel(body.get("channel"))
    message = _own(tenant, channel, body, "cant_delete_message")
    message.deleted = True
    return {"channel": channel.id, "ts": message.ts}


def chat_get_permalink(tenant: Tenant, body: Json) -> Json:
    """The address of a message."""
    channel = tenant.channel(body.get("channel"))
    message = channel.find(str(body.get("message_ts")))
    if message is None:
        raise Refusal("message_not_found")
    link = f"{tenant.url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": link}


def respond(tenant: Tenant, response: Response, body: Json) -> None:
    """Answer an interaction at the address that came with it.

    Raises:
        Refusal: There is nothing to show, or its blocks are not right.
    """
    channel = tenant.space.channels[response.channel]
    old = channel.find(response.message) if response.message else None
    if body.get("delete_original"):
        if old is not None:
            old.deleted = True
        return
    text, blocks = _content(tenant, body)
    if body.get("replace_original") and old is not None:
        old.text, old.blocks, old.edited = text, blocks, old.edited + 1
        old.mentions = _mentions(text, blocks, body)
    elif body.get("response_type") == "in_channel":
        channel.messages.append(
            Message(
                channel=channel.id,
                ts=tenant.timestamp(),
                user=tenant.space.bot,
                text=text,
                blocks=blocks,
                thread_ts=body.get("thread_ts"),
                mentions=_mentions(text, blocks, body),
            )
        )
    else:
        _show(
            tenant,
            channel=channel.id,
            user=response.user,
            text=text,
            blocks=blocks,
            thread=body.get("thread_ts"),
        )


def _show(
    tenant: Tenant,
    *,
    channel: str,
    user: str,
    text: str,
    blocks: list[Json],
    thread: str | None,
) -> Ephemeral:
    shown = Ephemeral(
        channel=channel,
        user=user,
        text=text,
        blocks=blocks,
        ts=tenant.timestamp(),
        thread_ts=thread,
        mentions=mentions(text, blocks),
    )
    tenant.space.ephemerals.append(shown)
    return shown


def _to_post(tenant: Tenant, name: object) -> Channel:
    if str(name) in tenant.space.people:
        return tenant.space.direct(str(name))
    named = [item.id for item in tenant.space.channels.values() if f"#{item.name}" == name]
    channel = tenant.channel(named[0] if named else name)
    if channel.archived:
        raise Refusal("is_archived")
    if "chat:write.public" in tenant.scopes and not channel.private:
        return channel
    return tenant.inside(channel)


def _content(tenant: Tenant, body: Json) -> tuple[str, list[Json]]:
    text = str(body.get("text") or "")
    blocks: Any = body.get("blocks") or []
    if not is_list(blocks):
        raise Refusal("invalid_blocks_format")
    if not text and not blocks:
        raise Refusal("no_text")
    faults = block_faults(blocks)
    if faults:
        raise Refusal("invalid_blocks", faults)
    over = over_budget(blocks)
    if over:
        raise Refusal("msg_blocks_too_long", [f"blocks: {over} characters too long in all"])
    return text, tenant.named(blocks)


def _mentions(text: str, blocks: list[Json], body: Json) -> tuple[str, ...]:
    named = bool(body.get("link_names")) or body.get("parse") == "full"
    return mentions(text, blocks, link_names=named)


def _unfolds(body: Json) -> bool:
    return any(body.get(key) is not False for key in ("unfurl_links", "unfurl_media"))


def _thread(channel: Channel, body: Json) -> str | None:
    thread = body.get("thread_ts")
    if thread is None:
        return None
    if channel.find(str(thread)) is None:
        raise Refusal("thread_not_found")
    return str(thread)


def _metadata(body: Json) -> Json | None:
    found: Any = body.get("metadata")
    if not found:
        return None
    if not is_object(found) or not isinstance(found.get("event_type"), str):
        raise Refusal("invalid_metadata_format")
    if not is_object(found.get("event_payload")):
        raise Refusal("invalid_metadata_format")
    if len(compact(found)) > _METADATA_MOST:
        raise Refusal("metadata_too_large")
    return found


def _own(tenant: Tenant, channel: Channel, body: Json, error: str) -> Message:
    message = channel.find(str(body.get("ts")))
    if message is None:
        raise Refusal("message_not_found")
    if message.user != tenant.space.bot:
        raise Refusal(error)
    return message
