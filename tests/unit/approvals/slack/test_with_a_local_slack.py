"""What is rendered, posted and asked, against a Slack that is as strict as Slack."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from approvals.channels import MessageLost, Notice, OutcomeUnknown, Saying
from approvals.channels.slack.calling import web_client
from approvals.channels.slack.groups import SlackGroups
from approvals.channels.slack.message import message_of, news_of
from approvals.channels.slack.people import SlackPeople, SlackPerson, Unwelcome
from approvals.channels.slack.posting import SlackChannel
from approvals.testing import Fault, SlackServer
from tests.conformance.channels_suite import asking, decided, notice


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.person("U1", name="Ann", email="ann@example.org")
        server.channel("C1", name="approvals", members=["U1"])
        yield server


@pytest.fixture
def channel(slack: SlackServer) -> SlackChannel:
    return SlackChannel(slack.bot_token, message_of, story=news_of, api_url=slack.base_url)


def asked(found: Notice | None = None) -> Notice:
    return replace(found or notice(), target="C1", at=datetime.now(UTC))


@pytest.mark.parametrize(
    "fault", [Fault.dropped(takes_effect=True), Fault.broken(takes_effect=True)]
)
async def test_a_post_whose_answer_was_lost_is_made_once_and_found(
    slack: SlackServer, channel: SlackChannel, fault: Fault
) -> None:
    slack.fail("chat.postMessage", fault, times=None)
    with pytest.raises(OutcomeUnknown):
        await channel.post(asked())
    found = await channel.find(asked())
    assert [message.ts for message in slack.messages("C1")] == [(found or {})["ts"]]


async def test_an_intervention_is_taken_too(slack: SlackServer, channel: SlackChannel) -> None:
    await channel.post(asked(asking()))
    assert len(slack.messages("C1")) == 1


async def test_an_update_made_twice_changes_the_message_and_tells_it_once(
    slack: SlackServer, channel: SlackChannel
) -> None:
    receipt = await channel.post(asked())
    for _ in range(2):
        await channel.update(receipt, asked(decided()))
    message, told = slack.messages("C1")
    assert message.text.startswith("Rejected")
    assert told.thread_ts == message.ts


async def test_a_reminder_is_found_in_its_thread(slack: SlackServer, channel: SlackChannel) -> None:
    receipt = await channel.post(asked())
    reminder = replace(asked(), reference="b2", saying=Saying.REMINDED, follows=receipt)
    own = await channel.post(reminder)
    assert await channel.find(reminder) == own
    assert own["thread"] == receipt["ts"]


async def test_a_person_is_written_to(slack: SlackServer, channel: SlackChannel) -> None:
    receipt = await channel.post(replace(asked(), target="U1"))
    assert len(slack.messages(receipt["channel"])) == 1


async def test_a_message_that_is_not_there_is_lost(
    slack: SlackServer, channel: SlackChannel
) -> None:
    with pytest.raises(MessageLost):
        await channel.update({"channel": "C1", "ts": "1.000001"}, asked(decided()))


async def test_a_person_is_known_until_they_are_deactivated(slack: SlackServer) -> None:
    ann = slack.person("U2", name="Bo", email="bo@example.org")
    people = SlackPeople(
        web_client(slack.bot_token, base_url=slack.base_url),
        teams=frozenset({slack.space.team}),
        now=lambda: datetime.now(UTC),
    )
    assert isinstance(await people.who_is("U2"), SlackPerson)
    ann.change(deleted=True)
    assert isinstance(await people.who_is("U2", fresh=True), Unwelcome)


async def test_the_members_of_a_group_are_told(slack: SlackServer) -> None:
    slack.usergroup("S1", handle="desk", members=["U1"])
    client = web_client(slack.bot_token, base_url=slack.base_url)
    groups = SlackGroups(client, slack.space.team, lambda: datetime.now(UTC))
    await groups.refresh(["@slack:S1"])
    assert groups.members("slack:S1") == {f"{slack.space.team}/U1"}
