"""Driving sagas from the command line: exit codes, waiting, being stopped, going on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import pexpect
import pytest

from sagas.cli.settings import Settings, operating_system_user
from tests.cli.conftest import OSLO, ROOT, TRIPS, Sagas, Spawn, first_id

Trip = Callable[..., str]


def run(name: str, saga_id: str = "t1", trouble: str = "") -> list[str]:
    given = json.dumps({"city": "Oslo", "trouble": trouble})
    return ["run", f"{TRIPS}:travel.{name}", "--input", given, "--id", saga_id]


def until(sagas: Sagas, *command: str, has: str) -> str:
    """Repeat a reading command until it says something."""
    deadline = time.monotonic() + 30
    said = sagas(*command)
    while has not in said.out and time.monotonic() < deadline:
        time.sleep(0.05)
        said = sagas(*command)
    if has in said.out:
        return said.out
    raise AssertionError(f"{command} never said {has!r}: {said}")


# --- exit codes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "trouble", "code", "status"),
    [
        ("book", "", 0, "completed"),
        ("book", "full", 3, "compensated"),
        ("late", "", 4, "residual"),
        ("owe", "", 5, "stuck"),
    ],
)
def test_the_exit_code_says_how_a_saga_ended(
    sagas: Sagas, name: str, trouble: str, code: int, status: str
) -> None:
    said = sagas(*run(name, trouble=trouble))
    assert (said.code, said.out.split()[1]) == (code, status)


def test_a_saga_that_waits_exits_with_6_where_nobody_waits_for_it(sagas: Sagas) -> None:
    said = sagas(*run("write"), "--no-wait")
    assert (said.code, said.out.split()[1]) == (6, "waiting")


def test_a_saga_is_undone_at_the_deadline_it_was_given(sagas: Sagas) -> None:
    said = sagas(*run("hear"), "--deadline", "0.4")
    assert said.code == 3
    assert "compensated" in said.out
    assert "its deadline, 2" in said.out
    assert ", deadline 2" in " ".join(said.out.split())


def test_a_completed_run_prints_its_result(sagas: Sagas) -> None:
    assert '"F-Oslo H-1"' in sagas(*run("book")).out


def test_what_remains_is_printed(sagas: Sagas) -> None:
    assert "book_hotel  a fee of 25 EUR" in sagas(*run("late")).out


# --- ids --------------------------------------------------------------------------------------


def test_without_an_id_one_is_made_up(sagas: Sagas) -> None:
    said = sagas("run", f"{TRIPS}:travel.book", "--input", OSLO)
    assert said.out.startswith("book-")


def test_a_catalog_with_one_saga_needs_no_more_naming(sagas: Sagas) -> None:
    assert sagas("run", f"{TRIPS}:mailing", "--input", OSLO, "--no-wait").code == 6


def test_an_input_may_come_from_a_file(sagas: Sagas) -> None:
    with open("trip.json", "w") as file:  # noqa: PTH123
        file.write(OSLO)
    said = sagas("run", f"{TRIPS}:travel.book", "--input", "@trip.json", "--id", "t1")
    assert said.code == 0


def test_the_same_start_again_tells_the_same_end_and_does_nothing(sagas: Sagas) -> None:
    first = sagas(*run("book"))
    before = sagas("history", "t1", "--json").out
    assert sagas(*run("book")) == first
    assert sagas("history", "t1", "--json").out == before


def test_a_saga_that_exists_goes_on_without_its_input(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("approve", first_id(sagas, "g-"))
    assert sagas("run", f"{TRIPS}:travel.write", "--id", "t1").code == 0


def test_the_starter_is_the_directorys_name_for_the_user(sagas: Sagas) -> None:
    with open("people.toml", "w") as file:  # noqa: PTH123
        file.write(f'[users.ana]\nlogin = "{operating_system_user()}"')
    sagas(*run("book"), "--directory", "people.toml")
    assert json.loads(sagas("show", "t1", "--json").out)["starter"] == "ana"


# --- waiting, in processes of their own -------------------------------------------------------


def test_a_run_waits_until_another_process_approves(sagas: Sagas, spawn: Spawn) -> None:
    process = spawn(*run("write"))
    gate = json.loads(until(sagas, "inbox", "--json", has="g-"))[0]["id"]
    assert sagas("approve", gate, "--reason", "well said").code == 0
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert f"\n  sagas approve {gate}\n" in out
    assert f"\n  sagas reject {gate} --reason TEXT\n" in out


def test_the_printed_command_names_a_database_that_is_not_the_usual_one(
    sagas: Sagas, spawn: Spawn
) -> None:
    process = spawn(*run("write"), "--db", "sqlite:///my trips.db")
    until(sagas, "inbox", "--db", "sqlite:///my trips.db", has="g-")
    inbox = sagas("inbox", "--db", "sqlite:///my trips.db").out
    assert " --db 'sqlite:///my trips.db'\n" in inbox
    process.kill()


def test_ctrl_c_leaves_the_saga_as_it_is_and_says_how_to_go_on(sagas: Sagas, spawn: Spawn) -> None:
    process = spawn(*run("write"))
    until(sagas, "inbox", has="g-")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == f"sagas: t1 stays as it is; go on with: sagas run {TRIPS}:travel.write --id t1\n"
    assert json.loads(sagas("show", "t1", "--json").out)["status"] == "waiting"


def test_sigterm_lets_what_runs_finish_and_gives_the_saga_back(sagas: Sagas, spawn: Spawn) -> None:
    process = spawn(*run("think"))
    until(sagas, "list", has="t1")
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    shown = json.loads(sagas("show", "t1", "--json").out)
    assert [step["state"] for step in shown["steps"] if step["state"] == "running"] == []
    assert "nobody drives it now" in sagas("show", "t1").out


def test_a_killed_run_is_taken_up_by_the_next_one(sagas: Sagas, spawn: Spawn) -> None:
    process = spawn(*run("write"), SAGAS_LEASE="1")
    gate = json.loads(until(sagas, "inbox", "--json", has="g-"))[0]["id"]
    process.kill()
    process.communicate()
    sagas("approve", gate)
    assert sagas(*run("write")).code == 0


def test_a_worker_drives_what_others_left_and_ends_in_peace(sagas: Sagas, spawn: Spawn) -> None:
    sagas(*run("write"), "--no-wait")
    sagas("approve", first_id(sagas, "g-"))
    process = spawn("worker", f"{TRIPS}:travel", f"{TRIPS}:mailing")
    until(sagas, "list", has="completed")
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "sagas: stopped\n")
    assert out == "drives travel, mailing on sqlite:///sagas.db; Ctrl-C or SIGTERM ends it\n"


def test_a_journal_on_postgresql_is_driven_and_read_the_same_way(
    sagas: Sagas, postgres_url: str
) -> None:
    there = ["--db", postgres_url]
    assert sagas("migrate", *there).code == 0
    assert sagas(*run("write"), "--no-wait", *there).code == 6
    [item] = json.loads(sagas("inbox", "--json", *there).out)
    assert sagas("approve", item["id"], *there).code == 0
    assert sagas(*run("write"), *there).code == 0
    assert json.loads(sagas("show", "t1", "--json", *there).out)["status"] == "completed"
    assert sagas("verify", *there).code == 0


def test_the_printed_command_holds_no_password() -> None:
    settings = Settings(db="postgresql://ana:secret@db.example/trips")
    assert settings.command("approve", "g-1") == (
        "sagas approve g-1 --db postgresql://ana@db.example/trips"
    )


# --- in a terminal ----------------------------------------------------------------------------


def terminal(*arguments: str, **settings: str) -> "pexpect.spawn[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **settings}
    return pexpect.spawn(
        sys.executable,
        ["-m", "sagas.cli", *arguments],
        env=environment,
        encoding="utf-8",
        timeout=30,
        dimensions=(50, 80),
    )


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 3)])
def test_whoever_may_decide_is_asked_in_the_terminal(answer: str, code: int) -> None:
    child = terminal(*run("write"))
    child.expect_exact("What would run")
    child.expect_exact("to = F-Oslo")
    child.expect_exact("Once it has begun, it cannot be undone.")
    child.expect_exact("Approve? [y/n] ")
    child.sendline("perhaps")
    child.expect_exact("Please answer y or n: ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code


def test_what_was_typed_before_the_question_does_not_answer_it() -> None:
    child = terminal(*run("write"))
    child.sendline("y")
    child.expect_exact("Approve? [y/n] ")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_a_line_begun_before_the_question_does_not_answer_it() -> None:
    child = terminal(*run("write"))
    child.send("y")
    child.expect_exact("Approve? [y/n] ")
    child.sendline()
    child.expect_exact("Please answer y or n: ")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_whoever_does_not_answer_is_told_how_to_decide_later(sagas: Sagas) -> None:
    child = terminal(*run("write"))
    child.expect_exact("Approve? [y/n] ")
    child.sendeof()
    child.expect_exact("sagas reject g-")
    sagas("reject", first_id(sagas, "g-"), "--reason", "not today")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_a_decision_made_elsewhere_ends_the_question(sagas: Sagas) -> None:
    child = terminal(*run("write"))
    child.expect_exact("Approve? [y/n] ")
    sagas("reject", first_id(sagas, "g-"), "--reason", "not today")
    child.expect_exact("compensated")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_whoever_may_not_decide_is_told_who_may() -> None:
    with open("people.toml", "w") as file:  # noqa: PTH123
        file.write('[users.ben]\n[groups]\ndesk = ["ben"]')
    child = terminal(*run("tell"), SAGAS_DIRECTORY="people.toml")
    child.expect_exact("approval by 1 of @desk")
    child.expect_exact("sagas approve g-")
    child.sendintr()
    child.expect_exact("go on with")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


# --- the program itself -----------------------------------------------------------------------

HEAVY = "sqlmodel, sqlalchemy, alembic, asyncpg, slack_sdk, jinja2, tenacity"


def test_commands_on_sqlite_load_nothing_that_they_do_not_need(trip: Trip) -> None:
    trip("write")
    code = (
        "import sys; from sagas.cli import main; "
        "main(['show', 't1']); main(['history', 't1', '--json']); main(['inbox']); "
        "main(['approve', 'g-none']); "
        f"sys.exit(', '.join(m for m in '{HEAVY}'.split(', ') if m in sys.modules) or None)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines() == [
        "sagas: there is no gate g-none; `sagas inbox` lists those that wait"
    ]


def test_the_help_lists_every_command(sagas: Sagas) -> None:
    words = sagas("--help").out.split()
    names = "run worker list show history preview inbox approve reject resolve cancel send"
    assert {*names.split(), "migrate", "verify"} <= set(words)


def test_without_a_command_the_help_is_shown(sagas: Sagas) -> None:
    assert sagas() == sagas("--help")


def test_the_version_is_that_of_the_package(sagas: Sagas) -> None:
    said = sagas("--version")
    assert (said.code, said.out) == (0, f"agent-sagas {version('agent-sagas')}\n")
