"""`delegate`, `delegations`, `undelegate`: letting somebody else decide while one is away."""

import getpass
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Sagas, first_id

Trip = Callable[..., str]
TOKEN = "a token of hers"
FOR_A_WEEK = ("--until", "7d", "--reason", "on leave")


@pytest.fixture(autouse=True)
def directory(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ana is the desk, and logged in here; Zoe is somebody else, with a token."""
    (desk / "people.toml").write_text(
        f'[users.ana]\nlogin = "{getpass.getuser()}"\n'
        f'[users.zoe]\ntoken_sha256 = "{sha256(TOKEN.encode()).hexdigest()}"\n'
        '[groups]\ndesk = ["ana"]\n'
    )
    monkeypatch.setenv("SAGAS_DIRECTORY", str(desk / "people.toml"))
    monkeypatch.setenv("SAGAS_TOKEN", TOKEN)


def listed(sagas: Sagas, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sagas("delegations", "--json", *more).out)
    return found


@pytest.fixture
def announcing(sagas: Sagas, trip: Trip) -> str:
    """A gate at which the desk decides."""
    trip("tell")
    return first_id(sagas, "g-")


def test_a_delegate_decides_and_the_inbox_says_that_they_may(sagas: Sagas, announcing: str) -> None:
    sagas("approve", announcing, "--as", "zoe").refused("not among the approvers")
    said = sagas("delegate", "zoe", *FOR_A_WEEK)
    assert said.code == 0
    [made] = listed(sagas)
    assert (made["delegator"], made["delegate"], made["state"]) == ("ana", "zoe", "live")
    assert said.out.startswith(f"{made['id']}: zoe decides for ana until ")
    assert "zoe decides for ana until" in " ".join(sagas("inbox", announcing).out.split())
    approved = sagas("approve", announcing, "--as", "zoe", "--for", "ana")
    assert approved.code == 0
    assert "approved by zoe for ana" in approved.out
    [gate] = json.loads(sagas("show", "t1", "--json").out)["gates"]
    vote = gate["votes"][-1]
    assert (vote["by"], vote["acting_for"], vote["delegation"]) == ("zoe", "ana", made["id"])


def test_what_is_taken_back_gives_no_right(sagas: Sagas, announcing: str) -> None:
    sagas("delegate", "zoe", *FOR_A_WEEK)
    [made] = listed(sagas)
    assert sagas("undelegate", made["id"]).out == f"{made['id']}: zoe decides for ana no more\n"
    assert listed(sagas) == []
    [gone] = listed(sagas, "--all")
    assert (gone["state"], gone["revoked_by"]) == ("revoked", "ana")
    sagas("approve", announcing, "--as", "zoe", "--for", "ana").refused("has not asked zoe")
    sagas("undelegate", made["id"]).refused("was revoked by ana before")


def test_a_delegation_to_come_says_from_when_and_about_what(sagas: Sagas, announcing: str) -> None:
    more = ("--from", "2d", "--action", "travel.announce")
    assert sagas("delegate", "zoe", *FOR_A_WEEK, *more).code == 0
    [made] = listed(sagas)
    assert (made["state"], made["actions"]) == ("to come", ["travel.announce"])
    text = " ".join(sagas("delegations").out.split())
    assert "about travel.announce: on leave" in text
    sagas("approve", announcing, "--as", "zoe").refused("not among the approvers")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ana", *FOR_A_WEEK), "themselves"),
        (("dan", *FOR_A_WEEK), "dan is not known"),
        (("zoe", "--until", "31d", "--reason", "on leave"), "30 days at most"),
        (("zoe", "--until", "2020-01-01", "--reason", "on leave"), "give another end"),
        (("zoe", "--until", "soon", "--reason", "on leave"), "--until takes an instant"),
        (("zoe", "--until", "1d", "--reason", ""), "needs a reason"),
        (("zoe", "--until", "1d", "--from", "x", "--reason", "y"), "--from takes an instant"),
    ],
)
def test_a_delegation_that_is_typed_wrongly_is_refused(
    sagas: Sagas, announcing: str, words: tuple[str, ...], said: str
) -> None:
    sagas("delegate", *words).refused(said)
    assert listed(sagas, "--all") == []


def test_a_circle_is_refused(sagas: Sagas, announcing: str) -> None:
    sagas("delegate", "zoe", *FOR_A_WEEK)
    sagas("delegate", "ana", *FOR_A_WEEK, "--as", "zoe").refused(
        "close a circle (zoe to ana to zoe)"
    )
