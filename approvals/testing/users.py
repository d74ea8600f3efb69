"""The methods about people and their groups.

Touches: the clock.
"""

from approvals.testing.payloads import Json
from approvals.testing.tenant import Refusal, Tenant
from approvals.testing.workspace import UserGroup

__all__ = [
    "auth_test",
    "bots_info",
    "usergroups_list",
    "usergroups_users_list",
    "users_info",
    "users_lookup_by_email",
]


def auth_test(tenant: Tenant, _: Json) -> Json:
    """Whose token this is."""
    return {
        "url": tenant.url,
        "team": tenant.space.team,
        "team_id": tenant.space.team,
        "user": "app",
        "user_id": tenant.space.bot,
        "bot_id": "B" + tenant.space.bot[1:],
        "is_enterprise_install": False,
    }


def bots_info(tenant: Tenant, body: Json) -> Json:
    """Which app the bot belongs to."""
    bot = "B" + tenant.space.bot[1:]
    if body.get("bot") != bot:
        raise Refusal("bot_not_found")
    known: Json = {
        "id": bot,
        "deleted": False,
        "name": "app",
        "updated": 1,
        "app_id": tenant.space.app,
        "user_id": tenant.space.bot,
    }
    return {"bot": known}


def users_info(tenant: Tenant, body: Json) -> Json:
    """What there is to know about somebody; the address only with the scope for it."""
    return {"user": _told(tenant, str(body.get("user")))}


def users_lookup_by_email(tenant: Tenant, body: Json) -> Json:
    """Somebody by address; nobody who was deactivated."""
    email = str(body.get("email")).lower()
    for person in tenant.space.people.values():
        if (person.email or "").lower() == email and not person.deleted:
            return {"user": _told(tenant, person.id)}
    raise Refusal("users_not_found")


def usergroups_list(tenant: Tenant, body: Json) -> Json:
    """The groups."""
    disabled = bool(body.get("include_disabled"))
    users = bool(body.get("include_users"))
    return {
        "usergroups": [
            _group(tenant, group, with_users=users)
            for group in tenant.space.groups.values()
            if disabled or not group.disabled
        ]
    }


def usergroups_users_list(tenant: Tenant, body: Json) -> Json:
    """Who is in a group now; nobody who was deactivated unless that is asked for."""
    group = tenant.space.groups.get(str(body.get("usergroup")))
    if group is None:
        raise Refusal("no_such_subteam")
    if body.get("include_disabled"):
        return {"users": list(group.members)}
    if group.disabled:
        return {"users": []}
    return {"users": [name for name in group.members if not tenant.person(name).deleted]}


def _told(tenant: Tenant, user: str) -> Json:
    email = "users:read.email" in tenant.scopes
    return tenant.person(user).told(tenant.space.team, with_email=email)


def _group(tenant: Tenant, group: UserGroup, *, with_users: bool) -> Json:
    told: Json = {
        "id": group.id,
        "team_id": tenant.space.team,
        "is_usergroup": True,
        "handle": group.handle,
        "name": group.handle,
        "user_count": len(group.members),
        "date_delete": 1 if group.disabled else 0,
    }
    if with_users:
        told["users"] = list(group.members)
    return told
