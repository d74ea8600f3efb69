"""What is told over Slack when Slack, or what stands in it, goes wrong: nothing is lost, nor twice."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.testing import Fault, SlackServer
from tests.slack.offices import HOUR, MINUTE, Office, decide, office_in, posts


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.channel("C1", name="approvals")
        server.channel("C2", name="managers")
        yield server


@pytest.fixture
async def office(slack: SlackServer, sqlite_url: str) -> AsyncIterator[Office]:
    async with office_in(slack, sqlite_url, above=0) as office:
        yield office


# --- the story --------------------------------------------------------------------------------


async def test_the_thread_has_the_story_from_the_first_vote_to_what_was_done(
    office: Office,
) -> None:
    gate = await office.ask()
    await office.later(HOUR)
    await decide(office, gate, "ana", "bo")
    await (await office.coordinator.resume("trip-1")).outcome(timeout=60)
    await office.tell()
    message, reminder, vote, *rest = office.story()
    assert {message, reminder, rest[-1]} == {"Approved: it is done"}
    assert vote.startswith("Somebody has voted")
    assert set(rest[:-1]) <= {"Approved"}  # told apart, unless the saga was faster
    assert "ana approved" in str(office.slack.messages("C1")[2].blocks)


async def test_the_thread_ends_with_what_was_undone(office: Office) -> None:
    gate = await office.ask()
    await office.coordinator.reject(gate, by="ana", reason="too dear")
    await (await office.coordinator.resume("trip-1")).outcome(timeout=60)
    await office.tell()
    assert office.story()[-1] == "Rejected: the saga was undone"
    last = office.slack.messages("C1")[-1]
    assert "Undone, in this order: book_room" in str(last.blocks)


# --- posting ----------------------------------------------------------------------------------


async def test_all_of_slack_is_left_alone_for_as_long_as_it_asks(office: Office) -> None:
    office.slack.fail("chat.postMessage", Fault.rate_limited(30))
    await office.ask(1)
    await office.ask(2)
    await office.later(timedelta(seconds=29))
    assert len(office.slack.called("chat.postMessage")) == 1
    await office.later(timedelta(seconds=30))
    assert len(posts(office.slack)) == 2


@pytest.mark.parametrize(
    ("fault", "is_done"),
    [
        (Fault.broken(503), False),
        (Fault.broken(500, takes_effect=True), True),
        (Fault.dropped(takes_effect=False), False),
        (Fault.dropped(takes_effect=True), True),
        (Fault.timeout(), True),
        (Fault.refused("fatal_error"), False),
    ],
    ids=["503", "500, done", "dropped", "dropped, done", "timeout, done", "fatal_error"],
)
async def test_a_post_without_an_answer_is_looked_for_and_is_there_once(
    office: Office, fault: Fault, is_done: bool
) -> None:
    office.slack.fail("chat.postMessage", fault)
    await office.ask()
    assert await office.states() == [("slack:C1", "unknown")]
    assert len(posts(office.slack)) == is_done
    await office.later(MINUTE)
    [message] = posts(office.slack)
    assert await office.states() == [("slack:C1", "sent")]
    [row] = await office.coordinator.store.deliveries(saga_id=None, state=None, limit=1)
    assert (row.receipt or {})["ts"] == message.ts


@pytest.mark.parametrize(
    "error",
    ["is_archived", "not_in_channel", "channel_not_found", "token_revoked", "missing_scope"],
)
async def test_a_place_that_takes_nothing_has_the_next_one_told_and_decides_nothing(
    office: Office, error: str
) -> None:
    office.slack.fail("chat.postMessage", Fault.refused(error))
    gate = await office.ask()
    assert [message.text[:8] for message in posts(office.slack, "C2")] == ["Your dec"]
    [(place, state, why), (next_place, next_state, _)] = await office.told()
    assert (place, state, next_place, next_state) == ("slack:C1", "dead", "slack:C2", "sent")
    assert error in (why or "")
    found = await office.coordinator.store.gate(gate)
    assert found is not None
    assert found.state == "pending"


async def test_without_slack_another_channel_is_told(office: Office) -> None:
    office.slack.fail("chat.postMessage", Fault.refused("token_revoked"), times=None)
    await office.ask()
    assert [note.target for note in office.board.notes] == ["ana"]
    assert [state for _, state in await office.states()] == ["dead", "dead", "sent"]


async def test_many_requests_at_once_are_all_told_and_none_is_given_up(office: Office) -> None:
    for number in range(12):
        await office.untold(number)
    await office.tell()
    assert len(posts(office.slack)) == 12
    assert set(await office.states()) == {("slack:C1", "sent")}


# --- changing ---------------------------------------------------------------------------------


async def lost(office: Office) -> list[tuple[str, str]]:
    """What is so after a vote, which changes the message."""
    gate = await office.ask()
    return await _voted(office, gate)


async def _voted(office: Office, gate: str) -> list[tuple[str, str]]:
    await decide(office, gate, "ana")
    found = await office.coordinator.store.gate(gate)
    assert found is not None
    assert found.state == "pending"
    return await office.states()


async def test_a_message_that_was_deleted_is_told_again_at_the_next_place(office: Office) -> None:
    gate = await office.ask()
    posts(office.slack)[0].deleted = True
    assert await _voted(office, gate) == [("slack:C1", "lost"), ("slack:C2", "sent")]
    assert len(posts(office.slack, "C2")) == 1


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "is_archived"])
async def test_a_message_that_cannot_be_changed_is_told_at_the_next_place(
    office: Office, error: str
) -> None:
    office.slack.fail("chat.update", Fault.refused(error))
    assert await lost(office) == [("slack:C1", "lost"), ("slack:C2", "sent")]


@pytest.mark.parametrize(
    "fault",
    [
        Fault.rate_limited(30),
        Fault.broken(503),
        Fault.dropped(takes_effect=True),
        Fault.refused("token_revoked"),
    ],
    ids=["429", "503", "dropped, done", "token_revoked"],
)
@pytest.mark.parametrize("method", ["chat.update", "conversations.replies"])
async def test_a_change_that_may_not_have_been_made_is_made_again_and_told_once(
    office: Office, fault: Fault, method: str
) -> None:
    office.slack.fail(method, fault)
    await lost(office)
    await office.later(MINUTE)
    assert await office.states() == [("slack:C1", "updated")]
    said: Any = [each.text for each in office.slack.messages("C1")]
    assert len(said) == 2
