"""Requests of Slack to the server of the inbox: signed, taken once, committed before the answer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from approvals.channels.slack.signing import LARGEST_BODY, Signatures
from approvals.testing import Forgery, Message, Person, SlackServer
from approvals.testing.signing import signed
from sagas import connect
from sagas.cli.inbox import history
from sagas.coordinator import Coordinator
from sagas.errors import JournalUnavailable
from sagas.slack.http import PATHS, SlackHttp
from sagas.web import serving
from sagas.web.app import make_app
from sagas.web.site import Pace, Site, origins_of
from tests.slack.conftest import Client, asked
from tests.slack.hearing import TestDesk

CLICKS, EVENTS = PATHS
FORM = "application/x-www-form-urlencoded"


@dataclass
class House:
    """A server, the desk behind it, and the message that is clicked on."""

    url: str
    desk: TestDesk
    slack: SlackServer
    message: Message
    ann: Person
    served: SlackHttp

    async def send(
        self, body: bytes, *, path: str = CLICKS, kind: str = FORM, **headers: str
    ) -> httpx.Response:
        """Send bytes with a right signature."""
        now = int(self.slack.clock.now().timestamp())
        _, named = signed(body, now, self.slack.signing_secret)
        return await self.post(body, path=path, **{**named, "content-type": kind, **headers})

    async def post(self, body: bytes, *, path: str = CLICKS, **headers: str) -> httpx.Response:
        """Send bytes."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            return await client.post(path, content=body, headers=headers)


@pytest.fixture
async def coordinator(sqlite_url: str) -> AsyncIterator[Coordinator]:
    async with connect(sqlite_url) as opened:
        yield opened


@pytest.fixture
async def house(
    coordinator: Coordinator, slack: SlackServer, client: Client, ann: Person
) -> AsyncIterator[House]:
    desk = TestDesk()
    signatures = Signatures([slack.signing_secret, "the one before"], now=slack.clock.now)
    served = SlackHttp(coordinator, lambda: desk, signatures)
    listener = serving.bound("127.0.0.1", 0)
    origins = origins_of(None, port=listener.getsockname()[1])
    few = Pace(burst=2, every=timedelta(hours=1))
    app = make_app(
        coordinator,
        Site(origins=origins, requests=few),
        history=history,
        signed=dict.fromkeys(PATHS, served),
    )
    ready = asyncio.Event()
    running = asyncio.ensure_future(
        serving.serve(app, listener, trusted_proxies=None, ready=ready.set)
    )
    await ready.wait()
    slack.deliver_to(interactivity=origins[0] + CLICKS, events=origins[0] + EVENTS)
    try:
        yield House(origins[0], desk, slack, await asked(slack, client), ann, served)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await served.close()


async def test_a_click_is_taken_then_acknowledged_then_followed(house: House) -> None:
    order: list[str] = []
    done = asyncio.Event()

    async def after() -> None:
        order.append(f"after {house.slack.deliveries[-1].status}")
        done.set()

    house.desk.after = after
    outcome = await house.ann.click(house.message, "Approve")
    assert outcome.acknowledged
    assert [each["type"] for each in house.desk.taken] == ["block_actions"]
    await done.wait()
    assert order in (["after 200"], ["after None"])  # the other end may read it later


async def test_an_answer_that_has_a_body_carries_it(house: House) -> None:
    house.desk.body = {"response_action": "clear"}
    outcome = await house.ann.click(house.message, "Approve")
    assert outcome.delivery is not None
    assert outcome.delivery.answer == {"response_action": "clear"}


async def test_an_event_is_taken_and_an_event_that_is_sent_again_too(house: House) -> None:
    delivery = (await house.ann.open_home()).delivery
    assert delivery is not None
    house.slack.clock.advance(timedelta(minutes=1))
    again = await house.slack.courier.again(delivery, signed_anew=True, reason="http_timeout")
    assert (delivery.status, again.status) == (200, 200)
    assert again.headers["X-Slack-Retry-Num"] == "1"
    assert [each["type"] for each in house.desk.events] == ["event_callback"] * 2


async def test_a_replay_is_acknowledged_and_has_no_effect(house: House) -> None:
    house.desk.body = {"response_action": "clear"}
    delivery = (await house.ann.click(house.message, "Approve")).delivery
    assert delivery is not None
    again = await house.slack.courier.again(delivery)
    assert (again.status, again.text) == (200, "")
    assert len(house.desk.taken) == 1


async def test_a_replay_to_another_process_has_no_effect(
    house: House, coordinator: Coordinator
) -> None:
    delivery = (await house.ann.click(house.message, "Approve")).delivery
    assert delivery is not None
    desk = TestDesk()
    signatures = Signatures([house.slack.signing_secret], now=house.slack.clock.now)
    other = SlackHttp(coordinator, lambda: desk, signatures)
    transport = httpx.ASGITransport(app=other)
    async with httpx.AsyncClient(transport=transport, base_url=house.url) as client:
        said = await client.post(CLICKS, content=delivery.body, headers=dict(delivery.headers))
    assert said.status_code == 200
    assert desk.taken == []


async def test_the_same_request_twice_at_once_is_taken_once_and_answered_alike(
    house: House,
) -> None:
    house.desk.body = {"response_action": "clear"}
    house.desk.go_on = asyncio.Event()
    house.slack.courier.repeat = 1
    clicking = asyncio.ensure_future(house.ann.click(house.message, "Approve"))
    while not house.desk.begun:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0.01)
    house.desk.go_on.set()
    await clicking
    assert [each.status for each in house.slack.deliveries] == [200, 200]
    assert len(house.desk.taken) == 1


