"""What `show` says of windows: until when what was done can be undone."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.cli.conftest import TRIPS, Sagas

Trip = Callable[..., str]


def hold(sagas: Sagas) -> None:
    """Run a saga whose first step can be undone for a week, up to its gate."""
    given = '{"city": "Oslo"}'
    sagas("run", f"{TRIPS}:seats.hold", "--input", given, "--id", "t1", "--no-wait")


def test_show_tells_until_when_what_was_done_can_be_undone(sagas: Sagas) -> None:
    hold(sagas)
    said = sagas("show", "t1").out
    assert "can be undone, or asked again, until" in said
    found = json.loads(sagas("show", "t1", "--json").out)
    [step] = found["steps"][:1]
    [limit] = found["horizon"]["undo"]
    began = datetime.fromisoformat(step["do"]["began_at"])
    assert datetime.fromisoformat(limit["until"]) == began + timedelta(days=7)
    assert (limit["path"], limit["event"], limit["over"]) == (step["path"], None, False)


def test_show_is_silent_about_what_can_be_undone_without_an_end(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    assert "can be undone" not in sagas("show", "t1").out


def test_the_gate_says_until_when_it_can_be_undone(sagas: Sagas) -> None:
    hold(sagas)
    gate = json.loads(sagas("show", "t1", "--json").out)["gates"][0]["id"]
    assert "can be undone until" in sagas("inbox", gate).out


def test_the_entries_tell_of_the_window_as_json(sagas: Sagas) -> None:
    hold(sagas)
    entries = json.loads(sagas("history", "t1", "--json").out)
    windows = [entry["window"] for entry in entries if "window" in entry]
    known = {name: found for name, found in windows[0].items() if found is not None}
    assert known == {"duration": "P7D", "on_alarm": "escalate"}
