import json
from dataclasses import replace

import pytest

from approvals.channels import InterventionView, Notice, RoundUp
from approvals.channels.slack.message import Message, message_of
from approvals.channels.slack.posting import SlackChannel
from approvals.errors import ChannelDefinitionError
from tests.conformance.channels_suite import LINK, asking, decided, notice
from tests.unit.approvals.builders import pending
from tests.unit.approvals.slack.limits import check_message, shown
from tests.unit.approvals.slack.test_slack_message import HOSTILE


def together(*notices: Notice, link: str | None = LINK) -> Message:
    """The message that shows them, told for the first."""
    gathered = RoundUp(reference="r-1", notices=notices, link=link)
    message = message_of(replace(notices[0], round_up=gathered))
    check_message(message.text, message.blocks)
    return message


def numbered(number: int) -> Notice:
    return notice(replace(pending(), id=f"g-{number}"))


def action_ids(message: Message) -> list[str]:
    found = json.loads(json.dumps(message.blocks))
    ways = [each["accessory"] for each in found if "accessory" in each]
    rows = [each for block in found if block["type"] == "actions" for each in block["elements"]]
    return [each["action_id"] for each in (*ways, *rows)]


def test_nothing_is_decided_from_a_line() -> None:
    assert set(action_ids(together(numbered(1), numbered(2)))) == {"sagas.details", "sagas.open"}


def test_hundreds_of_long_ones_keep_every_limit_and_say_how_many_are_left_out() -> None:
    text = "\U0001f600&" * 900
    gate = replace(pending(), action=text, saga_id=text)
    view = notice(gate, for_whom=(text[:200],))
    message = together(*(300 * [view]))
    shown_here = action_ids(message).count("sagas.details")
    assert 0 < shown_here < 300
    assert f"and {300 - shown_here} more: see the app's home page, or the inbox" in shown(
        message.blocks
    )


def test_what_waits_stands_before_what_is_decided() -> None:
    over = decided()
    message = together(over, numbered(2))
    first, second = [block for block in message.blocks if block["type"] == "section"]
    assert "accessory" in first
    assert second["text"]["text"].startswith("Rejected")
    assert message.text == "1 of these 2 requests still wait for a decision"


def test_when_the_last_one_is_decided_nothing_can_be_clicked_but_the_inbox() -> None:
    over = decided()
    message = together(over, over)
    assert message.text == "None of these 2 requests waits any more"
    assert action_ids(message) == ["sagas.open"]


def test_hostile_text_in_a_line_stays_text() -> None:
    gate = replace(pending(), action=HOSTILE, saga_id=HOSTILE, path=HOSTILE)
    view = asking().subject
    assert isinstance(view, InterventionView)
    question = notice(subject=replace(view, question=HOSTILE, saga_id=HOSTILE))
    together(notice(gate, for_whom=(HOSTILE,)), question, link=None)


def test_it_is_found_again_by_the_reference_of_the_first() -> None:
    assert together(numbered(1)).metadata["event_payload"]["reference"] == "r-1"


def test_another_version_is_named_for_another_list() -> None:
    one = RoundUp(reference="r-1", notices=(numbered(1),), link=None)
    assert one.version != replace(one, notices=(numbered(1), numbered(1))).version


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ChannelDefinitionError, match="round_up_above = -1"):
        SlackChannel("xoxb-1", message_of, round_up_above=-1)
