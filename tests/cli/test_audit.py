"""`audit` prints every rollback of a period: readable, exact, and safe to open in a spreadsheet."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sagas.cli.audits import sheet
from sagas.cli.audits.sheet import COLUMNS
from tests.cli.conftest import Sagas, Said, first_id

Trip = Callable[..., str]

KINDS = {"saga", "rollback", "failure", "undone", "gate", "intervention", "remains"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the journal is kept that the first test makes."""
    return tmp_path_factory.mktemp("trips") / "sagas.db"


@pytest.fixture
def trips(sagas: Sagas, trip: Trip, made: Path) -> None:
    """One that failed, one whose undo was waived, one that was rejected, and one that is done."""
    if made.exists():
        shutil.copy(made, "sagas.db")
        return
    trip("book", "full", "full")
    trip("late", "refund", "refund")
    sagas("resolve", first_id(sagas, "i-"), "--choice", "waive", "--reason", "=1+1")
    trip("late", "refund", "refund")
    trip("write", "write")
    sagas("reject", first_id(sagas, "g-"), "--reason", "\ttoo late\r@x")
    trip("write", "write")
    trip("book", "good")
    shutil.copy("sagas.db", made)


def lines(said: Said) -> list[Any]:
    assert said.code == 0, said
    return [json.loads(line) for line in said.out.splitlines()]


def rows(said: Said) -> list[dict[str, str]]:
    assert said.code == 0, said
    return list(csv.DictReader(StringIO(said.out, newline="")))


@pytest.mark.usefixtures("trips")
def test_the_table_tells_every_saga_that_was_undone_within_80_columns(sagas: Sagas) -> None:
    said = sagas("audit")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    for words in ("full  ", "refund  ", "write  ", "waived by", "no room in", "by action"):
        assert words in said.out
    assert "good" not in said.out
    assert "\x1b" not in said.out


@pytest.mark.usefixtures("trips")
def test_json_is_a_heading_a_line_for_each_saga_and_the_sums(sagas: Sagas) -> None:
    found = lines(sagas("audit", "--format", "json"))
    assert [line["kind"] for line in found] == ["audit", "saga", "saga", "saga", "sums"]
    assert found[0]["format"] == 1
    assert {line["id"] for line in found[1:-1]} == {"full", "refund", "write"}
    assert found[-1]["total"]["sagas"] == 3
    assert found[-1]["unreadable"] == 0


@pytest.mark.usefixtures("trips")
def test_the_sums_are_those_of_the_sagas(sagas: Sagas) -> None:
    *records, sums = lines(sagas("audit", "--format", "json"))[1:]
    total = sums["total"]
    undone = [each for item in records for each in item["undone"] if each["ended_at"]]
    remains = [each for item in records for each in item["remains"]]
    assert total["undone"] == len(undone)
    assert total["attempts"] == sum(each["attempts"] for each in undone)
    assert total["remaining"] == len(remains)
    assert total["waived"] == sum(each["waived_by"] is not None for each in remains) == 1
    assert sum(item["sagas"] for item in sums["by_saga"]) == 3


@pytest.mark.usefixtures("trips")
def test_csv_has_a_row_for_each_thing_that_is_told(sagas: Sagas) -> None:
    found = rows(sagas("audit", "--format", "csv"))
    records = lines(sagas("audit", "--format", "json"))[1:-1]
    assert tuple(found[0]) == COLUMNS
    assert {row["row"] for row in found} == KINDS
    parts = ("rollbacks", "failures", "undone", "doubts", "decisions", "remains")
    assert len(found) == sum(1 + sum(len(item[part]) for part in parts) for item in records)


@pytest.mark.usefixtures("trips")
def test_csv_holds_the_same_as_json(sagas: Sagas) -> None:
    found = rows(sagas("audit", "--format", "csv", "--saga", "travel.book"))
    [record] = lines(sagas("audit", "--format", "json", "--saga", "travel.book"))[1:-1]
    [undone] = [row for row in found if row["row"] == "undone"]
    [step] = record["undone"]
    assert (undone["path"], undone["action"], undone["attempts"], undone["how"]) == (
        step["path"],
        step["action"],
        str(step["attempts"]),
        step["proof"],
    )
    assert (undone["at"], undone["until"]) == (step["began_at"], step["ended_at"])
    assert {row["saga_id"] for row in found} == {"full"}


