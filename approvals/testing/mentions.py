"""What Slack would make of a text: whom it calls, and which links it would unfold.

Pure.
"""

import re
from typing import Any

from approvals.testing.payloads import compact, walked

__all__ = ["links", "mentions"]

_MENTION = re.compile(r"<(?:!(?:channel|here|everyone)|!subteam\^\w+|@\w+)(?:\|[^>]*)?>")
_NAMED = re.compile(r"(?<!\w)@(?:channel|here|everyone)\b")
_LINK = re.compile(r"https?://[^\s<>|\"]+")


def mentions(text: str, blocks: Any, *, link_names: bool = False) -> tuple[str, ...]:
    """Everybody whom a message would call: people, groups, and all of a channel.

    What stands in a plain-text object or in a literal text of rich text calls nobody; the text
    beside the blocks is read for mentions too.
    """
    found = _MENTION.findall(text)
    found += _NAMED.findall(text) if link_names else []
    for item in walked(blocks):
        written = str(item.get("text", ""))
        if item.get("type") in {"mrkdwn", "markdown"} and isinstance(item.get("text"), str):
            found += _MENTION.findall(written)
        elif item.get("type") == "broadcast":
            found.append(f"<!{item.get('range')}>")
        elif item.get("type") == "user" and "user_id" in item:
            found.append(f"<@{item['user_id']}>")
        elif item.get("type") == "usergroup" and "usergroup_id" in item:
            found.append(f"<!subteam^{item['usergroup_id']}>")
    return tuple(found)


def links(text: str, blocks: Any) -> tuple[str, ...]:
    """Every address that a message names and that could be unfolded."""
    return tuple(dict.fromkeys(_LINK.findall(text) + _LINK.findall(compact(blocks or []))))
