"""Editing what a gate asks, from a form and from a program."""

import html
import re
from decimal import Decimal

import httpx
import pytest

from approvals import Gate
from tests.web import shop
from tests.web.conftest import FORM, Inbox, sealed, until
from tests.web.test_api import problem, program


@pytest.fixture
async def gate(inbox: Inbox) -> Gate:
    await inbox.coordinator.start(shop.sell, shop.ORDER, id="order")
    return await until(lambda: inbox.gate_of("order"))


async def now(inbox: Inbox, gate: Gate) -> Gate:
    found = await inbox.coordinator.store.gate(gate.id)
    assert found is not None
    return found


def filled(page: httpx.Response, gate: Gate) -> dict[str, str]:
    """What a browser sends of the form if nobody changes anything."""
    sent = sealed(page, f"/gates/{gate.id}/edit")
    [form] = re.findall(r'<form class="card".*?</form>', page.text, re.DOTALL)
    sent |= re.findall(r'<input type="text"[^>]*name="([^"]*)" value="([^"]*)"', form)
    sent |= re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    sent |= re.findall(r'<input type="checkbox"[^>]*name="([^"]*)" value="(true)" checked', form)
    sent |= re.findall(r'<select[^>]*name="([^"]*)".*?value="([^"]*)" selected', form, re.DOTALL)
    return {name: html.unescape(value) for name, value in sent.items()}


async def proposed(
    browser: httpx.AsyncClient, gate: Gate, *, without: str = "", **changed: str
) -> httpx.Response:
    path = f"/gates/{gate.id}/edit"
    sent = filled(await browser.get(path), gate)
    sent |= {"reason": "as the customer wrote"}
    sent |= {f"at/order/{name}" if name != "reason" else name: v for name, v in changed.items()}
    sent.pop(f"at/order/{without}", None)
    return await browser.post(path, data=sent, headers=FORM)


async def test_an_edit_is_shown_with_its_diff_and_decided_by_somebody_else(
    inbox: Inbox, gate: Gate
) -> None:
    ana, ben = await inbox.browser("ana"), await inbox.browser("ben")
    answer = await proposed(ana, gate, item="tall lamp", copies="3")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/gates/{gate.id}")
    page = (await ana.get(f"/gates/{gate.id}")).text
    assert "<del><bdi>lamp</bdi></del> <ins><bdi>tall lamp</bdi></ins>" in page
    assert "You made revision 2, so that somebody else has to decide." in page
    assert 'value="approve"' not in page
    path = f"/gates/{gate.id}"
    fields = sealed(await ben.get(path), path)
    await ben.post(path, data={**fields, "decision": "approve", "reason": ""}, headers=FORM)
    outcome = await (await inbox.coordinator.resume("order")).outcome(timeout=30)
    assert outcome.result == "3 tall lamp at 12.50"


async def test_a_form_has_a_field_for_each_value_and_changes_nothing_else(
    inbox: Inbox, gate: Gate
) -> None:
    ana = await inbox.browser("ana")
    await proposed(
        ana,
        gate,
        note="Ring twice.\r\nThen leave.",
        price="13.00",
        discount="0.25",
        speed="fast",
        tags='["spring", "sale"]',
        giver='"Ben"',
        without="gift",
    )
    order = shop.ORDER.model_copy(
        update={
            "note": "Ring twice.\nThen leave.",
            "price": Decimal("13.00"),
            "discount": 0.25,
            "speed": "fast",
            "tags": ["spring", "sale"],
            "giver": "Ben",
            "gift": False,
        }
    )
    edited = await now(inbox, gate)
    assert edited.arguments == f'{{"order":{order.model_dump_json()}}}'.encode()


async def test_what_is_sent_as_it_was_shown_changes_nothing(inbox: Inbox, gate: Gate) -> None:
    answer = await proposed(await inbox.browser("ana"), gate)
    assert answer.status_code == 409
    assert "nothing is changed: give other arguments, or approve these" in answer.text
    assert (await now(inbox, gate)).revision == 1


async def test_secrets_and_pinned_values_are_shown_as_they_are_and_cannot_be_sent(
    inbox: Inbox, gate: Gate
) -> None:
    ana = await inbox.browser("ana")
    page = await ana.get(f"/gates/{gate.id}/edit")
    assert "4111111111111111" not in page.text
    assert "[redacted: text, 16 characters" in page.text
    for name in ("at/order/account", "at/order/card/number"):
        assert f'name="{name}"' not in page.text
    assert "DE-7" in page.text
    assert "An edit may not change it." in page.text
    await proposed(ana, gate, **{"account": "DE-8", "card/number": "1", "item": "vase"})
    order = shop.ORDER.model_copy(update={"item": "vase"})
    edited = await now(inbox, gate)
    assert edited.arguments == f'{{"order":{order.model_dump_json()}}}'.encode()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("copies", "many", "this is no number: write it like 12 or 12.5"),
        ("copies", "1.5", "Input should be a valid integer"),
        ("copies", "100", "order at most 99 at once"),
        ("tags", "spring", "this is no JSON"),
        ("tags", '["a", 7]', "1: Input should be a valid string"),
        ("price", "dear", "Input should be a valid decimal"),
    ],
)
async def test_what_does_not_validate_is_told_beside_its_field_and_nothing_is_lost(
    inbox: Inbox, gate: Gate, name: str, text: str, told: str
) -> None:
    ana = await inbox.browser("ana")
    answer = await proposed(ana, gate, **{name: text, "item": "a vase", "reason": "he said"})
    assert answer.status_code == 422
    beside = re.search(r'<p class="fault" id="(f\d+)-fault">(.*?)</p>', answer.text)
    assert beside is not None
    assert told in html.unescape(beside[2])
    assert re.search(rf'id="{beside[1]}"[^>]*name="at/order/{name}"[^>]*aria-invalid', answer.text)
    again = filled(answer, gate)
    assert again[f"at/order/{name}"] == text
    assert (again["at/order/item"], again["reason"]) == ("a vase", "he said")
    assert (await now(inbox, gate)).revision == 1
    [refused] = await inbox.coordinator.store.refused_edits(gate.id)
    assert (refused.principal, refused.channel, refused.refusal) == ("ana", "web", "invalid")
    assert "What was refused here" in (await ana.get(f"/gates/{gate.id}")).text
    again["at/order/" + name] = {"copies": "9", "tags": "[]", "price": "7.00"}[name]
    sent = await ana.post(f"/gates/{gate.id}/edit", data=again, headers=FORM)
    assert sent.status_code == 303


