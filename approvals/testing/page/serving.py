"""The page on which a person sees the local Slack and clicks in it.

Only whoever knows the address can look or click: it holds a secret, is not told to other sites, and
answers under no other name than that of loopback. What is clicked is taken from the page alone.

Touches: the network, loopback only.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from approvals.testing.errors import Impossible
from approvals.testing.outcome import Outcome
from approvals.testing.page.clicking import do
from approvals.testing.page.drawing import draw, shell
from approvals.testing.page.looking import look_at
from approvals.testing.payloads import is_object
from approvals.testing.server import SlackServer

__all__ = ["SlackPage"]

_HOST = "127.0.0.1"
_MOST_BYTES = 256 * 1024
_BREATH = timedelta(seconds=15)
_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class _Told:
    """What one person's modal says since it was last sent."""

    view: str = ""
    errors: dict[str, str] = field(default_factory=dict[str, str])
    trouble: str = ""


class SlackPage:
    """A page over a local Slack; served while the block lasts.

    ```python
    async with SlackServer() as slack, SlackPage(slack) as page:
        print(page.url)
    ```

    Args:
        slack: What is shown.
        port: Where on loopback; 0 takes a free port.

    Raises:
        OSError: On entering: the port is taken.
    """

    def __init__(self, slack: SlackServer, *, port: int = 0) -> None:
        self._slack = slack
        self._port = port
        self._secret = secrets.token_urlsafe(24)
        self._told: dict[str, _Told] = {}
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._origins: frozenset[str] = frozenset()

    @property
    def url(self) -> str:
        """The address to open in a browser: whoever has it can click as anybody."""
        return f"http://{_HOST}:{self._port}/{self._secret}/"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard], client_max_size=_MOST_BYTES)
        at = f"/{self._secret}"
        app.router.add_get(f"{at}/", _handle_shell)
        for name in _STATIC:
            app.router.add_get(f"{at}/{name}", _handle_static)
        app.router.add_get(f"{at}/screen", self._handle_screen)
        app.router.add_get(f"{at}/changes", self._handle_changes)
        app.router.add_post(f"{at}/do", self._handle_do)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port).start()
        self._port = self._runner.addresses[0][1]
        names = (f"{_HOST}:{self._port}", f"localhost:{self._port}")
        self._origins = frozenset(f"http://{name}" for name in names)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever comes under another name, or from another site."""
        origin = f"http://{request.headers.get('Host', '')}"
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if origin not in self._origins:
            return web.Response(
                status=421, text="open the address that was printed", headers=_HEADERS
            )
        if request.method != "GET" and (
            request.headers.get("Origin") != origin
            or site != "same-origin"
            or request.content_type != "application/json"
        ):
            return web.Response(status=403, text="click on the page itself", headers=_HEADERS)
        try:
            answer = await handler(request)
        except web.HTTPException as refused:
            refused.headers.update(_HEADERS)
            raise
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    async def _handle_screen(self, request: web.Request) -> web.StreamResponse:
        """One person's screen, part by part."""
        asked = request.query
        look = look_at(
            self._slack.space, asked.get("as", ""), asked.get("in", ""), asked.get("thread", "")
        )
        if look is None:
            return web.json_response({"error": "nobody is in this workspace"}, status=404)
        told = self._told.get(look.person.id, _Told())
        if look.modal is None or told.view != look.modal.id:
            told = _Told()
        parts = draw(look, errors=told.errors, trouble=told.trouble)
        return web.json_response(
            {"as": look.person.id, "in": look.where, "thread": look.thread_ts, "parts": parts}
        )

    async def _handle_changes(self, request: web.Request) -> web.StreamResponse:
        """A word each time that something has changed, as server-sent events."""
        answer = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await answer.prepare(request)
        seen = -1
        while not self._closing.is_set():
            said = b":\n\n"
            if self._slack.changes != seen:
                seen = self._slack.changes
                said = f"data: {seen}\n\n".encode()
            try:
                await answer.write(said)
            except ConnectionError:
                break
            await self._changed(seen)
        return answer

    async def _changed(self, seen: int) -> None:
        """Wait until something has changed, the page closes, or it is time to draw breath."""
        closing = asyncio.ensure_future(self._closing.wait())
        changed = asyncio.ensure_future(
            self._slack.until(lambda: self._slack.changes != seen, _BREATH)
        )
        await asyncio.wait((closing, changed), return_when=asyncio.FIRST_COMPLETED)
        for task in (closing, changed):
            task.cancel()
        await asyncio.gather(closing, changed, return_exceptions=True)

    async def _handle_do(self, request: web.Request) -> web.StreamResponse:
        """Do what was clicked, as the person who looks."""
        try:
            said: Any = await request.json()
        except ValueError:
            said = None
        if not is_object(said):
            return web.json_response({"error": "the page says no JSON object"}, status=400)
        try:
            person = self._slack.somebody(str(said.get("as")))
            outcome = await do(self._slack.space, person, said)
        except Impossible as no:
            return web.json_response({"error": str(no)}, status=409)
        return web.json_response({"trouble": self._noted(person.id, outcome)})

    def _noted(self, person: str, outcome: Outcome) -> str:
        """Keep what belongs into the modal that is open; tell what belongs beside it."""
        trouble = outcome.warning or ""
        modal = outcome.modal
        in_modal = modal is not None and outcome.message is None
        self._told[person] = _Told(
            view=modal.id if modal is not None else "",
            errors=dict(outcome.errors),
            trouble=trouble if in_modal else "",
        )
        return "" if in_modal else trouble


async def _handle_shell(_: web.Request) -> web.StreamResponse:
    return web.Response(text=shell(), content_type="text/html")


async def _handle_static(request: web.Request) -> web.StreamResponse:
    name = request.path.rpartition("/")[2]
    text = files("approvals.testing.page").joinpath("static", name).read_text()
    return web.Response(text=text, content_type=_STATIC[name])
