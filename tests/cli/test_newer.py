"""Entries that a newer release wrote: what can be read is shown, and the rest is said to be there."""

import json
from pathlib import Path

import pytest

from tests.behaviour.test_newer_journals import append
from tests.cli.conftest import OSLO, TRIPS, Sagas


@pytest.fixture
def newer(sagas: Sagas) -> str:
    """A saga that completed, and that a newer release has reopened."""
    sagas("run", f"{TRIPS}:travel.book", "--input", OSLO, "--id", "s", "--no-wait")
    append(f"sqlite:///{Path.cwd() / 'sagas.db'}", "Foreseen", 1)
    return "s"


def test_what_comes_before_is_shown_with_why_the_rest_is_not(sagas: Sagas, newer: str) -> None:
    for command in ("show", "history"):
        said = sagas(command, newer)
        assert said.code == 0
        assert "this is not all: the rest cannot be read here" in said.out
        assert "'Foreseen', version 1" in said.out


def test_nothing_is_advised_where_not_all_is_known(sagas: Sagas, newer: str) -> None:
    found = json.loads(sagas("show", newer, "--json").out)
    assert "upgrade to read it" in found["unread"]
    assert found["next"] == []


def test_the_entries_that_cannot_be_read_are_listed_by_their_kind(sagas: Sagas, newer: str) -> None:
    last = json.loads(sagas("history", newer, "--json").out)[-1]
    assert (last["kind"], last["unread"]) == ("Foreseen", True)


def test_the_page_says_that_it_is_not_all(sagas: Sagas, newer: str) -> None:
    sagas("history", newer, "--html", "story.html")
    assert "This is not all" in Path("story.html").read_text()


def test_the_chain_verifies_all_the_same(sagas: Sagas, newer: str) -> None:
    assert sagas("verify").code == 0
    assert sagas("list").code == 0
