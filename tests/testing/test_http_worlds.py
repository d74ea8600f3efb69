"""A saga whose partner is a real server: explored over sockets, with people and without."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sagas import Catalog, Reversibility, approval, current_step
from sagas.authoring.saga import Saga
from sagas.testing import HttpWorld, explore_crashes, explore_decisions
from tests.testing.shops import KEY_TTL

TRUSTED = ssl.create_default_context()
"""Made once: it takes longer than all that is asked of a hotel."""


class Hotel(ThreadingHTTPServer):
    """A hotel that does a request once per key."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.ledger: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Desk(BaseHTTPRequestHandler):
    @property
    def hotel(self) -> Hotel:
        assert isinstance(self.server, Hotel)
        return self.server

    def do_GET(self) -> None:
        ledger = self.hotel.ledger
        standing = sum(1 if way == "do" else -1 for _, way, _ in ledger)
        self._answer({"/ledger": ledger, "/rooms": standing}[self.path])

    def do_POST(self) -> None:
        what, key = urlsplit(self.path).path, self.headers.get("idempotency-key", "")
        if what == "/reset":
            self.hotel.ledger.clear()
        elif not any(known == key for _, _, known in self.hotel.ledger):
            self.hotel.ledger.append(("room", what.strip("/"), key))
        self._answer("done")

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        pass


@pytest.fixture
def hotel() -> Iterator[Hotel]:
    server = Hotel()
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def world_of(hotel: Hotel) -> HttpWorld:
    return HttpWorld(hotel.url, reset="/reset", snapshot="/rooms", ledger="/ledger")


def stay_of(hotel: Hotel, *, gated: bool) -> Saga[str, str]:
    """Books a room over HTTP; somebody has to approve of it if it is gated."""
    catalog = Catalog("hotels")
    asked = approval(by="@desk", within=timedelta(hours=4)) if gated else None

    async def post(path: str) -> str:
        async with httpx.AsyncClient(base_url=hotel.url, verify=TRUSTED) as client:
            headers = {"idempotency-key": current_step().idempotency_key}
            answer: str = (await client.post(path, headers=headers)).json()
            return answer

    options: dict[str, Any] = {} if asked is None else {"approval": asked}

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL, **options)
    async def book(guest: str) -> str:
        return await post("/do")

    @book.compensation()
    async def cancel(guest: str) -> None:
        await post("/undo")

    @catalog.saga
    async def stay(guest: str) -> str:
        return await book(guest)

    return stay


async def test_a_server_is_explored_without_people(hotel: Hotel) -> None:
    report = await explore_crashes(stay_of(hotel, gated=False), "ana", world=world_of(hotel))

    assert report.violations == []
    assert report.faults_landed == report.faults_planned >= 10


async def test_a_server_is_explored_with_people(hotel: Hotel) -> None:
    report = await explore_decisions(stay_of(hotel, gated=True), "ana", world=world_of(hotel))

    assert report.violations == []
    assert report.faults_landed == report.faults_planned >= 10
