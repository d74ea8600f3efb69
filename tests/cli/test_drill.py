"""`drill`: every action is done and undone against a sandbox, and what that showed is recorded."""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.cli.conftest import ROOT, Sagas, everything

HOTELS = str(Path(__file__).with_name("hotels.py"))
SANDBOX = f"{HOTELS}:sandbox"
BAD = f"{HOTELS}:bad"


@pytest.fixture(autouse=True)
def module() -> Iterator[None]:
    """The sandbox's module is imported anew by each test."""
    yield
    for name in ("hotels", "target_hotels"):
        sys.modules.pop(name, None)


def recorded() -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect("sagas.db")) as connection:
        return connection.execute(
            "select action, version, result, sandbox, runs > 0 from drill order by id"
        ).fetchall()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_drill_says_against_what_then_what_it_did_and_records_it(sagas: Sagas) -> None:
    said = sagas("drill", SANDBOX)
    assert said.code == 0, said
    lines = said.out.splitlines()
    assert lines[0] == "drilling 2 actions of travel against the partner's sandbox"
    assert "✓ travel.book_hotel version 1 passed" in flat(said.out)
    assert "- travel.mail version 1 skipped it would send a mail" in flat(said.out).replace(
        "·", "-"
    )
    assert lines[-1] == ("3 actions: 2 passed, 0 failed, 1 skipped; recorded in sqlite:///sagas.db")
    assert recorded() == [
        ("travel.book_hotel", 1, "passed", "the partner's sandbox", 1),
        ("travel.rent_car", 1, "passed", "the partner's sandbox", 1),
    ]


def test_a_compensation_that_does_nothing_fails_its_drill(sagas: Sagas) -> None:
    said = sagas("drill", BAD)
    assert said.code == 1
    assert "✗ careless.book_room version 1 failed" in flat(said.out)
    assert "✓ careless.book_table version 1 passed" in flat(said.out)
    assert [row[:3] for row in recorded()] == [
        ("careless.book_room", 1, "failed"),
        ("careless.book_table", 1, "passed"),
    ]


def test_drills_satisfy_lint_until_one_fails(sagas: Sagas, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sagas("lint", f"{HOTELS}:careless").code == 1
    sagas("drill", BAD)
    assert "D002 careless.book_room" in flat(sagas("lint", f"{HOTELS}:careless").out)
    monkeypatch.setenv("MENDED", "1")
    assert sagas("drill", BAD).code == 0
    assert sagas("lint", f"{HOTELS}:careless").code == 0


def test_the_history_of_drills_is_kept(sagas: Sagas, monkeypatch: pytest.MonkeyPatch) -> None:
    sagas("drill", BAD, "--action", "book_room")
    monkeypatch.setenv("MENDED", "1")
    sagas("drill", BAD, "--action", "careless.book_room")
    assert [row[2] for row in recorded()] == ["failed", "passed"]


def test_only_the_named_actions_are_drilled(sagas: Sagas) -> None:
    assert sagas("drill", SANDBOX, "--action", "rent_car").code == 0
    assert [row[0] for row in recorded()] == ["travel.rent_car"]


def test_the_record_may_be_kept_elsewhere(sagas: Sagas) -> None:
    assert sagas("drill", SANDBOX, "--db", "sqlite:///drills.db").code == 0
    assert Path("drills.db").exists()
    assert not Path("sagas.db").exists()


def test_json_has_what_failed_and_how_to_see_it_again(sagas: Sagas) -> None:
    said = sagas("drill", BAD, "--json")
    assert said.code == 1
    shape = json.loads(said.out)
    assert (shape["catalog"], shape["sandbox"]) == ("careless", "the partner's sandbox")
    assert (shape["passed"], shape["failed"], shape["skipped"]) == (1, 1, 0)
    first, second = shape["actions"]
    assert (first["action"], first["result"]) == ("careless.book_room", "failed")
    assert first["violations"][0]["rule"]
    assert first["violations"][0]["detail"]
    assert second["violations"] == []
    assert second["digest"].startswith("source-1:")
    assert said.err.startswith("sagas: drilling 2 actions of careless against the partner's")


# --- what is refused --------------------------------------------------------------------------


def test_a_sandbox_that_says_it_is_production_is_not_touched(
    sagas: Sagas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTNER", "production")
    sagas("drill", SANDBOX).refused("says that it is none", "point the actions at a sandbox")
    assert everything() == ""


def test_a_bare_catalog_is_refused_with_the_sandboxes_there_are(sagas: Sagas) -> None:
    sagas("drill", f"{HOTELS}:travel").refused("is a catalog and no sandbox", "bad, bare, sandbox")
    assert everything() == ""


def test_a_sandbox_that_is_not_there_is_refused(sagas: Sagas) -> None:
    sagas("drill", f"{HOTELS}:mine").refused("has no sandbox 'mine'", "bad, bare, sandbox")


@pytest.mark.parametrize("target", ["hotels.py", ":sandbox", "nowhere:sandbox", "hotels.py:"])
def test_what_is_no_target_is_refused(sagas: Sagas, target: str) -> None:
    sagas("drill", target).refused()


def test_an_action_without_an_example_is_refused_before_anything_is_done(sagas: Sagas) -> None:
    sagas("drill", f"{HOTELS}:bare").refused(
        "has no example of book_hotel, rent_car",
        'examples={"book_hotel": [{"city": ...}]}',
        "skip=",
    )
    assert everything() == ""


def test_an_unknown_action_is_refused_with_those_there_are(sagas: Sagas) -> None:
    sagas("drill", SANDBOX, "--action", "book_boat").refused(
        "--action names 'book_boat'", "book_hotel, mail, rent_car"
    )
    assert everything() == ""


def test_an_irreversible_action_is_not_drilled_because_it_is_named(sagas: Sagas) -> None:
    sagas("drill", SANDBOX, "--action", "mail").refused("nothing to drill", "it would send a mail")


# --- in a terminal ----------------------------------------------------------------------------


def terminal(*arguments: str) -> "pexpect.spawn[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    return pexpect.spawn(
        sys.executable,
        ["-m", "sagas.cli", "drill", SANDBOX, *arguments],
        env=environment,
        encoding="utf-8",
        timeout=30,
        dimensions=(50, 120),
    )


@pytest.mark.parametrize(("answer", "code", "drilled"), [("y", 0, 2), ("n", 2, 0)])
def test_in_a_terminal_one_is_asked_first(answer: str, code: int, drilled: int) -> None:
    child = terminal()
    child.expect_exact("Do and undo 2 actions of travel against the partner's sandbox? [y/n] ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert len(recorded()) == drilled


def test_who_says_yes_beforehand_is_not_asked() -> None:
    child = terminal("--yes")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "?" not in (child.before or "")
