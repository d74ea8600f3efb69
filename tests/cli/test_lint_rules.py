"""`lint` on what is declared, on bodies, and on recorded sagas, as people and programs read it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sagas.linting.rules import CODES
from tests.cli.conftest import Sagas

SHOP = """from datetime import timedelta
from sagas import Catalog, Reversibility, approval, parallel
shop = Catalog('shop')
DAY = timedelta(days=1)
gate = approval(by='anyone', within=DAY)
@shop.action(reversibility=Reversibility.IRREVERSIBLE, key_ttl=DAY, approval=gate)
async def pay(item: str) -> None: ...
@shop.action(reversibility=Reversibility.READ_ONLY, conflicts=lambda item: [item])
async def look(item: str) -> str: return item
@shop.saga
async def buy(item: str) -> None:
    await pay(item)
    await pay(item)
"""


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with one thing to be warned of, in the working directory."""
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    file = Path("shop.py")
    file.write_text(SHOP)
    return file.resolve()


def test_a_warning_is_told_with_its_mend_and_its_line(sagas: Sagas, shop: Path) -> None:
    said = sagas("lint", "shop.py:shop")
    text = " ".join(said.out.split())
    assert said.code == 1
    assert "S002 shop.buy version 1, warning" in text
    assert "catch its failure and go another way" in text
    assert f"{shop}:13" in "".join(said.out.split())
    assert text.endswith("2 actions and 1 saga: 1 warning, 0 notes")


def test_notes_alone_are_no_error(sagas: Sagas) -> None:
    Path("mails.py").write_text(
        SHOP.replace("    await pay(item)\n", "", 1).replace(", key_ttl=DAY", "")
    )
    said = sagas("lint", "mails.py:shop", "--format", "json")
    assert [item["level"] for item in json.loads(said.out)["findings"]] == ["note"]
    assert said.code == 0


def test_a_rule_can_be_left_out(sagas: Sagas, shop: Path) -> None:
    said = sagas("lint", "shop.py:shop", "--ignore", "S002", "--ignore", "S024")
    assert (said.code, said.out) == (0, "2 actions and 1 saga: 0 warnings, 0 notes\n")


def test_a_rule_that_does_not_exist_is_refused_with_those_that_do(sagas: Sagas, shop: Path) -> None:
    sagas("lint", "shop.py:shop", "--ignore", "S999").refused("S999", "--ignore", "S002")


def test_programs_are_told_file_and_line(sagas: Sagas, shop: Path) -> None:
    (finding,) = json.loads(sagas("lint", "shop.py:shop", "--format", "json").out)["findings"]
    assert finding["code"] == "S002"
    assert (finding["file"], finding["line"]) == (str(shop), 13)
    assert finding["level"] == "warning"


def test_code_scanners_are_told_relative_files(sagas: Sagas, shop: Path) -> None:
    said = sagas("lint", "shop.py:shop", "--format", "sarif")
    log: Any = json.loads(said.out)
    (run,) = log["runs"]
    (result,) = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in rules] == list(CODES)
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "S002"
    assert result["level"] == "warning"
    physical = result["locations"][0]["physicalLocation"]
    assert physical == {"artifactLocation": {"uri": "shop.py"}, "region": {"startLine": 13}}
    assert said.code == 1


def test_a_file_elsewhere_is_told_by_its_full_address(
    sagas: Sagas, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("below").mkdir()
    monkeypatch.chdir("below")
    said = sagas("lint", f"{shop}:shop", "--format", "sarif")
    (result,) = json.loads(said.out)["runs"][0]["results"]
    where = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert where == shop.as_uri()


def test_recorded_sagas_are_read(sagas: Sagas) -> None:
    Path("cars.py").write_text(
        "from sagas import Catalog, Reversibility, parallel\n"
        "cars = Catalog('cars')\n"
        "def action(name):\n"
        "    @cars.action(name=name, reversibility=Reversibility.REVERSIBLE, repeatable=True,\n"
        "                 conflicts=lambda car: [car])\n"
        "    async def do(car: str) -> None: ...\n"
        "    @do.compensation()\n"
        "    async def undo(car: str) -> None: ...\n"
        "    return do\n"
        "wash, paint = action('wash'), action('paint')\n"
        "@cars.saga\n"
        "async def service(car: str) -> None:\n"
        "    await parallel(wash(car), paint(car))\n"
    )
    only = [option for code in CODES if code != "S011" for option in ("--ignore", code)]
    assert sagas("lint", "cars.py:cars", *only).code == 0
    sagas("run", "cars.py:cars.service", "--input", '"red"', "--id", "s-1")
    assert "S011" in sagas("lint", "cars.py:cars", *only).out
    assert sagas("lint", "cars.py:cars", *only, "--runs", "0").code == 0


def test_the_examples_have_nothing_to_be_warned_of(sagas: Sagas) -> None:
    drills = ("--ignore", "D001")
    for target in (
        "examples.travel.booking:travel",
        "examples.publish.publishing:publishing",
        "examples.payments.paying:payments",
    ):
        assert sagas("lint", target, *drills).code == 0
