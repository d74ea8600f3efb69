"""What stands in front of everything: which hosts, how often, how much, and what browsers may do.

Touches: the clock that only goes forward.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv6Address, IPv6Network

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sagas.web.answering import answer, told
from sagas.web.bucket import Buckets
from sagas.web.errors import WebError
from sagas.web.site import LONGEST_BODY, Site

PATIENCE_SECONDS = 20
"""How long a body may take to come."""

POLICY = (
    "default-src 'none'; style-src {style}; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY.format(style="'self'"),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
}
_STRICT = "max-age=31536000"


class Guard:
    """Passes on what may come in, and adds to every answer what browsers have to know.

    Args:
        signed: Applications by their paths that tell by a signature who sends to them. How often
            they are asked is not counted: behind a reverse proxy whoever is there too could spend
            what is meant for them.
    """

    def __init__(
        self, app: ASGIApp, site: Site, *, signed: Mapping[str, ASGIApp] | None = None
    ) -> None:
        self._app = app
        self._site = site
        self._signed = dict(signed or {})
        self._requests = Buckets(site.requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI has it."""
        if scope["type"] != "http":
            return
        guarded = self._with_headers(send)
        try:
            self._check(scope)
            body = await read_body(scope, receive)
        except WebError as error:
            await answer(error, scope["path"], self._site)(scope, receive, guarded)
            return
        sent = _Sent(guarded)
        try:
            app = self._signed.get(scope["path"], self._app)
            await app(scope, _once(body, receive), sent)
        except Exception as error:  # noqa: BLE001  the last place where it can be told
            if sent.begun:
                return  # it was answered and logged where it happened
            await answer(told(error), scope["path"], self._site)(scope, receive, guarded)

    def _check(self, scope: Scope) -> None:
        host = Headers(scope=scope).get("host", "")
        if host.lower() not in self._site.hosts:
            raise WebError(
                421, "this inbox is not reached under this name: use the URL that it was given"
            )
        if scope["path"] in self._signed:
            return
        wait = self._requests.take(address(scope), time.monotonic())
        if wait is not None:
            raise too_often(wait)

    def _with_headers(self, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._site.secure:
                    headers.setdefault("strict-transport-security", _STRICT)
            await send(message)

        return with_headers


class _Sent:
    """Sends on, and knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


def address(scope: Scope) -> str:
    """Where a request comes from: an address, or the network of 64 bits that one of IPv6 is in.

    Of such a network each of its machines has as many addresses as it likes.
    """
    client = scope.get("client")
    if not client:
        return "unknown"
    host: str = client[0]
    try:
        found = IPv6Address(host)
    except ValueError:
        return host
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), 64), strict=False))


def too_often(wait: int) -> WebError:
    """The refusal of what is done too often."""
    return WebError(429, f"that is too often: wait {wait} s", headers={"retry-after": str(wait)})


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body of a request.

    Raises:
        WebError: It is too long, or does not come.
    """
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 18:
        raise WebError(400, "the content-length is no number")
    if int(announced) > LONGEST_BODY:
        raise _too_long()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await _collected(receive)
    except TimeoutError:
        raise WebError(408, "the body did not come in time: send it again") from None


async def _collected(receive: Receive) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise WebError(400, "the connection ended before the body did")
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > LONGEST_BODY:
            raise _too_long()
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_long() -> WebError:
    return WebError(413, f"the body is longer than {LONGEST_BODY} bytes: send less")


def _once(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