async def test_while_the_journal_is_away_nothing_is_acknowledged_and_the_same_may_come_again(
    house: House,
) -> None:
    house.desk.errors.append(JournalUnavailable("it is away"))
    outcome = await house.ann.click(house.message, "Approve")
    assert outcome.delivery is not None
    assert (outcome.delivery.status, outcome.acknowledged) == (503, False)
    assert outcome.warning is not None
    again = await house.slack.courier.again(outcome.delivery)
    assert again.status == 200
    assert len(house.desk.taken) == 1


async def test_what_fails_is_not_acknowledged_and_its_words_are_not_logged(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.desk.errors.append(ValueError("hush"))
    outcome = await house.ann.click(house.message, "Approve")
    assert outcome.delivery is not None
    assert (outcome.delivery.status, outcome.acknowledged) == (500, False)
    assert "ValueError in TestDesk._fail" in caplog.text
    assert "hush" not in caplog.text


async def test_before_slack_has_said_whose_the_app_is_nothing_is_acknowledged(
    house: House,
) -> None:
    house.served._desk = lambda: None
    outcome = await house.ann.click(house.message, "Approve")
    assert outcome.delivery is not None
    assert outcome.delivery.status == 503


async def test_what_slack_did_not_sign_is_refused(house: House) -> None:
    said: dict[Forgery, int | None] = {}
    for forgery in Forgery:
        house.slack.courier.forgery = forgery
        outcome = await house.ann.click(house.message, "Approve")
        assert outcome.delivery is not None
        said[forgery] = outcome.delivery.status
    assert said == dict.fromkeys(Forgery, 401)
    assert house.desk.taken == []


async def test_malformed_headers_of_every_kind_are_refused_and_logged_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    right = "v0=" + "0" * 64
    kinds: list[dict[str, Any]] = [
        {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
        for stamp, signature in [
            ("abc", right),
            ("", right),
            ("123.0", right),
            ("9" * 5000, right),
            ("1", "v0=short"),
            ("1", ""),
            ("1", right.upper()),
        ]
    ]
    with caplog.at_level(logging.WARNING, "sagas"):
        said = [await house.post(b"payload=%7B%7D", **each) for each in kinds]
    assert {each.status_code for each in said} == {401}
    assert caplog.text.count("was refused") == 1


async def test_strangers_use_up_nothing_of_what_is_slacks(house: House) -> None:
    for _ in range(5):
        assert (await house.post(b"payload=%7B%7D")).status_code == 401
    assert (await house.ann.click(house.message, "Approve")).acknowledged
    async with httpx.AsyncClient(base_url=house.url) as client:
        said = [(await client.get("/")).status_code for _ in range(3)]
    assert said[-1] == 429


async def test_a_request_of_slack_under_another_name_is_refused(house: House) -> None:
    assert (await house.send(b"payload=%7B%7D", host="evil.example.org")).status_code == 421


async def test_a_body_that_is_too_large_is_refused(house: House) -> None:
    assert (await house.send(b"x" * (LARGEST_BODY + 1))).status_code == 413


MALFORMED = [
    (CLICKS, "application/json", b'{"type": "block_actions"}'),
    (CLICKS, FORM, b"payload"),
    (CLICKS, FORM, b"other=1"),
    (CLICKS, FORM, b"payload=%7B%7D&payload=%7B%7D"),
    (CLICKS, FORM, b"payload=%7B"),
    (CLICKS, FORM, b"payload=%5B%5D"),
    (CLICKS, FORM, b"payload=" + b"[" * 20_000),
    (CLICKS, FORM, b"&".join(b"payload=1" for _ in range(100))),
    (EVENTS, FORM, b"payload=%7B%7D"),
    (EVENTS, "application/json", b""),
    (EVENTS, "application/json", b"null"),
    (EVENTS, "application/json", b'{"type": "url_verification"}'),
]


async def test_an_event_that_slack_signed_is_no_form_with_a_click_in_it(house: House) -> None:
    status = "&payload=%7B%22type%22%3A%22block_actions%22%7D&x=y"
    body = b'{"type":"event_callback","event":{"text":"a=b%s"}}' % status.encode()
    assert (await house.send(body)).status_code == 400
    assert house.desk.taken == []


async def test_what_is_malformed_is_refused_though_it_is_signed(house: House) -> None:
    for path, kind, body in MALFORMED:
        said = await house.send(body, path=path, kind=kind)
        assert said.status_code == 400, body[:60]
    assert house.desk.taken == house.desk.events == []


async def test_slack_is_answered_when_it_asks_whose_the_address_is(house: House) -> None:
    body = b'{"type": "url_verification", "challenge": "3eZbrw", "token": "x", "new": 1}'
    said = await house.send(body, path=EVENTS, kind="application/json; charset=utf-8")
    assert said.json() == {"challenge": "3eZbrw"}


async def test_what_is_of_a_kind_that_is_not_known_is_acknowledged(house: House) -> None:
    body = b'{"type": "app_rate_limited", "minute_rate_limited": 1}'
    assert (await house.send(body, path=EVENTS, kind="application/json")).status_code == 200
    assert house.desk.events == []


async def test_nothing_is_got_from_these_addresses(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.url) as client:
        assert (await client.get(CLICKS)).status_code == 405


async def test_the_secret_before_is_taken_while_the_secret_is_changed(house: House) -> None:
    house.slack.signing_secret = "the one before"
    assert (await house.ann.click(house.message, "Approve")).acknowledged


async def test_what_comes_after_is_waited_for_at_the_end(house: House) -> None:
    done: list[str] = []
    begun = asyncio.Event()

    async def after() -> None:
        begun.set()
        await asyncio.sleep(0)
        done.append("told")

    house.desk.after = after
    await house.ann.click(house.message, "Approve")
    await begun.wait()
    await house.served.close()
    assert done == ["told"]
