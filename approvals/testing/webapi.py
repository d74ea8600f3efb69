"""The Web API over HTTP, with what goes wrong on demand.

Touches: the network, loopback only.
"""

import asyncio
import json
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from approvals.testing.changes import Changes
from approvals.testing.chats import respond
from approvals.testing.faults import Fault, Faults
from approvals.testing.methods import METHODS
from approvals.testing.payloads import Json, is_object, parsed
from approvals.testing.records import Call
from approvals.testing.sockets import Sockets
from approvals.testing.tenant import Refusal, Tenant

__all__ = ["WebApi"]

_PARSED = ("attachments", "blocks", "metadata", "view")
_FLAGS = (
    "delete_original",
    "include_all_metadata",
    "include_disabled",
    "include_num_members",
    "include_users",
    "inclusive",
    "link_names",
    "replace_original",
    "reply_broadcast",
    "unfurl_links",
    "unfurl_media",
)
_OPEN = "apps.connections.open"
_RESPONSE = "response_url"


class WebApi:
    """Answers calls, and records them all.

    Attributes:
        unknown: The methods that were called and are not played here.
    """

    def __init__(self, tenant: Tenant, sockets: Sockets, faults: Faults, changes: Changes) -> None:
        self.calls: list[Call] = []
        self.unknown: list[str] = []
        self.closing = asyncio.Event()
        self._tenant = tenant
        self._sockets = sockets
        self._faults = faults
        self._changes = changes

    async def handle_method(self, request: web.Request) -> web.StreamResponse:
        """A call of a method."""
        body = await _body(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or str(body.pop("token", ""))
        call = Call(method=request.match_info["method"], body=body, token=token.partition("-")[0])
        return await self._played(request, call, token)

    async def handle_response(self, request: web.Request) -> web.StreamResponse:
        """A post to a `response_url`."""
        call = Call(method=_RESPONSE, body=await _body(request), token="")
        return await self._played(request, call, request.match_info["name"])

    async def handle_other(self, request: web.Request) -> web.StreamResponse:
        """Anything else is a mistake of the test or of what it tests."""
        self.unknown.append(f"{request.method} {request.path}")
        return web.Response(status=404)

    async def _played(self, request: web.Request, call: Call, key: str) -> web.StreamResponse:
        self.calls.append(call)
        fault = self._faults.take(call.method)
        if fault is None or fault.takes_effect:
            call.status, call.answer = self._answered(call, key)
        if fault is not None:
            await self._failed(request, call, fault)
        self._changes.tell()
        if call.status is None:
            return web.Response(status=500)  # to a line that is cut
        if fault is not None and fault.error is None:
            return web.Response(status=call.status)
        retry = fault.retry_after if fault is not None else None
        headers = {"Date": format_datetime(self._tenant.clock.dated(), usegmt=True)}
        headers |= {} if retry is None else {"Retry-After": str(retry)}
        if key == self._tenant.bot_token:
            headers["X-OAuth-Scopes"] = ",".join(sorted(self._tenant.scopes))
        return web.json_response(call.answer, status=call.status, headers=headers)

    async def _failed(self, request: web.Request, call: Call, fault: Fault) -> None:
        call.status, call.answer = fault.status, {}
        if fault.error is not None:
            call.answer = {"ok": False, "error": fault.error}
        if fault.error == "missing_scope":
            method = METHODS.get(call.method)
            needed = method.scope if method is not None and method.scope else "connections:write"
            call.answer |= {"needed": needed, "provided": ",".join(sorted(self._tenant.scopes))}
        if fault.answers:
            return
        call.status = None
        self._changes.tell()
        if fault.silent:
            await self.closing.wait()
        if request.transport is not None:
            request.transport.abort()

    def _answered(self, call: Call, key: str) -> tuple[int, Json]:
        try:
            return 200, {"ok": True, **self._done(call, key)}
        except Refusal as no:
            call.faults = no.faults
            answer: Json = {"ok": False, "error": no.error, **no.more}
            if no.faults:
                answer["response_metadata"] = {
                    "messages": [f"[ERROR] {item}" for item in no.faults]
                }
            return _status(call, no), answer

    def _done(self, call: Call, key: str) -> Json:
        if call.method == _RESPONSE:
            respond(self._tenant, self._tenant.use_response(key), call.body)
            return {}
        self._admit(call.method, key)
        if call.method == _OPEN:
            ticket = self._sockets.ticket()
            return {"url": f"{self._tenant.url.replace('http', 'ws', 1)}/socket?ticket={ticket}"}
        method = METHODS.get(call.method)
        if method is None:
            self.unknown.append(call.method)
            raise Refusal("unknown_method", req_method=call.method)
        if method.scope is not None:
            self._tenant.need(method.scope)
        return method.do(self._tenant, call.body)

    def _admit(self, method: str, token: str) -> None:
        """Look at the token before anything else."""
        if not token:
            raise Refusal("not_authed")
        if token not in {self._tenant.bot_token, self._tenant.app_token}:
            raise Refusal("invalid_auth")
        if (token == self._tenant.app_token) is not (method == _OPEN):
            raise Refusal("not_allowed_token_type")
        if method == _OPEN and "connections:write" not in self._tenant.app_scopes:
            raise Refusal("missing_scope", needed="connections:write", provided="")


def _status(call: Call, no: Refusal) -> int:
    """Methods say no with a 200; an address for answers does not."""
    if call.method != _RESPONSE:
        return 200
    return 404 if no.error.endswith("_url") else 400


async def _body(request: web.Request) -> Json:
    """The arguments of a call, wherever they stand."""
    found: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            said: Any = json.loads(await request.read() or b"{}")
        except ValueError:
            said = None
        found |= said if is_object(said) else {}
    else:
        form = await request.post()
        found |= {name: value for name, value in form.items() if isinstance(value, str)}
        found |= {name: parsed(found[name]) for name in _PARSED if name in found}
    flags = {name: found[name] in (True, "1", "true") for name in _FLAGS if name in found}
    return found | flags