@pytest.mark.usefixtures("trips")
def test_no_cell_of_a_journal_is_a_formula(sagas: Sagas) -> None:
    found = rows(sagas("audit", "--format", "csv"))
    cells = [cell for row in found for cell in row.values()]
    assert "'=1+1" in cells
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t=", "\uff1d"])
def test_no_text_becomes_a_formula(start: str) -> None:
    line = sheet.line({"saga_id": f'{start}HYPERLINK("x")', "by": f"{start}1", "amount": -5})
    [row] = csv.DictReader(StringIO(sheet.header() + line, newline=""))
    for cell in (row["saga_id"], row["by"]):
        assert cell[0] in "'\\"
    assert row["amount"] == "-5"


@pytest.mark.usefixtures("trips")
@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--saga", "travel.late"], {"refund"}),
        (["--action", "travel.book_hotel"], {"refund"}),
        (["--class", "compensatable"], {"full", "refund", "write"}),
        (["--class", "unknown"], set[str]()),
        (["--end", "residual"], {"refund"}),
        (["--approver", "nobody"], set[str]()),
        (["--since", "1h"], {"full", "refund", "write"}),
        (["--until", "1h"], set[str]()),
        (["--since", "2999-01-01"], set[str]()),
    ],
)
def test_an_audit_can_be_narrowed(sagas: Sagas, options: list[str], ids: set[str]) -> None:
    found = lines(sagas("audit", "--format", "json", *options))
    assert {line["id"] for line in found if line["kind"] == "saga"} == ids


def test_a_date_is_its_midnight_in_utc(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    options = ("--since", "2026-01-02", "--until", "2999-01-01T12:00+02:00")
    [heading, _] = lines(sagas("audit", "--format", "json", *options))
    midnight = datetime(2026, 1, 2, tzinfo=UTC)
    assert datetime.fromisoformat(heading["since"]) == midnight
    assert datetime.fromisoformat(heading["until"]) == datetime(2999, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("asked", [(), ("--since", "2999-01-01"), ("--end", "stuck")])
def test_where_nothing_was_undone_it_says_so(
    sagas: Sagas, trip: Trip, asked: tuple[str, ...]
) -> None:
    trip("book")
    said = sagas("audit", *asked)
    assert (said.code, said.out) == (
        0,
        "nothing was undone that fits\n" if asked else "nothing was undone\n",
    )


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--since", "yesterday"], "--since takes an instant"),
        (["--until", "soon"], "--until takes an instant"),
        (["--since", "2027-01-02", "--until", "2027-01-01"], "give an until that is later"),
        (["--class", "soft"], "'irreversible'"),
        (["--end", "over"], "'compensated'"),
        (["--format", "xml"], "'csv'"),
        (["--saga", "travel.boook"], "did you mean travel.book?"),
        (["--saga", "x"], "`sagas list` shows"),
        (["--saga", "travel.boook", "--format", "csv"], "did you mean travel.book?"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    sagas: Sagas, trip: Trip, options: list[str], word: str
) -> None:
    trip("book")
    sagas("audit", *options).refused(word)


def test_without_a_journal_the_command_says_how_to_make_one(sagas: Sagas) -> None:
    sagas("audit").refused("does not exist yet")


@pytest.mark.usefixtures("trips")
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_saga_that_was_changed_is_named_and_the_others_are_told(sagas: Sagas, form: str) -> None:
    with closing(sqlite3.connect("sagas.db", isolation_level=None)) as connection:
        connection.execute("drop trigger entry_not_updated")
        connection.execute("update entry set body = '{}' where saga_id = 'full' and seq = 3")
    said = sagas("audit", "--format", form)
    assert said.code == 1
    assert "unreadable" in said.out
    assert "sagas verify" in said.out
    assert "write" in said.out
