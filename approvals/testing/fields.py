"""What a person fills in: which field, what it may hold, and how Slack tells it to the app.

Pure.
"""

from typing import Any

from approvals.testing.errors import Impossible
from approvals.testing.payloads import Json, acting, is_list, is_object, jsons

__all__ = ["complaint", "found_field", "initial", "said", "valued"]

_TYPED = ("plain_text_input", "number_input", "email_text_input", "url_text_input")
_ONE = {"static_select": "option", "radio_buttons": "option", "overflow": "option"}
_SEVERAL = {"multi_static_select", "checkboxes"}
_PLAIN = {
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
}
_REQUIRED = "Please complete this required field."


def said(item: Any) -> str:
    """The words of a text object."""
    return str(item.get("text", "")) if is_object(item) else ""


def found_field(blocks: list[Json], what: str) -> tuple[Json, Json]:
    """The block and the element of a field, by its label, or the id of its block or action.

    Raises:
        Impossible: There is no such field, or more than one.
    """
    found = [
        (block, block["element"])
        for block in blocks
        if block.get("type") == "input"
        and what in {said(block["label"]), block.get("block_id"), block["element"].get("action_id")}
    ]
    if len(found) != 1:
        labels = [said(block["label"]) for block in blocks if block.get("type") == "input"]
        raise Impossible(f"{len(found)} fields are called {what!r}; there are: {labels}")
    return found[0]


def initial(blocks: list[Json]) -> dict[tuple[str, str], Json]:
    """What every field holds before anybody types."""
    return {
        (str(block["block_id"]), str(element["action_id"])): _first(element)
        for block in blocks
        for element in acting(block)
        if element.get("type") not in {"button", "image", "overflow"}
    }


def valued(element: Json, value: Any) -> Json:
    """What a field holds once a person has put something in.

    Args:
        element: The field.
        value: Text; for menus the text or the value of an option, or a list of them; for what
            Slack itself knows, an id or a list of ids.

    Raises:
        Impossible: There is no such option, or nothing can be put in.
    """
    kind = str(element.get("type"))
    if kind in _TYPED:
        return {"type": kind, "value": str(value) if value not in (None, "") else None}
    if kind in _ONE:
        return {"type": kind, "selected_option": None if value is None else _option(element, value)}
    if kind in _SEVERAL:
        return {"type": kind, "selected_options": _options(element, value)}
    if kind in _PLAIN:
        return {"type": kind, _PLAIN[kind][0]: value}
    raise Impossible(f"nothing can be put into a {kind}")


def complaint(block: Json, value: Json) -> str | None:
    """What the person's own screen says about a field before anything is sent."""
    element: Json = block["element"]
    held: Any = next((value[key] for key in value if key != "type"), None)
    if held is None or held in ([], ""):
        return None if block.get("optional") else _REQUIRED
    if element["type"] == "plain_text_input":
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if not least <= len(str(held)) <= most:
            return f"Please enter {least} to {most} characters."
    if element["type"] == "number_input":
        return _number(element, str(held))
    if element["type"] == "email_text_input" and "@" not in str(held):
        return "Please enter a valid email address."
    return None


def _number(element: Json, held: str) -> str | None:
    try:
        number = float(held) if element["is_decimal_allowed"] else int(held)
    except ValueError:
        return "Please enter a valid number."
    least = float(element.get("min_value", "-inf"))
    most = float(element.get("max_value", "inf"))
    return None if least <= number <= most else f"Please enter a number from {least} to {most}."


def _first(element: Json) -> Json:
    kind = str(element.get("type"))
    if kind in _ONE:
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in _SEVERAL:
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    if kind in _PLAIN:
        key, first = _PLAIN[kind]
        return {"type": kind, key: element.get(first)}
    return {"type": kind, "value": element.get("initial_value") or None}


def _options(element: Json, values: Any) -> list[Json]:
    return [_option(element, value) for value in values] if is_list(values) else []


def _option(element: Json, value: Any) -> Json:
    offered = jsons(element.get("options"))
    for group in jsons(element.get("option_groups")):
        offered += jsons(group.get("options"))
    for option in offered:
        if value in {option["value"], said(option["text"])}:
            return option
    raise Impossible(f"no option {value!r}; there are: {[said(item['text']) for item in offered]}")
