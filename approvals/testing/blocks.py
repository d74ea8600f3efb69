"""Whether Slack would take the blocks of a message: every fault, with its place.

The limits are those that Slack documents. The budget for all blocks together is not documented:
messages are refused from about 13,200 characters on, containers included, so that the length of
the blocks' JSON is what is counted here.

Pure.
"""

from collections import Counter
from typing import Any, cast

from approvals.testing.elements import ACCESSORY, ACTION, CONTEXT, ID, INPUT, RICH
from approvals.testing.payloads import Json, acting, compact, jsons, walked
from approvals.testing.shapes import Check, boolean, either, listed, shape, string, text

__all__ = ["BLOCKS", "BUDGET", "MARKDOWN_MOST", "MESSAGE_MOST", "block_faults", "over_budget"]

MESSAGE_MOST = 50
BUDGET = 13_200
MARKDOWN_MOST = 12_000

_OWN = {"block_id": ID}
_SECTION = shape(
    {},
    {
        **_OWN,
        "text": text(3000),
        "fields": listed(text(2000), 10),
        "accessory": either(ACCESSORY),
        "expand": boolean,
    },
)


def _section(value: Any, place: str, faults: list[str]) -> None:
    _SECTION(value, place, faults)
    if "text" not in value and "fields" not in value:
        faults.append(f"{place}: needs text or fields")


BLOCKS: dict[str, Check] = {
    "section": _section,
    "header": shape({"text": text(150, plain=True)}, _OWN),
    "divider": shape({}, _OWN),
    "image": shape(
        {"image_url": string(3000), "alt_text": string(2000)},
        {**_OWN, "title": text(2000, plain=True)},
    ),
    "context": shape({"elements": listed(either(CONTEXT), 10)}, _OWN),
    "actions": shape({"elements": listed(either(ACTION), 25)}, _OWN),
    "input": shape(
        {"label": text(2000, plain=True), "element": either(INPUT)},
        {**_OWN, "hint": text(2000, plain=True), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": shape({"elements": listed(either(RICH), 1000)}, _OWN),
    "markdown": shape({"text": string(MARKDOWN_MOST)}, _OWN),
}


def block_faults(blocks: Any, most: int = MESSAGE_MOST) -> list[str]:
    """Every reason for which Slack would refuse a list of blocks; none if it would take them."""
    faults: list[str] = []
    listed(either(BLOCKS), most, 0)(blocks, "blocks", faults)
    found = jsons(blocks)
    faults += _repeated("block_id", found, "blocks")
    for number, block in enumerate(found):
        faults += _repeated("action_id", acting(block), f"blocks/{number}")
        faults += _initial(block, f"blocks/{number}")
    written = [str(block.get("text")) for block in found if block.get("type") == "markdown"]
    if len(written) > 1 and sum(map(len, written)) > MARKDOWN_MOST:
        faults.append(f"blocks: markdown must be at most {MARKDOWN_MOST} characters in all")
    return faults + _focused(found)


def over_budget(blocks: Any) -> int:
    """By how many characters all blocks together are too long; 0 if they are not."""
    return max(0, len(compact(blocks)) - BUDGET)


def _repeated(key: str, items: list[Json], place: str) -> list[str]:
    counted = Counter(str(item[key]) for item in items if key in item)
    return [
        f"{place}: {key} {name!r} is there {count} times"
        for name, count in counted.items()
        if count > 1
    ]


def _initial(block: Json, place: str) -> list[str]:
    """What is chosen at first has to be among the options, exactly."""
    faults: list[str] = []
    for item in walked(block):
        offered = jsons(item.get("options"))
        for group in jsons(item.get("option_groups")):
            offered += jsons(group.get("options"))
        first = cast(Any, item.get("initial_option"))
        chosen = jsons([first]) + jsons(item.get("initial_options"))
        if offered and any(option not in offered for option in chosen):
            faults.append(f"{place}: what is chosen at first is not among the options")
        if offered:
            values = [{"value": option.get("value")} for option in offered]
            faults += _repeated("value", values, place)
    return faults


def _focused(blocks: list[Json]) -> list[str]:
    count = sum(item.get("focus_on_load") is True for item in walked(blocks))
    return ["blocks: focus_on_load is there more than once"] if count > 1 else []
