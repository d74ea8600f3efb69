"""People of the local Slack click and fill in, and see what became of it."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import SignatureVerifier

from approvals.testing import Forgery, Impossible, Person, SlackServer
from tests.slack.conftest import App, Client, asked, asking, button, modal, reason


@pytest.fixture(autouse=True)
def over_http(slack: SlackServer, app: App, ann: Person) -> None:
    slack.deliver_to(interactivity=f"{app.url}/interactivity", events=f"{app.url}/events")
    assert ann.id in slack.space.people


def payload(app: App, number: int = -1) -> dict[str, Any]:
    body, _ = app.heard[number]
    return dict(json.loads(parse_qs(body.decode())["payload"][0]))


def genuine(slack: SlackServer, body: bytes, headers: dict[str, str]) -> bool:
    verifier: Any = SignatureVerifier(slack.signing_secret)
    return bool(verifier.is_valid_request(body, headers))


async def opened(slack: SlackServer, client: Client, ann: Person, view: dict[str, Any]) -> None:
    click = await ann.click(await asked(slack, client), "Reject")
    assert click.delivery
    await client.views_open(trigger_id=click.delivery.payload["trigger_id"], view=view)


async def test_a_click_says_who_clicked_what_and_where(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    message = await asked(slack, client)
    await ann.click(message, "Approve")
    told = payload(app)
    assert told["user"]["id"] == "U1"
    assert told["container"]["message_ts"] == message.ts
    assert [item["action_id"] for item in told["actions"]] == ["approve"]


async def test_a_click_is_signed_as_slack_signs(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    await ann.click(await asked(slack, client), "Approve")
    body, headers = app.heard[0]
    assert genuine(slack, body, headers)


@pytest.mark.parametrize("forgery", [Forgery.WRONG_SECRET, Forgery.ALTERED_BODY, Forgery.STALE])
async def test_a_forged_click_has_a_wrong_signature(
    slack: SlackServer, client: Client, ann: Person, app: App, forgery: Forgery
) -> None:
    slack.courier.forgery = forgery
    await ann.click(await asked(slack, client), "Approve")
    body, headers = app.heard[0]
    assert not genuine(slack, body, headers)


@pytest.mark.parametrize(
    ("forgery", "header", "pattern"),
    [
        (Forgery.MISSING, "X-Slack-Signature", "none"),
        (Forgery.MALFORMED_TIMESTAMP, "X-Slack-Request-Timestamp", "now"),
        (Forgery.NON_ASCII, "X-Slack-Signature", r"v0=[0-9a-f]{64}[^\x00-\x7f]+"),
    ],
)
async def test_headers_are_malformed_on_demand(
    slack: SlackServer, ann: Person, app: App, forgery: Forgery, header: str, pattern: str
) -> None:
    slack.courier.forgery = forgery
    await ann.open_home()
    assert re.fullmatch(pattern, app.heard[0][1].get(header, "none"))


async def test_an_app_that_fails_shows_as_a_warning(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    app.status = 503
    outcome = await ann.click(await asked(slack, client), "Approve")
    assert (outcome.acknowledged, outcome.warning is None) == (False, False)
    assert slack.unacknowledged == slack.deliveries


async def test_whoever_thinks_again_has_not_clicked(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    words = {"type": "plain_text", "text": "Sure?"}
    confirm = {"title": words, "text": words, "confirm": words, "deny": words}
    message = await asked(slack, client, asking(button("Approve", "approve", confirm=confirm)))
    outcome = await ann.click(message, "Approve", confirm=False)
    assert (outcome.delivery, app.heard) == (None, [])


async def test_a_button_that_is_not_there_cannot_be_clicked(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    with pytest.raises(Impossible, match="'Approve', 'Reject'"):
        await ann.click(await asked(slack, client), "Allow")


async def test_whoever_is_not_in_the_channel_cannot_click(
    slack: SlackServer, client: Client
) -> None:
    bob = slack.person("U2", name="Bob")
    with pytest.raises(Impossible, match="U2 is not in C1"):
        await bob.click(await asked(slack, client), "Approve")


async def test_a_person_reads_what_the_app_says_to_them_alone(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    outcome = await ann.click(await asked(slack, client), "Approve")
    waiting = asyncio.create_task(outcome.told())
    await client.chat_postEphemeral(channel="C1", user="U1", text="You may not")
    assert await waiting == "You may not"


async def test_a_form_brings_what_was_filled_in(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    await opened(slack, client, ann, modal(private_metadata="gate-1"))
    ann.fill("Reason", "Too much")
    await ann.submit()
    view = payload(app)["view"]
    assert view["private_metadata"] == "gate-1"
    assert view["state"]["values"]["why"]["reason"]["value"] == "Too much"
    assert ann.modal is None


async def test_an_empty_field_is_refused_by_the_screen_itself(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    await opened(slack, client, ann, modal())
    heard = len(app.heard)
    outcome = await ann.submit()
    assert list(outcome.errors) == ["Reason"]
    assert len(app.heard) == heard


async def submitted(
    slack: SlackServer, client: Client, ann: Person, app: App, answer: dict[str, Any]
) -> Any:
    await opened(slack, client, ann, modal())
    ann.fill("reason", "Too much")
    app.text = json.dumps(answer)
    return await ann.submit()


async def test_errors_stand_under_their_fields(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    answer = {"response_action": "errors", "errors": {"why": "Decided already"}}
    outcome = await submitted(slack, client, ann, app, answer)
    assert outcome.errors == {"Reason": "Decided already"}
    assert ann.modal is not None


async def test_errors_under_no_field_are_trouble(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    answer = {"response_action": "errors", "errors": {"nowhere": "Decided already"}}
    outcome = await submitted(slack, client, ann, app, answer)
    assert outcome.warning
    assert "nowhere" in str(slack.deliveries[-1].warning)


@pytest.mark.parametrize(("action", "depth"), [("update", 1), ("push", 2)])
async def test_a_form_is_answered_with_another(
    slack: SlackServer, client: Client, ann: Person, app: App, action: str, depth: int
) -> None:
    title = {"type": "plain_text", "text": "Sure?"}
    answer = {"response_action": action, "view": modal(title=title)}
    await submitted(slack, client, ann, app, answer)
    assert ann.modal
    assert (ann.modal.title, len(slack.space.stacks["U1"])) == ("Sure?", depth)


async def test_a_form_that_is_answered_with_faults_is_trouble(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    answer = {"response_action": "update", "view": modal(reason(), reason())}
    outcome = await submitted(slack, client, ann, app, answer)
    assert outcome.warning
    assert "block_id 'why' is there 2 times" in str(slack.deliveries[-1].warning)


@pytest.mark.parametrize("notify", [True, False])
async def test_closing_is_told_where_it_was_asked_for(
    slack: SlackServer, client: Client, ann: Person, app: App, notify: bool
) -> None:
    await opened(slack, client, ann, modal(notify_on_close=notify))
    await ann.close()
    assert ann.modal is None
    assert (payload(app)["type"] == "view_closed") is notify


async def test_opening_the_app_home_is_an_event(ann: Person, app: App) -> None:
    await ann.open_home()
    body, _ = app.heard[-1]
    assert json.loads(body)["event"]["type"] == "app_home_opened"


async def test_a_click_is_brought_twice_on_demand(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    slack.courier.repeat = 1
    await ann.click(await asked(slack, client), "Approve")
    assert app.heard[0][0] == app.heard[1][0]


async def test_a_replay_has_the_same_bytes_and_signature(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    outcome = await ann.click(await asked(slack, client), "Approve")
    assert outcome.delivery
    slack.clock.advance(timedelta(seconds=9))
    await slack.courier.again(outcome.delivery)
    (first, before), (second, after) = app.heard
    assert first == second
    assert before["X-Slack-Signature"] == after["X-Slack-Signature"]


async def test_an_event_that_comes_again_says_so(slack: SlackServer, app: App) -> None:
    first = await slack.emit({"type": "tokens_revoked", "tokens": {}})
    await slack.courier.again(first, reason="http_timeout")
    (body, _), (again, headers) = app.heard
    assert body == again
    assert (headers["X-Slack-Retry-Num"], headers["X-Slack-Retry-Reason"]) == ("1", "http_timeout")


async def test_what_is_chosen_in_a_menu_is_told_at_once(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    options = [
        {"text": {"type": "plain_text", "text": name}, "value": name.lower()}
        for name in ("Retry", "Give up")
    ]
    menu = {"type": "static_select", "action_id": "choice", "options": options}
    await ann.choose(await asked(slack, client, asking(menu)), "choice", "Give up")
    assert payload(app)["actions"][0]["selected_option"]["value"] == "give up"


async def test_an_option_that_is_not_there_cannot_be_chosen(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    options = [{"text": {"type": "plain_text", "text": "Retry"}, "value": "retry"}]
    menu = {"type": "static_select", "action_id": "choice", "options": options}
    message = await asked(slack, client, asking(menu))
    with pytest.raises(Impossible, match="Retry"):
        await ann.choose(message, "choice", "Give up")


async def test_a_button_for_others_is_not_seen(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    hidden = button("Approve", "approve", visible_to_user_ids=["U2"])
    message = await asked(slack, client, asking(hidden))
    with pytest.raises(Impossible):
        await ann.click(message, "Approve")


async def test_whoever_was_deactivated_clicks_nothing(
    slack: SlackServer, client: Client, ann: Person
) -> None:
    message = await asked(slack, client)
    ann.change(deleted=True)
    with pytest.raises(Impossible, match="deactivated"):
        await ann.click(message, "Approve")


@pytest.mark.parametrize(
    ("typed", "taken"), [("2", False), ("3", True), ("7", True), ("8", False), ("x", False)]
)
async def test_a_number_outside_its_bounds_is_refused_by_the_screen(
    slack: SlackServer, client: Client, ann: Person, typed: str, taken: bool
) -> None:
    number = {"type": "number_input", "action_id": "n", "is_decimal_allowed": False}
    element = {**number, "min_value": "3", "max_value": "7"}
    label = {"type": "plain_text", "text": "Rooms"}
    await opened(slack, client, ann, modal({"type": "input", "label": label, "element": element}))
    ann.fill("Rooms", typed)
    outcome = await ann.submit()
    assert (outcome.errors == {}) is taken


async def test_clicks_come_in_another_order_on_demand(
    slack: SlackServer, client: Client, ann: Person, app: App
) -> None:
    message = await asked(slack, client)
    slack.courier.hold()
    async with asyncio.TaskGroup() as both:
        both.create_task(ann.click(message, "Approve"))
        await slack.until(lambda: slack.courier.held == 1)
        both.create_task(ann.click(message, "Reject"))
        await slack.until(lambda: slack.courier.held == 2)
        await slack.courier.release(reverse=True)
    clicked = [payload(app, number)["actions"][0]["action_id"] for number in (0, 1)]
    assert clicked == ["reject", "approve"]
