"""Each threat of docs/threats.md has a test that names it, and each test it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
THREATS = range(1, 29)
RACES = PAGE.partition("\n## Races\n")[2]
SLACK = PAGE.partition("\n## In Slack\n")[2].partition("\n## ")[0]
THREATS_IN_SLACK = (2, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 19, 21, 22, 23, 28)
EVERYWHERE = PAGE.replace(SLACK, "")


def names_of_tests() -> frozenset[str]:
    """The names of all tests."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    )


TESTS = names_of_tests()


@pytest.mark.parametrize("number", THREATS)
def test_a_threat_has_a_row_that_names_a_test_of_it(number: int) -> None:
    [row] = re.findall(rf"^\| T{number} \|.*$", EVERYWHERE, re.MULTILINE)
    assert f"`test_t{number}_" in row


@pytest.mark.parametrize("number", THREATS_IN_SLACK)
def test_a_threat_that_comes_by_slack_too_has_a_row_with_tests_of_it(number: int) -> None:
    [row] = re.findall(rf"^\| T{number} \|.*$", SLACK, re.MULTILINE)
    assert "`test_" in row


def test_a_race_names_its_test() -> None:
    rows = re.findall(r"^\| (?!---|at one).*$", RACES, re.MULTILINE)
    assert len(rows) == 21
    assert [row for row in rows if "`test_" not in row] == []


def test_a_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert sorted(named - TESTS) == []


def test_a_race_that_a_test_names_is_on_the_page() -> None:
    races = {name for name in TESTS if re.match(r"test_(t\d+_)?race_", name)}
    assert sorted(name for name in races if name not in RACES) == []
