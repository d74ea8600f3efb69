"""Logging in with an OpenID Connect provider: authorization code with PKCE, state and nonce.

What has to be remembered between leaving and coming back is derived from one secret in a cookie of
the browser that left, so that nobody else can come back in its place, and nothing is stored. After
OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9207.

Touches: the provider, over HTTP.
"""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sagas.errors import SagaError
from sagas.web import secret
from sagas.web.errors import WebError
from sagas.web.site import Claim, Provider, is_loopback

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
LEEWAY_SECONDS = 60
PATIENCE_SECONDS = 10.0
"""How long one answer of the provider may take, from the first byte to the last."""
LONGEST_ANSWER = 1024 * 1024
"""Bytes of one answer of the provider."""
FRESH_SECONDS = 3600.0
"""For how long what the provider says of itself is believed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider vouches for them.

    Attributes:
        claim: Which claim identifies them.
        evidence: How they were identified, in words.
    """

    claim: Claim
    value: str
    evidence: str


class OpenIdConnect:
    """One provider, as this inbox's people log in with it.

    Args:
        callback: The URL to which the provider sends people back.
    """

    def __init__(self, provider: Provider, callback: str) -> None:
        self._provider = provider
        self._callback = callback
        self._known: dict[str, Any] | None = None
        self._known_at = 0.0

    async def leave(self, key: str) -> str:
        """Where a browser with that secret goes to log in.

        Raises:
            WebError: The provider cannot be used now.
        """
        metadata = await self._metadata()
        scope = "openid email" if self._provider.claim is Claim.EMAIL else "openid"
        query = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._callback,
            "scope": scope,
            "state": _state(key),
            "nonce": _nonce(key),
            "code_challenge": _challenge(_verifier(key)),
            "code_challenge_method": "S256",
        }
        endpoint = _endpoint(metadata, "authorization_endpoint", self._provider)
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    async def come_back(self, key: str, answer: dict[str, str]) -> Identity:
        """Who came back to a browser with that secret.

        Raises:
            WebError: They are not identified; it says why.
        """
        if not secret.same(answer.get("state", ""), _state(key)):
            raise _refused("this log-in was begun elsewhere, or before another one: begin again")
        if answer.get("iss", self._provider.issuer) != self._provider.issuer:
            raise _refused("this answer is another provider's")
        if "error" in answer:
            told = answer.get("error_description") or answer["error"]
            raise _refused(f"the provider says: {told[:300]}")
        if not answer.get("code"):
            raise _refused("the provider sent no code")
        claims = await self._claims(await self._id_token(answer["code"], _verifier(key)), key)
        return self._identity(claims)

    def _identity(self, claims: dict[str, Any]) -> Identity:
        claim = self._provider.claim
        value = claims.get(claim.value)
        if not isinstance(value, str) or not value:
            raise _refused(f"the provider says no {claim.value} of you")
        if claim is Claim.EMAIL and claims.get("email_verified") is not True:
            raise _refused("the provider does not vouch for your address (email_verified)")
        return Identity(
            claim, value, f"OpenID Connect of {self._provider.issuer}, {claim.value} {value}"
        )

    async def _metadata(self) -> dict[str, Any]:
        if self._known is not None and time.monotonic() - self._known_at < FRESH_SECONDS:
            return self._known
        issuer = self._provider.issuer
        found: dict[str, Any] = await self._get(
            f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        )
        if found.get("issuer") != issuer:
            raise WebError(
                503, "the provider names another issuer than the inbox does: mend --oidc-issuer"
            )
        self._known, self._known_at = found, time.monotonic()
        return found

    async def _id_token(self, code: str, verifier: str) -> str:
        metadata = await self._metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "client_id": self._provider.client_id,
            "code_verifier": verifier,
        }
        endpoint = _endpoint(metadata, "token_endpoint", self._provider)
        auth = self._credentials(metadata, form)
        status, told = await _ask("POST", endpoint, data=form, auth=auth)
        if status != 200 or not isinstance(told, dict):
            raise _refused("the provider does not take the code: log in again")
        token = cast(dict[str, Any], told).get("id_token")
        if not isinstance(token, str):
            raise _refused("the provider sent no ID token")
        return token

    def _credentials(self, metadata: dict[str, Any], form: dict[str, str]) -> httpx.Auth:
        """How this client shows who it is; a secret goes where the provider takes it."""
        word = self._provider.client_secret
        if word is None:
            return httpx.Auth()
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in ways:
            return httpx.BasicAuth(self._provider.client_id, word)
        form["client_secret"] = word
        return httpx.Auth()

    async def _claims(self, token: str, key: str) -> dict[str, Any]:
        """The claims of an ID token that is genuine, for us, and of this log-in."""
        metadata = await self._metadata()
        keys = await self._get(_endpoint(metadata, "jwks_uri", self._provider))
        provider = self._provider
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": _nonce(key)},
        )
        try:
            decoded = jwt.decode(
                token, KeySet.import_key_set(cast(Any, keys)), algorithms=ALGORITHMS
            )
            rules.validate(decoded.claims)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _refused("the provider's ID token is not genuine, or not for this log-in") from (
                error
            )
        claims: dict[str, Any] = decoded.claims
        several = claims["aud"] not in (provider.client_id, [provider.client_id])
        if claims.get("azp", None if several else provider.client_id) != provider.client_id:
            raise _refused("the provider's ID token is for another client")
        return claims

    async def _get(self, url: str) -> dict[str, Any]:
        status, found = await _ask("GET", url)
        if status != 200 or not isinstance(found, dict):
            raise _unavailable()
        return cast(dict[str, Any], found)


