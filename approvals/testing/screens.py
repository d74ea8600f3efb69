"""The methods about views: modals, one above the other, and the App Home of everybody.

Touches: the clock.
"""

import secrets
from typing import Any

from approvals.testing.payloads import Json
from approvals.testing.tenant import Refusal, Tenant
from approvals.testing.views import view_faults, view_too_large
from approvals.testing.workspace import View

__all__ = [
    "placed",
    "replaced",
    "shown",
    "views_open",
    "views_publish",
    "views_push",
    "views_update",
]

_DEEPEST = 3


def views_open(tenant: Tenant, body: Json) -> Json:
    """Open a modal on the screen of whoever has clicked."""
    _check(tenant, body.get("view"), "modal")
    trigger = tenant.use_trigger(body.get("trigger_id"))
    tenant.space.stacks[trigger.user] = []
    return {"view": shown(tenant, placed(tenant, trigger.user, body["view"]))}


def views_push(tenant: Tenant, body: Json) -> Json:
    """Put a modal above the one in which somebody has clicked."""
    _check(tenant, body.get("view"), "modal")
    trigger = tenant.use_trigger(body.get("trigger_id"))
    if trigger.view is None:
        raise Refusal("invalid_trigger_id")
    return {"view": shown(tenant, placed(tenant, trigger.user, body["view"]))}


def views_update(tenant: Tenant, body: Json) -> Json:
    """Change a modal that is open, if it is as it was when its hash was given out."""
    view = _open(tenant, body)
    _check(tenant, body.get("view"), "modal", but=view)
    if body.get("hash") not in {None, "", view.hash}:
        raise Refusal("hash_conflict")
    replaced(tenant, view, body["view"])
    return {"view": shown(tenant, view)}


def views_publish(tenant: Tenant, body: Json) -> Json:
    """Make the App Home of somebody say something."""
    user = tenant.person(body.get("user_id")).id
    old = tenant.space.homes.get(user)
    _check(tenant, body.get("view"), "home", but=old)
    if old is None:
        old = tenant.space.homes[user] = _made(tenant, user, body["view"], "home")
    else:
        if body.get("hash") not in {None, "", old.hash}:
            raise Refusal("hash_conflict")
        replaced(tenant, old, body["view"])
    return {"view": shown(tenant, old)}


def placed(tenant: Tenant, user: str, body: Json) -> View:
    """A modal on top of those that somebody has open.

    Raises:
        Refusal: There are three of them already.
    """
    stack = tenant.space.stacks.setdefault(user, [])
    if len(stack) >= _DEEPEST:
        raise Refusal("push_limit_reached")
    view = _made(tenant, user, body, "modal")
    if stack:
        view.root, view.previous = stack[0].root, stack[-1].id
    stack.append(view)
    return view


def replaced(tenant: Tenant, view: View, body: Json) -> None:
    """Make a view say something else; what was typed stays where the same field stays."""
    view.body = {**body, "blocks": tenant.named(body["blocks"])}
    view.hash = secrets.token_hex(8)
    kept = {
        (str(block.get("block_id")), str(block.get("element", {}).get("action_id")))
        for block in view.blocks
        if block.get("type") == "input"
    }
    view.typed = {key: value for key, value in view.typed.items() if key in kept}


def shown(tenant: Tenant, view: View) -> Json:
    """A view as Slack tells it to the app."""
    return {
        "callback_id": "",
        "private_metadata": "",
        "external_id": "",
        **view.body,
        "id": view.id,
        "team_id": tenant.space.team,
        "app_id": tenant.space.app,
        "app_installed_team_id": tenant.space.team,
        "bot_id": "B" + tenant.space.bot[1:],
        "hash": view.hash,
        "root_view_id": view.root,
        "previous_view_id": view.previous,
    }


def _made(tenant: Tenant, user: str, body: Json, kind: str) -> View:
    name = f"V{tenant.space.count():06d}"
    named = {**body, "blocks": tenant.named(body["blocks"])}
    return View(id=name, user=user, kind=kind, body=named, hash=secrets.token_hex(8), root=name)


def _open(tenant: Tenant, body: Json) -> View:
    for stack in tenant.space.stacks.values():
        for view in stack:
            external = view.body.get("external_id")
            if view.id == body.get("view_id") or (external and external == body.get("external_id")):
                return view
    raise Refusal("not_found")


def _check(tenant: Tenant, view: Any, kind: str, but: View | None = None) -> None:
    faults = view_faults(view, kind)
    if faults:
        raise Refusal("invalid_arguments", faults)
    if view_too_large(view):
        raise Refusal("view_too_large")
    external = view.get("external_id")
    opened = [item for stack in tenant.space.stacks.values() for item in stack]
    opened += tenant.space.homes.values()
    if external and any(
        item is not but and item.body.get("external_id") == external for item in opened
    ):
        raise Refusal("duplicate_external_id")
