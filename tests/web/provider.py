"""An OpenID Connect provider as a process of its own, which insists on PKCE.

It prints its URL, and serves until its standard input is closed.
"""

import hashlib
import sys
import threading
import warnings
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

warnings.simplefilter("ignore")  # the provider's own dependencies are not at test here

import flask  # noqa: E402
from oidc_provider_mock import User, app  # type: ignore[import-untyped]  # noqa: E402

USERS = [
    User(sub="sub-ana", claims={"email": "Ana@example.org", "email_verified": True}),
    User(sub="sub-ben", claims={"email": "ben@example.org", "email_verified": False}),
    User(sub="sub-eve", claims={"email": "eve@example.org", "email_verified": True}),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is theirs
        pass


def insist_on_pkce(provider: flask.Flask) -> None:
    """Refuse a code whose verifier does not fit the challenge that it was asked for with."""
    challenges: dict[str, str] = {}

    @provider.after_request
    def remember(response: flask.Response) -> flask.Response:
        target = urlsplit(response.headers.get("location", ""))
        code = parse_qs(target.query).get("code")
        if code:
            assert flask.request.args["code_challenge_method"] == "S256"
            challenges[code[0]] = flask.request.args["code_challenge"]
        return response

    @provider.before_request
    def check() -> tuple[dict[str, str], int] | None:
        if flask.request.path != "/oauth2/token":
            return None
        if flask.request.form.get("client_id") == "public":  # the package knows no such clients
            flask.request.environ["HTTP_AUTHORIZATION"] = "Basic cHVibGljOng="
        verifier = flask.request.form.get("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        given = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenges.get(flask.request.form.get("code", "")) != given:
            return {"error": "invalid_grant"}, 400
        return None


def main() -> None:
    provider = app(user_claims=USERS, require_nonce=True)
    insist_on_pkce(provider)
    server = make_server("127.0.0.1", 0, provider, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
