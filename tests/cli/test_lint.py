"""`lint`, and what `show` says of drills: which compensations nobody has seen working."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sagas.authoring.digest import digest_of
from sagas.cli import targets
from sagas.journal import open_store
from sagas.model import span
from sagas.ports import Drill
from tests.cli.conftest import TRIPS, Sagas
from tests.conformance.support import drilled

TARGET = f"{TRIPS}:travel"
UNDOABLE = ("travel.block_seat", "travel.book_flight", "travel.book_hotel", "travel.pay")
DAY = timedelta(days=1)

Trip = Callable[..., str]
Record = Callable[..., None]


@pytest.fixture
def record() -> Record:
    """Record a drill of an action with today's code; `age` is how long ago it was."""

    def keep(*actions: str, age: timedelta = timedelta(0), **different: Any) -> None:
        catalog = targets.load(TARGET).catalog

        async def main() -> None:
            store = await open_store("sqlite:///sagas.db")
            for name in actions:
                action = catalog.find_action(name, 1)
                assert action is not None
                drill = drilled(
                    id=f"d-{name}-{age}-{sorted(different)}",
                    action=name,
                    digest=digest_of(action).text,
                    at=await store.time() - span(age),
                )
                await store.record(Drill(**{**as_dict(drill), **different}))
            await store.close()

        asyncio.run(main())

    return keep


def as_dict(drill: Drill) -> dict[str, Any]:
    return {name: getattr(drill, name) for name in Drill.__dataclass_fields__}


def found(sagas: Sagas, *options: str) -> list[tuple[str, str]]:
    """What is found of drills."""
    return drills(json.loads(sagas("lint", TARGET, "--format", "json", *options).out))


def drills(told: Any) -> list[tuple[str, str]]:
    return [
        (item["code"], item["subject"]) for item in told["findings"] if item["code"].startswith("D")
    ]


# --- lint -------------------------------------------------------------------------------------


def test_an_action_that_was_never_drilled_is_found(sagas: Sagas, record: Record) -> None:
    record(*UNDOABLE[1:])
    assert found(sagas) == [("D001", UNDOABLE[0])]


def test_a_last_drill_that_failed_is_found_with_what_it_showed(
    sagas: Sagas, record: Record
) -> None:
    record(*UNDOABLE)
    record("travel.pay", passed=False, detail="the money is gone")
    assert found(sagas) == [("D002", "travel.pay")]
    assert "the money is gone" in " ".join(sagas("lint", TARGET).out.split())


def test_a_drill_of_other_code_is_found(sagas: Sagas, record: Record) -> None:
    record(*UNDOABLE)
    record("travel.pay", digest="source-1:00")
    assert found(sagas) == [("D003", "travel.pay")]
    assert "its code has changed since it was drilled" in " ".join(
        sagas("lint", TARGET).out.split()
    )


def test_digests_that_cannot_be_compared_are_told_apart_from_other_code(
    sagas: Sagas, record: Record
) -> None:
    record(*UNDOABLE)
    record("travel.pay", digest="code-1-py3.9:00")
    assert found(sagas) == [("D003", "travel.pay")]
    assert "nobody can tell whether its code has changed" in " ".join(
        sagas("lint", TARGET).out.split()
    )


def test_a_drill_too_long_ago_is_found(sagas: Sagas, record: Record) -> None:
    record(*UNDOABLE[1:])
    record(UNDOABLE[0], age=91 * DAY)
    assert found(sagas) == [("D004", UNDOABLE[0])]
    assert found(sagas, "--max-age", "92d") == []


def test_a_drill_of_the_day_before_is_found_if_one_wants_it_daily(
    sagas: Sagas, record: Record
) -> None:
    record(*UNDOABLE, age=DAY)
    assert found(sagas, "--max-age", "23h") == [("D004", name) for name in UNDOABLE]


def test_what_was_drilled_lately_with_this_code_is_in_order(sagas: Sagas, record: Record) -> None:
    record(*UNDOABLE)
    assert found(sagas) == []


