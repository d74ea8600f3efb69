"""Slack's Web API on loopback, which answers what a test tells it to, to the library itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from approvals.channels.slack.calling import web_client

NOW = datetime(2026, 3, 4, 10, 2, tzinfo=UTC)
TOKEN = "xoxb-1-very-secret"


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Said:
    """One answer; a status of 0 breaks the connection after the request was read."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class LocalSlack:
    url: str = ""
    answers: dict[str, list[Said]] = field(default_factory=dict[str, list[Said]])
    """By method; the last one is given again and again."""
    asked: list[tuple[str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, dict[str, Any]]]
    )
    """Every call: its method, and what it said."""

    def says(self, method: str, *answers: object) -> None:
        """Give these answers; what is no `Said` is the body of a success."""
        self.answers[method] = [
            found if isinstance(found, Said) else Said({"ok": True, **dict(found)})  # type: ignore[call-overload]
            for found in answers
        ]

    def refuses(self, method: str, error: str, **more: object) -> None:
        self.answers[method] = [Said({"ok": False, "error": error, **more})]

    def client(self, *, timeout: timedelta = timedelta(seconds=20)) -> AsyncWebClient:
        return web_client(TOKEN, base_url=self.url, timeout=timeout)

    def calls(self, method: str) -> list[dict[str, Any]]:
        return [said for asked, said in self.asked if asked == method]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        is_json = request.content_type == "application/json"
        body = await request.json() if is_json else dict(await request.post())
        self.asked.append((method, {**dict(request.query), **body}))
        left = self.answers[method]
        said = left.pop(0) if len(left) > 1 else left[0]
        if said.status == 0:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if isinstance(said.body, str):
            return web.Response(text=said.body, status=said.status, headers=said.headers)
        return web.json_response(said.body, status=said.status, headers=said.headers)


@asynccontextmanager
async def local_slack() -> AsyncGenerator[LocalSlack]:
    local = LocalSlack()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", local._answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        local.url = f"http://{host}:{port}/api/"
        yield local
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody announces; the test's own time limit ends it."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
