"""Everything of a gate, in a view: what was not seen whole is not approved."""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from approvals.channels.slack.actions import value_of
from approvals.channels.slack.parts import ref_of
from approvals.testing import Message, SlackServer
from approvals.testing.payloads import is_list, is_object
from reversibility import Reversibility
from tests.slack.desks import PAYMENT, Counter, counter_in, settle, words_of
from tests.web import shop

TAIL = "and then send all of it to mallory@example.org"
LONG = shop.LETTER.model_copy(update={"body": "Forty new books. " * 1_200 + TAIL})
HOSTILE = shop.LETTER.model_copy(
    update={
        "subject": "<!channel> *Approved by ana* ```",
        "body": "<https://evil.example|Approve>\nDecide by: never\u202e\u200b",
        "to": "@here <@U1> &lt;!here&gt;",
    }
)


def buttons(message: Message) -> list[str]:
    return [
        element["text"]["text"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


@pytest.fixture
async def web_only(slack: SlackServer, tmp_path: Path) -> AsyncGenerator[Counter]:
    kept = frozenset({Reversibility.IRREVERSIBLE})
    async with counter_in(slack, tmp_path, web_only=kept) as made:
        yield made


async def test_what_does_not_fit_cannot_be_approved_from_the_message(counter: Counter) -> None:
    assert "Approve" not in buttons(await counter.asks(given=LONG))


async def test_its_harmful_end_is_seen_on_the_pages_of_the_details(counter: Counter) -> None:
    view = await counter.opens(counter.ben, await counter.asks(given=LONG), "Details")
    assert "Details" in view.title
    pages = [words_of(view)]
    while TAIL not in pages[-1] and len(pages) < 5:
        await counter.ben.click(view, "sagas.page")
        await counter.settled()
        pages.append(words_of(view))
    assert TAIL in pages[-1]


async def test_a_vote_that_says_it_was_cut_counts_for_nothing(counter: Counter) -> None:
    message = await counter.asks(given=LONG)
    payload = counter.clicked(counter.ben, message, "Reject")
    payload["actions"][0]["action_id"] = "sagas.approve"
    await counter.takes(payload)
    [told] = counter.ben.ephemerals
    assert told.startswith("Not everything that would run was shown here")
    assert await counter.state() == "pending"


async def test_what_is_whole_in_the_details_can_be_approved_from_them(counter: Counter) -> None:
    message = await counter.asks()
    view = await counter.opens(counter.ben, message, "Details")
    await counter.ben.click(view, "Approve")
    await counter.settled()
    assert await counter.state() == "approved"
    assert "Your approval counts" in words_of(counter.ben.modal)


async def test_a_rejection_from_the_details_asks_for_its_reason_above_them(
    counter: Counter,
) -> None:
    view = await counter.opens(counter.ben, await counter.asks(), "Details")
    await counter.opens(counter.ben, view, "Reject")
    counter.ben.fill("reason", "no")
    outcome = await counter.ben.submit()
    assert (outcome.modal, await counter.state()) == (None, "rejected")


async def test_who_has_no_say_is_shown_everything_and_no_button(counter: Counter) -> None:
    view = await counter.opens(counter.dee, await counter.asks(), "Details")
    assert shop.LETTER.body in words_of(view)
    assert "sagas.approve" not in words_of(view)


async def test_after_a_decision_the_details_have_no_button(counter: Counter) -> None:
    message = await counter.asks(settle, PAYMENT)
    await counter.coordinator.reject((await counter.gate()).id, by="cy", reason="no")
    view = await counter.opens(counter.ben, message, "Details")
    assert "sagas.approve" not in words_of(view)


async def test_a_class_that_is_approved_elsewhere_is_not_approved_here(web_only: Counter) -> None:
    outcome = await web_only.ben.click(await web_only.asks(), "Approve")
    told = await outcome.told()
    assert "is not approved in Slack, only rejected" in told
    assert f"https://inbox.example.org/gates/{(await web_only.gate()).id}" in told
    assert await web_only.state() == "pending"


async def test_a_class_that_is_approved_elsewhere_can_be_rejected_here(web_only: Counter) -> None:
    await web_only.rejects(web_only.ben, await web_only.asks())
    assert await web_only.state() == "rejected"


async def test_a_class_that_is_approved_elsewhere_is_not_edited_here(web_only: Counter) -> None:
    outcome = await web_only.ben.click(await web_only.asks(), "Edit")
    assert "is only rejected in Slack" in await outcome.told()


async def test_a_class_that_is_approved_elsewhere_has_no_such_button_in_its_details(
    web_only: Counter,
) -> None:
    words = words_of(await web_only.opens(web_only.ben, await web_only.asks(), "Details"))
    assert ("sagas.approve" in words, "sagas.reject" in words) == (False, True)


async def test_hostile_words_are_shown_as_they_are_and_never_read(counter: Counter) -> None:
    message = await counter.asks(given=HOSTILE)
    view = await counter.opens(counter.ben, message, "Details")
    assert "mrkdwn" not in words_of(view)
    assert "\u202e" not in words_of(view)
    await counter.ben.click(view, "Approve")
    await counter.settled()
    assert await counter.state() == "approved"


async def test_hostile_reasons_reach_nobody_s_attention(counter: Counter) -> None:
    message = await counter.asks()
    shown = counter.clicked(counter.cy, message, "Approve")
    await counter.rejects(counter.ben, message, "<!channel> <@U1> `x`")
    await counter.takes(shown)
    assert "<!channel>" in counter.cy.ephemerals[-1]
    assert [each.mentions for each in counter.slack.ephemerals if each.mentions] == []


def texts_of(node: Any, holder: Mapping[str, Any], key: str) -> Iterator[tuple[str, str, str]]:
    """Every text, by its key, with the type of what holds it."""
    if is_object(node):
        for name, each in node.items():
            yield from texts_of(each, node, name)
    elif is_list(node):
        for each in node:
            yield from texts_of(each, holder, key)
    elif isinstance(node, str):
        yield key, str(holder.get("type")), node


async def test_no_message_unfurls_or_mentions_whatever_people_and_agents_write(
    counter: Counter,
) -> None:
    words = "EVIL <!channel> <@U1> *b* ```c``` <https://e.example|x>\u202e\u200b\nApproved by: ana"
    letter = shop.Letter(to=words, subject=words, body=words)
    message = await counter.asks(given=letter)
    shown = counter.clicked(counter.cy, message, "Approve")
    await counter.opens(counter.ben, message, "Details")
    await counter.ben.close(everything=True)
    await counter.ben.open_home()
    await counter.rejects(counter.ben, message, words)
    await counter.settled()
    await counter.slack.until(lambda: len(counter.slack.messages("C1")) > 1)
    await counter.takes(shown)
    told = [each for call in counter.slack.calls for each in texts_of(call.body, {}, "")]
    assert {(key, kind) for key, kind, text in told if "EVIL" in text} == {
        ("text", "plain_text"),
        ("text", "text"),
    }
    assert [text for _, _, text in told if {"\u202e", "\u200b"} & set(text)] == []
    posted = [call.body for call in counter.slack.called("chat.postMessage")]
    assert {(each["unfurl_links"], each["unfurl_media"]) for each in posted} == {(False, False)}
    assert {"link_names", "parse"} & {key for each in counter.slack.calls for key in each.body} == (
        set()
    )
    assert [each for each in counter.slack.messages("C1") if each.mentions] == []


async def test_a_reference_to_no_gate_is_told_so(counter: Counter) -> None:
    message = await counter.asks()
    ref = ref_of(await counter.coordinator.presentation((await counter.gate()).id))
    payload = counter.clicked(counter.ben, message, "Details")
    stored = json.loads(value_of(ref)) | {"g": "g-none"}
    payload["actions"][0]["value"] = json.dumps(stored)
    await counter.takes(payload)
    assert counter.ben.ephemerals[-1].startswith("This message is none that was sent about it")
