"""`edit`: other arguments for an open gate, which somebody else decides about."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import TRIPS, Sagas, all_but_votes, first_id

EVE = '{"to": "eve@example.org"}'
TARGET = ("--target", f"{TRIPS}:travel")


def edited(sagas: Sagas, arguments: str = EVE) -> str:
    gate = first_id(sagas, "g-")
    assert sagas("edit", gate, arguments, "--reason", "it is hers", *TARGET).code == 0
    return gate


def test_an_edit_shows_what_it_changed_and_says_that_somebody_else_decides(
    sagas: Sagas, trip: Callable[..., str]
) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    said = sagas("edit", gate, EVE, "--reason", "it is hers", *TARGET)
    assert f"{gate}: revision 2 is to be decided now, by somebody else" in said.out
    assert "+ eve@example.org" in said.out
    assert "still needed: 1 more of anyone" in said.out


def test_the_arguments_may_come_from_a_file(sagas: Sagas, trip: Callable[..., str]) -> None:
    trip("write")
    Path("arguments.json").write_text(EVE)
    edited(sagas, "@arguments.json")
    [item] = json.loads(sagas("inbox", "--json").out)
    assert (item["revision"], item["arguments"]) == (2, {"to": "eve@example.org"})
    assert [(change["name"], change["after"]) for change in item["changes"]] == [
        ("to", "eve@example.org")
    ]


def test_t7_whoever_edits_does_not_decide(sagas: Sagas, trip: Callable[..., str]) -> None:
    trip("write")
    gate = edited(sagas)
    before = all_but_votes()
    sagas("approve", gate).refused("you made revision 2 of this, and somebody else has to decide")
    assert all_but_votes() == before


def test_an_edit_that_no_worker_took_up_yet_is_told_of(
    sagas: Sagas, trip: Callable[..., str]
) -> None:
    trip("write")
    gate = edited(sagas)
    [asked] = json.loads(sagas("show", "t1", "--json").out)["not_taken_up"]
    assert (asked["kind"], asked["id"], asked["reason"]) == ("edit", gate, "it is hers")


def test_without_a_target_the_arguments_cannot_be_checked(
    sagas: Sagas, trip: Callable[..., str]
) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    before = all_but_votes()
    sagas("edit", gate, EVE, "--reason", "x").refused("cannot be checked", "--target")
    assert all_but_votes() == before


@pytest.mark.parametrize("arguments", ["", "eve", "[]", "{}", '{"to": 7}', '{"to":"a","cc":"b"}'])
def test_what_the_action_could_not_be_called_with_is_refused(
    sagas: Sagas, trip: Callable[..., str], arguments: str
) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    before = all_but_votes()
    sagas("edit", gate, arguments, "--reason", "x", *TARGET).refused()
    assert all_but_votes() == before


def test_t9_what_was_edited_is_not_approved_by_somebody_who_did_not_see_it(
    sagas: Sagas, trip: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trip("write")
    gate = edited(sagas)
    another_user(monkeypatch)
    before = all_but_votes()
    sagas("approve", gate).refused(f"{gate} was edited by", "--digest")
    [item] = json.loads(sagas("inbox", "--json").out)
    sagas("approve", gate, "--digest", item["digest"][:15]).refused("16 digits")
    assert all_but_votes() == before
    command = f"sagas approve {gate} --digest {item['digest'][:16]}"
    assert command in " ".join(sagas("inbox").out.split())
    assert sagas(*command.split()[1:]).code == 0


def test_t9_whoever_looked_before_an_edit_does_not_approve_it(
    sagas: Sagas, trip: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trip("write")
    [item] = json.loads(sagas("inbox", "--json").out)
    gate = edited(sagas)
    another_user(monkeypatch)
    sagas("approve", gate, "--digest", item["digest"]).refused("look at it and vote again")


def another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else sits down at the machine."""
    monkeypatch.setattr("sagas.cli.settings.operating_system_user", lambda: "ben")


def test_a_refused_edit_is_shown_with_why_and_without_its_arguments(
    sagas: Sagas, trip: Callable[..., str]
) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    wrong = '{"to": "eve@example.org", "bcc": "all@example.org"}'
    assert sagas("edit", gate, wrong, "--reason", "to all", *TARGET).code != 0
    shown = sagas("show", "t1", "--json").out
    [told] = json.loads(shown)["gates"]
    [refused] = told["refused_edits"]
    assert (refused["refusal"], refused["channel"], refused["reason"]) == (
        "invalid",
        "cli",
        "to all",
    )
    assert refused["evidence"].startswith("operating-system user")
    assert len(refused["arguments_hash"]) == 64
    assert "all@example.org" not in shown
    sagas("history", "t1", "--html", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert "refused (invalid)" in page
    assert "all@example.org" not in page
