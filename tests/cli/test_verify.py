"""`migrate` and `verify`: whoever touches the journal is found out."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.cli.conftest import Sagas, first_id

Trip = Callable[..., str]


def tamper(*statements: str) -> None:
    with closing(sqlite3.connect("sagas.db")) as connection:
        triggers = connection.execute("select name from sqlite_master where type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f'drop trigger "{name}"')
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_an_untouched_journal_verifies(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    trip("late", "t2")
    said = sagas("verify")
    assert (said.code, said.out.split(":")[1]) == (0, " 2 intact\n")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("update entry set body = replace(body, 'travel', 'trouble') where seq = 1", "entry 1 (S"),
        (
            "update entry set payload = '\"F-Rome\"' where seq = 3",
            "entry 3 (Succeeded) was changed",
        ),
        (
            "update entry set written_at = written_at + 1 where seq = 2",
            "entry 2 (Intended) was changed",
        ),
        ("delete from entry where seq = 2", "entry 2 is missing"),
        ("delete from entry where seq >= 5", "ends at entry 4"),
    ],
)
def test_a_touched_entry_is_found_and_located(
    sagas: Sagas, trip: Trip, statement: str, reason: str
) -> None:
    trip("book")
    tamper(statement)
    said = sagas("verify", "t1")
    assert said.code == 1
    assert reason in said.out


def test_what_is_broken_is_told_in_json_too(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    trip("book", "t2")
    tamper("update entry set payload = '\"F-Rome\"' where seq = 3 and saga_id = 't2'")
    said = sagas("verify", "--json")
    assert said.code == 1
    [broken] = json.loads(said.out)["broken"]
    assert (broken["id"], broken["seq"]) == ("t2", 3)


def test_a_chain_made_anew_differs_from_what_the_saga_recorded(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    tamper("update saga set head_hash = 'other'")
    assert "made anew" in sagas("verify").out


def test_a_gate_that_shows_something_else_is_found(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    tamper('update gate set arguments = \'{"to":"me"}\'')
    said = sagas("verify")
    assert said.code == 1
    assert "shows something else" in said.out


@pytest.mark.parametrize(
    "change",
    [
        """stakes = '{"reversibility":"reversible"}'""",
        "because = 'the owner wants it'",
    ],
)
def test_a_gate_that_tells_another_class_or_reason_is_found(
    sagas: Sagas, trip: Trip, change: str
) -> None:
    trip("write")
    assert sagas("verify").code == 0
    tamper(f"update gate set {change}")
    said = sagas("verify")
    assert said.code == 1
    assert "another class or reason" in said.out


def test_a_broken_chain_shows_wherever_the_saga_is_shown(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    tamper("update entry set payload = '\"F-Rome\"' where seq = 3")
    assert "the chain is broken" in sagas("show", "t1").out
    assert json.loads(sagas("show", "t1", "--json").out)["verified"] is False


def test_a_migration_makes_the_journal_once(sagas: Sagas) -> None:
    assert sagas("migrate").out == "0001: The first schema.\n"
    assert sagas("migrate").out == "sqlite:///sagas.db is up to date\n"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "update gate set state = 'approved'",
            "is approved by its row, and pending by the entries",
        ),
        ("delete from gate", "was opened, and its row is gone"),
    ],
)
def test_t24_a_decision_that_nobody_made_is_found(
    sagas: Sagas, trip: Trip, change: str, reason: str
) -> None:
    trip("write")
    tamper(change)
    said = sagas("verify")
    assert said.code == 1
    assert reason in said.out


def test_t24_votes_that_are_gone_are_missed(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert sagas("approve", first_id(sagas, "g-")).code == 0
    assert sagas("verify").code == 0
    tamper("delete from vote")
    said = sagas("verify")
    assert said.code == 1
    assert "is approved, and has not the votes that it asks for" in said.out


FORGED_USE = """
insert into rule_use select gate.id, standing_rule.id, saga_id, null, 1
from gate, standing_rule where saga_id = 't0'
"""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("delete from rule_use", "and that use is not counted"),
        ("update rule_use set units = 1", "took nothing of rule"),
        (
            FORGED_USE,
            "counts as a use of rule",
        ),
    ],
)
def test_t24_uses_of_a_rule_that_were_forged_are_found(
    sagas: Sagas, trip: Trip, change: str, reason: str
) -> None:
    trip("write", "t0")
    sagas("approve", first_id(sagas, "g-"))
    limits = ("--for", "7d", "--uses", "2", "--reason", "they always go out", "--anything")
    assert sagas("rules", "create", "travel.mail", *limits).code == 0
    trip("write", "t1")
    assert sagas("verify").code == 0
    tamper(change)
    said = sagas("verify")
    assert said.code == 1
    assert reason in said.out
