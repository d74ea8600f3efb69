"""Where a click has to come from, and what becomes of everything else that Slack brings."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from approvals.testing import Fault
from sagas.slack.desk import Desk
from tests.slack.desks import Counter, words_of
from tests.web import shop


async def told(counter: Counter, payload: dict[str, Any]) -> list[str]:
    """What Ben is told, once the desk has taken a payload of his."""
    await counter.takes(payload)
    return counter.ben.ephemerals


async def test_a_click_of_another_app_decides_nothing(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    [why] = await told(counter, {**payload, "api_app_id": "A9"})
    assert (why.startswith("This did not come from the app"), await counter.state()) == (
        True,
        "pending",
    )


async def test_a_click_from_another_workspace_decides_nothing(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    await told(counter, {**payload, "team": {"id": "T9"}})
    assert await counter.state() == "pending"


async def test_a_click_of_our_organization_counts_in_whichever_workspace(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    counter.desk = Desk(counter.coordinator, replace(counter.team, enterprise="E1"))
    await counter.takes({**payload, "team": {"id": "T9"}, "enterprise": {"id": "E1"}})
    assert await counter.state() == "approved"


async def test_a_message_that_was_not_sent_about_it_decides_nothing(counter: Counter) -> None:
    message = await counter.asks()
    foreign = replace(message, ts="1700000000.000001")
    [why] = await told(counter, counter.clicked(counter.ben, foreign, "Approve"))
    assert why.startswith("This message is none that was sent about it")
    assert await counter.state() == "pending"


async def test_the_same_timestamp_in_another_channel_is_another_message(counter: Counter) -> None:
    message = await counter.asks()
    counter.slack.channel("C2", name="elsewhere", members=["U2"])
    await told(counter, counter.clicked(counter.ben, replace(message, channel="C2"), "Approve"))
    assert await counter.state() == "pending"


async def test_a_button_in_the_message_about_something_else_decides_nothing(
    counter: Counter,
) -> None:
    first = await counter.asks()
    second = await counter.asks(shop.drop, id="autumn")
    await told(counter, counter.clicked(counter.ben, replace(first, ts=second.ts), "Approve"))
    assert await counter.state() == "pending"


async def test_a_form_that_names_a_foreign_message_decides_nothing(counter: Counter) -> None:
    form = await counter.opens(counter.ben, await counter.asks(), "Reject")
    carried = form.body["private_metadata"]
    form.body["private_metadata"] = carried.replace('"c":"C1"', '"c":"C9"')
    counter.ben.fill("reason", "no")
    outcome = await counter.ben.submit()
    assert (len(outcome.errors), await counter.state()) == (1, "pending")


@pytest.mark.parametrize("kind", ["view_closed", "shortcut", "message_action", "block_suggestion"])
async def test_what_needs_no_answer_is_acknowledged(counter: Counter, kind: str) -> None:
    reply = await counter.takes({"type": kind, "user": {"id": "U2"}, "token": "x"})
    assert reply.body is None


async def test_following_a_link_is_acknowledged_and_nothing_else(counter: Counter) -> None:
    outcome = await counter.dee.click(await counter.asks(), "Open in full")
    assert (outcome.acknowledged, counter.replies[-1].after) == (True, None)


async def test_a_click_that_cannot_be_read_is_answered(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    payload["actions"][0]["value"] = "approve everything"
    [why] = await told(counter, payload)
    assert why.startswith("This was not sent by a button or a form of ours")


async def test_a_form_that_cannot_be_read_is_answered_in_its_place(counter: Counter) -> None:
    form = await counter.opens(counter.ben, await counter.asks(), "Reject")
    form.body["private_metadata"] = "{}"
    counter.ben.fill("reason", "no")
    outcome = await counter.ben.submit()
    assert "This was not sent by a button or a form of ours" in words_of(outcome.modal)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": 7},
        {"type": "block_actions"},
        {"type": "block_actions", "user": "U2", "container": [], "actions": {}},
        {"type": "view_submission", "view": None},
    ],
)
async def test_nothing_that_slack_could_bring_is_a_crash(
    counter: Counter, payload: dict[str, Any]
) -> None:
    await counter.takes(payload)


async def test_members_that_slack_adds_are_left_alone(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    payload["actions"][0]["brand_new"] = {"a": 1}
    await counter.takes({**payload, "function_data": {"b": [2]}})
    assert await counter.state() == "approved"


async def test_while_the_journal_is_down_nothing_is_acknowledged(counter: Counter) -> None:
    message = await counter.asks()
    counter.journal_is_down = True
    outcome = await counter.ben.click(message, "Approve")
    assert not outcome.acknowledged


async def test_whoever_left_the_channel_is_told_in_a_view(counter: Counter) -> None:
    payload = counter.clicked(counter.dee, await counter.asks(), "Approve")
    counter.slack.space.channels["C1"].members.discard("U4")
    await counter.takes(payload)
    assert "You are not among the approvers" in words_of(counter.dee.modal)


async def test_a_decision_stands_where_nobody_could_be_told_of_it(counter: Counter) -> None:
    message = await counter.asks()
    counter.slack.fail("chat.postEphemeral", Fault.broken())
    counter.slack.fail("views.open", Fault.broken())
    outcome = await counter.ben.click(message, "Approve")
    await counter.settled()
    assert (outcome.acknowledged, await counter.state()) == (True, "approved")


async def test_no_secret_and_no_argument_is_in_the_log(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [None, *logging.root.manager.loggerDict]:
        caplog.set_level(logging.DEBUG, name)
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    counter.slack.fail("chat.postEphemeral", Fault.broken())
    await counter.takes(payload)
    await counter.takes({**payload, "actions": [{"action_id": "sagas.approve"}]})
    secrets = [payload["trigger_id"], payload["response_url"], counter.slack.bot_token]
    secrets.append(shop.LETTER.body)
    assert [secret for secret in secrets if secret in caplog.text] == []


async def test_events_of_another_app_are_ignored(counter: Counter) -> None:
    event = {
        "api_app_id": "A9",
        "team_id": "T1",
        "event": {"type": "app_home_opened", "user": "U2", "tab": "home"},
    }
    assert (await counter.desk.event(event)).after is None


@pytest.mark.parametrize(
    "event",
    [
        {"api_app_id": []},
        {"api_app_id": "A1", "team_id": ["T1"]},
        {"api_app_id": "A1", "team_id": "T9", "enterprise_id": {}},
        {"api_app_id": "A1", "team_id": "T1", "event": {"type": {}, "user": []}},
        {"api_app_id": "A1", "team_id": "T1", "event": {"type": "user_change", "user": [7]}},
    ],
)
async def test_no_event_is_a_crash(counter: Counter, event: dict[str, Any]) -> None:
    assert (await counter.desk.event(event)).after is None


async def test_events_of_another_organization_are_ignored(counter: Counter) -> None:
    event = {
        "api_app_id": "A1",
        "team_id": "T9",
        "event": {"type": "app_home_opened", "user": "U2", "tab": "home"},
    }
    assert (await counter.desk.event(event)).after is None


async def test_events_that_matter_to_nobody_are_acknowledged(counter: Counter) -> None:
    delivery = await counter.slack.emit({"type": "channel_archive", "channel": "C1"})
    assert delivery.acknowledged
