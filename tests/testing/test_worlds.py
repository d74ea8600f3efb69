"""Ready worlds: what a provider does with keys, probes and lost answers, and what is recorded."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sagas.authoring import context
from sagas.authoring.context import StepInfo
from sagas.errors import NotInSaga
from sagas.model import Direction
from sagas.testing import (
    AnswerLost,
    Effect,
    HttpWorld,
    KeyReused,
    NotAskable,
    Provider,
    Recording,
    Refused,
    Unexplorable,
    World,
    explore_crashes,
)
from tests.testing.shops import shop

ONE = Effect("hotel", "do", "k1")


@contextmanager
def step(key: str, *, undoes: str | None = None) -> Generator[None]:
    """As inside an action, or inside the compensation of the call with the key `undoes`."""
    direction = Direction.DO if undoes is None else Direction.UNDO
    token = context.step.set(StepInfo("s", "s/hotel#1", 1, direction, key, undoes))
    try:
        yield
    finally:
        context.step.reset(token)


class Hours:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime(2025, 1, 1, tzinfo=UTC) + self.passed


# --- keys ---------------------------------------------------------------------------------------


async def test_a_known_key_gets_the_first_answer_and_has_no_second_effect() -> None:
    hotels = Provider.keyed()
    with step("k1"):
        first, second = await hotels.do("hotel", "Rome"), await hotels.do("hotel", "Rome")

    assert first == second
    assert hotels.ledger() == [ONE]


async def test_a_key_that_is_used_for_another_request_is_refused() -> None:
    hotels = Provider.keyed()
    with step("k1"):
        await hotels.do("hotel", "Rome", nights=1)
        with pytest.raises(KeyReused):
            await hotels.do("hotel", "Rome", nights=2)

    assert hotels.snapshot() == {"hotel": {"Rome": [{"nights": 1}]}}


async def test_a_provider_that_ignores_keys_does_it_again() -> None:
    hotels = Provider.keyless()
    with step("k1"):
        first, second = await hotels.do("hotel", "Rome"), await hotels.do("hotel", "Rome")

    assert first != second
    assert hotels.ledger() == [ONE, ONE]


async def test_what_is_called_outside_a_step_is_recorded_under_no_key() -> None:
    hotels = Provider.keyed()
    await hotels.do("hotel", "Rome")
    await hotels.do("hotel", "Rome")

    assert hotels.ledger() == [Effect("hotel", "do", "")] * 2


async def test_a_key_that_is_given_is_the_one_that_is_recorded() -> None:
    hotels = Provider.keyed()
    with step("k1"):
        await hotels.do("hotel", "Rome", key="mine")

    assert hotels.ledger() == [Effect("hotel", "do", "mine")]


async def test_ids_are_made_of_keys_so_that_they_are_the_same_in_every_run() -> None:
    ids: list[str] = []
    for _ in range(2):
        with step("k1"):
            ids.append(await Provider.keyed().do("hotel", "Rome"))

    assert ids[0] == ids[1]


# --- undoing ------------------------------------------------------------------------------------


async def test_what_is_taken_back_by_its_id_stands_no_longer() -> None:
    hotels = Provider.keyed()
    with step("k1"):
        booking = await hotels.do("hotel", "Rome")
    with step("k2", undoes="k1"):
        await hotels.undo("hotel", booking)

    assert hotels.snapshot() == {}
    assert hotels.ledger() == [ONE, Effect("hotel", "undo", "k2")]


async def test_without_an_id_what_the_undone_call_did_is_taken_back() -> None:
    hotels = Provider.keyed()
    with step("k1"):
        await hotels.do("hotel", "Rome")
    with step("k2", undoes="k1"):
        await hotels.undo("hotel")

    assert hotels.snapshot() == {}


async def test_taking_back_what_is_not_there_is_no_effect() -> None:
    hotels = Provider.keyed()
    with step("k2", undoes="k1"):
        assert await hotels.undo("hotel") is None

    assert hotels.ledger() == []


async def test_taking_back_without_an_id_needs_a_compensation() -> None:
    with pytest.raises(NotInSaga), step("k1"):
        await Provider.keyed().undo("hotel")


async def test_what_a_compensation_does_is_recorded_as_an_undo() -> None:
    bank = Provider.keyed()
    with step("k2", undoes="k1"):
        await bank.do("refund", "ana", amount=5)

    assert bank.ledger() == [Effect("refund", "undo", "k2")]


# --- asking -------------------------------------------------------------------------------------


async def test_what_was_done_is_found_by_its_key() -> None:
    hotels = Provider.probed()
    with step("k1"):
        assert await hotels.find("hotel") is None
        booking = await hotels.do("hotel", "Rome")
        assert await hotels.find("hotel") == booking


async def test_the_probe_of_a_compensation_finds_what_was_undone() -> None:
    hotels = Provider.probed()
    with step("k1"):
        booking = await hotels.do("hotel", "Rome")
    with step("k2", undoes="k1"):
        assert await hotels.find("hotel") is None
        await hotels.undo("hotel", booking)
        assert await hotels.find("hotel") == booking


async def test_an_effect_is_found_only_after_the_lag() -> None:
    clock = Hours()
    hotels = Provider(lag=timedelta(hours=1), clock=clock)
    with step("k1"):
        await hotels.do("hotel", "Rome")
        assert await hotels.find("hotel") is None
        clock.passed = timedelta(hours=1)
        assert await hotels.find("hotel") is not None


async def test_a_provider_that_cannot_be_asked_says_so() -> None:
    with pytest.raises(NotAskable, match="probe=True"):
        await Provider.keyed().find("hotel")


# --- trouble ------------------------------------------------------------------------------------


async def test_a_lossy_provider_does_it_and_loses_the_answer_of_the_first_call() -> None:
    hotels = Provider.lossy()
    with step("k1"):
        with pytest.raises(AnswerLost):
            await hotels.do("hotel", "Rome")
        assert hotels.ledger() == [ONE]
        assert (await hotels.do("hotel", "Rome")).startswith("hotel-")


async def test_a_script_says_which_answers_are_lost() -> None:
    hotels = Provider.lossy(lambda call: call.direction is Direction.UNDO)
    with step("k1"):
        booking = await hotels.do("hotel", "Rome")
    with step("k2", undoes="k1"), pytest.raises(AnswerLost):
        await hotels.undo("hotel", booking)


async def test_a_refused_call_has_no_effect_and_is_not_remembered() -> None:
    hotels = Provider(refuses=(1,))
    with step("k1"):
        with pytest.raises(Refused):
            await hotels.do("hotel", "Rome")
        assert hotels.ledger() == []
        await hotels.do("hotel", "Rome")


async def test_what_was_done_under_a_key_is_not_refused_afterwards() -> None:
    hotels = Provider(refuses=(2,))
    with step("k1"):
        assert await hotels.do("hotel", "Rome") == await hotels.do("hotel", "Rome")


async def test_a_slow_provider_has_done_it_when_its_caller_gives_up() -> None:
    hotels = Provider.slow(timedelta(hours=1))
    with step("k1"), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await hotels.do("hotel", "Rome")

    assert hotels.ledger() == [ONE]


async def test_two_characters_beside_each_other_are_one_world() -> None:
    hotels = Provider.keyed()
    mail = Provider.keyless(beside=hotels)
    with step("k1"):
        await hotels.do("hotel", "Rome")
        await mail.do("mail", "ana")
        await mail.do("mail", "ana")

    assert [effect.name for effect in hotels.ledger()] == ["hotel", "mail", "mail"]


# --- being a world ------------------------------------------------------------------------------


async def test_a_reset_forgets_everything_and_counts_calls_anew() -> None:
    hotels = Provider.lossy()
    for _ in range(2):
        with step("k1"), pytest.raises(AnswerLost):
            await hotels.do("hotel", "Rome")
        hotels.reset()

    assert (hotels.snapshot(), hotels.ledger()) == ({}, [])


def test_a_provider_serves_one_loop_after_another_and_threads() -> None:
    world: World = (hotels := Provider.keyless())
    for city in ("Rome", "Oslo"):
        asyncio.run(hotels.do("hotel", city, key=city))
    thread = threading.Thread(target=lambda: hotels.sync.do("hotel", "Bern", key="Bern"))
    thread.start()
    thread.join()

    assert [key for _, _, key in list(world.ledger())] == ["Rome", "Oslo", "Bern"]  # type: ignore[arg-type]


def test_functions_that_are_not_async_have_the_same_calls() -> None:
    hotels = Provider.lossy((2,))
    with step("k1"):
        booking = hotels.sync.do("hotel", "Rome")
        assert hotels.sync.find("hotel") == booking
    with step("k2", undoes="k1"):
        with pytest.raises(AnswerLost):
            hotels.sync.undo("hotel", booking)
        assert hotels.sync.undo("hotel", booking) == booking


def test_books_in_a_file_are_shared_by_processes(tmp_path: Path) -> None:
    at = tmp_path / "hotels.db"
    program = (
        "import os, sys\n"
        "from sagas.testing import Provider\n"
        "Provider.keyed(at=sys.argv[1]).sync.do('hotel', 'Rome', key='k1')\n"
        "os._exit(9)\n"
    )
    died = subprocess.run([sys.executable, "-c", program, str(at)], check=False)
    hotels = Provider.keyed(at=at)
    hotels.sync.do("hotel", "Rome", key="k1")

    assert died.returncode == 9
    assert hotels.ledger() == [ONE]
    hotels.close()


# --- recording a fake ---------------------------------------------------------------------------


class Bank:
    """A user's own fake."""

    def __init__(self) -> None:
        self.balance = 0

    def clear(self) -> None:
        self.balance = 0

    def charge(self, amount: int, key: str = "") -> int:
        if amount > 100:
            raise Refused
        self.balance += amount
        return self.balance