def check_provider(provider: Provider) -> None:
    """Refuse a provider that cannot be right.

    Raises:
        SagaError: Its issuer is no URL, or would be asked in the clear.
    """
    parts = urlsplit(provider.issuer)
    is_clear = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or (parts.scheme != "https" and not is_clear):
        raise SagaError(f"{provider.issuer!r} is no issuer: it is an https:// URL")
    if not provider.client_id:
        raise SagaError("a provider knows this inbox by an --oidc-client-id: give it")


async def _ask(method: str, url: str, **sending: Any) -> tuple[int, object]:
    """The status and the JSON of one answer, which is neither slow nor long.

    Raises:
        WebError: There is no such answer.
    """
    try:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            _client() as client,
            client.stream(method, url, **sending) as answer,
        ):
            return answer.status_code, json.loads(await _body(answer))
    except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
        raise _unavailable() from error


async def _body(answer: httpx.Response) -> bytes:
    found = bytearray()
    async for part in answer.aiter_bytes():
        found += part
        if len(found) > LONGEST_ANSWER:
            raise ValueError(f"the answer is longer than {LONGEST_ANSWER} bytes")
    return bytes(found)


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=PATIENCE_SECONDS, follow_redirects=False, trust_env=False)


def _endpoint(metadata: dict[str, Any], name: str, provider: Provider) -> str:
    """An endpoint of the provider; one in the clear only where the issuer is on loopback."""
    found = metadata.get(name)
    if not isinstance(found, str) or not found.isprintable():
        raise _unavailable()
    parts = urlsplit(found)
    secure = parts.scheme == "https"
    local = provider.issuer.startswith("http://") and is_loopback(parts.hostname or "")
    if not secure and not local:
        raise _unavailable()
    return found


def _state(key: str) -> str:
    return secret.derived(key, "state")


def _nonce(key: str) -> str:
    return secret.derived(key, "nonce")


def _verifier(key: str) -> str:
    return secret.derived(key, "verifier")


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _refused(why: str) -> WebError:
    return WebError(403, why, title="You are not logged in")


def _unavailable() -> WebError:
    return WebError(503, "the provider cannot be used now: try again", title="No answer")
