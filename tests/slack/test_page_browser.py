"""The local Slack in a real browser: what people see is there, and what they click is done.

A small app answers over HTTP, as any app would.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from playwright.async_api import Browser, Page, async_playwright, expect

from approvals.testing import Message, SlackPage, SlackServer
from approvals.testing.screens import views_publish
from tests import chromium
from tests.slack.conftest import ACK_WITHIN, Client, asking, button, client_of, modal, section

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = '<img src=x onerror="document.title=1">"><script>document.title=2</script>\'{{7*7}}'
SURE = {
    "title": {"type": "plain_text", "text": "Pay it?"},
    "text": {"type": "plain_text", "text": "It cannot be undone."},
    "confirm": {"type": "plain_text", "text": "Pay"},
    "deny": {"type": "plain_text", "text": "Not now"},
}


class Office:
    """A local Slack with its page, a small app, and a browser."""

    def __init__(self, slack: SlackServer, page: SlackPage, browser: Browser) -> None:
        self.slack = slack
        self.page = page
        self.browser = browser
        self.client: Client = client_of(slack)

    async def look(self, where: str = "C1", person: str = "U1", **options: Any) -> Page:
        """The page as somebody sees it; any error of a script is an error."""
        page = await (await self.browser.new_context(**options)).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", _fail)
        await page.goto(f"{self.page.url}?as={person}&in={where}")
        await page.locator("#place .bar").wait_for()
        return page

    async def ask(self, channel: str, *blocks: dict[str, Any]) -> Message:
        """A message in a channel of its own, so that no test sees that of another."""
        self.slack.channel(channel, name=f"desk-{channel.lower()}", members=["U1", "U2"])
        await self.client.chat_postMessage(
            channel=channel, text="Pay?", blocks=list(blocks) or asking()
        )
        return self.slack.messages(channel)[0]

    async def hear(self, request: web.Request) -> web.Response:
        """The app: it approves at once, and asks why something is rejected."""
        told = json.loads(parse_qs((await request.read()).decode())["payload"][0])
        if told["type"] == "view_submission":
            return await self._rejected(told)
        action = told["actions"][0]["action_id"]
        where = {"channel": told["channel"]["id"]}
        if action == "reject":
            view = modal(private_metadata=json.dumps({**where, "ts": told["message"]["ts"]}))
            await self.client.views_open(trigger_id=told["trigger_id"], view=view)
        elif told["user"]["id"] == "U2":
            await self.client.chat_postEphemeral(**where, user="U2", text="You may not decide.")
        else:
            blocks = [section(f"Approved by {told['user']['id']}")]
            ts = told["message"]["ts"]
            await self.client.chat_update(**where, ts=ts, text="Approved", blocks=blocks)
        return web.Response()

    async def _rejected(self, told: dict[str, Any]) -> web.Response:
        why = told["view"]["state"]["values"]["why"]["reason"]["value"]
        if why == "no":
            answer = {"response_action": "errors", "errors": {"why": "Say more than that."}}
            return web.json_response(answer)
        where = json.loads(told["view"]["private_metadata"])
        await self.client.chat_postMessage(
            channel=where["channel"], thread_ts=where["ts"], text=f"Rejected: {why}"
        )
        return web.Response()


async def _handle_evil(_: web.Request) -> web.Response:
    return web.Response(text="<p>evil", content_type="text/html")


def _fail(error: object) -> None:
    raise AssertionError(f"a script failed: {error}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[Office]:
    program = chromium.find()
    if program is None:
        pytest.fail("no Chromium here: run `make setup`, or install Debian's package chromium")
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackServer(ack_within=ACK_WITHIN))
        slack.person("U1", name="Ann")
        slack.person("U2", name="Bo")
        slack.channel("C1", name="approvals", members=["U1", "U2"])
        page = await stack.enter_async_context(SlackPage(slack))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        stack.push_async_callback(browser.close)
        made = Office(slack, page, browser)
        app = web.Application()
        app.router.add_post("/", made.hear)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        slack.deliver_to(interactivity=f"http://127.0.0.1:{runner.addresses[0][1]}/")
        yield made


async def test_a_message_appears_while_somebody_looks(office: Office) -> None:
    page = await office.look()
    await expect(page.get_by_text("Nothing was said here yet.")).to_be_visible()
    await office.client.chat_postMessage(channel="C1", text="Hello *everybody* &amp; all")
    await expect(page.locator("article")).to_contain_text("Hello everybody & all")
    await expect(page.locator("article strong", has_text="everybody")).to_be_visible()


async def test_a_click_is_brought_to_the_app_and_the_message_changes(office: Office) -> None:
    await office.ask("C2")
    page = await office.look("C2")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_text("Approved by U1")).to_be_visible()
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)


async def test_what_asks_again_is_done_once_it_was_answered(office: Office) -> None:
    pay = {"type": "actions", "elements": [button("Pay", "pay", confirm=SURE)]}
    await office.ask("C3", pay)
    page = await office.look("C3")
    sure = page.get_by_role("dialog")
    before = len(office.slack.deliveries)
    await page.get_by_role("button", name="Pay", exact=True).click()
    await expect(sure).to_contain_text("It cannot be undone.")
    await sure.get_by_role("button", name="Not now").click()
    await page.get_by_role("button", name="Pay", exact=True).click()
    await sure.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.get_by_text("Approved by U1")).to_be_visible()
    assert len(office.slack.deliveries) == before + 1


async def test_a_reason_is_filled_in_mended_and_told_in_the_thread(office: Office) -> None:
    await office.ask("C4")
    page = await office.look("C4", viewport={"width": 390, "height": 800})
    await page.get_by_role("button", name="Reject").click()
    form = page.get_by_role("dialog")
    await form.get_by_role("button", name="Reject").click()
    await expect(form).to_contain_text("Please complete this required field.")
    await form.get_by_label("Reason").fill("no")
    await form.get_by_role("button", name="Reject").click()
    await expect(form).to_contain_text("Say more than that.")
    await expect(form.get_by_label("Reason")).to_have_value("no")
    await form.get_by_label("Reason").fill("too dear")
    await form.get_by_role("button", name="Reject").click()
    await expect(form).to_have_count(0)
    await page.get_by_role("button", name="1 reply").click()
    await expect(page.locator("#thread")).to_contain_text("Rejected: too dear")


async def test_what_is_typed_stays_while_the_channel_goes_on(office: Office) -> None:
    await office.ask("C5")
    page = await office.look("C5")
    await page.get_by_role("button", name="Reject").click()
    await page.get_by_label("Reason").fill("half a thou")
    await office.client.chat_postMessage(channel="C5", text="News")
    await expect(page.get_by_text("News")).to_be_visible()
    await expect(page.get_by_label("Reason")).to_have_value("half a thou")
    await expect(page.get_by_label("Reason")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert office.slack.somebody("U1").modal is None


async def test_what_is_told_to_one_person_is_seen_by_that_person_alone(office: Office) -> None:
    await office.ask("C6")
    page = await office.look("C6")
    await page.get_by_role("button", name="Bo", exact=True).click()
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_text("You may not decide.")).to_be_visible()
    await expect(page.get_by_text("Only you can see this")).to_be_visible()
    await page.get_by_role("button", name="Ann", exact=True).click()
    await expect(page.get_by_text("You may not decide.")).to_have_count(0)


async def test_one_of_several_buttons_of_a_name_is_the_one_that_is_clicked(office: Office) -> None:
    rows = [
        {
            "type": "section",
            "text": {"type": "plain_text", "text": name},
            "accessory": button("Details", "details", value=name),
        }
        for name in ("first", "second")
    ]
    views_publish(office.slack._tenant, {"user_id": "U1", "view": {"type": "home", "blocks": rows}})
    page = await office.look("home")
    async with page.expect_response(lambda answer: answer.url.endswith("/do")):
        await page.get_by_role("button", name="Details").nth(1).click()
    assert office.slack.deliveries[-1].payload["actions"][0]["value"] == "second"


async def test_an_app_that_does_not_answer_is_told_as_trouble(office: Office) -> None:
    await office.ask("C7")
    page = await office.look("C7")
    office.slack.courier.interactivity = "http://127.0.0.1:9/"
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("alert")).to_contain_text("We had some trouble connecting")


async def test_hostile_text_is_shown_and_not_obeyed(office: Office) -> None:
    name = {"type": "text", "text": HOSTILE}
    blocks = [
        section(HOSTILE),
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"<javascript:alert(1)|go> {HOSTILE}"},
        },
        {"type": "header", "text": {"type": "plain_text", "text": HOSTILE}},
        {"type": "context", "elements": [{"type": "plain_text", "text": HOSTILE}]},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_preformatted", "elements": [name]}],
        },
        {
            "type": "actions",
            "elements": [
                button(HOSTILE[:75], HOSTILE, confirm=SURE),
                button("Away", "away", url="javascript:document.title=3"),
            ],
        },
    ]
    await office.ask("C8", *blocks)
    office.slack.person("U3", name=HOSTILE)
    page = await office.look("C8")
    shown = await page.locator("article").inner_text()
    del office.slack.space.people["U3"]
    assert shown.count(HOSTILE) == 4  # in Slack's own markup, what is angled is a link's address
    assert shown.count("document.title=2") == 6
    assert await page.title() == "A local Slack"
    assert await page.locator("article :is(img, script), article a").count() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
        {"Origin": "SELF", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "SELF", "Content-Type": "text/plain"},
        {"Origin": "SELF", "Host": "evil.example"},
    ],
    ids=str,
)
async def test_nobody_clicks_from_elsewhere(office: Office, headers: dict[str, str]) -> None:
    origin = office.page.url.rsplit("/", 2)[0]
    sent = {"Content-Type": "application/json", **headers}
    sent = {name: value.replace("SELF", origin) for name, value in sent.items()}
    said = json.dumps({"as": "U1", "do": "home"})
    async with (
        ClientSession() as session,
        session.post(f"{office.page.url}do", data=said, headers=sent) as answer,
    ):
        assert answer.status in {403, 421}


async def test_the_page_is_not_found_without_its_secret(office: Office) -> None:
    origin = office.page.url.rsplit("/", 2)[0]
    async with ClientSession() as session:
        for path in ("/", "/wrong/", "/wrong/screen", "/page.js"):
            async with session.get(origin + path) as answer:
                assert answer.status == 404


async def test_another_site_reads_nothing_and_clicks_nothing(office: Office) -> None:
    page = await (await office.browser.new_context()).new_page()
    app = web.Application()
    app.router.add_get("/", _handle_evil)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    before = len(office.slack.deliveries)
    await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    told = await page.evaluate(
        """async (url) => {
            const tries = [
                fetch(url + "screen"),
                fetch(url + "do", {method: "POST", body: '{"as":"U1","do":"home"}',
                                   headers: {"Content-Type": "application/json"}}),
                fetch(url + "do", {method: "POST", body: '{"as":"U1","do":"home"}',
                                   mode: "no-cors"}),
            ];
            return (await Promise.allSettled(tries)).map((each) => each.value?.type ?? "refused");
        }""",
        office.page.url,
    )
    await runner.cleanup()
    assert told[:2] == ["refused", "refused"]
    assert len(office.slack.deliveries) == before