def banking() -> tuple[Bank, Recording]:
    bank = Bank()
    return bank, Recording(reset=bank.clear, snapshot=lambda: bank.balance)


def test_the_methods_of_a_wrapped_fake_are_recorded() -> None:
    bank, world = banking()
    partner = world.wrap(bank, "charge")
    with step("k1"):
        partner.charge(5)

    assert world.ledger() == (Effect("charge", "do", "k1"),)
    assert world.snapshot() == partner.balance == 5


def test_a_call_that_fails_is_no_effect() -> None:
    bank, world = banking()
    with step("k1"), pytest.raises(Refused):
        world.wrap(bank, "charge").charge(1000)

    assert world.ledger() == ()


def test_the_key_that_was_sent_is_recorded_if_the_parameter_is_named() -> None:
    bank, world = banking()
    with step("k1"):
        world.wrap(bank, "charge", key_from="key").charge(5, key="sent")

    assert world.ledger() == (Effect("charge", "do", "sent"),)


async def test_async_functions_are_recorded_when_they_have_returned() -> None:
    _, world = banking()

    @world.effect("mail")
    async def mail() -> None:
        await asyncio.sleep(0)
        assert world.ledger() == ()

    with step("k1"):
        await mail()

    assert world.ledger() == (Effect("mail", "do", "k1"),)


