"""What people see, and that it works from the link to the decision."""

import asyncio
from pathlib import Path

import httpx

from sagas import connect
from sagas.cli.inbox import history
from sagas.journal import migrate
from sagas.web.app import make_app
from tests.web import shop
from tests.web.conftest import FORM, SITE, Inbox, sealed, until


async def decided(
    browser: httpx.AsyncClient, path: str, decision: str, reason: str = ""
) -> httpx.Response:
    fields = sealed(await browser.get(path), path)
    body = {**fields, "decision": decision, "reason": reason}
    return await browser.post(path, data=body, headers=FORM)


async def test_a_gate_is_approved_from_the_inbox(inbox: Inbox) -> None:
    gate = await inbox.gate()
    ana = await inbox.browser("ana")
    listed = await ana.get("/")
    assert f'href="/gates/{gate.id}"' in listed.text
    page = await ana.get(f"/gates/{gate.id}")
    for shown in ("May shop.mail run?", "readers@example.org", "cannot be undone", gate.digest):
        assert shown in page.text
    answer = await decided(ana, f"/gates/{gate.id}", "approve")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/gates/{gate.id}")
    outcome = await (await inbox.coordinator.resume("spring")).outcome(timeout=30)
    assert outcome.result == "mailed to readers@example.org"


async def test_a_card_shows_a_value_as_its_page_does(inbox: Inbox) -> None:
    letter = shop.LETTER.model_copy(update={"body": "Dear reader,\nforty new books."})
    await inbox.coordinator.start(shop.announce, letter, id="lines")
    gate = await until(lambda: inbox.gate_of("lines"))
    ana = await inbox.browser("ana")
    for path in ("/", f"/gates/{gate.id}"):
        assert "Dear reader,\\nforty new books." in (await ana.get(path)).text, path


async def test_a_vote_says_how_the_voter_was_identified_and_that_it_came_by_the_web(
    inbox: Inbox,
) -> None:
    gate = await inbox.gate()
    await decided(await inbox.browser("ana"), f"/gates/{gate.id}", "approve")
    [vote] = await inbox.coordinator.store.votes(gate.id)
    assert (vote.principal, vote.channel) == ("ana", "web")
    assert vote.evidence == "one-time link made by the program's word"


async def test_every_page_can_be_read(inbox: Inbox) -> None:
    gate, question = await inbox.gate(), await inbox.question()
    ana = await inbox.browser("ana")
    paths = ["/", "/?show=all", "/sagas", "/sagas?status=waiting", "/sagas/spring", "/login"]
    paths += ["/history/spring", f"/gates/{gate.id}", f"/interventions/{question.id}"]
    paths += ["/static/app.css", "/static/app.js", "/static/mark.svg", f"/gates/{gate.id}/state"]
    for path in paths:
        for method in ("GET", "HEAD"):
            page = await ana.request(method, path)
            assert page.status_code == 200, path
    assert "reserve" in (await ana.get("/sagas/spring")).text


async def test_what_an_undo_left_is_shown_and_accepted(inbox: Inbox) -> None:
    question = await inbox.question(saga=shop.lend_out)
    ana = await inbox.browser("ana")
    path = f"/interventions/{question.id}"
    page = await ana.get(path)
    for words in ("is that accepted?", "a lamp has a scratch (25 EUR)", "what remains is accepted"):
        assert words in page.text
    body = {**sealed(page, path), "choice": "accept", "reason": "it is small", "result": ""}
    assert (await ana.post(path, data=body, headers=FORM)).status_code == 303
    answered = await inbox.coordinator.store.question(question.id)
    assert answered is not None
    assert (answered.choice, answered.by, answered.channel) == ("accept", "ana", "web")


async def test_a_question_is_answered_with_a_choice_and_a_reason(inbox: Inbox) -> None:
    question = await inbox.question()
    ana = await inbox.browser("ana")
    path = f"/interventions/{question.id}"
    fields = sealed(await ana.get(path), path)
    body = {**fields, "choice": "not-happened", "reason": "asked the bank", "result": ""}
    assert (await ana.post(path, data=body, headers=FORM)).status_code == 303
    answered = await inbox.coordinator.store.question(question.id)
    assert answered is not None
    assert (answered.choice, answered.by, answered.reason) == (
        "not-happened",
        "ana",
        "asked the bank",
    )


