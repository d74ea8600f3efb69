"""What reading commands say: the same in words and in JSON, and nothing a terminal would obey."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import ROOT, TRIPS, Sagas, first_id

Trip = Callable[..., str]


def told(sagas: Sagas, *command: str) -> Any:
    """The JSON that a command prints."""
    said = sagas(*command, "--json")
    assert said.code == 0
    return json.loads(said.out)


# --- list -------------------------------------------------------------------------------------


def test_a_list_holds_every_saga_the_newest_first(sagas: Sagas, trip: Trip) -> None:
    trip("book", "a")
    trip("write", "b")
    assert [(item["id"], item["status"]) for item in told(sagas, "list")] == [
        ("b", "waiting"),
        ("a", "completed"),
    ]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--status", "waiting"], ["b"]),
        (["--saga", "travel.book"], ["a"]),
        (["--since", "1h"], ["b", "a"]),
        (["--since", "2999-01-01"], []),
        (["--limit", "1"], ["b"]),
    ],
)
def test_a_list_can_be_narrowed(
    sagas: Sagas, trip: Trip, options: list[str], ids: list[str]
) -> None:
    trip("book", "a")
    trip("write", "b")
    assert [item["id"] for item in told(sagas, "list", *options)] == ids


@pytest.mark.parametrize("command", ["list", "inbox"])
def test_where_there_is_no_journal_yet_nothing_is_listed_and_nothing_made(
    sagas: Sagas, command: str
) -> None:
    said = sagas(command, "--json")
    assert (said.code, json.loads(said.out)) == (0, [])
    assert "does not exist yet" in said.err
    assert os.listdir() == []  # noqa: PTH208


def test_an_item_of_a_list_has_its_documented_shape(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    [item] = told(sagas, "list")
    assert list(item) == [
        "id", "saga", "version", "status", "reason", "starter", "created_at", "updated_at",
        "wake_at",
    ]  # fmt: skip


# --- show -------------------------------------------------------------------------------------


def test_show_has_its_documented_shape(sagas: Sagas, trip: Trip) -> None:
    trip("late")
    shown = told(sagas, "show", "t1")
    assert list(shown) == [
        "id", "saga", "version", "status", "reason", "starter", "started_at", "deadline",
        "ended_at", "input", "result", "steps", "gates", "interventions", "residue",
        "residue_sum", "remains", "waits_for",
        "not_taken_up", "next", "head", "head_hash", "verified", "unread", "horizon",
    ]  # fmt: skip
    assert list(shown["steps"][0]) == [
        "path", "action", "version", "reversibility", "state", "late", "arguments", "called_with",
        "result", "gate",
        "waiver", "do", "undo", "residue", "drill",
    ]  # fmt: skip


def test_show_tells_what_was_done_undone_and_left(sagas: Sagas, trip: Trip) -> None:
    trip("late")
    shown = told(sagas, "show", "t1")
    assert {step["action"]: step["state"] for step in shown["steps"]} == {
        "travel.book_flight": "undone",
        "travel.book_hotel": "undone",
    }
    assert [(item["action"], item["text"]) for item in shown["residue"]] == [
        ("travel.book_hotel", "a fee of 25 EUR")
    ]


def test_show_in_words_says_the_same(sagas: Sagas, trip: Trip) -> None:
    trip("late")
    out = sagas("show", "t1").out
    for words in ("t1  residual", "book_flight  undone", "remains", "leaves: a fee of 25 EUR"):
        assert words in out


def test_what_could_not_be_undone_is_not_shown_as_undone(sagas: Sagas, trip: Trip) -> None:
    trip("late", trouble="refund")
    out = sagas("show", "t1").out
    assert re.search(r"book_flight +not undone +\d\d:\d\d:\d\d +- ", out)
    assert "book_flight  not undone: the airline refuses" in out


def test_a_step_that_waited_when_its_saga_was_cancelled_waits_no_more(
    sagas: Sagas, trip: Trip
) -> None:
    trip("write")
    sagas("cancel", "t1", "--reason", "not today")
    trip("write")
    states = {step["action"]: step["state"] for step in told(sagas, "show", "t1")["steps"]}
    assert states == {"travel.book_flight": "undone", "travel.mail": "failed"}


def test_show_names_the_next_commands(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    assert told(sagas, "show", "t1")["next"] == [
        f"sagas approve {gate}",
        f"sagas reject {gate} --reason TEXT",
    ]


def test_what_an_undo_left_is_shown_and_accepted(sagas: Sagas, trip: Trip) -> None:
    trip("seated")
    [question] = told(sagas, "show", "t1")["interventions"]
    assert (question["kind"], question["evidence"]) == ("residue", "25 EUR")
    waiting = " ".join(sagas("inbox").out.split())
    for words in ("is that accepted?", "--choice accept", "--choice done", "25 EUR"):
        assert words in waiting
    sagas("resolve", question["id"], "--choice", "accept", "--reason", "it is small")
    trip("seated")
    shown = told(sagas, "show", "t1")
    assert shown["status"] == "residual"
    assert shown["residue_sum"]["money"] == [{"amount": "25", "currency": "EUR"}]


def test_show_offers_each_choice_of_an_intervention(sagas: Sagas, trip: Trip) -> None:
    trip("owe")
    [question] = told(sagas, "show", "t1")["interventions"]
    assert question["choices"] == ["happened", "not-happened", "retry", "unwind"]
    assert (
        f"sagas resolve {question['id']} --choice unwind --reason TEXT" in sagas("show", "t1").out
    )


def test_a_decision_that_no_worker_has_seen_shows(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("approve", first_id(sagas, "g-"), "--reason", "well said")
    shown = told(sagas, "show", "t1")
    assert shown["gates"][0]["state"] == "approved"
    assert [item["kind"] for item in shown["not_taken_up"]] == ["gate"]
    assert "not taken up by a worker yet" in sagas("show", "t1").out


def test_who_voted_and_why_is_shown(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("reject", first_id(sagas, "g-"), "--reason", "too soon")
    [vote] = told(sagas, "show", "t1")["gates"][0]["votes"]
    assert (vote["vote"], vote["reason"], vote["channel"]) == ("reject", "too soon", "cli")
    assert vote["evidence"].startswith("operating-system user ")


def test_a_cancel_is_shown_before_and_after_it_is_taken_up(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("cancel", "t1", "--reason", "no money")
    assert told(sagas, "show", "t1")["not_taken_up"][0]["reason"] == "no money"
    assert sagas("run", f"{TRIPS}:travel.write", "--id", "t1").code == 3
    assert "no money" in told(sagas, "show", "t1")["reason"]


def test_an_event_is_sent_once_for_each_key(sagas: Sagas, trip: Trip) -> None:
    trip("hear")
    assert "sent" in sagas("send", "t1", "paid", "--payload", '{"sum": 5}', "--key", "k").out
    assert "not sent again" in sagas("send", "t1", "paid", "--key", "k").out
    assert sagas("run", f"{TRIPS}:travel.hear", "--id", "t1").code == 0
    assert told(sagas, "show", "t1")["result"] == "{'sum': 5}"


def test_an_answer_with_a_result_lets_the_saga_go_on(sagas: Sagas, trip: Trip) -> None:
    trip("owe")
    answer = ["--choice", "happened", "--reason", "on the bill", "--result", '{"ref": "P"}']
    said = sagas("resolve", first_id(sagas, "i-"), *answer, "--target", f"{TRIPS}:travel")
    assert said.code == 0
    for _ in range(2):  # before it is taken up, and after
        [question] = told(sagas, "show", "t1")["interventions"]
        assert question["identified_by"].startswith("operating-system user")
        assert question["channel"] == "cli"
        assert sagas("run", f"{TRIPS}:travel.owe", "--id", "t1").code == 0
    assert told(sagas, "show", "t1")["result"] == "P"


# --- history ----------------------------------------------------------------------------------


def test_history_is_a_flat_list_of_every_entry(sagas: Sagas, trip: Trip) -> None:
    trip("book", trouble="full")
    history = told(sagas, "history", "t1")
    assert [(item["seq"], item["kind"]) for item in history] == [
        (1, "Started"),
        (2, "Intended"),
        (3, "Succeeded"),
        (4, "Intended"),
        (5, "Failed"),
        (6, "UnwindBegan"),
        (7, "CompensationIntended"),
        (8, "Compensated"),
        (9, "Ended"),
    ]
    assert history[1]["action"] == "travel.book_flight"
    assert history[1]["payload"]["trip"]["city"] == "Oslo"
    assert history[1]["at"].endswith("Z")
    assert history[1]["latest_end"].endswith("Z")
    assert all(len(item["hash"]) == 64 for item in history)


@pytest.mark.parametrize("name", ["book", "late", "owe", "write", "hear"])
def test_the_timeline_leaves_no_entry_out(sagas: Sagas, trip: Trip, name: str) -> None:
    trip(name)
    history = told(sagas, "history", "t1")
    lines = sagas("history", "t1").out.splitlines()
    told_of = {int(line.split()[1]) for line in lines if line[2:3] == ":" and line[5:6] == ":"}
    begun = {
        item["seq"]
        for item in history
        if item["kind"] not in ("Succeeded", "Compensated", "FoundInDoubt", "TimerFired", "Failed")
    }
    assert begun <= told_of


def test_the_timeline_reads_as_a_story(sagas: Sagas, trip: Trip) -> None:
    trip("book", trouble="full")
    verbs = [
        line.split()[3]
        for line in sagas("history", "t1").out.splitlines()
        if line[2:3] == ":" and line[5:6] == ":"
    ]
    assert verbs == ["started", "did", "failed", "unwinds", "undid", "ended"]


# --- preview ----------------------------------------------------------------------------------


def test_the_preview_is_the_order_in_which_it_is_undone(sagas: Sagas, trip: Trip) -> None:
    trip("owe")
    foreseen = [item["path"] for item in told(sagas, "preview", "t1")["undone"]]
    assert foreseen == ["owe/pay#1", "owe/book_flight#1"]


def test_the_preview_tells_declared_residues_where_the_catalog_is_named(
    sagas: Sagas, trip: Trip
) -> None:
    sagas("run", f"{TRIPS}:travel.hear", "--input", '{"city": "Oslo"}', "--id", "t1", "--no-wait")
    trip("write", "t2")
    told_of = told(sagas, "preview", "t2", "--target", f"{TRIPS}:travel")
    assert told_of["undone"][0]["declared_residue"] is None
    assert "book_flight" in sagas("preview", "t2").out


def test_nothing_more_is_undone_of_a_saga_that_has_ended(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    assert told(sagas, "preview", "t1")["undone"] == []
    assert "has ended" in sagas("preview", "t1").out


# --- inbox ------------------------------------------------------------------------------------


def test_the_inbox_holds_gates_and_interventions(sagas: Sagas, trip: Trip) -> None:
    trip("write", "a")
    trip("owe", "b")
    items = told(sagas, "inbox")
    assert [(item["kind"], item["saga_id"], item["action"]) for item in items] == [
        ("gate", "a", "travel.mail"),
        ("intervention", "b", "travel.pay"),
    ]
    assert items[0]["deadline"].endswith("Z")
    assert items[0]["arguments"] == {"to": "F-Oslo"}
    assert items[1]["choices"] == ["happened", "not-happened", "retry", "unwind"]


def test_an_empty_inbox_says_so(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    assert sagas("inbox").out == "nothing waits for a person\n"


# --- safe and readable ------------------------------------------------------------------------


def test_text_that_nobody_vouches_for_is_shown_and_not_obeyed(sagas: Sagas, trip: Trip) -> None:
    trip("book", trouble="full")
    for command in (["show", "t1"], ["history", "t1"], ["list"]):
        out = sagas(*command).out
        assert "\x1b" not in out
        assert "[bold]town[/bold]" in " ".join(out.split())


@pytest.mark.parametrize(
    "command", [["show", "t1"], ["history", "t1"], ["list"], ["preview", "t1"], ["inbox"]]
)
def test_lines_fit_80_columns_and_end_without_blanks(
    sagas: Sagas, trip: Trip, command: list[str]
) -> None:
    trip("owe")
    for line in sagas(*command).out.splitlines():
        assert line == line.rstrip()
        assert len(line) <= 80 or line.lstrip().startswith("sagas ")


def test_a_terminal_without_unicode_gets_plain_marks(trip: Trip) -> None:
    trip("book", trouble="full")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "sagas.cli", "history", "t1"],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout.isascii()
