"""The inbox shows a gate as an approver sees it, and offers no approval of what it does not show."""

import json
from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Sagas, first_id

Trip = Callable[..., str]


def item(sagas: Sagas) -> Any:
    [found] = json.loads(sagas("inbox", "--json").out)
    return found


def test_the_inbox_tells_the_class_without_the_code(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert "class" in sagas("inbox").out
    assert "cannot be undone" in sagas("inbox").out
    assert item(sagas)["reversibility"] == "irreversible"


def test_one_gate_is_shown_in_full_with_its_commands(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    said = sagas("inbox", gate)
    assert said.out.startswith("May travel.mail run?\n")
    assert f"sagas approve {gate}" in said.out
    assert f"sagas reject {gate}" in said.out


def test_what_is_not_there_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("inbox", "g-none").refused("g-none", "sagas inbox")
