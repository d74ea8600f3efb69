"""What may stand inside a block, with Slack's documented limits.

Pure.
"""

from approvals.testing.shapes import (
    Check,
    boolean,
    choice,
    either,
    integer,
    listed,
    matching,
    shape,
    string,
    text,
)

__all__ = ["ACCESSORY", "ACTION", "CONTEXT", "ID", "IMAGE", "INPUT", "RICH"]

ID = string(255)
_URL = string(3000)
_DATE = matching(r"\d{4}-\d{2}-\d{2}", "a date such as 2026-01-31")
_TIME = matching(r"([01]\d|2[0-3]):[0-5]\d", "a time such as 09:30")
_NUMBER = matching(r"-?\d+(\.\d+)?", "a number in a string")
_PLACEHOLDER = {"placeholder": text(150, plain=True)}
_FOCUS = {"focus_on_load": boolean}
_CONFIRM = shape(
    {
        "title": text(100, plain=True),
        "text": text(300),
        "confirm": text(30, plain=True),
        "deny": text(30, plain=True),
    },
    {"style": choice("primary", "danger")},
)
_ASKS = {"action_id": ID, "confirm": _CONFIRM}
_OPTION = shape({"text": text(75), "value": string(150)}, {"description": text(75), "url": _URL})
_GROUP = shape({"label": text(75, plain=True), "options": listed(_OPTION, 100)})
_SELECT = {**_ASKS, **_PLACEHOLDER, **_FOCUS}
_MOST = integer(1, 1000)
_USERS = string(20)


def _static(extra: dict[str, Check]) -> Check:
    """A menu with its options in it: a list of them, or of groups, and not both."""
    plain = shape({"options": listed(_OPTION, 100)}, {**_SELECT, **extra})
    grouped = shape({"option_groups": listed(_GROUP, 100)}, {**_SELECT, **extra})

    def check(value: dict[str, object], place: str, faults: list[str]) -> None:
        (grouped if "option_groups" in value else plain)(value, place, faults)

    return check


def _loaded(kind: str, one: Check) -> dict[str, Check]:
    """A menu whose options Slack knows, for one and for several."""
    filters = {"filter": shape({}, {"include": listed(string(20), 4)})}
    several = {f"initial_{kind}s": listed(one, 1000), "max_selected_items": _MOST}
    extra = filters if kind == "conversation" else {}
    return {
        f"{kind}s_select": shape({}, {**_SELECT, f"initial_{kind}": one, **extra}),
        f"multi_{kind}s_select": shape({}, {**_SELECT, **several, **extra}),
    }


_MENUS: dict[str, Check] = {
    "static_select": _static({"initial_option": _OPTION}),
    "multi_static_select": _static(
        {"initial_options": listed(_OPTION, 100), "max_selected_items": _MOST}
    ),
    **_loaded("user", _USERS),
    **_loaded("channel", _USERS),
    **_loaded("conversation", _USERS),
}
_PICKERS: dict[str, Check] = {
    "datepicker": shape({}, {**_SELECT, "initial_date": _DATE}),
    "timepicker": shape({}, {**_SELECT, "initial_time": _TIME, "timezone": string(100)}),
    "datetimepicker": shape({}, {**_ASKS, **_FOCUS, "initial_date_time": integer(10**9, 10**10)}),
    "checkboxes": shape(
        {"options": listed(_OPTION, 10)},
        {**_ASKS, **_FOCUS, "initial_options": listed(_OPTION, 10)},
    ),
    "radio_buttons": shape(
        {"options": listed(_OPTION, 10)}, {**_ASKS, **_FOCUS, "initial_option": _OPTION}
    ),
}
_TYPED = {
    "action_id": ID,
    **_PLACEHOLDER,
    **_FOCUS,
    "dispatch_action_config": shape(
        {"trigger_actions_on": listed(choice("on_enter_pressed", "on_character_entered"), 2)}
    ),
}
_BUTTON = shape(
    {"text": text(75, plain=True)},
    {
        **_ASKS,
        "url": _URL,
        "value": string(2000),
        "style": choice("primary", "danger"),
        "accessibility_label": string(75),
        "visible_to_user_ids": listed(_USERS, 100),
    },
)
_OVERFLOW = shape({"options": listed(_OPTION, 5)}, _ASKS)

IMAGE = shape({"image_url": _URL, "alt_text": string(2000)})
ACTION: dict[str, Check] = {"button": _BUTTON, "overflow": _OVERFLOW, **_MENUS, **_PICKERS}
ACCESSORY: dict[str, Check] = {**ACTION, "image": IMAGE}
CONTEXT: dict[str, Check] = {
    "image": IMAGE,
    "plain_text": text(3000),
    "mrkdwn": text(3000),
}
INPUT: dict[str, Check] = {
    **_MENUS,
    **_PICKERS,
    "plain_text_input": shape(
        {},
        {
            **_TYPED,
            "initial_value": string(3000, 0),
            "multiline": boolean,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        },
    ),
    "number_input": shape(
        {"is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": _NUMBER, "min_value": _NUMBER, "max_value": _NUMBER},
    ),
    "email_text_input": shape({}, {**_TYPED, "initial_value": string(3000)}),
    "url_text_input": shape({}, {**_TYPED, "initial_value": string(3000)}),
}

_STYLE = shape({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline"), boolean))
_WORD = shape({"text": string(12_000)}, {"style": _STYLE})
_LINK = shape({"url": _URL}, {"text": string(12_000), "style": _STYLE, "unsafe": boolean})
_STYLED = {"style": _STYLE}
_WORDS: dict[str, Check] = {
    "text": _WORD,
    "link": _LINK,
    "emoji": shape({"name": string(100)}, {"unicode": string(50), **_STYLED}),
    "user": shape({"user_id": _USERS}, _STYLED),
    "usergroup": shape({"usergroup_id": _USERS}, _STYLED),
    "channel": shape({"channel_id": _USERS}, _STYLED),
    "broadcast": shape({"range": choice("here", "channel", "everyone")}, _STYLED),
    "date": shape(
        {"timestamp": integer(0, 10**11), "format": string(300)},
        {"url": _URL, "fallback": string(300), **_STYLED},
    ),
    "color": shape({"value": string(7)}, _STYLED),
}
_LINE = listed(either(_WORDS), 1000)
_LITERAL = listed(either({"text": _WORD, "link": _LINK}), 1000)
_BORDER = {"border": integer(0, 1)}
_SECTION = shape({"elements": _LINE})
RICH: dict[str, Check] = {
    "rich_text_section": _SECTION,
    "rich_text_quote": shape({"elements": _LINE}, _BORDER),
    "rich_text_preformatted": shape({"elements": _LITERAL}, {**_BORDER, "language": string(50)}),
    "rich_text_list": shape(
        {
            "style": choice("bullet", "ordered"),
            "elements": listed(either({"rich_text_section": _SECTION}), 1000),
        },
        {**_BORDER, "indent": integer(0, 8), "offset": integer(0, 10_000)},
    ),
}