def test_a_catalog_that_only_reads_or_cannot_undo_has_nothing_to_find(sagas: Sagas) -> None:
    Path("reading.py").write_text(
        "from datetime import timedelta\n"
        "from sagas import Catalog, Reversibility, approval\n"
        "library = Catalog('library')\n"
        "@library.action(reversibility=Reversibility.READ_ONLY)\n"
        "async def look(title: str) -> str: return title\n"
        "@library.action(reversibility=Reversibility.IRREVERSIBLE,\n"
        "                approval=approval(by='anyone', within=timedelta(hours=1)))\n"
        "async def burn(title: str) -> None: ...\n"
    )
    assert sagas("lint", "reading.py:library").code == 0


def test_a_retired_version_is_not_drilled_any_more(sagas: Sagas) -> None:
    Path("old.py").write_text(
        "from sagas import Catalog, Reversibility\n"
        "shop = Catalog('shop')\n"
        "@shop.retired('buy', version=1)\n"
        "async def buy(what: str) -> str: return what\n"
        "@buy.compensation()\n"
        "async def give_back(result: str) -> None: ...\n"
    )
    assert sagas("lint", "old.py:shop").code == 0


def test_of_several_versions_the_newest_is_to_be_drilled(sagas: Sagas) -> None:
    action = (
        "@shop.action(name='buy', version={0}, reversibility=Reversibility.REVERSIBLE)\n"
        "async def buy_{0}(what: str) -> str: return what\n"
        "@buy_{0}.compensation()\n"
        "async def give_back_{0}(result: str) -> None: ...\n"
    )
    head = "from sagas import Catalog, Reversibility\nshop = Catalog('shop')\n"
    Path("new.py").write_text(head + "".join(action.format(number) for number in (1, 3, 2)))
    told = json.loads(sagas("lint", "new.py:shop", "--format", "json").out)
    assert drills(told) == [("D001", "shop.buy")]
    assert {item["version"] for item in told["findings"]} == {3}


def test_without_a_journal_lint_says_so_and_makes_none(sagas: Sagas) -> None:
    said = sagas("lint", TARGET)
    assert said.code == 1
    assert said.err.startswith(
        "sagas: no drills are known, and no recorded sagas: sqlite:///sagas.db does not exist yet"
    )
    assert not Path("sagas.db").exists()
    assert json.loads(sagas("lint", TARGET, "--format", "json").out)["has_journal"] is False


@pytest.mark.parametrize("given", ["soon", "-1d", "90", "1e9d", "99999999999d"])
def test_an_age_that_is_no_span_is_refused(sagas: Sagas, given: str) -> None:
    sagas("lint", TARGET, f"--max-age={given}").refused("--max-age", "90d")


# --- show -------------------------------------------------------------------------------------


def drill_in(sagas: Sagas, *options: str) -> list[Any]:
    steps = json.loads(sagas("show", "t1", "--json", *options).out)["steps"]
    return [step["drill"] and step["drill"]["standing"] for step in steps]


def test_who_does_not_drill_is_told_nothing_of_drills(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    assert "drill" not in sagas("show", "t1").out
    assert drill_in(sagas) == ["never", "never"]


def test_show_names_the_steps_whose_drill_is_missing_failed_or_old(
    sagas: Sagas, trip: Trip, record: Record
) -> None:
    trip("book")
    record("travel.book_hotel", age=91 * DAY)
    said = " ".join(sagas("show", "t1").out.split())
    assert "not known to be undoable today" in said
    assert "travel.book_flight no drill of its compensation is recorded" in said
    assert "travel.book_hotel it was last drilled at" in said
    assert drill_in(sagas) == ["never", "too-old"]
    record("travel.book_hotel", passed=False, detail="still booked")
    assert "its last drill failed" in sagas("show", "t1").out
    assert drill_in(sagas) == ["never", "failed"]


def test_show_is_silent_about_what_was_drilled_lately(
    sagas: Sagas, trip: Trip, record: Record
) -> None:
    trip("book")
    record(*UNDOABLE)
    assert "drill" not in sagas("show", "t1").out
    assert drill_in(sagas) == ["passed", "passed"]


def test_show_tells_other_code_only_where_it_is_given_the_code(
    sagas: Sagas, trip: Trip, record: Record
) -> None:
    trip("book")
    record(*UNDOABLE, digest="source-1:00")
    assert drill_in(sagas) == ["passed", "passed"]
    assert drill_in(sagas, "--target", TARGET) == ["other-code", "other-code"]


def test_a_step_that_cannot_be_undone_has_no_drill(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert drill_in(sagas) == ["never", None]
