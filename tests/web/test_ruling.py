"""Standing rules and delegations, given and taken back by people who have logged in."""

import httpx
import pytest

from sagas.errors import Refused
from sagas.web.pages import ruling
from tests.web import shop
from tests.web.conftest import FORM, Inbox, sealed
from tests.web.test_queue import away

RULE = {
    "action": "shop.mail",
    "version": "1",
    "where": 'letter.to == "readers@example.org"',
    "days": "7",
    "uses": "5",
    "reason": "the list is ours",
    **dict.fromkeys(("budget", "amount", "currency", "agent", "requester"), ""),
}


async def previewed(browser: httpx.AsyncClient, **changed: str) -> httpx.Response:
    fields = sealed(await browser.get("/rules/new"), "/rules/new")
    body = {**fields, **RULE, **changed, "decision": "preview"}
    return await browser.post("/rules/new", data=body, headers=FORM)


def giving(page: httpx.Response) -> dict[str, str]:
    """The form that gives what was previewed."""
    first = page.text.partition('<form class="card"')[0].replace("&#34;", '"')
    hidden = dict(
        part.split('" value="', 1) for part in first.split('<input type="hidden" name="')[1:]
    )
    fields = {name: value.partition('">')[0] for name, value in hidden.items()}
    fields.pop("leave", None)
    return {**fields, "decision": "give"}


async def given(browser: httpx.AsyncClient) -> str:
    """The path of a rule that was previewed and given."""
    body = giving(await previewed(browser))
    answer = await browser.post("/rules/new", data={**RULE, **body}, headers=FORM)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_a_rule_is_previewed_given_used_and_revoked(inbox: Inbox) -> None:
    gate = await inbox.gate()
    ana = await inbox.browser("ana")
    page = await previewed(ana)
    assert "it would have allowed <strong>1</strong>" in page.text
    assert f"/gates/{gate.id}" in page.text
    assert await inbox.coordinator.store.rules(action=None, live_at=None, limit=9) == []
    path = await given(ana)
    await inbox.coordinator.start(shop.announce, shop.LETTER, id="summer")
    outcome = await (await inbox.coordinator.resume("summer")).outcome(timeout=30)
    assert outcome.result == "mailed to readers@example.org"
    shown = (await ana.get(path)).text
    assert "1 of 5" in shown
    assert ">summer</a>" in shown
    assert path in (await ana.get("/rules")).text
    ben = await inbox.browser("ben")
    seal = sealed(await ben.get(path), path)
    assert (await ben.post(path, data={**seal, "reason": ""}, headers=FORM)).status_code == 409
    seal = sealed(await ben.get(path), path)
    body = {**seal, "reason": "no more"}
    assert (await ben.post(path, data=body, headers=FORM)).status_code == 303
    assert "revoked, by ben" in (await ana.get(path)).text
    assert path not in (await ana.get("/rules")).text
    assert path in (await ana.get("/rules?show=all")).text


async def test_what_a_rule_has_allowed_is_shown_a_page_at_a_time(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruling, "PAGE", 1)
    await inbox.gate()
    ana = await inbox.browser("ana")
    path = await given(ana)
    for saga_id in ("summer", "autumn"):
        await inbox.coordinator.start(shop.announce, shop.LETTER, id=saga_id)
        await (await inbox.coordinator.resume(saga_id)).outcome(timeout=30)
    first = (await ana.get(path)).text
    assert ">autumn</a>" in first
    assert ">summer</a>" not in first
    following = first.partition(f'href="{path}?after=')[2].partition("#")[0]
    rest = (await ana.get(f"{path}?after={following}")).text
    assert ">summer</a>" in rest
    assert "?after=" not in rest
    assert "The newest</a>" in rest


