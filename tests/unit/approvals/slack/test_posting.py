"""Messages of Slack: posted once, found again, repaired, and every failure with what it asks for."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.channels import (
    ChannelError,
    MessageLost,
    Notice,
    OutcomeUnknown,
    Rejected,
    Reroute,
    Retry,
    Saying,
    Stop,
)
from approvals.channels.slack.calling import Unanswered
from approvals.channels.slack.pacing import Pace
from approvals.channels.slack.posting import SlackChannel
from approvals.errors import ChannelDefinitionError
from tests.conformance.channels_suite import decided, notice
from tests.unit.approvals.slack.local import TOKEN, LocalSlack, Said

POSTED: dict[str, object] = {
    "channel": "C0123",
    "ts": "1700.0001",
    "message": {"team": "T0123", "app_id": "A0123", "bot_id": "B0123"},
}
RECEIPT = {"channel": "C0123", "ts": "1700.0001", "team": "T0123", "app": "A0123"}
AT_ONCE = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Text:
    """A message as short as it can be."""

    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]


def rendered(found: Notice) -> Text:
    payload = {"reference": found.reference, "version": found.version}
    return Text(
        text=f"it is {found.happening}",
        blocks=[{"type": "divider"}],
        metadata={"event_type": "sagas_notice", "event_payload": payload},
    )


def asked(**different: object) -> Notice:
    return notice(**{"target": "C0123", **different})  # type: ignore[arg-type]


def channel(slack: LocalSlack, **different: Any) -> SlackChannel:
    given: dict[str, Any] = {"api_url": slack.url, "pace": Pace(AT_ONCE), **different}
    return SlackChannel(TOKEN, rendered, **given)


@pytest.fixture(autouse=True)
def answers(slack: LocalSlack) -> None:
    slack.says("auth.test", {"user_id": "U0BOT", "bot_id": "B0123"})
    slack.says("chat.postMessage", POSTED)
    slack.says("chat.update", POSTED)
    slack.says("conversations.history", {"messages": []})
    slack.says("conversations.replies", {"messages": []})


async def test_a_notice_is_posted_with_its_reference_and_unfurls_nothing(slack: LocalSlack) -> None:
    assert await channel(slack).post(asked()) == RECEIPT
    [said] = slack.calls("chat.postMessage")
    assert said == {
        "channel": "C0123",
        "text": "it is waiting",
        "blocks": [{"type": "divider"}],
        "metadata": rendered(asked()).metadata,
        "unfurl_links": False,
        "unfurl_media": False,
    }


async def test_a_person_is_written_to_in_a_conversation_that_is_opened_once(
    slack: LocalSlack,
) -> None:
    slack.says("conversations.open", {"channel": {"id": "D0123"}})
    posts = channel(slack)
    for _ in range(2):
        await posts.post(asked(target="U0456"))
    assert [said["users"] for said in slack.calls("conversations.open")] == ["U0456"]
    assert [said["channel"] for said in slack.calls("chat.postMessage")] == ["D0123"] * 2


async def test_a_reminder_is_posted_below_what_it_reminds_of(slack: LocalSlack) -> None:
    posts = channel(slack)
    receipt = await posts.post(asked())
    own = await posts.post(asked(reference="b2", saying=Saying.REMINDED, follows=receipt))
    assert slack.calls("chat.postMessage")[-1]["thread_ts"] == "1700.0001"
    assert own["thread"] == "1700.0001"


async def test_a_reminder_elsewhere_is_a_message_of_its_own(slack: LocalSlack) -> None:
    elsewhere = {"channel": "C0999", "ts": "1.0"}
    await channel(slack).post(asked(follows=elsewhere))
    assert "thread_ts" not in slack.calls("chat.postMessage")[0]


async def test_a_reminder_of_a_message_that_was_deleted_is_one_of_its_own(
    slack: LocalSlack,
) -> None:
    slack.says("chat.postMessage", Said({"ok": False, "error": "thread_not_found"}), POSTED)
    found = await channel(slack).post(asked(follows=RECEIPT))
    assert "thread" not in found
    assert "thread_ts" not in slack.calls("chat.postMessage")[-1]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("is_archived", Reroute),
        ("channel_not_found", Reroute),
        ("not_in_channel", Reroute),
        ("restricted_action", Reroute),
        ("invalid_auth", Stop),
        ("token_revoked", Stop),
        ("token_expired", Stop),
        ("account_inactive", Stop),
        ("missing_scope", Stop),
        ("org_login_required", Stop),
        ("invalid_blocks", Rejected),
        ("msg_too_long", Rejected),
        ("msg_blocks_too_long", Rejected),
        ("invalid_arguments", Rejected),
        ("an_error_of_tomorrow", Rejected),
        ("service_unavailable", Retry),
        ("ratelimited", Retry),
        ("internal_error", OutcomeUnknown),
        ("fatal_error", OutcomeUnknown),
        ("request_timeout", OutcomeUnknown),
        ("<script>", OutcomeUnknown),
    ],
)
async def test_a_refused_post_says_what_to_do(
    slack: LocalSlack, error: str, expected: type[ChannelError]
) -> None:
    slack.refuses("chat.postMessage", error)
    with pytest.raises(expected) as refused:
        await channel(slack).post(asked())
    assert type(refused.value) is expected
    assert "<script>" not in str(refused.value)


@pytest.mark.parametrize(
    "said",
    [
        Said(None, 0),
        Said({"ok": False, "error": "a_new_error"}, 503),
        Said("<html>", 502, {"Content-Type": "text/html"}),
        Said("fine"),
        Said("{", 200, {"Content-Type": "application/json"}),
        Said([]),
        Said({"ok": True}),
        Said({"ok": True, "channel": "C0123", "ts": 7}),
    ],
)
async def test_a_post_that_may_have_arrived_is_made_once_and_is_to_be_looked_for(
    slack: LocalSlack, said: Said
) -> None:
    slack.answers["chat.postMessage"] = [said]
    with pytest.raises(OutcomeUnknown):
        await channel(slack).post(asked())
    assert len(slack.calls("chat.postMessage")) == 1


async def test_where_slack_cannot_be_reached_nothing_was_sent(slack: LocalSlack) -> None:
    posts = channel(slack, api_url="http://127.0.0.1:9/api/")  # discard: nobody listens
    with pytest.raises(Retry):
        await posts.post(asked())


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30), ("0", 1), ("soon", 1), ("-5", 1), ("9" * 9, 3600), ("9" * 40, 1), ("", 1)],
)
async def test_the_rest_that_slack_asks_for_is_passed_on(
    slack: LocalSlack, header: str, seconds: int
) -> None:
    limited = Said({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": header})
    slack.answers["chat.postMessage"] = [limited]
    with pytest.raises(Retry) as refused:
        await channel(slack).post(asked())
    assert refused.value.after == timedelta(seconds=seconds)


async def test_scopes_that_are_missing_are_named_with_the_mend(slack: LocalSlack) -> None:
    slack.refuses("chat.postMessage", "missing_scope", needed="chat:write")
    with pytest.raises(Stop, match=r"it needs chat:write\): add it to the app"):
        await channel(slack).post(asked())


async def test_neither_token_nor_message_is_in_an_error_or_in_the_log(
    slack: LocalSlack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    slack.says("chat.postMessage", POSTED, Said({"ok": False, "error": "invalid_auth"}))
    posts = channel(slack)
    await posts.post(asked())
    with pytest.raises(Stop) as refused:
        await posts.post(asked())
    assert refused.value.__cause__ is None
    for told in (str(refused.value), caplog.text, repr(posts)):
        assert TOKEN not in told
        assert "it is waiting" not in told


# --- pace ----------------------------------------------------------------------------------------


def test_a_conversation_takes_a_few_at_once_and_then_one_a_second() -> None:
    pace = Pace(burst=3)
    assert [pace.take("C1", 10.0) for _ in range(5)] == [0, 0, 0, 1, 2]
    assert pace.take("C2", 10.0) == 0
    assert pace.take("C1", 20.0) == 0


def test_a_queue_that_is_too_long_lets_nobody_in_and_grows_no_longer() -> None:
    pace = Pace(burst=1, longest=timedelta(seconds=2))
    assert [pace.take("C1", 0.0) for _ in range(5)] == [0, 1, 2, None, None]
    assert pace.take("C1", 1.0) == 2


async def test_a_message_that_would_wait_too_long_is_not_sent(slack: LocalSlack) -> None:
    posts = channel(slack, pace=Pace(timedelta(hours=1), burst=1))
    await posts.post(asked())
    with pytest.raises(Retry, match="C0123"):
        await posts.post(asked())
    assert len(slack.calls("chat.postMessage")) == 1


# --- looking for what may have arrived -----------------------------------------------------------


def a_message(
    reference: str = "a1b2c3", *, version: str = "pending.1", **different: object
) -> Mapping[str, object]:
    payload = {"reference": reference, "version": version}
    return {
        "ts": "1700.0001",
        "bot_id": "B0123",
        "app_id": "A0123",
        "team": "T0123",
        "metadata": {"event_type": "sagas_notice", "event_payload": payload},
        **different,
    }


async def test_a_message_is_found_by_its_reference_on_whatever_page(slack: LocalSlack) -> None:
    more = {"response_metadata": {"next_cursor": "p2"}}
    slack.says(
        "conversations.history",
        {"messages": [a_message("other"), {"ts": "1.0"}, "junk"], **more},
        {"messages": [a_message()]},
    )
    assert await channel(slack).find(asked()) == RECEIPT
    first, second = slack.calls("conversations.history")
    assert first["include_all_metadata"] == "1"
    assert second["cursor"] == "p2"


@pytest.mark.parametrize(
    "message",
    [
        a_message("other"),
        a_message(bot_id="B0666"),
        a_message(metadata=None),
        a_message(metadata={"event_payload": []}),
        a_message(ts=None),
    ],
)
async def test_another_message_or_another_apps_is_not_taken_for_it(
    slack: LocalSlack, message: object
) -> None:
    slack.says("conversations.history", {"messages": [message]})
    assert await channel(slack).find(asked()) is None


async def test_the_search_ends_where_the_conversation_does_not(slack: LocalSlack) -> None:
    slack.says(
        "conversations.history",
        {"messages": [a_message("other")], "response_metadata": {"next_cursor": "on"}},
    )
    assert await channel(slack).find(asked()) is None
    assert len(slack.calls("conversations.history")) == 10


async def test_a_reminder_is_looked_for_in_its_thread(slack: LocalSlack) -> None:
    own = a_message("b2", ts="1700.0002")
    slack.says("conversations.replies", {"messages": [a_message(), own]})
    found = await channel(slack).find(asked(reference="b2", follows=RECEIPT))
    assert found == {**RECEIPT, "ts": "1700.0002", "thread": "1700.0001"}


async def test_without_the_scope_nothing_is_found(slack: LocalSlack) -> None:
    slack.refuses("conversations.history", "missing_scope", needed="channels:history")
    assert await channel(slack).find(asked()) is None


async def test_what_cannot_be_looked_for_now_is_looked_for_later(slack: LocalSlack) -> None:
    slack.refuses("conversations.history", "fatal_error")
    with pytest.raises(Retry):
        await channel(slack).find(asked())


# --- repairing -----------------------------------------------------------------------------------


def over(**different: object) -> Notice:
    return replace(decided(), target="C0123", **different)  # type: ignore[arg-type]


async def test_a_message_is_changed_to_what_is_so_by_now(slack: LocalSlack) -> None:
    assert await channel(slack).update(RECEIPT, over()) == RECEIPT
    assert slack.calls("chat.update") == [
        {
            "channel": "C0123",
            "ts": "1700.0001",
            "text": "it is rejected",
            "blocks": [{"type": "divider"}],
            "metadata": rendered(over()).metadata,
        }
    ]
    assert slack.calls("chat.postMessage") == []


async def test_news_is_told_in_the_thread(slack: LocalSlack) -> None:
    await channel(slack, story=rendered).update(RECEIPT, over())
    [said] = slack.calls("chat.postMessage")
    assert (said["thread_ts"], said["text"]) == ("1700.0001", "it is rejected")


async def test_news_that_was_told_is_not_told_again(slack: LocalSlack) -> None:
    parent = a_message(version="rejected.1")
    told = a_message(version="rejected.1", ts="1700.0002")
    slack.says("conversations.replies", {"messages": [parent]}, {"messages": [parent, told]})
    posts = channel(slack, story=rendered)
    for _ in range(2):
        await posts.update(RECEIPT, over())
    assert len(slack.calls("chat.postMessage")) == 1
    assert len(slack.calls("chat.update")) == 2


async def test_a_reminder_is_changed_in_silence(slack: LocalSlack) -> None:
    await channel(slack, story=rendered).update(RECEIPT, over(follows=RECEIPT))
    assert slack.calls("chat.postMessage") == []


async def test_what_is_worth_no_message_of_its_own_is_told_in_the_thread(slack: LocalSlack) -> None:
    await channel(slack, story=rendered).update(RECEIPT, over(is_news=False))
    assert slack.calls("chat.postMessage")[0]["thread_ts"] == "1700.0001"


async def test_a_thread_that_takes_nothing_does_not_undo_the_change(slack: LocalSlack) -> None:
    slack.refuses("chat.postMessage", "restricted_action_thread_locked")
    assert await channel(slack, story=rendered).update(RECEIPT, over()) == RECEIPT


async def test_news_that_may_have_been_told_is_an_update_to_be_made_again(
    slack: LocalSlack,
) -> None:
    slack.answers["chat.postMessage"] = [Said(None, 0)]
    with pytest.raises(Retry):
        await channel(slack, story=rendered).update(RECEIPT, over())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("message_not_found", MessageLost),
        ("cant_update_message", MessageLost),
        ("edit_window_closed", MessageLost),
        ("channel_not_found", Reroute),
        ("token_revoked", Stop),
        ("fatal_error", Retry),
        ("internal_error", Retry),
    ],
)
async def test_a_refused_change_says_what_to_do(
    slack: LocalSlack, error: str, expected: type[ChannelError]
) -> None:
    slack.refuses("chat.update", error)
    with pytest.raises(expected):
        await channel(slack).update(RECEIPT, over())


@pytest.mark.parametrize("receipt", [{}, {"channel": "C0123"}, {"message_id": "<a@b>"}])
async def test_a_receipt_that_names_no_message_is_a_lost_one(
    slack: LocalSlack, receipt: dict[str, str]
) -> None:
    with pytest.raises(MessageLost):
        await channel(slack).update(receipt, over())


# --- targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["C0123", "G0123", "D0123", "U0456", "W0456"])
async def test_conversations_and_people_are_targets(slack: LocalSlack, target: str) -> None:
    channel(slack).check(target)


@pytest.mark.parametrize("target", ["", "#general", "general", "ana and bo", "T0123", "C0123\n"])
async def test_a_name_is_no_target_and_the_error_says_where_the_id_is(
    slack: LocalSlack, target: str
) -> None:
    with pytest.raises(ChannelDefinitionError, match="write the id"):
        channel(slack).check(target)


def test_what_slack_answers_is_told_with_its_mend() -> None:
    assert str(Unanswered("not_in_channel")) == (
        "Slack answers not_in_channel: invite the app to the conversation"
    )
