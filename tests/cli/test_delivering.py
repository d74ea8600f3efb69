"""Whom people were told what waits for them, and the processes that tell it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from approvals.channels import Channels, Rejected, Routes
from sagas import connect
from sagas.reader import Reader
from tests.board import Board
from tests.cli.conftest import ROOT, TRIPS, Sagas
from tests.postbox import Postbox, postbox

Trip = Callable[..., str]

DB = "sqlite:///sagas.db"


def tell(*faults: Rejected) -> None:
    """Tell people once, from a process of its own."""

    async def main() -> None:
        board = Board()
        board.faults = list(faults)
        channels = Channels([board], Routes(otherwise=["board:ana"]))
        async with connect(DB, channels=channels) as coordinator:
            dispatcher = coordinator._dispatcher
            assert dispatcher is not None
            while await dispatcher.look():
                await dispatcher.settled()

    asyncio.run(main())


def test_a_journal_without_messages_says_so(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert sagas("deliveries").out == "nobody was told anything\n"
    assert json.loads(sagas("deliveries", "--json").out) == []


def test_messages_are_listed_with_what_became_of_them(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    tell()
    out = sagas("deliveries").out
    for word in ("g-", "board:ana", "asked", "sent"):
        assert word in out


def test_what_went_wrong_is_said_below_the_list_once(sagas: Sagas, trip: Trip) -> None:
    trip("write", "a")
    trip("write", "b")
    tell(*[Rejected("it is larger than what this mailbox takes")] * 2)
    lines = sagas("deliveries").out.splitlines()
    assert lines.count("it is larger than what this mailbox takes") == 1
    assert sum(line.startswith("  g-") and line.endswith(" to board:ana") for line in lines) == 2


def test_what_was_given_up_can_be_picked_out(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    tell(Rejected("too large"))
    [dead] = json.loads(sagas("deliveries", "--state", "dead", "--json").out)
    assert (dead["error"], dead["saga_id"]) == ("too large", "t1")
    assert json.loads(sagas("deliveries", "--state", "sent", "--json").out) == []
    assert json.loads(sagas("deliveries", "--saga", "t2", "--json").out) == []


def test_a_gate_is_shown_with_the_messages_about_it(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    tell()
    [gate] = json.loads(sagas("show", "t1", "--json").out)["gates"]
    [message] = gate["deliveries"]
    assert (message["channel"], message["target"], message["state"]) == ("board", "ana", "sent")


def test_a_state_that_is_none_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert sagas("deliveries", "--state", "posted").code == 2


@pytest.mark.parametrize("command", [("worker", f"{TRIPS}:travel"), ("serve", "--port", "0")])
def test_a_file_of_channels_that_cannot_be_read_is_refused_at_once(
    sagas: Sagas, trip: Trip, command: tuple[str, ...]
) -> None:
    trip("write")
    sagas(*command, "--channels", "nowhere.toml").refused("nowhere.toml", "cannot be read")


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    async with postbox() as box:
        yield box


@pytest.fixture
def waiting(trip: Trip) -> str:
    """A saga that waits at a gate."""
    return trip("write")


CHANNELS = """
otherwise = ["mail:ana@example.org"]

[channels.mail]
kind = "mail"
host = "127.0.0.1"
port = {port}
sender = "sagas@example.org"
security = "none"
"""


@pytest.mark.parametrize("command", [("worker", f"{TRIPS}:travel"), ("serve", "--port", "0")])
async def test_a_process_with_channels_tells_people_and_ends_in_peace(
    waiting: str, box: Postbox, desk: Path, command: tuple[str, ...]
) -> None:
    path = desk / "channels.toml"
    path.write_text(CHANNELS.format(port=box.port))
    process = subprocess.Popen(  # noqa: ASYNC220  it is short
        [sys.executable, "-m", "sagas.cli", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT), "SAGAS_CHANNELS": str(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        await box.arrived(1)
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.to_thread(process.communicate, timeout=30)
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    assert err.endswith("sagas: stopped\n")
    assert box.subjects[0].startswith("Your decision is needed")


def test_a_gate_whose_time_is_over_waits_for_nobody(
    sagas: Sagas, trip: Trip, monkeypatch: pytest.MonkeyPatch
) -> None:
    trip("write")
    assert json.loads(sagas("inbox", "--json").out) != []
    present = Reader.now

    def later(self: Reader) -> datetime:
        return present(self) + timedelta(days=365)

    monkeypatch.setattr(Reader, "now", later)
    assert json.loads(sagas("inbox", "--json").out) == []
    [gate] = json.loads(sagas("show", "t1", "--json").out)["gates"]
    assert gate["state"] == "expired"
