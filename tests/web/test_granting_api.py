"""Standing rules and delegations by the API: what the pages let people do, and no more."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from approvals import Gate
from sagas.ports import Scope
from tests.web import shop
from tests.web.conftest import Inbox
from tests.web.test_api import problem, program
from tests.web.test_queue import away

ALL = tuple(Scope)
RULES, DELEGATIONS = "/api/v1/rules", "/api/v1/delegations"


def rule(inbox: Inbox, **different: Any) -> dict[str, Any]:
    until = inbox.coordinator.now() + timedelta(days=7)
    return {
        "action": "shop.mail",
        "where": ['letter.to == "readers@example.org"'],
        "until": until.isoformat(),
        "uses": 5,
        "reason": "the list is ours",
    } | different


def leave(inbox: Inbox, **different: Any) -> dict[str, Any]:
    until = inbox.coordinator.now() + timedelta(days=7)
    return {"delegate": "dee", "until": until.isoformat(), "reason": "on leave"} | different


async def granter(inbox: Inbox, owner: str = "ana") -> httpx.AsyncClient:
    return await program(inbox, owner, ALL)


async def nothing_is_given(inbox: Inbox) -> bool:
    store = inbox.coordinator.store
    rules = await store.rules(action=None, live_at=None, limit=9)
    return not rules and not await store.delegations(person=None, live_at=None, limit=9)


@pytest.fixture
async def gate(inbox: Inbox) -> Gate:
    return await inbox.gate()


# --- standing rules -----------------------------------------------------------------------------


async def test_a_rule_is_previewed_given_used_and_revoked(inbox: Inbox, gate: Gate) -> None:
    client = await granter(inbox)
    tried = (await client.post(RULES, json=rule(inbox, preview=True))).json()
    assert (tried["made"], tried["tried"]) == (
        False,
        [{"gate_id": gate.id, "saga_id": "spring", "allowed": True, "why_not": None}],
    )
    assert await nothing_is_given(inbox)
    made = (await client.post(RULES, json=rule(inbox))).json()
    assert (made["made"], made["grantor"], made["state"]) == (True, "ana", "live")
    assert made["evidence"].startswith("token t-")
    await inbox.coordinator.start(shop.announce, shop.LETTER, id="summer")
    outcome = await (await inbox.coordinator.resume("summer")).outcome(timeout=30)
    assert outcome.result == "mailed to readers@example.org"
    path = f"{RULES}/{made['id']}"
    shown = (await client.get(path)).json()
    assert (shown["used"], [use["saga_id"] for use in shown["allowed"]]) == (1, ["summer"])
    assert shown["next"] is None
    assert [each["id"] for each in (await client.get(RULES)).json()] == [made["id"]]
    ben = await granter(inbox, "ben")
    ended = (await ben.post(f"{path}/revocation", json={"reason": "no more"})).json()
    assert (ended["state"], ended["revoked_by"]) == ("revoked", "ben")
    assert (await client.get(RULES)).json() == []
    assert [each["id"] for each in (await client.get(f"{RULES}?all=true")).json()] == [made["id"]]


async def test_a_rule_is_revoked_once_and_for_a_reason(inbox: Inbox, gate: Gate) -> None:
    client = await granter(inbox)
    made = (await client.post(RULES, json=rule(inbox))).json()
    path = f"{RULES}/{made['id']}/revocation"
    assert "needs a reason" in problem(await client.post(path, json={"reason": " "}))["detail"]
    assert (await client.post(path, json={"reason": "over"})).status_code == 200
    again = await client.post(path, json={"reason": "over"})
    assert again.status_code == 409
    assert "was revoked by ana before" in problem(again)["detail"]
    lost = await client.post(f"{RULES}/r-none/revocation", json={"reason": "x"})
    assert lost.status_code == 404


async def test_a_rule_has_its_budget(inbox: Inbox, gate: Gate) -> None:
    budget = {"total": "500.50", "currency": "EUR", "amount_at": "letter.price"}
    client = await granter(inbox)
    made = (await client.post(RULES, json=rule(inbox, budget=budget))).json()
    assert made["budget"] == budget | {"currency_at": None}


@pytest.mark.parametrize(
    ("different", "told"),
    [
        ({"where": []}, "has no condition on the arguments"),
        ({"anything": True}, "leave one of them out"),
        ({"where": ["letter.to is nice"]}, "is no condition"),
        ({"action": "shop.*"}, "takes no patterns"),
        ({"until": "2999-01-01T00:00:00Z"}, "ends within 90 days"),
        ({"until": "2027-01-01T00:00:00"}, "timezone"),
        ({"until": "9999-12-31T23:59:59-23:00"}, "out of all time"),
        ({"uses": 0}, "body.uses"),
        ({"uses": "5"}, "body.uses"),
        ({"uses": True}, "body.uses"),
        ({"reason": " "}, "needs a reason"),
        ({"reason": "a\x00b"}, "cannot be stored"),
        ({"agent": "@desk"}, "marks a group"),
        ({"budget": {"total": "500"}}, "in which currency"),
        ({"budget": {"total": "1e-99999999", "currency": "EUR"}}, "body.budget.total"),
        ({"budget": {"total": "NaN", "currency": "EUR"}}, "body.budget.total"),
        ({"surprise": 1}, "body.surprise"),
        ({"action": "shop.ship"}, "it is not known what would be approved"),
    ],
)
async def test_a_rule_that_cannot_be_right_is_not_given(
    inbox: Inbox, gate: Gate, different: dict[str, Any], told: str
) -> None:
    answer = await (await granter(inbox)).post(RULES, json=rule(inbox, **different))
    assert answer.status_code == 422
    assert told in " ".join(problem(answer)["detail"].split())
    assert await nothing_is_given(inbox)


async def test_whoever_could_not_approve_alone_gives_no_rule(inbox: Inbox, gate: Gate) -> None:
    answer = await (await granter(inbox, "dee")).post(RULES, json=rule(inbox))
    assert answer.status_code == 422
    assert "dee alone could not approve shop.mail" in problem(answer)["detail"]
    assert await nothing_is_given(inbox)


# --- delegations --------------------------------------------------------------------------------


async def test_somebody_is_asked_to_decide_decides_and_gives_it_back(
    inbox: Inbox, gate: Gate
) -> None:
    ana, dee = await granter(inbox), await granter(inbox, "dee")
    made = (await ana.post(DELEGATIONS, json=leave(inbox, actions=["shop.mail"]))).json()
    assert (made["delegator"], made["delegate"], made["state"]) == ("ana", "dee", "live")
    assert made["evidence"].startswith("token t-")
    body = {"decision": "approve", "digest": gate.digest}
    assert (await dee.post(f"/api/v1/gates/{gate.id}/votes", json=body)).status_code == 200
    [vote] = await inbox.coordinator.store.votes(gate.id)
    assert (vote.principal, vote.acting_for) == ("dee", "ana")
    path = f"{DELEGATIONS}/{made['id']}"
    assert (await ana.get(DELEGATIONS)).json() == [(await ana.get(path)).json()]
    ended = (await dee.post(f"{path}/revocation")).json()
    assert (ended["state"], ended["revoked_by"]) == ("revoked", "dee")
    assert (await ana.get(DELEGATIONS)).json() == []
    assert (await ana.get(f"{DELEGATIONS}?all=true")).json() == [ended]
    assert (await ana.post(f"{path}/revocation")).status_code == 409


async def test_a_delegation_can_begin_later(inbox: Inbox) -> None:
    begins = inbox.coordinator.now() + timedelta(days=1)
    client = await granter(inbox)
    made = (await client.post(DELEGATIONS, json=leave(inbox, begins=begins.isoformat()))).json()
    assert made["state"] == "to come"


@pytest.mark.parametrize(
    ("different", "told"),
    [
        ({"delegate": "ana"}, "nobody delegates to themselves"),
        ({"delegate": "zoe"}, "zoe is not known"),
        ({"delegate": "@desk"}, "delegate to one person"),
        ({"until": "2999-01-01T00:00:00Z"}, "lasts 30 days at most"),
        ({"until": "2020-01-01T00:00:00Z"}, "lasts 30 days at most"),
        ({"reason": " "}, "needs a reason"),
        ({"delegator": "ben"}, "body.delegator"),
    ],
)
async def test_a_delegation_that_cannot_be_right_is_not_made(
    inbox: Inbox, different: dict[str, Any], told: str
) -> None:
    answer = await (await granter(inbox)).post(DELEGATIONS, json=leave(inbox, **different))
    assert answer.status_code == 422
    assert told in problem(answer)["detail"]
    assert await nothing_is_given(inbox)


async def test_a_stranger_ends_no_delegation(inbox: Inbox) -> None:
    made = await away(inbox, "ana", "dee")
    ben = await granter(inbox, "ben")
    answer = await ben.post(f"{DELEGATIONS}/{made}/revocation")
    assert answer.status_code == 403
    assert "between ana and dee" in problem(answer)["detail"]
    assert (await ben.get(f"{DELEGATIONS}/{made}")).json()["state"] == "live"
    assert (await ben.post(f"{DELEGATIONS}/d-none/revocation")).status_code == 404


# --- scopes -------------------------------------------------------------------------------------


async def test_a_token_that_decides_gives_nothing_beforehand(inbox: Inbox, gate: Gate) -> None:
    made = await away(inbox, "ana", "dee")
    client = await program(inbox, scopes=(Scope.READ, Scope.DECIDE))
    for path, body in (
        (RULES, rule(inbox)),
        (RULES, rule(inbox, preview=True)),
        (f"{RULES}/r-1/revocation", {"reason": "x"}),
        (DELEGATIONS, leave(inbox)),
        (f"{DELEGATIONS}/{made}/revocation", None),
    ):
        answer = await client.post(path, json=body)
        assert answer.status_code == 403
        assert "lacks the scope grant" in problem(answer)["detail"]
    [kept] = await inbox.coordinator.store.delegations(person=None, live_at=None, limit=9)
    assert kept.revoked_at is None


async def test_a_token_that_gives_beforehand_decides_and_reads_nothing(
    inbox: Inbox, gate: Gate
) -> None:
    client = await program(inbox, scopes=(Scope.GRANT,))
    body = {"decision": "approve", "digest": gate.digest}
    answer = await client.post(f"/api/v1/gates/{gate.id}/votes", json=body)
    assert (answer.status_code, await inbox.state(gate)) == (403, "pending")
    assert (await client.get(RULES)).status_code == 403
    assert (await client.get(DELEGATIONS)).status_code == 403


async def test_what_a_rule_has_allowed_comes_page_by_page_the_newest_first(inbox: Inbox) -> None:
    await inbox.gate()
    client = await granter(inbox)
    made = (await client.post(RULES, json=rule(inbox))).json()
    for saga_id in ("one", "two", "three"):
        await inbox.coordinator.start(shop.announce, shop.LETTER, id=saga_id)
        await (await inbox.coordinator.resume(saga_id)).outcome(timeout=30)
    path = f"{RULES}/{made['id']}"
    first = (await client.get(path, params={"limit": 2})).json()
    rest = (await client.get(path, params={"limit": 2, "after": first["next"]})).json()
    pages = [[use["saga_id"] for use in page["allowed"]] for page in (first, rest)]
    assert pages == [["three", "two"], ["one"]]
    assert (first["used"], rest["next"]) == (3, None)
    assert (await client.get(path, params={"after": "nonsense"})).status_code == 400
