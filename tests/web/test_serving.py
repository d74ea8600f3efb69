"""`sagas serve`, `login` and `token` as they are typed, in processes of their own."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sagas.cli import main
from sagas.errors import SagaError
from sagas.web import serving
from sagas.web.oidc import check_provider
from sagas.web.site import Provider, origins_of
from tests.web.conftest import FORM

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The journal of every command."""
    url = f"sqlite:///{tmp_path / 'sagas.db'}"
    monkeypatch.setenv("SAGAS_DB", url)
    monkeypatch.chdir(tmp_path)
    return url


@pytest.fixture
def served(journal: str) -> Iterator[str]:
    """The URL of an inbox whose output is kept."""
    command = [sys.executable, "-m", "sagas.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**ENVIRONMENT, "SAGAS_DB": journal}
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert "/enter/" not in line
        yield line.removeprefix("the inbox is at ")
        process.terminate()
        assert process.wait(timeout=60) == 0


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """What a command exits with and prints."""
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out.strip(), err.strip()


def test_a_link_and_a_token_that_are_typed_for_get_in(
    served: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, link, _ = typed(capsys, "login", "--url", served)
    assert code == 0
    with httpx.Client(base_url=served) as client:
        origin = {**FORM, "origin": served}
        assert client.post(link.removeprefix(served), headers=origin).status_code == 303
        assert client.get("/").status_code == 200
    code, token, _ = typed(capsys, "token", "create", "--label", "night shift", "--scope", "read")
    assert code == 0
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=served, headers=headers) as client:
        assert client.get("/api/v1/inbox").json() == {
            "gates": [],
            "interventions": [],
            "next": None,
            "next_interventions": None,
        }
        listed = typed(capsys, "token", "list")[1]
        assert "night shift" in listed
        assert "valid" in listed
        assert token not in listed
        [number] = re.findall(r"t-[0-9a-f]{12}", listed)
        assert typed(capsys, "token", "revoke", number)[0] == 0
        assert client.get("/api/v1/inbox").status_code == 401
        assert "revoked" in typed(capsys, "token", "list")[1]


def test_in_a_terminal_a_link_that_logs_in_is_printed(journal: str) -> None:
    here, there = pty.openpty()
    command = [sys.executable, "-m", "sagas.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        command,
        stdin=there,
        stdout=there,
        stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, "SAGAS_DB": journal, "TERM": "dumb"},
    ) as process:
        os.close(there)
        told = ""
        while "/enter/" not in told or not told.rstrip(" ").endswith("\n"):
            told += os.read(here, 4096).decode()
        [link] = re.findall(r"http://127\.0\.0\.1:\d+/enter/\S+", told)
        origin = link.partition("/enter/")[0]
        assert httpx.get(link).status_code == 200
        assert httpx.post(link, headers={**FORM, "origin": origin}).status_code == 303
        process.terminate()
        os.close(here)
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "can be reached by other machines"),  # noqa: S104  refused
        (["--url", "http://approve.example.org"], "in the clear"),
        (["--url", "ftp://x"], "no URL of an inbox"),
        (["--url", "https://x/path"], "no URL of an inbox"),
        (["--url", "https://x:port"], "no URL of an inbox"),
        (["--no-links"], "nobody could log in"),
        (["--oidc-issuer", "https://login.example.org"], "both --oidc-issuer and"),
        (["--oidc-issuer", "http://login.example.org", "--oidc-client-id", "x"], "no issuer"),
        (["--oidc-issuer", "x", "--oidc-client-id", "x"], "no issuer"),
        (["nowhere:travel"], "there is no module"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_mend(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    code, _, told = typed(capsys, "serve", "--port", "0", *words)
    assert code == 2
    assert says in told


def test_a_port_that_is_taken_is_told() -> None:
    listener = serving.bound("127.0.0.1", 0)
    listener.listen()
    try:
        with pytest.raises(SagaError, match="choose another --port"):
            serving.bound("127.0.0.1", listener.getsockname()[1])
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "--label", "x"], "scope"),
        (["create", "--label", " ", "--scope", "read"], "what the token is for"),
        (["create", "--label", "x", "--scope", "read", "--days", "0"], "for 366 days at most"),
        (["create", "--label", "x", "--scope", "read", "--days", "1e9"], "for 366 days at most"),
        (["create", "--label", "x", "--scope", "write"], "write"),
        (["revoke", "t-1"], "has no token t-1"),
    ],
)
def test_a_token_that_cannot_be_made_or_taken_back_is_told(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["migrate"]) == 0
    capsys.readouterr()
    code, _, told = typed(capsys, "token", *words)
    assert code == 2
    assert says in told


def test_loopback_has_three_spellings() -> None:
    assert origins_of(None, port=8421) == (
        "http://127.0.0.1:8421",
        "http://localhost:8421",
        "http://[::1]:8421",
    )
    assert origins_of("https://Approve.example.org/", port=1) == ("https://approve.example.org",)


@pytest.mark.parametrize("host", ["127.example.org", "127.0.0.1.example.org", "127.0.0.256"])
def test_a_name_that_looks_like_loopback_is_not_served_in_the_clear(host: str) -> None:
    with pytest.raises(SagaError, match="in the clear"):
        origins_of(f"http://{host}", port=1)
    with pytest.raises(SagaError, match="no issuer"):
        check_provider(Provider(issuer=f"http://{host}", client_id="sagas"))


def test_t12_no_link_session_or_token_comes_into_the_log_or_the_journal(
    journal: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "sagas.cli", "serve", "--port", "0"]
    said = tmp_path / "said.txt"
    environment = {**ENVIRONMENT, "SAGAS_DB": journal}
    with (
        said.open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        assert process.stdout is not None
        served = process.stdout.readline().strip().removeprefix("the inbox is at ")
        link = typed(capsys, "login", "--url", served)[1]
        token = typed(capsys, "token", "create", "--label", "a test", "--scope", "read")[1]
        with httpx.Client(base_url=served) as client:
            path, origin = link.removeprefix(served), {**FORM, "origin": served}
            assert client.get(path).status_code == 200
            assert client.post(path, headers=origin).status_code == 303
            [cookie] = client.cookies.values()
            assert client.get("/").status_code == 200
            assert client.post(path, headers=origin).status_code >= 400
            bearer = {"authorization": f"Bearer {token}"}
            assert client.get("/api/v1/inbox", headers=bearer).status_code == 200
            assert client.get("/api/v1/gates/none", headers=bearer).status_code == 404
        process.terminate()
        rest = process.stdout.read()
    written = rest.encode() + said.read_bytes()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("sagas.db*"))
    for secret in (link.rpartition("/")[2], cookie, token):
        assert secret.encode() not in written
        assert secret.encode() not in kept
