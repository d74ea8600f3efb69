"""Several gates decided in one go: each was seen whole, and each gets its own outcome."""

import html

import httpx

from approvals import Gate
from sagas.web import forms
from sagas.web.pages.together import MOST, purpose
from tests.web import shop
from tests.web.conftest import FORM, SITE, Inbox, sealed, until

PAGE = "/together?action=shop.mail"


async def three(inbox: Inbox) -> list[Gate]:
    return [await inbox.gate(id=f"letter-{number}") for number in (1, 2, 3)]


async def form(browser: httpx.AsyncClient) -> dict[str, str]:
    fields = sealed(await browser.get(PAGE), "/together")
    return {name: html.unescape(value) for name, value in fields.items()}


async def sent(
    browser: httpx.AsyncClient, gates: list[Gate], decision: str, reason: str = "read them all"
) -> httpx.Response:
    ticks = {f"tick/{gate.id}": "yes" for gate in gates}
    body = {**await form(browser), **ticks, "decision": decision, "reason": reason}
    return await browser.post("/together", data=body, headers=FORM)


async def test_what_is_ticked_is_decided_and_the_rest_waits(inbox: Inbox) -> None:
    first, second, third = await three(inbox)
    ana = await inbox.browser("ana")
    listed = (await ana.get("/")).text
    assert 'href="/together?action=shop.mail"' in listed
    assert "Decide 3 of" in listed
    answer = await sent(ana, [first, third], "approve")
    assert answer.status_code == 200
    assert answer.text.count("your vote counts") == 2
    assert "letter-2" not in answer.text
    assert await inbox.state(second) == "pending"
    for gate in (first, third):
        assert await inbox.state(gate) in ("approved", "consumed")
        [vote] = await inbox.coordinator.store.votes(gate.id)
        assert (vote.reason, vote.digest) == ("read them all", gate.digest)
        assert (vote.seen or "").startswith("whole:")


async def test_each_is_told_its_own_outcome(inbox: Inbox) -> None:
    first, second, third = await three(inbox)
    ana = await inbox.browser("ana")
    ticks = {f"tick/{gate.id}": "yes" for gate in (first, second, third)}
    body = {**await form(ana), **ticks, "decision": "reject", "reason": "not now"}
    await inbox.coordinator.approve(second.id, by="ben")
    letter = shop.LETTER.model_copy(update={"subject": "The summer list"})
    await inbox.coordinator.edit(
        third.id, f'{{"letter": {letter.model_dump_json()}}}', reason="it is summer", by="ben"
    )
    answer = (await ana.post("/together", data=body, headers=FORM)).text
    assert answer.count("your vote counts") == 1
    assert answer.count("your vote has no effect") == 2
    assert "lready approved by ben" in answer
    assert await inbox.state(first) == "rejected"
    assert await inbox.state(second) in ("approved", "consumed")
    assert await inbox.state(third) == "pending"


async def test_t1_different_actions_are_never_decided_in_one_go(inbox: Inbox) -> None:
    letter, book = await inbox.gate(), await inbox.gate(shop.publish, "book")
    ana = await inbox.browser("ana")
    assert book.id not in (await ana.get(PAGE)).text
    shown = [await inbox.coordinator.presentation(gate.id) for gate in (letter, book)]
    listed = "\n".join(f"{each.gate_id} {each.digest} {each.seen}" for each in shown)
    session = ana.cookies[SITE.cookie]
    body = {
        "seal": forms.seal(session, purpose(listed), now=inbox.coordinator.now()),
        "shown": listed,
        "decision": "approve",
        "reason": "all of it",
        **{f"tick/{gate.id}": "yes" for gate in (letter, book)},
    }
    answer = await ana.post("/together", data=body, headers=FORM)
    assert answer.status_code == 422
    assert "different actions are not decided in one go" in answer.text
    for gate in (letter, book):
        assert await inbox.state(gate) == "pending"


async def test_what_is_cut_or_was_not_shown_cannot_be_ticked(inbox: Inbox) -> None:
    long = shop.Letter(to="a@example.org", subject="long", body="x" * 100_000)
    await inbox.coordinator.start(shop.announce, long, id="long")
    cut = await until(lambda: inbox.gate_of("long"))
    whole = await inbox.gate()
    ana = await inbox.browser("ana")
    page = (await ana.get(PAGE)).text
    assert f'name="tick/{whole.id}"' in page
    assert f'name="tick/{cut.id}"' not in page
    for decision in ("approve", "reject"):
        answer = await sent(ana, [cut, whole], decision)
        assert answer.status_code == 400
        assert "something is ticked that was not shown whole" in answer.text
    later = await inbox.gate(id="later")
    fields = await form(ana)
    unseen = "\n".join(line for line in fields["shown"].split("\n") if later.id not in line)
    for body in (
        {**fields, f"tick/{whole.id}": "yes", "shown": unseen},
        {**fields, "tick/g-another": "yes"},
        {**fields, f"tick/{whole.id}": "yes", "decision": "withdraw"},
        fields,
    ):
        answer = await ana.post(
            "/together", data={"decision": "approve", "reason": "so", **body}, headers=FORM
        )
        assert answer.status_code in (400, 403, 422)
    for gate in (cut, whole, later):
        assert await inbox.state(gate) == "pending"


async def test_a_form_counts_once(inbox: Inbox) -> None:
    gate = (await three(inbox))[0]
    ana = await inbox.browser("ana")
    body = {**await form(ana), f"tick/{gate.id}": "yes", "decision": "reject", "reason": "no"}
    assert (await ana.post("/together", data=body, headers=FORM)).status_code == 200
    assert (await ana.post("/together", data=body, headers=FORM)).status_code == 409
    foreign = {**FORM, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await ana.post("/together", data=await form(ana), headers=foreign)).status_code == 403


async def test_whoever_may_not_approve_is_shown_none(inbox: Inbox) -> None:
    gates = await three(inbox)
    page = (await (await inbox.browser("dee")).get(PAGE)).text
    assert "Nothing of this action waits for you here." in page
    assert all(gate.id not in page for gate in gates)


async def test_no_more_are_shown_than_somebody_can_read(inbox: Inbox) -> None:
    for number in range(MOST + 1):
        await inbox.gate(id=f"letter-{number}")
    page = (await (await inbox.browser("ana")).get(PAGE)).text
    assert page.count('name="tick/') == MOST
