"""The inbox shows a gate as an approver sees it, and offers no approval of what it does not show."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from sagas.reader import Reader
from tests.cli.conftest import Sagas, first_id

Trip = Callable[..., str]


def item(sagas: Sagas) -> Any:
    [found] = json.loads(sagas("inbox", "--json").out)
    return found


def test_the_inbox_tells_the_class_without_the_code(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert "class" in sagas("inbox").out
    assert "cannot be undone" in sagas("inbox").out
    assert item(sagas)["reversibility"] == "irreversible"


def test_one_gate_is_shown_in_full_with_its_commands(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    said = sagas("inbox", gate)
    assert said.out.startswith("May travel.mail run?\n")
    assert f"sagas approve {gate}" in said.out
    assert f"sagas reject {gate}" in said.out


def test_what_is_not_there_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("inbox", "g-none").refused("g-none", "sagas inbox")


# --- many ---------------------------------------------------------------------------------------


def multiply(table: str, times: int) -> None:
    """Let each row of a table have later ones like it, with ids of their own."""
    with closing(sqlite3.connect("sagas.db", isolation_level=None)) as connection:
        columns: list[str] = [row[1] for row in connection.execute(f"pragma table_info ({table})")]
        changed = {"id": f"{table}.id || '-' || n", "opened_at": "opened_at + n"}
        values = ", ".join(changed.get(column, column) for column in columns)
        connection.execute(
            f"insert into {table} ({', '.join(columns)})"
            f" with recursive number (n) as"
            f" (select 1 union all select n + 1 from number where n < {times})"
            f" select {values} from {table}, number"
        )


def test_the_inbox_shows_a_page_and_says_that_more_wait(sagas: Sagas, trip: Trip) -> None:
    trip("write", "a")
    gate = first_id(sagas, "g-")
    trip("owe", "b")
    asked = next(
        each["id"] for each in json.loads(sagas("inbox", "--json").out) if each["id"] != gate
    )
    multiply("gate", 2)
    multiply("intervention", 1)
    said = sagas("inbox", "--limit", "4", "--json")
    shown = [each["id"] for each in json.loads(said.out)]
    assert shown == [gate, f"{gate}-1", f"{gate}-2", asked]
    assert said.err == "sagas: the oldest 4; more wait, and --limit shows them\n"
    out = sagas("inbox", "--limit", "4").out
    assert out.endswith("\n\nthe oldest 4; more wait, and --limit shows them\n")
    assert f"{asked}-1" not in out
    whole = sagas("inbox", "--limit", "5")
    assert f"{asked}-1" in whole.out
    assert "--limit" not in whole.out


def test_without_a_limit_a_hundred_are_shown(sagas: Sagas, trip: Trip) -> None:
    trip("owe")
    multiply("intervention", 100)
    assert len(json.loads(sagas("inbox", "--json").out)) == 100


def test_with_an_id_no_other_saga_is_read(
    sagas: Sagas, trip: Trip, monkeypatch: pytest.MonkeyPatch
) -> None:
    trip("write", "a")
    gate = first_id(sagas, "g-")
    trip("owe", "b")
    asked = first_id(sagas, "i-")
    read: list[str] = []
    load = Reader.load

    async def noted(self: Reader, saga_id: str, /) -> Any:
        read.append(saga_id)
        return await load(self, saga_id)

    monkeypatch.setattr(Reader, "load", noted)
    for waiting, saga_id in ((gate, "a"), (asked, "b")):
        read.clear()
        assert waiting in sagas("inbox", waiting).out
        assert set(read) == {saga_id}


def test_what_was_decided_waits_no_more(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    sagas("reject", gate, "--reason", "no")
    sagas("inbox", gate).refused(gate, "waits for nobody")
