"""The local Slack's Web API, asked with the real client, says no where Slack does."""

from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from approvals.testing import Person, SlackServer, Unexpected
from tests.slack.conftest import Client, answered, asked, button, client_of, modal, reason, section

pytestmark = pytest.mark.usefixtures("ann")


async def error(call: Any) -> str:
    """What Slack says instead of doing it."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(answered(refused)["error"])


async def trigger(slack: SlackServer, client: Client, ann: Person) -> str:
    outcome = await ann.click(await asked(slack, client), "Approve")
    assert outcome.delivery
    return str(outcome.delivery.payload["trigger_id"])


async def test_who_the_token_is_of(client: Client) -> None:
    assert (await client.auth_test())["user_id"] == "U0BOT"


async def test_a_token_of_nobody_is_refused(slack: SlackServer) -> None:
    stranger = client_of(slack, "xoxb-none")
    assert await error(stranger.auth_test()) == "invalid_auth"


async def test_an_app_token_calls_no_method_of_the_bot(slack: SlackServer) -> None:
    app = client_of(slack, slack.app_token)
    assert await error(app.auth_test()) == "not_allowed_token_type"


async def test_a_bot_token_opens_no_socket(slack: SlackServer, client: Client) -> None:
    assert await error(client.apps_connections_open(app_token=slack.bot_token)) == (
        "not_allowed_token_type"
    )


async def test_a_missing_scope_is_named(slack: SlackServer, client: Client) -> None:
    slack.scopes.discard("chat:write")
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C1", text="Hello")
    assert answered(refused)["error"] == "missing_scope"
    assert answered(refused)["needed"] == "chat:write"
    assert "chat:write" not in answered(refused)["provided"]


async def test_reading_a_private_channel_needs_its_own_scope(
    slack: SlackServer, client: Client
) -> None:
    slack.channel("G1", name="board", private=True)
    slack.scopes.discard("groups:history")
    assert await error(client.conversations_history(channel="G1")) == "missing_scope"


async def test_a_message_stands_in_the_channel(slack: SlackServer, client: Client) -> None:
    posted = await client.chat_postMessage(channel="C1", text="Hello")
    assert [(item.ts, item.text) for item in slack.messages("C1")] == [(posted["ts"], "Hello")]


async def test_every_body_is_kept(slack: SlackServer, client: Client) -> None:
    await client.chat_postMessage(channel="C1", text="Hello", unfurl_links=False)
    assert [call.body for call in slack.called("chat.postMessage")] == [
        {"channel": "C1", "text": "Hello", "unfurl_links": False}
    ]


async def test_a_channel_without_the_bot_takes_nothing(slack: SlackServer, client: Client) -> None:
    slack.channel("C2", name="other", with_bot=False)
    assert await error(client.chat_postMessage(channel="C2", text="Hi")) == "not_in_channel"


async def test_a_private_channel_without_the_bot_is_not_there(
    slack: SlackServer, client: Client
) -> None:
    slack.channel("G2", name="other", private=True, with_bot=False)
    assert await error(client.chat_postMessage(channel="G2", text="Hi")) == "channel_not_found"


async def test_an_archived_channel_takes_nothing(slack: SlackServer, client: Client) -> None:
    slack.space.channels["C1"].archived = True
    assert await error(client.chat_postMessage(channel="C1", text="Hi")) == "is_archived"


async def test_a_message_without_words_is_refused(client: Client) -> None:
    assert await error(client.api_call("chat.postMessage", json={"channel": "C1"})) == "no_text"


async def test_metadata_comes_back_when_it_is_asked_for(client: Client) -> None:
    told = {"event_type": "asked", "event_payload": {"id": "1"}}
    await client.chat_postMessage(channel="C1", text="Hi", metadata=told)
    plain = await client.conversations_history(channel="C1")
    full = await client.conversations_history(channel="C1", include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == told


async def test_history_comes_page_by_page_the_newest_first(client: Client) -> None:
    for text in "abc":
        await client.chat_postMessage(channel="C1", text=text)
    first = await client.conversations_history(channel="C1", limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_history(channel="C1", limit=2, cursor=cursor)
    assert [item["text"] for item in [*first["messages"], *second["messages"]]] == ["c", "b", "a"]


async def test_a_reply_is_in_its_thread_and_not_in_the_channel(client: Client) -> None:
    top = await client.chat_postMessage(channel="C1", text="top")
    await client.chat_postMessage(channel="C1", text="reply", thread_ts=top["ts"])
    history = await client.conversations_history(channel="C1")
    thread = await client.conversations_replies(channel="C1", ts=top["ts"])
    assert [item["text"] for item in history["messages"]] == ["top"]
    assert [item["text"] for item in thread["messages"]] == ["top", "reply"]


async def test_an_update_leaves_the_blocks_that_it_does_not_name(
    slack: SlackServer, client: Client
) -> None:
    message = await asked(slack, client)
    await client.chat_update(channel="C1", ts=message.ts, text="Done")
    assert (message.text, len(message.blocks)) == ("Done", 2)


async def test_a_message_of_somebody_else_is_not_changed(ann: Person, client: Client) -> None:
    said = ann.say("C1", "Mine")
    assert await error(client.chat_update(channel="C1", ts=said.ts, text="Ours")) == (
        "cant_update_message"
    )


async def test_a_deleted_message_is_not_changed(
    slack: SlackServer, ann: Person, client: Client
) -> None:
    message = await asked(slack, client)
    ann.delete(message)
    assert await error(client.chat_update(channel="C1", ts=message.ts, text="x")) == (
        "message_not_found"
    )


async def test_a_word_to_one_person_needs_them_in_the_channel(
    slack: SlackServer, client: Client
) -> None:
    slack.person("U2", name="Bob")
    call = client.chat_postEphemeral(channel="C1", user="U2", text="No")
    assert await error(call) == "user_not_in_channel"


async def test_what_slack_says_of_people(slack: SlackServer, client: Client) -> None:
    slack.person("U3", name="Eve", guest=True, team="T9", email_confirmed=False)
    told = (await client.users_info(user="U3"))["user"]
    assert (told["is_restricted"], told["is_stranger"], told["is_email_confirmed"]) == (
        True,
        True,
        False,
    )


async def test_an_address_is_told_with_the_scope_only(slack: SlackServer, client: Client) -> None:
    slack.scopes.discard("users:read.email")
    assert "email" not in (await client.users_info(user="U1"))["user"]["profile"]


async def test_a_deactivated_person_is_in_no_group_and_not_found_by_address(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    slack.usergroup("S1", handle="payers", members=["U1"])
    ann.change(deleted=True)
    assert (await client.usergroups_users_list(usergroup="S1"))["users"] == []
    assert await error(client.users_lookupByEmail(email="ann@example.org")) == "users_not_found"


async def test_a_modal_opens_on_the_screen_of_who_clicked(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    await client.views_open(trigger_id=await trigger(slack, client, ann), view=modal())
    assert ann.modal
    assert ann.modal.title == "Reject"


async def test_a_trigger_is_used_once(slack: SlackServer, client: Client, ann: Person) -> None:
    leave = await trigger(slack, client, ann)
    await client.views_open(trigger_id=leave, view=modal())
    assert await error(client.views_open(trigger_id=leave, view=modal())) == "exchanged_trigger_id"


async def test_a_trigger_lasts_three_seconds(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    leave = await trigger(slack, client, ann)
    slack.clock.advance(timedelta(seconds=3, milliseconds=1))
    assert await error(client.views_open(trigger_id=leave, view=modal())) == "expired_trigger_id"


async def test_an_old_hash_does_not_change_a_newer_view(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    opened = await client.views_open(trigger_id=await trigger(slack, client, ann), view=modal())
    first = {"view_id": opened["view"]["id"], "hash": opened["view"]["hash"]}
    await client.views_update(**first, view=modal())
    assert await error(client.views_update(**first, view=modal())) == "hash_conflict"


async def test_three_modals_stand_above_each_other_and_no_fourth(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    pressed = {"type": "actions", "elements": [button("More", "more")]}
    view = modal(pressed)
    await client.views_open(trigger_id=await trigger(slack, client, ann), view=view)
    for _ in range(2):
        more = await ann.click(None, "More")
        assert more.delivery
        await client.views_push(trigger_id=more.delivery.payload["trigger_id"], view=view)
    last = await ann.click(None, "More")
    assert last.delivery
    call = client.views_push(trigger_id=last.delivery.payload["trigger_id"], view=view)
    assert await error(call) == "push_limit_reached"


async def test_a_view_with_faults_is_refused_with_all_of_them(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    wrong = modal(reason(initial_value="x" * 3001), private_metadata="m" * 3001)
    call = client.views_open(trigger_id=await trigger(slack, client, ann), view=wrong)
    assert await error(call) == "invalid_arguments"
    assert len(slack.called("views.open")[0].faults) == 2


async def test_blocks_with_faults_are_refused_and_nothing_is_posted(
    slack: SlackServer, client: Client
) -> None:
    call = client.chat_postMessage(channel="C1", text="x", blocks=[section("x" * 3001)])
    assert await error(call) == "invalid_blocks"
    assert slack.called("chat.postMessage")[0].faults == (
        "blocks/0/text/text: must be at most 3000 characters, has 3001",
    )
    assert slack.messages("C1") == []


async def test_blocks_that_are_too_long_together_are_refused(client: Client) -> None:
    call = client.chat_postMessage(channel="C1", text="x", blocks=[section("x" * 2700)] * 5)
    assert await error(call) == "msg_blocks_too_long"


async def test_an_external_id_is_given_once(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    view = modal(external_id="gate-1")
    await client.views_open(trigger_id=await trigger(slack, client, ann), view=view)
    home: Any = {"type": "home", "blocks": [], "external_id": "gate-1"}
    call = client.views_publish(user_id="U1", view=home)
    assert await error(call) == "duplicate_external_id"


async def test_a_permalink_names_the_message(slack: SlackServer, client: Client) -> None:
    message = await asked(slack, client)
    link = await client.chat_getPermalink(channel="C1", message_ts=message.ts)
    assert message.ts.replace(".", "") in link["permalink"]


async def test_a_direct_message_needs_no_channel(slack: SlackServer, client: Client) -> None:
    opened = (await client.conversations_open(users="U1"))["channel"]["id"]
    posted = await client.chat_postMessage(channel="U1", text="Hi")
    assert posted["channel"] == opened


async def test_what_there_is_to_know_about_a_channel(slack: SlackServer, client: Client) -> None:
    told = (await client.conversations_info(channel="C1"))["channel"]
    members = (await client.conversations_members(channel="C1"))["members"]
    assert (told["is_member"], told["is_archived"], members) == (True, False, ["U0BOT", "U1"])


async def test_groups_that_are_switched_off_are_listed_on_demand(
    slack: SlackServer, client: Client
) -> None:
    slack.usergroup("S1", handle="payers", members=["U1"])
    slack.usergroup("S2", handle="former", disabled=True)
    shown = (await client.usergroups_list())["usergroups"]
    every = (await client.usergroups_list(include_disabled=True))["usergroups"]
    assert ([item["id"] for item in shown], len(every)) == (["S1"], 2)


async def test_the_app_deletes_its_own_messages_only(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    said, asked_for = ann.say("C1", "Mine"), await asked(slack, client)
    await client.chat_delete(channel="C1", ts=asked_for.ts)
    assert await error(client.chat_delete(channel="C1", ts=said.ts)) == "cant_delete_message"
    assert slack.messages("C1") == [said]


async def test_an_app_home_is_published(client: Client, ann: Person) -> None:
    await client.views_publish(user_id="U1", view={"type": "home", "blocks": [section("Hello")]})
    assert ann.home
    assert ann.home.blocks[0]["text"]["text"] == "Hello"


async def answer(url: str, text: str, **more: Any) -> int:
    webhook: Any = AsyncWebhookClient(url)
    return int((await webhook.send(text=text, **more)).status_code)


@pytest.fixture
async def response_url(slack: SlackServer, client: Client, ann: Person) -> str:
    outcome = await ann.click(await asked(slack, client), "Approve")
    assert outcome.delivery
    return str(outcome.delivery.payload["response_url"])


async def test_a_response_url_takes_five_answers(response_url: str) -> None:
    assert [await answer(response_url, "No") for _ in range(6)] == [200] * 5 + [404]


async def test_a_response_url_lasts_half_an_hour(slack: SlackServer, response_url: str) -> None:
    slack.clock.advance(timedelta(minutes=30, seconds=1))
    assert await answer(response_url, "No") == 404


async def test_an_answer_with_faults_is_refused(slack: SlackServer, response_url: str) -> None:
    assert await answer(response_url, "x", blocks=[section("x" * 3001)]) == 400
    assert slack.calls[-1].error == "invalid_blocks"


async def test_a_response_url_changes_the_message(slack: SlackServer, response_url: str) -> None:
    await answer(response_url, "Done", replace_original=True, blocks=[section("Done")])
    assert [item.text for item in slack.messages("C1")] == ["Done"]


async def test_whom_a_message_would_call_is_noted(slack: SlackServer, client: Client) -> None:
    loud = {"type": "section", "text": {"type": "mrkdwn", "text": "<!channel> <@U1>"}}
    await client.chat_postMessage(channel="C1", text="x", blocks=[loud])
    assert slack.messages("C1")[0].mentions == ("<!channel>", "<@U1>")


async def test_the_text_beside_the_blocks_calls_people_too(
    slack: SlackServer, client: Client
) -> None:
    await client.chat_postMessage(channel="C1", text="<!here>", blocks=[section("x")])
    assert slack.messages("C1")[0].mentions == ("<!here>",)


async def test_plain_text_calls_nobody(slack: SlackServer, client: Client) -> None:
    await client.chat_postMessage(channel="C1", text="x", blocks=[section("<!channel>")])
    assert slack.messages("C1")[0].mentions == ()


@pytest.mark.parametrize("unfold", [True, False])
async def test_what_would_be_unfolded_is_noted(
    slack: SlackServer, client: Client, unfold: bool
) -> None:
    text = "see https://example.org/a"
    await client.chat_postMessage(channel="C1", text=text, unfurl_links=unfold, unfurl_media=unfold)
    assert bool(slack.messages("C1")[0].links) is unfold


async def test_a_method_that_is_not_played_fails_the_test() -> None:
    async def program() -> None:
        async with SlackServer() as slack:
            client = client_of(slack)
            assert await error(client.pins_list(channel="C1")) == "unknown_method"

    with pytest.raises(Unexpected, match=r"pins\.list"):
        await program()
