"""`rules`: approvals that a person gives beforehand, and takes back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Sagas, Said, first_id

Trip = Callable[..., str]
LIMITS = ("--for", "7d", "--uses", "2", "--reason", "they always go out")


@pytest.fixture
def decided(sagas: Sagas, trip: Trip) -> None:
    """One e-mail that somebody has approved."""
    trip("write", "t0")
    sagas("approve", first_id(sagas, "g-"))


@pytest.fixture
def create(sagas: Sagas, decided: None) -> Callable[..., Said]:
    """Make a rule for e-mails."""

    def make(*more: str) -> Said:
        scope = () if {"--where", "--anything"} & set(more) else ("--anything",)
        return sagas("rules", "create", "travel.mail", *LIMITS, *scope, *more)

    return make


def listed(sagas: Sagas, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sagas("rules", "list", "--json", *more).out)
    return found


def test_what_a_rule_allows_runs_without_waiting_and_is_listed(
    sagas: Sagas, trip: Trip, create: Callable[..., Said]
) -> None:
    made = create("--where", 'to matches "*"')
    assert made.code == 0
    assert "of the last 1 gate it would have allowed 1" in made.out
    [rule] = listed(sagas)
    assert f"{rule['id']}: made, as the approval of" in made.out
    for saga_id in ("t1", "t2", "t3"):
        trip("write", saga_id)
    waiting = json.loads(sagas("inbox", "--json").out)
    assert [item["saga_id"] for item in waiting] == ["t3"]
    shown = json.loads(sagas("rules", "show", rule["id"], "--json").out)
    assert (shown["used"], shown["state"]) == (2, "used up")
    assert [use["saga_id"] for use in shown["allowed"]] == ["t2", "t1"]
    newest = sagas("rules", "show", rule["id"], "--limit", "1", "--json")
    assert [use["saga_id"] for use in json.loads(newest.out)["allowed"]] == ["t2"]
    assert newest.err == "sagas: the newest 1 of 2 uses; --limit shows more\n"
    assert (
        "the newest 1 of 2 uses; --limit" in sagas("rules", "show", rule["id"], "--limit", "1").out
    )
    assert listed(sagas) == []
    assert [found["id"] for found in listed(sagas, "--all")] == [rule["id"]]
    entries = json.loads(sagas("history", "t1", "--json").out)
    [entry] = [entry for entry in entries if entry["kind"] == "GateDecided"]
    assert (entry["rule"], entry["reason"]) == (rule["id"], "they always go out")


def test_a_revoked_rule_allows_nothing_more_and_says_by_whom(
    sagas: Sagas, trip: Trip, create: Callable[..., Said]
) -> None:
    create()
    [rule] = listed(sagas)
    assert sagas("rules", "revoke", rule["id"], "--reason", "no more").code == 0
    assert trip("write", "t1")
    assert first_id(sagas, "g-")
    text = sagas("rules", "show", rule["id"]).out
    assert "revoked" in text
    assert "no more" in text
    sagas("rules", "revoke", rule["id"], "--reason", "again").refused("was revoked by", code=2)


def test_a_preview_makes_no_rule(sagas: Sagas, create: Callable[..., Said]) -> None:
    said = create("--preview", "--where", 'to == "nobody"')
    assert said.code == 0
    assert "it would have allowed 0" in said.out
    assert 'to == "nobody" does not hold' in said.out
    assert listed(sagas, "--all") == []


def test_what_is_made_is_told_to_programs(sagas: Sagas, create: Callable[..., Said]) -> None:
    said = json.loads(create("--json", "--budget", "12.5 EUR", "--amount", "to").out)
    assert said["made"] is True
    assert said["budget"] == {
        "total": "12.5",
        "currency": "EUR",
        "amount_at": "to",
        "currency_at": None,
    }
    [tried] = said["tried"]
    assert tried["allowed"] is False
    assert tried["why_not"] == "how much of its budget this takes cannot be told"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (("--for", "91d"), "within 90 days"),
        (("--for", "soon"), "--for takes a span"),
        (("--for", "9999999w"), "--for takes a span"),
        (("--uses", "0"), "1 to 10000 times"),
        (("--where", "to"), "is no condition"),
        (("--where", 'to == "a"', "--anything"), "leave one of them out"),
        (("--budget", "much"), "--budget takes an amount"),
        (("--budget", "5"), "in which currency"),
        (("--amount", "to"), "give one"),
        (("--version", "7"), "no gate has stood in front of travel.mail version 7"),
        (("--reason", " "), "needs a reason"),
        (("--last", "-1"), "--last is 0 or more"),
    ],
)
def test_a_rule_that_is_typed_wrongly_is_refused(
    create: Callable[..., Said], sagas: Sagas, more: tuple[str, ...], word: str
) -> None:
    create(*more).refused(word)
    assert listed(sagas, "--all") == []


def test_an_action_that_nobody_has_decided_about_gets_no_rule(sagas: Sagas, decided: None) -> None:
    sagas("rules", "create", "travel.announce", *LIMITS, "--anything").refused(
        "decide some by hand"
    )


def test_a_rule_that_is_not_there_is_refused(sagas: Sagas, decided: None) -> None:
    sagas("rules", "show", "r-1").refused("there is no standing rule r-1")
    sagas("rules", "revoke", "r-1", "--reason", "no").refused("there is no standing rule r-1")
