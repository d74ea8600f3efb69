"""Logging in with an OpenID Connect provider that runs as a process of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sagas.cli.inbox import history
from sagas.coordinator import Coordinator
from sagas.web import oidc
from sagas.web.app import make_app
from sagas.web.site import Claim, Provider
from tests.web import shop
from tests.web.conftest import FORM, SITE, Inbox, sealed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that insists on PKCE and on a nonce."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.web.provider"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def with_provider(
    coordinator: Coordinator, issuer: str, claim: Claim = Claim.SUB, *, public: bool = False
) -> Inbox:
    known = {"client_id": "public"} if public else {"client_id": "sagas", "client_secret": "s3cret"}
    provider = Provider(issuer=issuer, claim=claim, **known)
    site = replace(SITE, provider=provider, links=False)
    return Inbox(coordinator, make_app(coordinator, site, history=history), site)


@pytest.fixture
async def door(coordinator: Coordinator, issuer: str, tmp_path: Path) -> Inbox:
    """An inbox whose people log in with the provider."""
    people = shop.DIRECTORY.replace("[users.ana]", '[users.ana]\nsub = "sub-ana"')
    (tmp_path / "people.toml").write_text(people)
    return with_provider(coordinator, issuer)


async def leave(browser: httpx.AsyncClient) -> str:
    """Where a browser is sent to log in."""
    left = await browser.get("/login/provider")
    assert left.status_code == 303, left.text
    return left.headers["location"]


async def authorize(url: str, sub: str) -> str:
    """What the provider sends back, as path and query, once somebody has logged in there."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, data={"sub": sub})
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


async def test_somebody_logs_in_with_the_provider_and_decides(door: Inbox, issuer: str) -> None:
    gate = await door.gate()
    browser = door.stranger()
    entered = await browser.get(await authorize(await leave(browser), "sub-ana"))
    assert entered.status_code == 200, entered.text
    path = f"/gates/{gate.id}"
    fields = sealed(await browser.get(path), path)
    await browser.post(path, data={**fields, "decision": "approve"}, headers=FORM)
    [vote] = await door.coordinator.store.votes(gate.id)
    assert (vote.principal, vote.channel) == ("ana", "web")
    assert vote.evidence == f"OpenID Connect of {issuer}, sub sub-ana"


async def test_a_client_without_a_secret_logs_in_by_pkce_alone(
    coordinator: Coordinator, issuer: str, door: Inbox
) -> None:
    public = with_provider(coordinator, issuer, public=True)
    browser = public.stranger()
    assert (await browser.get(await authorize(await leave(browser), "sub-ana"))).status_code == 200


async def test_the_request_carries_a_challenge_and_no_secret(door: Inbox) -> None:
    browser = door.stranger()
    query = parse_qs(urlsplit(await leave(browser)).query)
    assert query["code_challenge_method"] == ["S256"]
    [key] = browser.cookies.values()
    told = {value for values in query.values() for value in values}
    assert key not in told
    assert len({query[name][0] for name in ("state", "nonce", "code_challenge")}) == 3
    assert "s3cret" not in str(told)


async def test_who_is_not_in_the_directory_is_not_let_in(door: Inbox) -> None:
    browser = door.stranger()
    answer = await browser.get(await authorize(await leave(browser), "sub-eve"))
    assert answer.status_code == 403
    assert "has the sub sub-eve" in answer.text
    assert (await browser.get("/")).status_code == 401


async def test_an_answer_that_another_browser_asked_for_logs_nobody_in(door: Inbox) -> None:
    victim, attacker = door.stranger(), door.stranger()
    back = await authorize(await leave(attacker), "sub-ana")
    assert (await victim.get(back)).status_code == 400
    await leave(victim)
    assert (await victim.get(back)).status_code == 403
    assert (await victim.get("/")).status_code == 401


async def test_an_answer_counts_once(door: Inbox) -> None:
    browser = door.stranger()
    back = await authorize(await leave(browser), "sub-ana")
    assert (await browser.get(back)).status_code == 200
    assert (await browser.get(back)).status_code == 400


async def test_a_code_of_another_log_in_is_refused(door: Inbox) -> None:
    browser, other = door.stranger(), door.stranger()
    stolen = parse_qs(urlsplit(await authorize(await leave(other), "sub-ana")).query)["code"][0]
    state = parse_qs(urlsplit(await leave(browser)).query)["state"][0]
    answer = await browser.get("/login/callback", params={"state": state, "code": stolen})
    assert answer.status_code == 403
    assert (await browser.get("/")).status_code == 401


