"""Whose clicks count: people of ours whom Slack and the directory know, and nobody else."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from approvals.testing import Fault, SlackServer
from tests.slack.desks import PAYMENT, Counter, counter_in, settle, transfer

UNKNOWN = {"ana": "U1"}


@pytest.fixture
async def by_email(slack: SlackServer, tmp_path: Path) -> AsyncGenerator[Counter]:
    async with counter_in(slack, tmp_path, people=UNKNOWN, by_email=True) as made:
        yield made


@pytest.fixture
async def by_table(slack: SlackServer, tmp_path: Path) -> AsyncGenerator[Counter]:
    async with counter_in(slack, tmp_path, people=UNKNOWN) as made:
        yield made


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"guest": True}, "You are a guest here, and guests do not decide."),
        ({"bot": True}, "Only people decide, and this is a bot."),
        (
            {"team": "T9"},
            "You belong to another organization, whose people do not decide here.",
        ),
    ],
)
async def test_guests_bots_and_strangers_decide_nothing_and_are_told_why(
    counter: Counter, changes: dict[str, object], told: str
) -> None:
    message = await counter.asks()
    counter.ben.change(**changes)
    outcome = await counter.ben.click(message, "Approve")
    assert (await outcome.told(), await counter.state()) == (told, "pending")


async def test_a_stranger_who_claims_our_workspace_is_found_out(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    counter.ben.change(team="T9")
    await counter.takes(payload)
    assert counter.ben.ephemerals == [
        "You belong to another organization, whose people do not decide here."
    ]
    assert await counter.state() == "pending"


async def test_whoever_was_deactivated_decides_nothing(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.asks(), "Approve")
    counter.ben.change(deleted=True)
    await counter.takes(payload)
    assert counter.ben.ephemerals == ["This account is deactivated, so that it decides nothing."]
    assert await counter.state() == "pending"


async def test_whoever_is_not_in_the_directory_is_told_how_to_get_in(by_table: Counter) -> None:
    outcome = await by_table.ben.click(await by_table.asks(), "Approve")
    assert 'ask for slack = "T1/U2" to be added' in await outcome.told()
    assert await by_table.state() == "pending"


async def test_a_confirmed_address_counts_where_that_is_switched_on(by_email: Counter) -> None:
    await by_email.ben.click(await by_email.asks(), "Approve")
    [vote] = await by_email.coordinator.store.votes((await by_email.gate()).id)
    assert vote.evidence == "Slack user T1/U2, by the confirmed address ben@example.org"


async def test_an_address_that_nobody_confirmed_is_nobody_s(by_email: Counter) -> None:
    message = await by_email.asks()
    by_email.ben.change(email_confirmed=False)
    await by_email.ben.click(message, "Approve")
    assert await by_email.state() == "pending"


async def test_slack_is_asked_about_a_person_once_a_minute(counter: Counter) -> None:
    message = await counter.asks(settle, PAYMENT)
    for _ in range(2):
        await counter.ben.click(message, "Approve")
    assert len(counter.slack.called("users.info")) == 1


async def test_where_nothing_can_be_undone_slack_is_asked_each_time(counter: Counter) -> None:
    message = await counter.asks()
    await counter.opens(counter.ben, message, "Details")
    counter.ben.change(guest=True)
    await counter.ben.click(message, "Approve")
    assert await counter.state() == "pending"


@pytest.mark.parametrize("who", ["a guest", "nobody of the directory"])
async def test_clicks_that_count_for_nothing_use_up_no_questions_to_slack(
    counter: Counter, who: str
) -> None:
    message = await counter.asks()
    if who == "a guest":
        counter.dee.change(guest=True)
        clicks = [counter.clicked(counter.dee, message, "Approve")] * 5
    else:
        zoe = counter.slack.person("U9", name="zoe", email="zoe@example.org")
        counter.slack.space.channels["C1"].members.add("U9")
        clicks = [counter.clicked(zoe, message, "Approve")] * 5
    for click in clicks:
        await counter.takes(click)
    assert len(counter.slack.called("users.info")) == 1
    assert await counter.state() == "pending"


async def test_whom_slack_tells_to_have_changed_is_asked_about_again(counter: Counter) -> None:
    message = await counter.asks(settle, PAYMENT)
    await counter.ben.click(message, "Approve")
    counter.cy.change(name="Cyril")
    await counter.slack.emit({"type": "user_change", "user": {"id": "U2"}})
    await counter.ben.click(message, "Approve")
    assert len(counter.slack.called("users.info")) == 2


async def test_while_slack_does_not_tell_who_somebody_is_nothing_is_decided(
    counter: Counter,
) -> None:
    message = await counter.asks()
    counter.slack.fail("users.info", Fault.broken())
    outcome = await counter.ben.click(message, "Approve")
    assert (await outcome.told()).startswith("Nothing was decided: who you are cannot be told now")
    assert await counter.state() == "pending"


async def test_a_member_of_a_user_group_decides(counter: Counter) -> None:
    await counter.ben.click(await counter.asks(transfer, PAYMENT), "Approve")
    assert await counter.state() == "approved"


async def test_whoever_has_left_a_user_group_decides_nothing_from_then_on(counter: Counter) -> None:
    message = await counter.asks(transfer, PAYMENT)
    counter.slack.space.groups["S1"].members.remove("U2")
    await counter.ben.click(message, "Approve")
    assert await counter.state() == "pending"


async def test_while_slack_does_not_tell_who_is_in_a_group_nothing_is_decided(
    counter: Counter,
) -> None:
    message = await counter.asks(transfer, PAYMENT)
    counter.slack.fail("usergroups.users.list", Fault.broken(), times=None)
    outcome = await counter.ben.click(message, "Approve")
    assert (await outcome.told()).startswith("Nothing was decided: ")
    assert await counter.state() == "pending"