async def test_of_two_editors_the_second_is_told_and_keeps_what_they_wrote(
    inbox: Inbox, gate: Gate
) -> None:
    ana, ben = await inbox.browser("ana"), await inbox.browser("ben")
    path = f"/gates/{gate.id}/edit"
    sent = filled(await ben.get(path), gate)
    await proposed(ana, gate, item="vase")
    late = await ben.post(
        path, data={**sent, "at/order/item": "bowl", "reason": "asked"}, headers=FORM
    )
    assert late.status_code == 409
    assert "you had revision 1 before you, and revision 2 is to be decided" in late.text
    again = filled(late, gate)
    assert (again["at/order/item"], again["revision"]) == ("bowl", "2")
    assert (await now(inbox, gate)).revision == 2


async def test_whoever_may_not_edit_is_told_why(inbox: Inbox, gate: Gate) -> None:
    dee = await inbox.browser("dee")
    page = (await dee.get(f"/gates/{gate.id}/edit")).text
    assert "you are not among the approvers" in page
    assert "<textarea" not in page
    assert "/edit" not in (await dee.get(f"/gates/{gate.id}")).text


async def test_an_edit_needs_a_reason(inbox: Inbox, gate: Gate) -> None:
    answer = await proposed(await inbox.browser("ana"), gate, item="vase", reason=" ")
    assert answer.status_code == 422
    assert filled(answer, gate)["at/order/item"] == "vase"
    assert (await now(inbox, gate)).revision == 1


async def test_t11_an_edit_with_the_seal_of_another_form_is_refused(
    inbox: Inbox, gate: Gate
) -> None:
    ana = await inbox.browser("ana")
    path = f"/gates/{gate.id}"
    sent = filled(await ana.get(f"{path}/edit"), gate)
    for seal in (sealed(await ana.get(path), path)["seal"], "x.1.x"):
        body = {**sent, "seal": seal, "at/order/item": "vase", "reason": "so"}
        assert (await ana.post(f"{path}/edit", data=body, headers=FORM)).status_code == 403
    foreign = {**FORM, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await ana.post(f"{path}/edit", data=sent, headers=foreign)).status_code == 403
    assert (await now(inbox, gate)).revision == 1


async def test_a_program_edits_and_another_decides(inbox: Inbox, gate: Gate) -> None:
    ana = await program(inbox)
    path = f"/api/v1/gates/{gate.id}"
    order = shop.ORDER.model_copy(update={"copies": 5})
    body = {
        "arguments_json": f'{{"order": {order.model_dump_json()}}}',
        "revision": 1,
        "digest": gate.digest,
        "reason": "as ordered",
    }
    shown = (await ana.post(f"{path}/edits", json=body)).json()
    assert (shown["revision"], shown["editor"]) == (2, "ana")
    assert shown["changes"] == [{"name": "order.copies", "before": "2", "after": "5"}]
    own = await ana.post(f"{path}/votes", json={"decision": "approve", "digest": shown["digest"]})
    assert own.status_code == 403
    stale = await ana.post(f"{path}/edits", json=body)
    told = problem(stale)
    assert (stale.status_code, told["gate"]["revision"]) == (409, 2)
    wrong = {**body, "revision": 2, "digest": shown["digest"], "arguments_json": '{"order": 1}'}
    answer = await ana.post(f"{path}/edits", json=wrong)
    assert answer.status_code == 422
    problem(answer)
    dee = await program(inbox, "dee")
    right = {**body, "revision": 2, "digest": shown["digest"]}
    assert (await dee.post(f"{path}/edits", json=right)).status_code == 403


async def test_what_cannot_be_seen_is_edited_as_it_is_written(inbox: Inbox) -> None:
    hidden = shop.ORDER.model_copy(update={"item": "la\u202emp", "tags": ["a\u200bb"]})
    await inbox.coordinator.start(shop.sell, hidden, id="hidden")
    gate = await until(lambda: inbox.gate_of("hidden"))
    ana = await inbox.browser("ana")
    sent = filled(await ana.get(f"/gates/{gate.id}/edit"), gate)
    assert sent["at/order/item"] == '"la\\u202emp"'
    assert "\\u200b" in sent["at/order/tags"]
    await proposed(ana, gate, item='"lamp"')
    order = hidden.model_copy(update={"item": "lamp"})
    edited = await now(inbox, gate)
    assert edited.arguments == f'{{"order":{order.model_dump_json()}}}'.encode()
