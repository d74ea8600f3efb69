"""The methods of the Web API that are played: their names, tokens and scopes.

Touches: the clock.
"""

from collections.abc import Callable
from dataclasses import dataclass

from approvals.testing import chats, conversations, screens, users
from approvals.testing.payloads import Json
from approvals.testing.tenant import Tenant

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True, slots=True)
class Method:
    """What a method does, and what it asks for.

    Attributes:
        scope: What the bot must have been given; channels ask for their own on top.
    """

    do: Callable[[Tenant, Json], Json]
    scope: str | None = None


METHODS: dict[str, Method] = {
    "auth.test": Method(users.auth_test),
    "bots.info": Method(users.bots_info, "users:read"),
    "chat.delete": Method(chats.chat_delete, "chat:write"),
    "chat.getPermalink": Method(chats.chat_get_permalink),
    "chat.postEphemeral": Method(chats.chat_post_ephemeral, "chat:write"),
    "chat.postMessage": Method(chats.chat_post_message, "chat:write"),
    "chat.update": Method(chats.chat_update, "chat:write"),
    "conversations.history": Method(conversations.conversations_history),
    "conversations.info": Method(conversations.conversations_info),
    "conversations.members": Method(conversations.conversations_members),
    "conversations.open": Method(conversations.conversations_open, "im:write"),
    "conversations.replies": Method(conversations.conversations_replies),
    "usergroups.list": Method(users.usergroups_list, "usergroups:read"),
    "usergroups.users.list": Method(users.usergroups_users_list, "usergroups:read"),
    "users.info": Method(users.users_info, "users:read"),
    "users.lookupByEmail": Method(users.users_lookup_by_email, "users:read.email"),
    "views.open": Method(screens.views_open),
    "views.publish": Method(screens.views_publish),
    "views.push": Method(screens.views_push),
    "views.update": Method(screens.views_update),
}