async def test_a_refusal_of_the_provider_is_told(door: Inbox) -> None:
    browser = door.stranger()
    state = parse_qs(urlsplit(await leave(browser)).query)["state"][0]
    told = {"error": "access_denied", "error_description": "not <today>", "state": state}
    answer = await browser.get("/login/callback", params=told)
    assert answer.status_code == 403
    assert "the provider says: not &lt;today&gt;" in answer.text


@pytest.mark.parametrize("query", ["", "state=x", "code=x", "state=&code=", "error=x&state=x"])
async def test_a_malformed_answer_logs_nobody_in(door: Inbox, query: str) -> None:
    browser = door.stranger()
    await leave(browser)
    assert (await browser.get(f"/login/callback?{query}")).status_code == 403


async def test_an_address_counts_if_the_provider_vouches_for_it(
    coordinator: Coordinator, issuer: str, tmp_path: Path
) -> None:
    people = '[users.ana]\nemail = "ana@example.org"\n[users.ben]\nemail = "ben@example.org"'
    (tmp_path / "people.toml").write_text(people)
    inbox = with_provider(coordinator, issuer, Claim.EMAIL)
    ana, ben = inbox.stranger(), inbox.stranger()
    assert (await ana.get(await authorize(await leave(ana), "sub-ana"))).status_code == 200
    answer = await ben.get(await authorize(await leave(ben), "sub-ben"))
    assert answer.status_code == 403
    assert "does not vouch" in answer.text


async def test_links_open_nothing_where_a_provider_lets_people_in(door: Inbox) -> None:
    link = await door.link("ana")
    assert (await door.stranger().get(link)).status_code == 404
    assert (await door.stranger().post(link, headers=FORM)).status_code == 404


async def test_a_provider_that_does_not_answer_is_told_of(coordinator: Coordinator) -> None:
    inbox = with_provider(coordinator, "http://127.0.0.1:9")
    answer = await inbox.stranger().get("/login/provider")
    assert answer.status_code == 503
    assert "cannot be used now" in answer.text


async def test_a_provider_that_names_another_issuer_is_not_believed(
    coordinator: Coordinator, issuer: str
) -> None:
    inbox = with_provider(coordinator, issuer.replace("127.0.0.1", "localhost") + "/")
    assert (await inbox.stranger().get("/login/provider")).status_code == 503


@asynccontextmanager
async def saying(issuer: str, told: Sequence[str], pause: float = 0) -> AsyncGenerator[str]:
    """The URL of a provider that says of itself what the one at `issuer` says, after these parts."""
    async with httpx.AsyncClient() as client:
        known = (await client.get(f"{issuer}/.well-known/openid-configuration")).json()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n")
        try:
            for part in (*told, json.dumps({**known, "issuer": url})):
                writer.write(part.encode())
                await writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:  # nobody listens any more
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield url


async def test_what_a_provider_says_of_itself_may_begin_with_spaces(
    coordinator: Coordinator, issuer: str
) -> None:
    async with saying(issuer, [" "]) as url:
        left = await with_provider(coordinator, url).stranger().get("/login/provider")
    assert left.status_code == 303


@pytest.mark.parametrize(
    ("told", "pause"),
    [([" "] * 60, 0.05), ([" " * 2_000_000], 0), (["[" * 100_000], 0)],
    ids=["by the drop", "at length", "in depth"],
)
async def test_a_provider_that_answers_without_end_is_given_up(
    coordinator: Coordinator,
    issuer: str,
    monkeypatch: pytest.MonkeyPatch,
    told: list[str],
    pause: float,
) -> None:
    monkeypatch.setattr(oidc, "PATIENCE_SECONDS", 1.0)
    async with saying(issuer, told, pause) as url:
        left = await with_provider(coordinator, url).stranger().get("/login/provider")
    assert left.status_code == 503
    assert "cannot be used now" in left.text


async def test_behind_tls_no_other_host_can_plant_the_cookie_of_a_log_in(
    coordinator: Coordinator, door: Inbox, issuer: str
) -> None:
    assert door.site.provider is not None
    site = replace(door.site, origins=("https://approve.example.org",))
    behind = Inbox(coordinator, make_app(coordinator, site, history=history), site)
    cookie = (await behind.stranger().get("/login/provider")).headers["set-cookie"]
    assert cookie.startswith("__Host-")  # a browser takes it without a domain only, for any path
    assert "; Path=/;" in cookie
    assert "; Secure" in cookie
    assert "domain" not in cookie.lower()
    for planted in ("__Secure-sagas-login", "sagas-login"):
        key = {"cookie": f"{planted}=known"}
        back = await behind.stranger().get("/login/callback?state=x&code=x", headers=key)
        assert "was not begun in this browser" in back.text
