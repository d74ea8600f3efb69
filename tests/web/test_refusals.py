"""What is refused, with a precise answer, and with nothing decided."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from approvals import Gate
from sagas.cli.inbox import history
from sagas.coordinator import Coordinator
from sagas.web import forms
from sagas.web.app import make_app
from sagas.web.pages.gates import purpose
from sagas.web.site import Pace, Site
from tests.web import shop
from tests.web.conftest import FORM, ORIGIN, SITE, Inbox, sealed


@pytest.fixture
async def gate(inbox: Inbox) -> Gate:
    return await inbox.gate()


@pytest.fixture
async def ana(inbox: Inbox) -> httpx.AsyncClient:
    return await inbox.browser("ana")


@pytest.fixture
async def form(gate: Gate, ana: httpx.AsyncClient) -> dict[str, str]:
    """The form of the gate, filled in with a yes."""
    path = f"/gates/{gate.id}"
    return {**sealed(await ana.get(path), path), "decision": "approve", "reason": ""}


async def refused(
    inbox: Inbox, gate: Gate, browser: httpx.AsyncClient, status: int, says: str, **sending: Any
) -> None:
    sending.setdefault("headers", FORM)
    answer = await browser.post(f"/gates/{gate.id}", **sending)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert await inbox.state(gate) == "pending"
    votes = await inbox.coordinator.store.votes(gate.id)
    assert [vote for vote in votes if not vote.refusal] == []


# --- T10: previews and scanners -----------------------------------------------------------------


async def test_t10_no_path_decides_when_it_is_fetched(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str]
) -> None:
    link = await inbox.link("ben")
    given = {"gate_id": gate.id, "question_id": "i-1", "saga_id": "spring", "word": link[7:]}
    given |= {"saga_id:path": "spring", "name": "app.js"}
    paths = {path.format_map(_Filled(given)) for path in PATHS}
    assert len(paths) > 8
    for path in paths:
        for method in ("GET", "HEAD"):
            for params in ({}, form):
                answer = await ana.request(method, path, params=params)
                assert answer.status_code < 500, path
    assert await inbox.state(gate) == "pending"
    assert (await inbox.stranger().post(link, headers=FORM)).status_code == 303


class _Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "x"


PATHS = (
    "/",
    "/login",
    "/logout",
    "/sagas",
    "/sagas/{saga_id}",
    "/history/{saga_id}",
    "/gates/{gate_id}",
    "/gates/{gate_id}/state",
    "/gates/{gate_id}/edit",
    "/together",
    "/rules",
    "/rules/new",
    "/delegations",
    "/gates/{gate_id}/approve",
    "/interventions/{question_id}",
    "/enter/{word}",
    "/static/{name}",
)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_t10_opening_a_link_uses_nothing_up(inbox: Inbox, method: str) -> None:
    link = await inbox.link("ana")
    scanner = inbox.stranger()
    assert (await scanner.request(method, link)).status_code == 200
    assert not scanner.cookies
    assert (await inbox.stranger().post(link, headers=FORM)).status_code == 303


# --- links and sessions -------------------------------------------------------------------------


async def test_a_link_logs_in_once(inbox: Inbox) -> None:
    link = await inbox.link("ana")
    assert (await inbox.stranger().post(link, headers=FORM)).status_code == 303
    for method in ("GET", "POST"):
        again = inbox.stranger()
        assert (await again.request(method, link, headers=FORM)).status_code == 410
        assert not again.cookies


async def test_a_link_that_was_never_made_opens_nothing(inbox: Inbox) -> None:
    assert (await inbox.stranger().get("/enter/guessed")).status_code == 410


@pytest.mark.parametrize("path", ["/", "/sagas", "/history/spring", "/gates/g", "/gates/g/state"])
async def test_a_stranger_sees_the_door_only(inbox: Inbox, path: str) -> None:
    answer = await inbox.stranger().get(path)
    assert answer.status_code == 401
    assert "Log in" in answer.text


async def test_the_cookie_is_kept_from_scripts_and_other_sites(inbox: Inbox) -> None:
    entered = await inbox.stranger().post(await inbox.link("ana"), headers=FORM)
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie


async def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(
    coordinator: Coordinator,
) -> None:
    site = replace(SITE, origins=("https://approve.example.org",))
    inbox = Inbox(coordinator, make_app(coordinator, site, history=history), site)
    headers = {**FORM, "origin": site.url}
    entered = await inbox.stranger().post(await inbox.link("ana"), headers=headers)
    assert entered.headers["set-cookie"].startswith("__Host-sagas=")
    assert "; Secure" in entered.headers["set-cookie"]
    assert "strict-transport-security" in entered.headers


async def test_nothing_that_lets_somebody_in_is_stored(
    inbox: Inbox, ana: httpx.AsyncClient, sqlite_url: str
) -> None:
    link = await inbox.link("ben")
    [cookie] = ana.cookies.values()
    content = b"".join(
        file.read_bytes()
        for file in Path(sqlite_url.removeprefix("sqlite:///")).parent.glob("sagas.db*")
    )
    assert cookie.encode() not in content
    assert link.removeprefix("/enter/").encode() not in content


async def test_logging_out_ends_the_session_everywhere(
    inbox: Inbox, ana: httpx.AsyncClient
) -> None:
    stolen = inbox.stranger(cookies=dict(ana.cookies))
    assert (await stolen.get("/")).status_code == 200
    fields = sealed(await ana.get("/"), "/logout")
    assert (await ana.post("/logout", data=fields, headers=FORM)).status_code == 303
    assert (await stolen.get("/")).status_code == 401


async def test_logging_out_needs_a_form_of_the_session(
    inbox: Inbox, ana: httpx.AsyncClient
) -> None:
    answer = await ana.post("/logout", data={"seal": "a.1.b"}, headers=FORM)
    assert answer.status_code == 403
    assert (await ana.get("/")).status_code == 200


# --- T4, T5, T11: forged, replayed and foreign forms --------------------------------------------


async def test_t11_a_form_from_another_site_is_refused(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str]
) -> None:
    kind = {"content-type": FORM["content-type"]}
    for headers in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8421"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ):
        await refused(
            inbox, gate, ana, 403, "Sent from elsewhere", data=form, headers={**kind, **headers}
        )


async def test_t11_a_form_without_a_seal_of_its_own_is_refused(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str]
) -> None:
    number, at, mac = form["seal"].split(".")
    for seal in ("", "x", f"{number}.{at}.", f"{number}.{at}1.{mac}", f"x{number}.{at}.{mac}"):
        await refused(inbox, gate, ana, 403, "Not your form", data={**form, "seal": seal})


async def test_t4_a_form_of_another_session_is_refused(
    inbox: Inbox, gate: Gate, form: dict[str, str]
) -> None:
    ben = await inbox.browser("ben")
    await refused(inbox, gate, ben, 403, "Not your form", data=form)


async def test_t4_a_form_of_another_gate_is_refused(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient
) -> None:
    other = await inbox.gate(id="summer")
    path = f"/gates/{other.id}"
    fields = {**sealed(await ana.get(path), path), "decision": "approve"}
    await refused(inbox, gate, ana, 403, "Not your form", data=fields)


async def test_t27_a_wrong_digest_is_refused_and_the_gate_stays_open(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str]
) -> None:
    await refused(inbox, gate, ana, 403, "Not your form", data={**form, "digest": "0" * 64})
    allowed = await ana.post(f"/gates/{gate.id}", data=form, headers=FORM)
    assert allowed.status_code == 303


async def test_t5_a_form_counts_once(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str]
) -> None:
    path = f"/gates/{gate.id}"
    no = {**form, "decision": "reject"}
    assert (await ana.post(path, data=no, headers=FORM)).status_code == 422
    replayed = await ana.post(path, data=form, headers=FORM)
    assert replayed.status_code == 409
    assert "Sent before" in replayed.text
    assert await inbox.state(gate) == "pending"


# --- T17: what is no decision -------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["", "yes", "APPROVE", "approve ", "null", "approve\x00"])
async def test_t17_what_is_no_decision_decides_nothing(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str], decision: str
) -> None:
    await refused(inbox, gate, ana, 400, "No decision", data={**form, "decision": decision})


async def test_t17_a_rejection_without_a_reason_is_asked_for_one(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str]
) -> None:
    await refused(
        inbox,
        gate,
        ana,
        422,
        "A reason is missing",
        data={**form, "decision": "reject", "reason": " \n "},
    )


async def test_a_reason_that_cannot_be_stored_is_refused(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, form: dict[str, str]
) -> None:
    data = {**form, "reason": "a\x00b"}
    await refused(inbox, gate, ana, 422, "cannot be stored", data=data)


# --- T7: who may not ----------------------------------------------------------------------------


async def test_somebody_who_may_not_decide_is_told_whom_to_ask(inbox: Inbox, gate: Gate) -> None:
    dee = await inbox.browser("dee")
    now = inbox.coordinator.now()
    [cookie] = dee.cookies.values()
    seal = forms.seal(cookie, purpose(gate.id, gate.digest, "whole:"), now=now)
    data = {"seal": seal, "digest": gate.digest, "seen": "whole:", "decision": "approve"}
    await refused(inbox, gate, dee, 403, "you are not among the approvers", data=data)


async def test_t7_whoever_started_a_saga_does_not_decide_it(inbox: Inbox) -> None:
    gate = await inbox.gate(shop.clear, "shelf")
    ana, ben = await inbox.browser("ana"), await inbox.browser("ben")
    path = f"/gates/{gate.id}"
    page = (await ana.get(path)).text
    assert "You started this saga, so that somebody else has to decide." in page
    assert "<textarea" not in page
    assert "not yours to decide" in (await ana.get("/?show=all")).text
    [cookie] = ana.cookies.values()
    seal = forms.seal(cookie, purpose(gate.id, gate.digest, "whole:"), now=inbox.coordinator.now())
    data = {"seal": seal, "digest": gate.digest, "seen": "whole:", "decision": "approve"}
    await refused(inbox, gate, ana, 403, "you started this saga", data=data)
    fields = {**sealed(await ben.get(path), path), "decision": "approve"}
    assert (await ben.post(path, data=fields, headers=FORM)).status_code == 303


async def test_t21_somebody_who_leaves_the_directory_is_out_at_once(
    inbox: Inbox, ana: httpx.AsyncClient, tmp_path: Any
) -> None:
    (tmp_path / "people.toml").write_text("[users.ben]")
    answer = await ana.get("/")
    assert answer.status_code == 401
    assert "ana is not known" in answer.text


# --- malformed and oversized --------------------------------------------------------------------

MALFORMED: Mapping[str, tuple[int, bytes, str]] = {
    "not a form": (415, b"{}", "application/json"),
    "no type": (415, b"a=b", "text/plain"),
    "no pairs": (400, b"hello", FORM["content-type"]),
    "not ascii": (400, b"seal=\xff\xfe", FORM["content-type"]),
    "bad escapes": (400, b"seal=%ff", FORM["content-type"]),
    "empty": (400, b"", FORM["content-type"]),
    "a field twice": (400, b"seal=a&seal=b&digest=c&seen=d&decision=approve", FORM["content-type"]),
    "an unknown field": (400, b"seal=a&digest=c&seen=d&decision=approve&x=1", FORM["content-type"]),
    "many fields": (400, b"&".join(b"a=1" for _ in range(500)), FORM["content-type"]),
    "multipart": (415, b"--x--", "multipart/form-data; boundary=x"),
    "oversized": (413, b"reason=" + b"x" * 70_000, FORM["content-type"]),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_body_gets_a_precise_answer(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient, name: str
) -> None:
    status, content, kind = MALFORMED[name]
    headers = {**FORM, "content-type": kind}
    await refused(inbox, gate, ana, status, "<h1>", content=content, headers=headers)


async def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(
    inbox: Inbox, gate: Gate, ana: httpx.AsyncClient
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    await refused(inbox, gate, ana, 413, "longer than", content=endless())


@pytest.mark.parametrize("path", ["/gates/none", "/gates/%00", "/interventions/none", "/sagas/%00"])
async def test_what_does_not_exist_is_said_not_to(ana: httpx.AsyncClient, path: str) -> None:
    assert (await ana.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/?after=x", "/?after=-1.g", "/?after=9e9.g", "/sagas?status=x"])
async def test_a_query_that_means_nothing_is_refused(ana: httpx.AsyncClient, path: str) -> None:
    assert (await ana.get(path)).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_methods_that_mean_nothing_here_are_refused(
    ana: httpx.AsyncClient, gate: Gate, method: str
) -> None:
    assert (await ana.request(method, f"/gates/{gate.id}")).status_code == 405


# --- the guard ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:9", "", "LOCALHOST:1"])
async def test_a_request_under_another_name_is_refused(inbox: Inbox, host: str) -> None:
    answer = await inbox.stranger().get("/login", headers={"host": host})
    assert answer.status_code == 421


async def test_every_answer_tells_browsers_to_be_strict(
    inbox: Inbox, ana: httpx.AsyncClient
) -> None:
    for path in ("/", "/login", "/nowhere", "/gates/none"):
        headers = (await ana.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"


def paced(coordinator: Coordinator, site: Site) -> Inbox:
    return Inbox(coordinator, make_app(coordinator, site, history=history), site)


SLOW = Pace(burst=3, every=timedelta(hours=1))


async def test_an_address_that_asks_too_often_is_told_to_wait(coordinator: Coordinator) -> None:
    inbox = paced(coordinator, replace(SITE, requests=SLOW))
    codes = [(await inbox.stranger().get("/login")).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("one", "other", "counts_as_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9%eth0", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
async def test_a_machine_with_many_addresses_counts_as_one(
    coordinator: Coordinator, one: str, other: str, counts_as_one: bool
) -> None:
    site = replace(SITE, requests=Pace(burst=1, every=timedelta(hours=1)))
    app = make_app(coordinator, site, history=history)
    codes: list[int] = []
    for address in (one, other):
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            codes.append((await client.get("/login")).status_code)
    assert codes == [200, 429 if counts_as_one else 200]


async def test_links_cannot_be_guessed_at_will(coordinator: Coordinator) -> None:
    inbox = paced(coordinator, replace(SITE, attempts=SLOW))
    answers = [await inbox.stranger().get(f"/enter/{number}") for number in range(4)]
    assert [answer.status_code for answer in answers] == [410, 410, 410, 429]
    assert int(answers[-1].headers["retry-after"]) > 3000


async def test_a_session_that_sends_too_much_is_told_to_wait(coordinator: Coordinator) -> None:
    inbox = paced(coordinator, replace(SITE, decisions=SLOW))
    gate = await inbox.gate(shop.publish, "book")
    ana, path = await inbox.browser("ana"), f"/gates/{gate.id}"
    codes: list[int] = []
    for _ in range(4):
        fields = {**sealed(await ana.get(path), path), "decision": "approve"}
        codes.append((await ana.post(path, data=fields, headers=FORM)).status_code)
    assert codes == [422, 422, 422, 429]


# --- T12: what is written down ------------------------------------------------------------------


async def test_t12_no_secret_comes_into_the_log(
    inbox: Inbox, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("httpx", "httpcore"):  # the browser's own, not the server's
        caplog.set_level("CRITICAL", logger=name)
    caplog.set_level("DEBUG")
    link = await inbox.link("ana")
    ana = inbox.stranger()
    await ana.post(link, headers=FORM)
    path = f"/gates/{gate.id}"
    fields = {**sealed(await ana.get(path), path), "decision": "approve"}
    await ana.post(path, data=fields, headers={**FORM, "origin": "https://evil.example"})
    await ana.post(path, data=fields, headers=FORM)
    await inbox.stranger().get("/enter/guessed-word")
    [cookie] = ana.cookies.values()
    for secret in (cookie, link.removeprefix("/enter/"), fields["seal"], "guessed-word"):
        assert secret not in caplog.text


async def test_what_is_unexpected_is_logged_and_not_shown(
    inbox: Inbox, ana: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    app = make_app(inbox.coordinator, SITE, history=broken)  # type: ignore[arg-type]
    other = Inbox(inbox.coordinator, app, SITE)
    browser = other.stranger(cookies=dict(ana.cookies))
    answer = await browser.get("/history/spring")
    assert answer.status_code == 500
    assert "this is not expected" in answer.text
    assert "hunter2" not in answer.text
    assert "hunter2" in caplog.text
