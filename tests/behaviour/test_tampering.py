"""A journal that somebody changed: found, told of, and not acted upon."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sagas import Coordinator, Status, asides
from sagas.chain import verify
from tests.behaviour.acting import until
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, keyed, publish, shop

COLUMNS = ("seq", "kind", "version", "written_at", "body", "payload", "hash")


@shop.saga
async def press(order: Order) -> str:
    """A call, a gate, and a call."""
    await keyed("paper")
    return await publish("page")


@pytest.fixture
async def at_the_gate(house: House) -> House:
    """A saga waits at its gate, and nobody drives it."""
    async with house.open() as coordinator:
        handle = await coordinator.start(press, Order(), id="press-1")
        await handle.settled()
    return house


def file_of(house: House) -> Path:
    return Path(house.url.removeprefix("sqlite:///"))


class Intruder:
    """Writes the file without asking, and can put back what was there."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for (name,) in self.ask("select name from sqlite_master where type = 'trigger'"):
            self.ask(f'drop trigger "{name}"')
        self._saved = self.ask("select * from entry")
        [[self._head]] = self.ask("select head_hash from saga")

    def ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self._connection.execute(statement, values).fetchall()

    def flip(self, seq: int, column: str) -> None:
        """Change one bit of one value."""
        if column == "head_hash":
            self.ask("update saga set head_hash = ?", flipped(str(self._head)))
            return
        [[value]] = self.ask(f"select {column} from entry where seq = ?", seq)
        changed = value ^ 64 if isinstance(value, int) else flipped(str(value))
        self.ask(f"update entry set {column} = ? where seq = ?", changed, seq)

    def put_back(self) -> None:
        self.ask("delete from entry")
        self.ask("update saga set head_hash = ?", self._head)
        self._connection.executemany("insert into entry values (?,?,?,?,?,?,?,?)", self._saved)

    @property
    def entries(self) -> int:
        return len(self._saved)

    def close(self) -> None:
        self._connection.close()


def flipped(text: str) -> str:
    """The text with one bit of its middle changed."""
    middle = len(text) // 2
    return text[:middle] + chr(ord(text[middle]) ^ 1) + text[middle + 1 :]


async def test_every_changed_bit_of_an_entry_is_found_and_located(at_the_gate: House) -> None:
    flips = 0
    with closing(Intruder(file_of(at_the_gate))) as intruder:
        async with at_the_gate.open() as coordinator:
            for seq in range(1, intruder.entries + 1):
                for column in COLUMNS:
                    [[value]] = intruder.ask(f"select {column} from entry where seq = ?", seq)
                    if value is None:
                        continue
                    intruder.flip(seq, column)
                    loaded = await coordinator.load("press-1")
                    broken = verify(
                        coordinator.store.journal_id, "press-1", loaded.rows, head=loaded.row.head
                    )
                    assert broken is not None, (seq, column)
                    assert broken.seq == seq, (seq, column)
                    intruder.put_back()
                    flips += 1
    assert flips > 25


@pytest.mark.parametrize("column", [*COLUMNS, "head_hash"])
async def test_a_saga_whose_journal_was_changed_is_not_driven_until_it_is_restored(
    at_the_gate: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    column: str,
) -> None:
    monkeypatch.setattr(asides, "CHANGED_SECONDS", 0.05)
    monkeypatch.setattr("sagas.worker.POLL_SECONDS", 0.05)
    calls = len(at_the_gate.world.calls)
    with closing(Intruder(file_of(at_the_gate))) as intruder:
        intruder.flip(2, column)
        async with at_the_gate.open() as coordinator:
            working = asyncio.create_task(coordinator.work())
            [gate] = await coordinator.store.waiting_gates()
            await coordinator.approve(gate.id, by="ben")
            await until(lambda: _is(coordinator, Status.STUCK))
            assert len(at_the_gate.world.calls) == calls
            reason = (await coordinator.get("press-1")).reason
            assert "`sagas verify press-1` checks it" in str(reason)
            assert "press-1 is not driven: entry" in caplog.text
            intruder.put_back()
            await until(lambda: _is(coordinator, Status.COMPLETED), tries=3000)
            working.cancel()
    assert at_the_gate.world.done == ["paper", "page"]


async def _is(coordinator: Coordinator, status: Status) -> bool:
    return (await coordinator.get("press-1")).status is status
