"""Brings interactions and events to the app: signed over HTTP, or through a socket.

Touches: the network, loopback only.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout

from approvals.testing.changes import Changes
from approvals.testing.payloads import Json, compact, is_object
from approvals.testing.records import Delivery
from approvals.testing.signing import Forgery, signed
from approvals.testing.sockets import Sockets
from approvals.testing.tenant import Tenant

__all__ = ["Courier"]

_FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True, eq=False)
class _Held:
    go: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Courier:
    """Brings everything, notes it, and repeats, holds back or forges it when told to.

    Attributes:
        secret: What requests are signed with.
        interactivity: Where interactions are posted; None for Socket Mode.
        events: Where events are posted; None for Socket Mode.
        repeat: How many more times the next delivery is brought, at the same moment.
        forgery: What is wrong with the signature of the next delivery.
    """

    def __init__(
        self, tenant: Tenant, sockets: Sockets, changes: Changes, ack_within: timedelta
    ) -> None:
        self.secret = secrets.token_hex(16)
        self.interactivity: str | None = None
        self.events: str | None = None
        self.repeat = 0
        self.forgery: Forgery | None = None
        self.deliveries: list[Delivery] = []
        self.session: ClientSession | None = None
        self._tenant = tenant
        self._sockets = sockets
        self._changes = changes
        self._within = ack_within
        self._held: list[_Held] | None = None

    def hold(self) -> None:
        """Bring nothing until released."""
        self._held = self._held or []

    @property
    def held(self) -> int:
        """How many deliveries wait to be released."""
        return len(self._held or [])

    async def release(self, *, reverse: bool = False) -> None:
        """Bring what was held back, one after the other; in the other order if asked for."""
        waiting, self._held = self._held or [], None
        for item in reversed(waiting) if reverse else waiting:
            item.go.set()
            await item.gone.wait()

    async def bring(self, kind: str, payload: Json) -> Delivery:
        """Bring a payload; return once it is acknowledged, refused or given up."""
        copies, self.repeat = 1 + self.repeat, 0
        forgery, self.forgery = self.forgery, None
        delivery = self._made(kind, payload, forgery)
        if self._held is None:
            await self._send(delivery, copies)
            return delivery
        held = _Held()
        self._held.append(held)
        self._changes.tell()
        await held.go.wait()
        try:
            await self._send(delivery, copies)
        finally:
            held.gone.set()
        return delivery

    async def again(
        self,
        delivery: Delivery,
        *,
        forgery: Forgery | None = None,
        signed_anew: bool = False,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> Delivery:
        """Bring the same once more: the same bytes and signature, unless another is asked for."""
        anew = signed_anew or forgery is not None
        copy = self._made(delivery.kind, delivery.payload, forgery)
        copy.envelope = delivery.envelope
        if not anew:
            copy.body, copy.headers = delivery.body, delivery.headers
        copy.attempt, copy.reason = delivery.attempt + 1, reason
        if delivery.kind == "events_api":
            again = {"X-Slack-Retry-Num": str(copy.attempt), "X-Slack-Retry-Reason": reason}
            copy.headers = {**copy.headers, **again}
        copy.headers = {**copy.headers, **(headers or {})}
        await self._send(copy, 1)
        return copy

    def _made(self, kind: str, payload: Json, forgery: Forgery | None) -> Delivery:
        form = kind == "interactive"
        text = urlencode({"payload": compact(payload)}) if form else compact(payload)
        now = int(self._tenant.seconds())
        body, headers = signed(text.encode(), now, self.secret, forgery)
        headers["Content-Type"] = _FORM if form else "application/json"
        return Delivery(
            kind=kind,
            payload=payload,
            body=body,
            headers=headers,
            envelope=secrets.token_hex(16),
        )

    async def _send(self, delivery: Delivery, copies: int) -> None:
        url = self.interactivity if delivery.kind == "interactive" else self.events
        several = [delivery]
        for _ in range(copies - 1):
            another = Delivery(
                kind=delivery.kind,
                payload=delivery.payload,
                body=delivery.body,
                headers=delivery.headers,
                envelope=secrets.token_hex(16),
            )
            several.append(another)
        self.deliveries += several
        await asyncio.gather(*(self._bring(item, url) for item in several))
        self._changes.tell()

    async def _bring(self, delivery: Delivery, url: str | None) -> None:
        if url is None:
            delivery.body = b""
            await self._sockets.bring(delivery, self._within)
        else:
            await self._post(delivery, url)

    async def _post(self, delivery: Delivery, url: str) -> None:
        if self.session is None:
            raise RuntimeError("the server is not open: use it as `async with SlackServer()`")
        timeout = ClientTimeout(total=self._within.total_seconds())
        began = monotonic()
        try:
            async with self.session.post(
                url,
                data=delivery.body,
                headers=delivery.headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                delivery.text = await answer.text()
                delivery.status = answer.status
        except (TimeoutError, ClientError):
            return
        delivery.seconds = monotonic() - began
        delivery.answer = _parsed(delivery)


def _parsed(delivery: Delivery) -> Json:
    if not delivery.text:
        return {}
    try:
        found = json.loads(delivery.text)
    except ValueError:
        found = None
    if is_object(found):
        return found
    if delivery.acknowledged and delivery.kind == "interactive":
        delivery.warning = "the acknowledgement has a body that is no JSON object"
    return {}
