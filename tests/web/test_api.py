"""The HTTP API: what programs are answered, and that a token is good for no more than its owner."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from approvals import Gate
from sagas.cli.inbox import history
from sagas.coordinator import Coordinator
from sagas.errors import SagaError
from sagas.model import micros
from sagas.ports import Scope
from sagas.web import tokens
from sagas.web.app import make_app
from sagas.web.site import Pace
from tests.web import shop
from tests.web.conftest import SITE, Inbox
from tests.web.test_queue import away

BOTH = (Scope.READ, Scope.DECIDE)


async def program(
    inbox: Inbox, owner: str = "ana", scopes: Any = BOTH, **making: Any
) -> httpx.AsyncClient:
    coordinator = inbox.coordinator
    making.setdefault("now", coordinator.now())
    making.setdefault("life", timedelta(hours=1))
    word, _ = await tokens.make(
        coordinator.store, coordinator.principal(owner), label="a test", scopes=scopes, **making
    )
    return inbox.stranger(headers={"authorization": f"Bearer {word}"})


@pytest.fixture
async def gate(inbox: Inbox) -> Gate:
    return await inbox.gate()


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["detail"]
    return told


async def test_a_program_reads_the_inbox_and_votes(inbox: Inbox, gate: Gate) -> None:
    client = await program(inbox)
    [listed] = (await client.get("/api/v1/inbox")).json()["gates"]
    assert (listed["id"], listed["digest"]) == (gate.id, gate.digest)
    shown = (await client.get(f"/api/v1/gates/{gate.id}")).json()
    assert {"name": "letter.to", "value": "readers@example.org", "is_secret": False} in shown[
        "facts"
    ]
    body = {"decision": "approve", "digest": shown["digest"], "seen": shown["seen"]}
    answer = await client.post(f"/api/v1/gates/{gate.id}/votes", json=body)
    assert (answer.status_code, answer.json()["decided_by"]) == (200, "ana")
    [vote] = await inbox.coordinator.store.votes(gate.id)
    assert vote.channel == "api"
    assert vote.evidence.startswith("token t-")
    assert vote.seen == shown["seen"]


async def test_the_loser_of_a_race_sees_the_truth(inbox: Inbox, gate: Gate) -> None:
    ana, ben = await program(inbox), await program(inbox, "ben")
    path = f"/api/v1/gates/{gate.id}/votes"
    no = {"decision": "reject", "digest": gate.digest, "reason": "too early"}
    assert (await ana.post(path, json=no)).status_code == 200
    late = await ben.post(path, json={"decision": "approve", "digest": gate.digest})
    told = problem(late)
    assert late.status_code == 409
    assert "already rejected by ana at" in told["detail"]
    assert (told["gate"]["state"], told["gate"]["decided_by"]) == ("rejected", "ana")
    assert (await ana.post(path, json=no)).status_code == 200


async def test_the_inbox_comes_page_by_page(inbox: Inbox, gate: Gate) -> None:
    other = await inbox.gate(id="summer")
    client = await program(inbox)
    first = (await client.get("/api/v1/inbox?limit=1&mine=true")).json()
    rest = (await client.get("/api/v1/inbox", params={"after": first["next"]})).json()
    assert [each["id"] for each in first["gates"] + rest["gates"]] == [gate.id, other.id]
    assert rest["next"] is None


async def test_an_intervention_is_read_and_answered(inbox: Inbox) -> None:
    question = await inbox.question()
    client = await program(inbox)
    listed = (await client.get("/api/v1/interventions")).json()
    assert [each["id"] for each in listed["interventions"]] == [question.id]
    assert listed["next"] is None
    path = f"/api/v1/interventions/{question.id}"
    assert (await client.get(path)).json()["choices"][0]["choice"] == "happened"
    body = {"choice": "happened", "reason": "seen at the bank", "result_json": '"charged"'}
    answered = (await client.post(f"{path}/answer", json=body)).json()
    assert (answered["choice"], answered["by"]) == ("happened", "ana")
    assert answered["identified_by"].startswith("token t-")
    assert answered["channel"] == "api"


async def test_a_result_that_does_not_fit_is_refused(inbox: Inbox) -> None:
    question = await inbox.question()
    client = await program(inbox)
    path = f"/api/v1/interventions/{question.id}/answer"
    for result in ("{", "7", "NaN", None):
        body = {"choice": "happened", "reason": "seen", "result_json": result}
        answer = await client.post(path, json=body)
        assert answer.status_code in (409, 422), result
        problem(answer)
    stored = await inbox.coordinator.store.question(question.id)
    assert stored is not None
    assert stored.state == "open"


async def test_sagas_are_read(inbox: Inbox, gate: Gate) -> None:
    client = await program(inbox)
    [listed] = (await client.get("/api/v1/sagas?status=waiting")).json()
    assert listed == (await client.get(f"/api/v1/sagas/{gate.saga_id}")).json()
    assert (await client.get("/api/v1/sagas/none")).status_code == 404


# --- who is let in ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer x", "Bearer sagas_x", "sagas_x"]
)
async def test_without_a_token_nothing_is_told(
    inbox: Inbox, gate: Gate, header: str | None
) -> None:
    client = inbox.stranger(headers={} if header is None else {"authorization": header})
    for path in ("/api/v1/inbox", f"/api/v1/gates/{gate.id}", "/api/v1/sagas"):
        answer = await client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        problem(answer)


async def test_a_session_counts_for_nothing_here(inbox: Inbox, gate: Gate) -> None:
    ana = await inbox.browser("ana")
    assert (await ana.get(f"/api/v1/gates/{gate.id}")).status_code == 401


async def test_a_token_to_read_decides_nothing(inbox: Inbox, gate: Gate) -> None:
    client = await program(inbox, scopes=(Scope.READ,))
    body = {"decision": "approve", "digest": gate.digest}
    answer = await client.post(f"/api/v1/gates/{gate.id}/votes", json=body)
    assert answer.status_code == 403
    assert "lacks the scope decide" in problem(answer)["detail"]
    assert await inbox.state(gate) == "pending"


async def test_a_token_that_is_over_or_revoked_opens_nothing(inbox: Inbox) -> None:
    now = inbox.coordinator.now()
    old = await program(inbox, now=now - timedelta(hours=2))
    assert "is over" in problem(await old.get("/api/v1/inbox"))["detail"]
    client = await program(inbox)
    assert (await client.get("/api/v1/inbox")).status_code == 200
    store = inbox.coordinator.store
    for token in await store.tokens("ana"):
        await store.revoke_token(token.id, owner="ana", at=micros(now))
    assert "is revoked" in problem(await client.get("/api/v1/inbox"))["detail"]


async def test_a_token_is_worth_what_its_owner_may_do_now(
    inbox: Inbox, gate: Gate, tmp_path: Path
) -> None:
    client = await program(inbox, "ben")
    people = tmp_path / "people.toml"
    people.write_text(shop.DIRECTORY.replace('"ben", ', ""))
    body = {"decision": "approve", "digest": gate.digest}
    answer = await client.post(f"/api/v1/gates/{gate.id}/votes", json=body)
    assert answer.status_code == 403
    assert "not among the approvers" in problem(answer)["detail"]
    people.write_text("[users.ana]")
    assert "ben is not known" in problem(await client.get("/api/v1/inbox"))["detail"]


async def test_a_token_is_stored_as_a_hash_only(inbox: Inbox, sqlite_url: str) -> None:
    client = await program(inbox)
    word = client.headers["authorization"].removeprefix("Bearer ")
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    content = b"".join(file.read_bytes() for file in folder.glob("sagas.db*"))
    assert word.encode() not in content
    assert word[10:].encode() not in content


async def test_tokens_cannot_be_guessed_at_will(coordinator: Coordinator) -> None:
    site = replace(SITE, attempts=Pace(burst=2, every=timedelta(hours=1)))
    inbox = Inbox(coordinator, make_app(coordinator, site, history=history), site)
    client = inbox.stranger(headers={"authorization": "Bearer sagas_guess"})
    codes = [(await client.get("/api/v1/inbox")).status_code for _ in range(3)]
    assert codes == [401, 401, 429]


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ()},
        {"life": timedelta(0)},
        {"life": timedelta(days=400)},
        {"label": " "},
        {"label": "a\x1bb"},
    ],
)
async def test_a_token_that_cannot_be_right_is_not_made(inbox: Inbox, wrong: Any) -> None:
    coordinator = inbox.coordinator
    making: dict[str, Any] = {"label": "x", "scopes": BOTH, "life": timedelta(hours=1)}
    making |= wrong
    with pytest.raises(SagaError):
        await tokens.make(
            coordinator.store, coordinator.principal("ana"), now=coordinator.now(), **making
        )
    assert await coordinator.store.tokens("ana") == []


# --- malformed ----------------------------------------------------------------------------------

DIGEST = "0" * 64
MALFORMED: dict[str, tuple[int, bytes]] = {
    "no body": (422, b""),
    "no JSON": (400, b"{"),
    "not UTF-8": (400, b'{"decision": "\xff"}'),
    "too deep": (400, b"[" * 60_000),
    "a list": (422, b"[]"),
    "null": (422, b"null"),
    "no decision": (422, b'{"digest": "%s"}' % DIGEST.encode()),
    "a null decision": (422, b'{"decision": null, "digest": "%s"}' % DIGEST.encode()),
    "an unknown decision": (422, b'{"decision": "yes", "digest": "%s"}' % DIGEST.encode()),
    "no digest": (422, b'{"decision": "approve"}'),
    "a short digest": (422, b'{"decision": "approve", "digest": "00"}'),
    "an unknown member": (
        422,
        b'{"decision": "approve", "x": 1, "digest": "%s"}' % DIGEST.encode(),
    ),
    "half a pair": (
        422,
        b'{"decision": "approve", "digest": "%s", "reason": "\\ud800"}' % DIGEST.encode(),
    ),
    "too long": (413, b'"' + b"x" * 70_000 + b'"'),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_t17_a_malformed_vote_gets_a_precise_answer(
    inbox: Inbox, gate: Gate, name: str
) -> None:
    status, content = MALFORMED[name]
    client = await program(inbox)
    answer = await client.post(
        f"/api/v1/gates/{gate.id}/votes",
        content=content,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == status, answer.text
    problem(answer)
    assert await inbox.state(gate) == "pending"


async def test_t27_a_wrong_digest_is_refused_and_recorded_and_the_gate_stays_open(
    inbox: Inbox, gate: Gate
) -> None:
    client = await program(inbox)
    body = {"decision": "approve", "digest": DIGEST}
    answer = await client.post(f"/api/v1/gates/{gate.id}/votes", json=body)
    assert answer.status_code == 409
    assert problem(answer)["gate"]["state"] == "pending"
    [vote] = await inbox.coordinator.store.votes(gate.id)
    assert vote.refusal == "wrong-digest"


async def test_t10_no_path_of_the_api_decides_when_it_is_fetched(inbox: Inbox, gate: Gate) -> None:
    client = await program(inbox)
    described = (await client.get("/api/v1/openapi.json")).json()
    assert len(described["paths"]) >= 14
    made = await away(inbox, "ana", "ben")
    given = {
        "gate_id": gate.id,
        "question_id": "i-1",
        "saga_id": "spring",
        "rule_id": "r-1",
        "delegation_id": made,
    }
    for template in described["paths"]:
        for method in ("GET", "HEAD"):
            params = {"decision": "approve", "digest": gate.digest}
            answer = await client.request(method, template.format(**given), params=params)
            assert answer.status_code < 500
    assert await inbox.state(gate) == "pending"
    kept = await inbox.coordinator.store.delegations(person=None, live_at=None, limit=9)
    assert [(each.id, each.revoked_at) for each in kept] == [(made, None)]
