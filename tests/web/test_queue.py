"""What waits for somebody: their own, what a ladder gave them, and what others asked them to do."""

from dataclasses import replace
from datetime import timedelta

from approvals.delegation import delegation
from sagas.acting import new_id
from tests.web import shop
from tests.web.conftest import FORM, Inbox, sealed


async def away(inbox: Inbox, who: str, to: str) -> str:
    """Let somebody else decide for somebody who is away."""
    coordinator = inbox.coordinator
    person = replace(coordinator.principal(who), evidence="a test")
    now = coordinator.now()
    made = delegation(
        id=new_id(), by=person, to=to, now=now, until=now + timedelta(hours=1), reason="on leave"
    )
    return (await coordinator.delegate(made, by=person)).id


async def test_whoever_was_asked_to_decide_sees_it_and_decides_by_both_names(inbox: Inbox) -> None:
    gate = await inbox.gate()
    dee = await inbox.browser("dee")
    path = f"/gates/{gate.id}"
    assert path not in (await dee.get("/")).text
    await away(inbox, "ben", "dee")
    listed = (await dee.get("/")).text
    assert path in listed
    assert "for ben</span>" in listed
    page = await dee.get(path)
    assert "You decide for <strong>ben</strong>" in page.text
    body = {**sealed(page, path), "decision": "approve", "reason": ""}
    assert (await dee.post(path, data=body, headers=FORM)).status_code == 303
    [vote] = await inbox.coordinator.store.votes(gate.id)
    assert (vote.principal, vote.acting_for) == ("dee", "ben")


async def test_a_delegation_gives_no_right_to_whoever_is_kept_out(inbox: Inbox) -> None:
    gate = await inbox.gate(shop.clear, "papers")
    await away(inbox, "ana", "dee")
    page = (await (await inbox.browser("dee")).get(f"/gates/{gate.id}")).text
    assert 'value="approve"' not in page


async def test_whom_a_ladder_added_sees_what_waits_for_them(inbox: Inbox) -> None:
    gate = await inbox.gate(shop.proclaim, "hear")
    listed = {
        name: (await (await inbox.browser(name)).get("/")).text for name in ("ana", "dee", "cy")
    }
    assert [name for name, page in listed.items() if gate.id in page] == ["ana", "dee"]


async def test_whoever_may_veto_finds_it_and_can_reject_but_not_approve(inbox: Inbox) -> None:
    gate = await inbox.gate(shop.drop, "leaflets")
    path = f"/gates/{gate.id}"
    dee, cy = await inbox.browser("dee"), await inbox.browser("cy")
    listed = (await dee.get("/")).text
    assert path in listed
    assert "you may veto it</span>" in listed
    assert path not in (await cy.get("/")).text
    page = await dee.get(path)
    assert 'value="reject"' in page.text
    assert 'value="approve"' not in page.text
    forged = {**sealed(page, path), "decision": "approve", "reason": ""}
    assert "not among the approvers" in (await dee.post(path, data=forged, headers=FORM)).text
    page = await dee.get(path)
    body = {**sealed(page, path), "decision": "reject", "reason": "litter"}
    assert (await dee.post(path, data=body, headers=FORM)).status_code == 303
    stored = await inbox.coordinator.store.gate(gate.id)
    assert stored is not None
    assert (stored.state, stored.eligible, stored.vetoers) == ("rejected", ("ana",), ("dee",))


async def test_whoever_stands_in_for_somebody_who_may_veto_finds_it_too(inbox: Inbox) -> None:
    gate = await inbox.gate(shop.drop, "leaflets")
    await away(inbox, "dee", "cy")
    cy = await inbox.browser("cy")
    assert f"/gates/{gate.id}" in (await cy.get("/")).text
    page = (await cy.get(f"/gates/{gate.id}")).text
    assert "cy decides for dee" in page
    assert 'value="approve"' not in page


async def test_each_gate_is_listed_once_page_by_page(inbox: Inbox) -> None:
    await away(inbox, "ana", "ben")
    await away(inbox, "cy", "ben")
    gates = {(await inbox.gate(id=f"letter-{number}")).id for number in range(30)}
    ben = await inbox.browser("ben")
    first = (await ben.get("/")).text
    following = first.partition('href="/?after=')[2].partition('"')[0]
    rest = (await ben.get(f"/?after={following}")).text
    on_first = {gate for gate in gates if gate in first}
    on_rest = {gate for gate in gates if gate in rest.replace(following, "")}
    assert on_first | on_rest == gates
    assert not on_first & on_rest
