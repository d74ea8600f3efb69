"""`metrics` counts what people decided, and says who is asked too often."""

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Sagas, first_id

Trip = Callable[..., str]


def test_gates_are_counted_by_action_and_votes_by_person(sagas: Sagas, trip: Trip) -> None:
    for number, word in enumerate(("approve", "reject", "approve")):
        trip("write", f"t{number}")
        reason = ["--reason", "so it is"] if word == "reject" else []
        sagas(word, first_id(sagas, "g-"), *reason)
    trip("write", "waiting")
    found = json.loads(sagas("metrics", "--json").out)
    [action] = found["actions"]
    assert {name: action[name] for name in ("opened", "waiting", "approved", "rejected")} == {
        "opened": 4,
        "waiting": 1,
        "approved": 2,
        "rejected": 1,
    }
    assert action["action"] == "travel.mail"
    assert action["approve_rate"] == pytest.approx(2 / 3)
    assert action["median_seconds"] <= action["p90_seconds"]
    [person] = found["people"]
    assert (person["votes"], person["approved"], person["with_reason"]) == (3, 2, 1)


def test_the_tables_fit_the_screen_and_name_the_action(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("approve", first_id(sagas, "g-"))
    said = sagas("metrics")
    assert said.code == 0
    assert "travel.mail" in said.out
    assert "votes, by person" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_what_was_before_does_not_count(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert sagas("metrics", "--since", "2999-01-01").out == "nobody was asked\n"


def test_a_burst_is_pointed_out(sagas: Sagas, trip: Trip) -> None:
    for number in range(5):
        trip("write", f"t{number}")
    gates = [item["id"] for item in json.loads(sagas("inbox", "--json").out)]
    for gate in gates:
        sagas("approve", gate)
    [person] = json.loads(sagas("metrics", "--json").out)["people"]
    assert (person["bursts"] > 0) == (person["most_in_a_minute"] >= 5)


def test_without_a_journal_the_command_says_how_to_make_one(sagas: Sagas) -> None:
    sagas("metrics").refused("does not exist yet")
