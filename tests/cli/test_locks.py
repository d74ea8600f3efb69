"""`locks`, `locks release`: who holds which key, who waits, and taking one away."""

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

import sagas as core
from sagas import Catalog, Locks, Reversibility, connect
from tests.cli.conftest import Sagas

inn = Catalog("inn")


def _keys(room: int) -> list[str]:
    return [f"room:{room}"]


@inn.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=timedelta(hours=24),
    conflicts=_keys,
    locks=Locks(within=timedelta(hours=1)),
)
async def take(room: int) -> None: ...


@take.compensation()
async def give_back(room: int) -> None: ...


@inn.saga
async def stay(room: int) -> None:
    await take(room)
    await core.event("leave")


@pytest.fixture(autouse=True)
def two_guests(desk: Path, empty_file: Path) -> None:
    """One has the room, and another one waits for it."""
    shutil.copy(empty_file, desk / "sagas.db")

    async def arrive() -> None:
        async with connect("sqlite:///sagas.db", inn) as coordinator:
            for name in ("ana", "ben"):
                await (await coordinator.start(stay, 7, id=name)).settled()

    asyncio.run(arrive())


def test_holders_are_listed_with_their_tokens_and_with_who_waits(sagas: Sagas) -> None:
    first, second = json.loads(sagas("locks", "--json").out)
    assert (first["key"], first["saga_id"], first["state"]) == ("room:7", "ana", "held")
    assert first["token"] > 0
    assert first["until"] is None
    assert (second["saga_id"], second["state"], second["token"]) == ("ben", "waiting", None)
    assert second["until"] > second["since"]
    words = " ".join(sagas("locks").out.split())
    assert "ana holds it since" in words
    assert "ben waits since" in words
    assert sagas("locks", "--key", "room:8").out == "no saga holds a key\n"
    assert len(json.loads(sagas("locks", "--saga", "ben", "--json").out)) == 2


def test_a_saga_that_waits_says_for_whom(sagas: Sagas) -> None:
    assert "room:7 is held by ana" in " ".join(sagas("show", "ben").out.split())


def test_a_key_that_was_taken_away_is_the_next_ones_on_the_record(sagas: Sagas) -> None:
    said = sagas("locks", "release", "room:7", "--reason", "she has left")
    assert said.code == 0
    assert said.out.startswith("ana holds room:7 no more")
    assert [row["state"] for row in json.loads(sagas("locks", "--json").out)] == ["waiting"]

    async def go_on() -> None:
        async with connect("sqlite:///sagas.db", inn) as coordinator:
            for name in ("ana", "ben"):
                await (await coordinator.resume(name)).settled()

    asyncio.run(go_on())
    [row] = json.loads(sagas("locks", "--json").out)
    assert (row["saga_id"], row["state"]) == ("ben", "held")
    assert "she has left" in " ".join(sagas("history", "ana").out.split())


def test_what_nobody_holds_is_not_released(sagas: Sagas) -> None:
    sagas("locks", "release", "room:8", "--reason", "why not").refused(
        "no saga holds the key 'room:8'"
    )
