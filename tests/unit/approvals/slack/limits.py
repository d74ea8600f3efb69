"""Slack's documented limits, checked without the code that keeps them.

The limits are those of the reference of Block Kit; what all blocks together may hold is documented
nowhere, and refused somewhat above 13,000 characters.
"""

import json
from collections.abc import Iterator
from typing import Any, cast

MASS_MENTIONS = ("<!", "<@", "<#", "@channel", "@here", "@everyone")


def check_message(text: str, blocks: list[dict[str, Any]]) -> None:
    assert 0 < len(text) <= 4_000
    assert not any(mention in text for mention in MASS_MENTIONS)
    assert not set(text) & set("<>&*~`@/"), text
    assert len(blocks) <= 50
    assert units(json.dumps(blocks, ensure_ascii=False)) + len(text) <= 10_500
    check_blocks(blocks)
    assert not any(block["type"] == "input" for block in blocks)


def check_view(view: dict[str, Any]) -> None:
    assert view["type"] in ("modal", "home")
    assert 0 < len(view["blocks"]) <= 100
    assert len(json.dumps(view).encode()) <= 250_000
    has_input = any(block["type"] == "input" for block in view["blocks"])
    if view["type"] == "modal":
        for part in ("title", "close"):
            check_text(view[part], 24)
        assert ("submit" in view) == has_input
        if "submit" in view:
            check_text(view["submit"], 24)
        assert 0 < len(view["callback_id"]) <= 255
        assert units(view.get("private_metadata", "")) <= 3_000
    else:
        assert not has_input
    check_blocks(view["blocks"])


def check_blocks(blocks: list[dict[str, Any]]) -> None:
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(ids) == len(set(ids))
    for block in blocks:
        assert len(block.get("block_id", "")) <= 255
        _CHECKS[block["type"]](block)


def _header(block: dict[str, Any]) -> None:
    check_text(block["text"], 150)


def check_text(text: dict[str, Any], most: int) -> None:
    assert text["type"] == "plain_text"
    assert text["emoji"] is False
    assert 0 < units(text["text"]) <= most


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _section(block: dict[str, Any]) -> None:
    assert ("text" in block) != ("fields" in block)
    if "text" in block:
        check_text(block["text"], 3_000)
    assert len(block.get("fields", [None])) in range(1, 11)
    for field in block.get("fields", []):
        check_text(field, 2_000)
    if "accessory" in block:
        _button(block["accessory"])


def _context(block: dict[str, Any]) -> None:
    assert 0 < len(block["elements"]) <= 10
    for element in block["elements"]:
        check_text(element, 3_000)


def _rich_text(block: dict[str, Any]) -> None:
    for element in block["elements"]:
        for leaf in element["elements"]:
            assert leaf["type"] == "text"
            assert 0 < units(leaf["text"]) <= 3_000
        if element["type"] == "rich_text_section":
            assert len(element["elements"]) == 1
            assert set(element["elements"][0]["text"]) <= _LABEL, "only labels of ours"
        else:
            assert element["type"] == "rich_text_preformatted"


_LABEL = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ,'")


def _actions(block: dict[str, Any]) -> None:
    elements = block["elements"]
    assert 0 < len(elements) <= 25
    ids = [element["action_id"] for element in elements]
    assert len(ids) == len(set(ids))
    for element in elements:
        _button(element)


def _button(element: dict[str, Any]) -> None:
    assert element["type"] == "button"
    assert 0 < len(element["action_id"]) <= 255
    check_text(element["text"], 75)
    assert units(element.get("value", "")) <= 2_000
    assert element.get("style") in (None, "primary", "danger")
    if "url" in element:
        assert len(element["url"]) <= 3_000
        assert str(element["url"]).startswith(("https://", "http://"))
    if "confirm" in element:
        confirm = element["confirm"]
        for part, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            check_text(confirm[part], most)


def _input(block: dict[str, Any]) -> None:
    check_text(block["label"], 2_000)
    if "hint" in block:
        check_text(block["hint"], 2_000)
    element = block["element"]
    assert 0 < len(element["action_id"]) <= 255
    if element["type"] == "static_select":
        values = [option["value"] for option in element["options"]]
        assert 0 < len(values) <= 100
        assert len(values) == len(set(values))
        assert all(0 < len(value) <= 150 for value in values)
        for option in element["options"]:
            check_text(option["text"], 75)
        assert element.get("initial_option", element["options"][0]) in element["options"]
    else:
        assert element["type"] in ("plain_text_input", "number_input")
        assert units(element.get("initial_value", "")) <= 3_000
        assert element.get("initial_value") != ""


_CHECKS = {
    "header": _header,
    "section": _section,
    "context": _context,
    "rich_text": _rich_text,
    "actions": _actions,
    "input": _input,
}


def buttons(blocks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The buttons by their action ids."""
    return {element["action_id"]: element for element in _buttons(blocks)}


def _buttons(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        if block["type"] == "actions":
            yield from block["elements"]
        if "accessory" in block:
            yield block["accessory"]


def shown(blocks: list[dict[str, Any]]) -> str:
    """All text that a person sees, line by line."""
    return "\n".join(_texts(blocks))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        found = cast(dict[str, Any], content)
        if isinstance(found.get("text"), str):
            yield found["text"]
        for name, member in found.items():
            if name != "confirm":
                yield from _texts(member)
    elif isinstance(content, list):
        for member in cast(Any, content):
            yield from _texts(member)
