"""One person's screen as HTML, part by part, so that a part that stays the same is left alone.

Every text is escaped by the templates: what the app says is hostile here. Pictures are named, and
never fetched. Touches: this package's own templates, read once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from json import dumps
from typing import Any
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from approvals.testing.fields import initial, said
from approvals.testing.interactions import held
from approvals.testing.page.looking import HOME, Look
from approvals.testing.page.mrkdwn import read
from approvals.testing.payloads import Json, is_list, jsons
from approvals.testing.workspace import Ephemeral, Message, View, Workspace

__all__ = ["PARTS", "draw", "shell"]

PARTS = ("rail", "place", "thread", "modal")
"""What a screen is made of, by the ids of its elements."""

_KINDS = {
    "plain_text_input": "text",
    "number_input": "text",
    "email_text_input": "email",
    "url_text_input": "url",
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "number",
}
_REACHABLE = ("http://", "https://", "mailto:")
_STYLES = ("bold", "italic", "strike", "code", "underline")
_HUES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """Where blocks stand: what is said about each thing that can be clicked there."""

    space: Workspace
    person: str
    where: Markup
    live: bool = True
    held: Mapping[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])
    errors: Mapping[str, str] = field(default_factory=dict[str, str])


def shell() -> str:
    """The page that a screen is drawn into."""
    return _templates().get_template("page.html").render()


def draw(look: Look, *, errors: Mapping[str, str], trouble: str) -> dict[str, str]:
    """The parts of a screen.

    Args:
        errors: What stands under the fields of the modal, by the label of each.
        trouble: What Slack itself says in the modal.
    """
    templates = _templates()
    told = {"look": look, "errors": errors, "trouble": trouble}
    return {part: templates.get_template(f"{part}.html").render(told) for part in PARTS}


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("approvals.testing.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(_GLOBALS)
    made.filters.update(_FILTERS)
    return made


def _standing(
    place: Message | Ephemeral | View,
    look: Look,
    *,
    live: bool = True,
    errors: Mapping[str, str] | None = None,
) -> _Standing:
    if isinstance(place, View):
        return _Standing(
            space=look.space,
            person=look.person.id,
            where=Markup('data-view="{}"').format(place.id),
            held=held(place),
            errors=errors or {},
        )
    where = Markup('data-channel="{}" data-message="{}"').format(place.channel, place.ts)
    return _Standing(
        space=look.space,
        person=look.person.id,
        where=where,
        live=live,
        held=initial(place.blocks) if live else {},
    )


def _called(target: str, label: str, space: Workspace) -> str:
    """Whom or what a text calls, as a person reads it."""
    kind, name = target[:1], target[1:]
    if kind == "@" and name in space.people:
        return f"@{space.people[name].name}"
    if kind == "#" and name in space.channels:
        return f"#{space.channels[name].name}"
    group = space.groups.get(name.removeprefix("subteam^"))
    if group is not None:
        return f"@{group.handle}"
    return label or (f"@{name}" if kind == "!" else target)


def _classes(style: Json) -> str:
    return " ".join(name for name in _STYLES if style.get(name) is True)


def _emoji(item: Json) -> str:
    try:
        return "".join(chr(int(code, 16)) for code in str(item["unicode"]).split("-"))
    except (KeyError, ValueError, OverflowError):
        return f":{item.get('name')}:"


def _hue(name: str) -> int:
    return crc32(name.encode()) % _HUES


def _instant(ts: str) -> str:
    return datetime.fromtimestamp(float(ts), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reachable(url: object) -> bool:
    """Whether a link may lead there: no script, and nothing of this machine's files."""
    return str(url).lower().startswith(_REACHABLE)


def _sure(confirm: Json) -> str:
    """What is asked before it is done, for the script, which shows it as text."""
    told = {name: said(confirm.get(name)) for name in ("title", "text", "confirm", "deny")}
    return dumps({**told, "style": confirm.get("style", "primary")})


def _value(held_there: Json) -> Any:
    """What a field holds: a text, or the values that are chosen in it."""
    found: Any = next((value for key, value in held_there.items() if key != "type"), None)
    if "selected_option" in held_there:
        return [] if found is None else [found["value"]]
    if "selected_options" in held_there:
        return [option["value"] for option in found]
    if any(key.startswith("selected_") and key[9:10] in "ucs" for key in held_there):
        several = found if is_list(found) else [found]
        return [] if found is None else several
    return found


def _options(element: Json, space: Workspace) -> list[dict[str, str]]:
    """What can be chosen in a menu: what it says, or what Slack itself knows."""
    kind = str(element.get("type"))
    if "users" in kind:
        return [{"value": item.id, "text": item.name} for item in space.people.values()]
    if "channels" in kind or "conversations" in kind:
        return [
            {"value": item.id, "text": item.name}
            for item in space.channels.values()
            if not item.direct
        ]
    offered = jsons(element.get("options"))
    for group in jsons(element.get("option_groups")):
        offered += jsons(group.get("options"))
    return [{"value": str(item["value"]), "text": said(item["text"])} for item in offered]


_GLOBALS: Mapping[str, Any] = {"HOME": HOME, "KINDS": _KINDS}
_FILTERS: Mapping[str, Any] = {
    "called": _called,
    "classes": _classes,
    "emoji": _emoji,
    "hue": _hue,
    "instant": _instant,
    "mrkdwn": read,
    "options": _options,
    "reachable": _reachable,
    "standing": _standing,
    "sure": _sure,
    "value": _value,
}