def test_a_block_is_recorded_in_the_direction_of_its_step() -> None:
    bank, world = banking()
    with step("k2", undoes="k1"), world.effect("refund"):
        bank.balance -= 5

    assert world.ledger() == (Effect("refund", "undo", "k2"),)


async def test_an_async_reset_empties_the_ledger_too() -> None:
    bank = Bank()

    async def clear() -> None:
        bank.clear()

    world = Recording(reset=clear, snapshot=lambda: bank.balance)
    world.record("charge")
    done = world.reset()
    assert done is not None
    await done

    assert world.ledger() == ()


async def test_a_recording_with_an_async_reset_is_explored() -> None:
    hotel = Provider()

    async def reset() -> None:
        await asyncio.sleep(0)
        hotel.reset()

    recording = Recording(reset=reset, snapshot=hotel.snapshot)
    stay = shop(provider=recording.wrap(hotel, "do", "undo")).stay

    report = await explore_crashes(stay, "ana", world=recording, only="untouched")
    assert report.violations == []


def test_a_method_that_is_not_there_cannot_be_recorded() -> None:
    bank, world = banking()
    with pytest.raises(Unexplorable, match="Bank has no method 'pay'"):
        world.wrap(bank, "pay")
    with pytest.raises(Unexplorable, match="no parameter 'token'"):
        world.effect("charge", key_from="token")(bank.charge)


# --- a service behind HTTP ----------------------------------------------------------------------


class Service(BaseHTTPRequestHandler):
    """A service that counts what it did."""

    done: int
    lines: object

    def do_POST(self) -> None:
        type(self).done = 0
        self._answer(204, b"")

    def do_GET(self) -> None:
        answers = {"/state": self.done, "/ledger": self.lines}
        if self.path not in answers:
            self._answer(404, b"")
            return
        self._answer(200, json.dumps(answers[self.path]).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        pass


@pytest.fixture
def service() -> Iterator[str]:
    Service.done, Service.lines = 1, [["hotel", "do", "k1"]]
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def served(url: str, ledger: str = "/ledger") -> HttpWorld:
    return HttpWorld(url, reset="/reset", snapshot="/state", ledger=ledger)


async def test_a_service_is_read_and_reset_over_http(service: str) -> None:
    world = served(service)

    assert (await world.snapshot(), await world.ledger()) == (1, [ONE])
    await world.reset()
    assert await world.snapshot() == 0


async def test_effects_of_a_service_may_be_objects(service: str) -> None:
    Service.lines = [{"name": "hotel", "direction": "do", "key": "k1"}]

    assert await served(service).ledger() == [ONE]


async def test_effects_of_a_service_may_be_made_of_what_it_answers(service: str) -> None:
    Service.lines = [{"kind": "cancel", "key": "k1"}]
    world = HttpWorld(
        service,
        reset=lambda: None,
        snapshot="/state",
        ledger="/ledger",
        effects=lambda lines: [(line["kind"], "undo", line["key"]) for line in lines],
    )

    await world.reset()
    assert await world.ledger() == [("cancel", "undo", "k1")]


async def test_what_is_no_list_of_effects_is_refused_with_the_mend(service: str) -> None:
    Service.lines = {"effects": 3}

    with pytest.raises(Unexplorable, match="pass effects="):
        await served(service).ledger()


async def test_a_service_that_fails_is_named_in_one_line(service: str) -> None:
    with pytest.raises(Unexplorable, match="GET /nowhere of the world at http") as told:
        await served(service, "/nowhere").ledger()
    assert "404" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_service_is_read_from_one_loop_after_another(service: str) -> None:
    world = served(service)

    assert [asyncio.run(world.snapshot()) for _ in range(2)] == [1, 1]