async def test_what_was_not_previewed_is_not_given(inbox: Inbox) -> None:
    await inbox.gate()
    ana = await inbox.browser("ana")
    body = giving(await previewed(ana))
    wider = {**RULE, **body, "uses": "5000"}
    assert (await ana.post("/rules/new", data=wider, headers=FORM)).status_code == 403
    unseen = sealed(await ana.get("/rules/new"), "/rules/new")
    blind = {**RULE, **unseen, "decision": "give"}
    assert (await ana.post("/rules/new", data=blind, headers=FORM)).status_code == 403
    assert await inbox.coordinator.store.rules(action=None, live_at=None, limit=9) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"where": ""}, "has no condition on the arguments"),
        ({"uses": "many"}, "how often it may be used: give a whole number"),
        ({"days": "91"}, "ends within 90 days"),
        ({"budget": "much"}, "give an amount, such as 500"),
        ({"action": "shop.*"}, "takes no patterns"),
        ({"where": "letter.to is nice"}, "is no condition"),
    ],
)
async def test_a_rule_that_cannot_be_right_is_told_so_and_nothing_is_lost(
    inbox: Inbox, changed: dict[str, str], told: str
) -> None:
    page = await previewed(await inbox.browser("ana"), **changed)
    assert page.status_code == 422
    assert told in page.text
    assert "the list is ours" in page.text


async def test_whoever_could_not_approve_alone_gives_no_rule(inbox: Inbox) -> None:
    await inbox.gate()
    dee = await inbox.browser("dee")
    body = giving(await previewed(dee))
    answer = await dee.post("/rules/new", data={**RULE, **body}, headers=FORM)
    assert answer.status_code == 422
    assert "dee alone could not approve shop.mail" in answer.text


async def test_somebody_is_asked_to_decide_and_gives_it_back(inbox: Inbox) -> None:
    ana, dee = await inbox.browser("ana"), await inbox.browser("dee")
    seal = sealed(await ana.get("/delegations"), "/delegations")
    body = {**seal, "to": "dee", "days": "7", "actions": "shop.mail, shop.ship", "reason": "leave"}
    assert (await ana.post("/delegations", data=body, headers=FORM)).status_code == 303
    page = await dee.get("/delegations")
    assert "dee decides for ana until" in page.text
    assert "about shop.mail, shop.ship" in page.text
    assert "Give it back" in page.text
    assert "back</button>" not in (await (await inbox.browser("ben")).get("/delegations")).text
    [made] = await inbox.coordinator.store.delegations(person="ana", live_at=None, limit=9)
    path = f"/delegations/{made.id}"
    answer = await dee.post(path, data=sealed(page, path), headers=FORM)
    assert answer.status_code == 303
    assert "Everybody decides for themselves." in (await ana.get("/delegations")).text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"to": "ana"}, "nobody delegates to themselves"),
        ({"to": "zoe"}, "zoe is not known"),
        ({"days": "31"}, "lasts 30 days at most"),
        ({"days": "-1"}, "give a whole number"),
    ],
)
async def test_a_delegation_that_cannot_be_right_is_told_so(
    inbox: Inbox, changed: dict[str, str], told: str
) -> None:
    ana = await inbox.browser("ana")
    seal = sealed(await ana.get("/delegations"), "/delegations")
    body = {**seal, "to": "dee", "days": "7", "actions": "", "reason": "leave", **changed}
    answer = await ana.post("/delegations", data=body, headers=FORM)
    assert answer.status_code == 422
    assert told in answer.text
    assert await inbox.coordinator.store.delegations(person=None, live_at=None, limit=9) == []


async def test_a_stranger_ends_no_delegation(inbox: Inbox) -> None:
    made = await away(inbox, "ana", "dee")
    ben = await inbox.browser("ben")
    seal = sealed(await ben.get("/delegations"), "/delegations")
    answer = await ben.post(f"/delegations/{made}", data=seal, headers=FORM)
    assert answer.status_code == 403
    with pytest.raises(Refused):
        await inbox.coordinator.undelegate(made, by=inbox.coordinator.principal("ben"))
