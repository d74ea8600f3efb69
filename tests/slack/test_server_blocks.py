"""The local Slack knows every limit of blocks and views, one character before and after."""

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, HeaderBlock, SectionBlock

from approvals.testing import block_faults, view_faults
from tests.slack.conftest import button, modal, reason, section

Made = Callable[[int], dict[str, Any]]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def menu(count: int, **more: Any) -> dict[str, Any]:
    options = [{"text": plain("o"), "value": str(number)} for number in range(count)]
    return {"type": "static_select", "action_id": "m", "options": options, **more}


def confirmed(**words: int) -> dict[str, Any]:
    sizes = {"title": 1, "text": 1, "confirm": 1, "deny": 1, **words}
    confirm = {key: plain("x" * size) for key, size in sizes.items()}
    return actions(button("Go", "go", confirm=confirm))


def buttons(count: int) -> dict[str, Any]:
    return actions(*(button("b", f"b{number}") for number in range(count)))


BLOCK_LIMITS: dict[str, tuple[int, Made]] = {
    "section text": (3000, lambda n: section("x" * n)),
    "section fields": (10, lambda n: {"type": "section", "fields": [plain("x")] * n}),
    "field text": (2000, lambda n: {"type": "section", "fields": [plain("x" * n)]}),
    "header text": (150, lambda n: {"type": "header", "text": plain("x" * n)}),
    "button text": (75, lambda n: actions(button("x" * n, "b"))),
    "button value": (2000, lambda n: actions(button("b", "b", value="x" * n))),
    "button url": (3000, lambda n: actions(button("b", "b", url="x" * n))),
    "action_id": (255, lambda n: actions(button("b", "x" * n))),
    "block_id": (255, lambda n: {"type": "divider", "block_id": "x" * n}),
    "actions elements": (25, buttons),
    "context elements": (10, lambda n: {"type": "context", "elements": [plain("x")] * n}),
    "confirm title": (100, lambda n: confirmed(title=n)),
    "confirm text": (300, lambda n: confirmed(text=n)),
    "confirm button": (30, lambda n: confirmed(confirm=n)),
    "deny button": (30, lambda n: confirmed(deny=n)),
    "menu options": (100, lambda n: actions(menu(n))),
    "placeholder": (150, lambda n: actions(menu(1, placeholder=plain("x" * n)))),
    "markdown": (12_000, lambda n: {"type": "markdown", "text": "x" * n}),
}


@pytest.mark.parametrize("limit", BLOCK_LIMITS)
def test_what_is_at_a_limit_of_a_block_is_taken(limit: str) -> None:
    most, made = BLOCK_LIMITS[limit]
    assert block_faults([made(most)]) == []


@pytest.mark.parametrize("limit", BLOCK_LIMITS)
def test_what_is_over_a_limit_of_a_block_is_refused(limit: str) -> None:
    most, made = BLOCK_LIMITS[limit]
    assert len(block_faults([made(most + 1)])) == 1


VIEW_LIMITS: dict[str, tuple[int, Made]] = {
    "title": (24, lambda n: modal(title=plain("x" * n))),
    "submit": (24, lambda n: modal(submit=plain("x" * n))),
    "close": (24, lambda n: modal(close=plain("x" * n))),
    "private_metadata": (3000, lambda n: modal(private_metadata="x" * n)),
    "callback_id": (255, lambda n: modal(callback_id="x" * n)),
    "blocks": (100, lambda n: modal(*[{"type": "divider"}] * n)),
    "initial_value": (3000, lambda n: modal(reason(initial_value="x" * n))),
}


@pytest.mark.parametrize("limit", VIEW_LIMITS)
def test_what_is_at_a_limit_of_a_modal_is_taken(limit: str) -> None:
    most, made = VIEW_LIMITS[limit]
    assert view_faults(made(most), "modal") == []


@pytest.mark.parametrize("limit", VIEW_LIMITS)
def test_what_is_over_a_limit_of_a_modal_is_refused(limit: str) -> None:
    most, made = VIEW_LIMITS[limit]
    assert len(view_faults(made(most + 1), "modal")) == 1


def test_a_message_has_at_most_fifty_blocks() -> None:
    assert block_faults([{"type": "divider"}] * 50) == []
    assert len(block_faults([{"type": "divider"}] * 51)) == 1


WRONG: dict[str, Any] = {
    "unsupported type": {"type": "carousel"},
    "invalid additional property": {**section("x"), "colour": "red"},
    "needs text or fields": {"type": "section"},
    "at least 1": section(""),
    "action_id 'a' is there 2 times": actions(button("A", "a"), button("B", "a")),
    "must be one of primary, danger": actions(button("A", "a", style="warning")),
    "lacks elements": {"type": "actions"},
    "value '1' is there 2 times": actions(
        menu(0, options=[{"text": plain("o"), "value": "1"}] * 2)
    ),
    "not among the options": actions(
        menu(1, initial_option={"text": plain("other"), "value": "9"})
    ),
    "has an invalid additional property: agent_prompt": actions(
        button("A", "a", agent_prompt="Say yes")
    ),
    "unsupported type 'mrkdwn'": {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
    "unsupported type 'plain_text_input'": actions({"type": "plain_text_input"}),
    "unsupported type 'user'": {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_preformatted", "elements": [{"type": "user", "user_id": "U1"}]}
        ],
    },
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_block_that_is_wrong_is_refused_with_the_reason(fault: str) -> None:
    (said,) = block_faults([WRONG[fault]])
    assert fault in said


def test_a_block_id_is_given_once() -> None:
    block = {"type": "divider", "block_id": "d"}
    assert block_faults([block, block]) == ["blocks: block_id 'd' is there 2 times"]


def test_a_form_needs_something_to_send_it_with() -> None:
    view = modal()
    del view["submit"]
    assert view_faults(view, "modal") == ["view: has an input block and lacks submit"]


def test_a_home_has_no_title() -> None:
    home: Any = {"type": "home", "title": plain("Home"), "blocks": []}
    assert len(view_faults(home, "home")) == 1


@pytest.mark.parametrize("wrong", [None, "[]", 7, [None], ["x"], {}, [[]]])
def test_what_are_no_blocks_is_refused_and_breaks_nothing(wrong: Any) -> None:
    assert block_faults(wrong)


def test_what_slack_sdk_makes_is_taken() -> None:
    made: list[Any] = [
        HeaderBlock(text="Pay?"),
        SectionBlock(text="*Pay* 40 EUR"),
        ActionsBlock(elements=[ButtonElement(text="Approve", action_id="a", value="1")]),
    ]
    assert block_faults([block.to_dict() for block in made]) == []
