"""Whether Slack would take a modal or an App Home: every fault, with its place.

Pure.
"""

from typing import Any

from approvals.testing.blocks import block_faults
from approvals.testing.elements import ID
from approvals.testing.payloads import compact, is_object, jsons
from approvals.testing.shapes import Check, boolean, shape, string, text

__all__ = ["view_faults", "view_too_large"]

_MOST_BLOCKS = 100
_MOST_BYTES = 250_000


def _elsewhere(value: Any, place: str, faults: list[str]) -> None:
    """The blocks are looked at on their own."""


_SHARED: dict[str, Check] = {
    "private_metadata": string(3000, 0),
    "callback_id": ID,
    "external_id": ID,
}
_WORDS = text(24, plain=True)
_KINDS = {
    "modal": shape(
        {"title": _WORDS, "blocks": _elsewhere},
        {
            **_SHARED,
            "submit": _WORDS,
            "close": _WORDS,
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
    ),
    "home": shape({"blocks": _elsewhere}, _SHARED),
}


def view_faults(view: Any, kind: str) -> list[str]:
    """Every reason for which Slack would refuse a view of a kind, `modal` or `home`."""
    if not is_object(view):
        return ["view: must be an object"]
    if view.get("type") != kind:
        return [f"view: must be of type {kind}, is {view.get('type')!r}"]
    faults: list[str] = []
    _KINDS[kind](view, "view", faults)
    faults += block_faults(view.get("blocks"), _MOST_BLOCKS)
    inputs = [block for block in jsons(view.get("blocks")) if block.get("type") == "input"]
    if kind == "modal" and inputs and "submit" not in view:
        faults.append("view: has an input block and lacks submit")
    if any(block.get("type") == "markdown" for block in jsons(view.get("blocks"))):
        faults.append("view: a markdown block is for messages only")
    return faults


def view_too_large(view: Any) -> bool:
    """Whether a view is over 250 kB."""
    return len(compact(view).encode()) > _MOST_BYTES
