"""The page about testing names what there is, and what it shows runs."""

import re
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import entry_points
from inspect import getdoc
from pathlib import Path

import pytest

import sagas.testing
from sagas.testing import Report, TestingError
from sagas.testing.exploring import Options
from sagas.testing.oracles import ALWAYS, AT_THE_END, Rule
from tests.docs.walkthrough import Walkthrough

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
ERRORS = sorted(error.__name__ for error in TestingError.__subclasses__())
FUNCTIONS = sorted(name for name in sagas.testing.__all__ if name[0].islower())
FIXTURES = ("saga_journal", "virtual_clock", "frozen_clock")


def fact(rule: Rule) -> str:
    """What a rule says must hold, in one line."""
    return " ".join((getdoc(rule) or "").partition("\n\n")[0].split())


def rows(section: str) -> list[tuple[str, str]]:
    """The first two columns of the tables of a section, without their heads."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| (.*?) \|(?: |$)", text, re.MULTILINE)


def test_every_rule_is_listed_with_the_fact_that_it_states() -> None:
    assert rows("What is judged") == [
        (rule.__name__, fact(rule)) for rule in (*ALWAYS, *AT_THE_END)
    ]


def test_every_error_is_explained() -> None:
    assert sorted(name for name, _ in rows("Errors")) == ERRORS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_named(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE)


@pytest.mark.parametrize("option", Options.__annotations__)
def test_every_option_of_the_explorers_has_a_row(option: str) -> None:
    assert f"\n| `{option}=` |" in PAGE


@pytest.mark.parametrize("fixture", FIXTURES)
def test_every_fixture_has_a_row(fixture: str) -> None:
    assert f"\n| `{fixture}` |" in PAGE


@pytest.mark.parametrize("name", [field.name for field in fields(Report)])
def test_what_a_report_has_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE.partition("\n### Reports\n")[2].partition("\n### ")[0]


@pytest.mark.slow
def test_the_examples_pass(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play(PAGE)
    found = any(item.name == "sagas" for item in entry_points(group="pytest11"))
    plugin = () if found else ("-p", "sagas.testing.plugin")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", *plugin],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
