"""`check`: what a deploy would strand is told before, and nothing is touched."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import OSLO, Sagas, everything

FIRST = """
from datetime import timedelta

from pydantic import BaseModel

from sagas import Catalog, Reversibility, approval

travel = Catalog("travel")


class Trip(BaseModel):
    city: str


@travel.action(reversibility=Reversibility.COMPENSATABLE)
async def book_hotel(city: str) -> str:
    return f"room in {city}"


@book_hotel.compensation()
async def cancel_hotel(city: str, result: str) -> None: ...


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE, approval=approval(by="anyone", within=timedelta(hours=4))
)
async def mail(to: str) -> None: ...


@travel.saga
async def book_trip(trip: Trip) -> None:
    await book_hotel(trip.city)
    await mail(trip.city)
"""

OTHER_ARGUMENTS = FIRST.replace("book_hotel(trip.city)", 'book_hotel(f"{trip.city}!")')
NO_SAGA = FIRST.replace("async def book_trip", "async def travel_far")
NO_ACTION = FIRST.replace("book_hotel", "reserve")
SECOND_VERSION = (
    FIRST.replace(
        "@travel.saga\nasync def book_trip", '@travel.saga(name="book_trip")\nasync def first'
    )
    + """

@travel.saga(version=2)
async def book_trip(trip: Trip) -> None:
    await mail(trip.city)
"""
)


@pytest.fixture
def waiting(sagas: Sagas, desk: Path) -> str:
    """A saga of the first release that waits at its gate."""
    (desk / "first_release.py").write_text(FIRST)
    said = sagas("run", "first_release.py:travel", "--input", OSLO, "--id", "t1", "--no-wait")
    assert said.code == 6, said
    return "first_release.py:travel"


def release(desk: Path, name: str, code: str) -> str:
    """The target of another release."""
    (desk / f"release_{name}.py").write_text(code)
    return f"release_{name}.py:travel"


def test_the_same_code_strands_nothing(sagas: Sagas, waiting: str) -> None:
    said = sagas("check", waiting)
    assert (said.code, said.out) == (0, "1 saga: 1 the same, 0 blocked\n")


def test_an_edit_is_shown_with_what_the_journal_holds_and_what_the_code_does(
    sagas: Sagas, waiting: str, desk: Path
) -> None:
    said = sagas("check", release(desk, "arguments", OTHER_ARGUMENTS))
    assert said.code == 1
    assert said.out.splitlines() == [
        "t1  blocked  travel.book_trip version 1, waiting",
        "  book_trip/book_hotel#1 is called with other arguments now",
        '  - city  "Oslo"',
        '  + city  "Oslo!"',
        "",
        "1 saga: 0 the same, 1 blocked",
    ]


def test_code_that_is_missing_is_said_to_be_kept(sagas: Sagas, waiting: str, desk: Path) -> None:
    without_action = sagas("check", release(desk, "no_action", NO_ACTION))
    without_saga = sagas("check", release(desk, "no_saga", NO_SAGA))
    assert '@travel.retired("book_hotel", version=1)  for 1 saga\n' in without_action.out
    assert '@travel.saga(name="book_trip", version=1)  for 1 saga\n' in without_saga.out


def test_a_second_version_beside_the_first_strands_nothing(
    sagas: Sagas, waiting: str, desk: Path
) -> None:
    assert sagas("check", release(desk, "second", SECOND_VERSION)).code == 0


def test_a_program_is_told_the_same(sagas: Sagas, waiting: str, desk: Path) -> None:
    said = sagas("check", release(desk, "json", NO_ACTION), "--json")
    found = json.loads(said.out)
    assert said.code == 1
    assert (found["checked"], found["same"], found["blocked"]) == (1, 0, 1)
    assert found["needed"] == [
        {"kind": "action", "name": "travel.book_hotel", "version": 1, "sagas": 1}
    ]
    [saga] = found["sagas"]
    assert {name: saga[name] for name in ("id", "saga", "version", "status", "verdict")} == {
        "id": "t1",
        "saga": "travel.book_trip",
        "version": 1,
        "status": "waiting",
        "verdict": "blocked",
    }
    assert [item["trouble"] for item in saga["findings"]] == ["cannot-undo", "diverged"]
    assert all({"trouble", "path", "diff"} == item.keys() for item in saga["findings"])


def test_a_journal_without_live_sagas_is_told_so(sagas: Sagas, desk: Path) -> None:
    target = release(desk, "alone", FIRST)
    sagas("migrate")
    assert sagas("check", target).out == "0 sagas: 0 the same, 0 blocked\n"
    assert json.loads(sagas("check", target, "--json").out) == {
        "sagas": [],
        "needed": [],
        "checked": 0,
        "same": 0,
        "blocked": 0,
    }


def test_nothing_is_written(sagas: Sagas, waiting: str, desk: Path) -> None:
    before = everything()
    sagas("check", release(desk, "unwritten", OTHER_ARGUMENTS))
    assert everything() == before


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_journal_that_is_not_there_is_a_mistake(
    sagas: Sagas, desk: Path, more: tuple[str, ...]
) -> None:
    target = release(desk, "nowhere", FIRST)
    sagas("check", target, *more).refused("does not exist yet")


def test_a_target_that_is_not_there_is_a_mistake(sagas: Sagas, waiting: str) -> None:
    sagas("check", "elsewhere:travel").refused("no module 'elsewhere'")


def test_two_catalogs_of_one_name_are_a_mistake(sagas: Sagas, waiting: str, desk: Path) -> None:
    sagas("check", waiting, release(desk, "twin", FIRST)).refused("two catalogs are named")


def test_a_stuck_saga_shows_the_diff_line_by_line(sagas: Sagas, waiting: str, desk: Path) -> None:
    [gate] = json.loads(sagas("inbox", "--json").out)
    sagas("approve", gate["id"])
    target = release(desk, "stuck", OTHER_ARGUMENTS)
    assert sagas("run", f"{target}.book_trip", "--id", "t1").code == 5
    for command in (("show", "t1"), ("inbox",)):
        lines = [line.strip() for line in sagas(*command).out.splitlines()]
        assert lines[lines.index('- city  "Oslo"') + 1] == '+ city  "Oslo!"'
    assert "is called with other arguments now" in sagas("history", "t1").out
    sagas("history", "t1", "--html", "story.html")
    assert "- city  &#34;Oslo&#34;\n+ city  &#34;Oslo!&#34;</pre>" in Path("story.html").read_text()