async def test_whoever_comes_second_is_told_who_decided_and_when(inbox: Inbox) -> None:
    gate = await inbox.gate()
    path = f"/gates/{gate.id}"
    ana, ben = await inbox.browser("ana"), await inbox.browser("ben")
    fields = sealed(await ben.get(path), path)
    await decided(ana, path, "reject", "too early")
    late = await ben.post(path, data={**fields, "decision": "approve"}, headers=FORM)
    assert late.status_code == 409
    assert "already rejected by ana at" in late.text
    assert "too early" in late.text
    assert await inbox.state(gate) == "rejected"


async def test_where_two_have_to_approve_the_first_is_told_that_more_are_needed(
    inbox: Inbox,
) -> None:
    gate = await inbox.gate(shop.publish, "book")
    path = f"/gates/{gate.id}"
    ana, ben = await inbox.browser("ana"), await inbox.browser("ben")
    await decided(ana, path, "approve", "read it twice")
    page = await ana.get(path)
    assert "You said <strong>approve</strong>" in page.text
    await decided(ben, path, "approve", "fine")
    assert (await inbox.state(gate)) in ("approved", "consumed")


async def test_the_inbox_shows_what_is_yours_and_on_demand_everything(inbox: Inbox) -> None:
    gate = await inbox.gate()
    dee = await inbox.browser("dee")
    assert gate.id not in (await dee.get("/")).text
    everything = (await dee.get("/?show=all")).text
    assert gate.id in everything
    assert "not yours to decide" in everything
    page = (await dee.get(f"/gates/{gate.id}")).text
    assert "You are not among those who decide this." in page
    assert "<textarea" not in page


async def test_what_an_agent_words_is_shown_and_not_obeyed(inbox: Inbox) -> None:
    evil = shop.Letter(to="<script>alert(1)</script>", subject="{{ 7*7 }}", body="a\u202eb\u200bc")
    await inbox.coordinator.start(shop.announce, evil, id="evil")
    gate = await until(lambda: inbox.gate_of("evil"))
    page = (await (await inbox.browser("ana")).get(f"/gates/{gate.id}")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert "\u202e" not in page
    assert "\\u202e" in page


async def test_what_cannot_be_shown_whole_cannot_be_approved(inbox: Inbox) -> None:
    long = shop.Letter(to="a@example.org", subject="long", body="x" * 100_000)
    await inbox.coordinator.start(shop.announce, long, id="long")
    gate = await until(lambda: inbox.gate_of("long"))
    path = f"/gates/{gate.id}"
    ana = await inbox.browser("ana")
    page = await ana.get(path)
    assert 'value="approve"' not in page.text
    answer = await decided(ana, path, "approve")
    assert answer.status_code == 409
    assert await inbox.state(gate) == "pending"


async def test_a_vote_is_withdrawn_as_long_as_nothing_is_decided(inbox: Inbox) -> None:
    gate = await inbox.gate(shop.publish, "book")
    path = f"/gates/{gate.id}"
    ana = await inbox.browser("ana")
    await decided(ana, path, "approve", "read it twice")
    assert 'value="withdraw"' in (await ana.get(path)).text
    assert (await decided(ana, path, "withdraw")).status_code == 303
    page = await ana.get(path)
    assert 'value="withdraw"' not in page.text
    assert "2 more" in page.text


async def test_an_inbox_over_postgresql_is_entered_and_decides(
    postgres_url: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    people = shop.directory(tmp_path)
    async with connect(postgres_url, shop.shop, directory=people, user="ana") as coordinator:
        inbox = Inbox(coordinator, make_app(coordinator, SITE, history=history), SITE)
        gate = await inbox.gate()
        ana = await inbox.browser("ana")
        assert gate.id in (await ana.get("/")).text
        assert (await decided(ana, f"/gates/{gate.id}", "reject", "too early")).status_code == 303
        assert await inbox.state(gate) == "rejected"
