"""What is typed wrong is answered in one line, with exit code 2, and nothing is written."""

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import asyncpg
import freezegun
import pytest

from sagas.cli.settings import operating_system_user
from sagas.journal import migrate
from sagas.payloads import MAX_BYTES
from tests.cli.conftest import OSLO, TRIPS, Sagas, Said, Spawn, all_but_votes, everything, first_id

BOOK = f"{TRIPS}:travel.book"

Trip = Callable[..., str]


# --- deadlines --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e300"])
def test_a_deadline_that_cannot_be_is_refused(sagas: Sagas, seconds: str) -> None:
    said = sagas("run", BOOK, "--input", OSLO, "--id", "t1", "--deadline", seconds)
    said.refused("--deadline is a number of seconds, above zero")
    assert everything() == ""


def test_a_file_without_its_mark_is_pointed_out(sagas: Sagas) -> None:
    Path("trip.json").write_text(OSLO)
    sagas("run", BOOK, "--input", "trip.json").refused("trip.json is a file: write @trip.json")
    assert everything() == ""


def test_a_text_that_is_too_long_for_a_file_is_no_json_either(sagas: Sagas) -> None:
    sagas("run", BOOK, "--input", "x" * 5000).refused("is not JSON")


def test_going_on_with_no_saga_says_how_to_start_one(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    sagas("run", BOOK, "--id", "t9").refused("there is no saga 't9'", "--input", "sagas list")


def test_a_deadline_without_an_input_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("hear")
    sagas("run", f"{TRIPS}:travel.hear", "--id", "t1", "--deadline", "9").refused(
        "give its --input"
    )


# --- targets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere.to_be_found:travel", ["no module 'nowhere'"]),
        ("nowhere.py:travel", ["no file nowhere.py"]),
        (f"{TRIPS}:holiday.book", ["no catalog 'holiday'", "it has mailing, seats, travel"]),
        (f"{TRIPS}:travel.nothing", ["no saga 'nothing'", "it has book, hear,"]),
        (f"{TRIPS}:travel", ["several sagas", ":travel.book"]),
        ("travel.book", ["no target", "module:catalog"]),
        (":travel", ["no target"]),
        ("a..b:travel", ["no module 'a'"]),
        (".trips:travel", ["'.trips' is no module's name"]),
        ("trips.py", ["no target", "trips.py:travel"]),
    ],
)
def test_an_unknown_target_is_answered_with_what_exists(
    sagas: Sagas, target: str, words: list[str]
) -> None:
    sagas("run", target, "--input", OSLO, "--id", "t1").refused(*words)
    assert everything() == ""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_that_name", ["ModuleNotFoundError", "line 1"]),
        ("x = 1\nbroken(", ["SyntaxError"]),
        ("x = 1\ny = z", ["NameError", "line 2"]),
        ("raise SystemExit(3)", ["SystemExit"]),
        ("from sagas import Catalog\nc = Catalog('a b')", ["'a b'", "broken-module.py, line 2"]),
    ],
)
def test_a_target_that_cannot_be_imported_says_why(
    sagas: Sagas, code: str, words: list[str]
) -> None:
    Path("broken-module.py").write_text(code)
    sagas("run", "broken-module.py:c.s", "--input", OSLO).refused(*words)
    assert everything() == ""


@pytest.mark.parametrize("code", ["x = int('ten')", "x = len(1)"])
def test_an_error_in_a_module_is_not_taken_for_one_in_its_name(sagas: Sagas, code: str) -> None:
    Path("broken_module.py").write_text(code)
    for module in ("broken_module", "broken_module.py"):
        sagas("run", f"{module}:c.s", "--input", OSLO).refused("Error: ", "line 1", "imported")


# --- databases --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/x", ["'mysql' are not supported", "sqlite:///file.db"]),
        ("sagas.db", ["no database URL"]),
        ("sqlite://sagas.db", ["lacks a slash"]),
        ("sqlite:///:memory:", ["would be lost"]),
        ("sqlite:///missing/sagas.db", ["directory missing does not exist"]),
        ("sqlite:////proc/sagas.db", ["cannot be written"]),
        ("sqlite:///.", ["is a directory"]),
        ("sqlite:////", ["is a directory"]),
        ("sqlite:///text.txt", ["not an SQLite database"]),
        ("sqlite:///other.db", ["holds other tables and no journal"]),
        ("postgresql://nobody@127.0.0.1:1/sagas", ["127.0.0.1:1"]),
        ("postgresql://[::1/x", ["cannot be read"]),
    ],
)
def test_a_database_that_cannot_hold_the_journal_is_refused(
    sagas: Sagas, url: str, words: list[str]
) -> None:
    Path("text.txt").write_text("this is a text, and a longer one than any header")
    with closing(sqlite3.connect("other.db")) as other:
        other.execute("create table theirs (x)")
    before = {path: path.read_bytes() for path in (Path("text.txt"), Path("other.db"))}
    sagas("run", BOOK, "--input", OSLO, "--id", "t1", "--db", url).refused(*words)
    sagas("migrate", "--db", url).refused(*words)
    assert {path: path.read_bytes() for path in before} == before
    assert not Path("sagas.db").exists()


def test_a_database_of_a_newer_version_is_left_alone(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    with closing(sqlite3.connect("sagas.db")) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
        connection.commit()
    before = everything()
    for command in (["list"], ["show", "t1"], ["migrate"], ["cancel", "t1", "--reason", "x"]):
        sagas(*command).refused("newer agent-sagas", "upgrade")
    sagas("run", BOOK, "--input", OSLO, "--id", "t2").refused("newer agent-sagas")
    assert everything() == before


OVERRIDE = "-dac_override,-dac_read_search"
GIVEN_UP = ["setpriv", f"--bounding-set={OVERRIDE}", f"--inh-caps={OVERRIDE}"]
"""Root may write anywhere; a command started like this may not."""


def test_a_directory_that_is_read_only_is_refused(desk: Path, spawn: Spawn) -> None:
    desk.chmod(0o500)
    before = GIVEN_UP if os.getuid() == 0 else []
    process = spawn("run", BOOK, "--input", OSLO, "--id", "t1", before=before)
    out, err = process.communicate(timeout=30)
    Said(process.returncode, out, err).refused("cannot be written")
    assert list(desk.iterdir()) == []


@pytest.mark.parametrize("command", [["show", "t1"], ["approve", "g-1"], ["verify"]])
def test_a_command_that_only_looks_makes_no_database(sagas: Sagas, command: list[str]) -> None:
    sagas(*command).refused("sqlite:///sagas.db does not exist yet")
    assert list(Path().iterdir()) == []


def test_a_postgresql_database_without_a_journal_says_how_to_make_one(
    sagas: Sagas, postgres_url: str
) -> None:
    sagas("list", "--db", postgres_url).refused("sagas migrate")


async def loosen(url: str) -> None:
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("select current_database()")
    await connection.execute(f'alter database "{name}" set synchronous_commit = off')
    await connection.close()


async def test_a_postgresql_database_that_would_lose_what_it_acknowledged_is_refused(
    postgres_url: str, spawn: Spawn
) -> None:
    migrate(postgres_url)
    await loosen(postgres_url)
    process = spawn("run", BOOK, "--input", OSLO, "--id", "t1", "--db", postgres_url)
    out, err = process.communicate(timeout=30)
    Said(process.returncode, out, err).refused("synchronous_commit")


# --- what a saga is started with --------------------------------------------------------------

DEEP = "[" * 100 + "]" * 100


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{"nights": 2}', ["input of travel.book", "city", "required"]),
        ('{"city": 3}', ["city", "string"]),
        ('{"city": "Oslo", "nights": "many"}', ["nights", "integer"]),
        ("[]", ["input of travel.book"]),
        ("{city: Oslo}", ["is not JSON"]),
        ("", ["is not JSON"]),
        ('{"city": "Oslo", "nights": NaN}', ["holds NaN"]),
        ('{"city": "Oslo", "nights": -Infinity}', ["holds -Infinity"]),
        ('{"city": "\\ud800"}', ["surrogate"]),
        ('{"city": "\\u0000"}', ["NUL"]),
        ('{"city": "A", "city": "B"}', ["'city' twice"]),
        (f'{{"city": {DEEP}}}', ["deeper than 64"]),
        (f'{{"city": {"[" * 100_000}}}', []),
        ("@nothing.json", ["nothing.json cannot be read", "No such file"]),
        ("@.", ["cannot be read", "directory"]),
        ("@latin.json", ["not UTF-8"]),
        ("@large.json", [f"{MAX_BYTES:,}"]),
        ("@huge.json", ["is larger than"]),
    ],
)
def test_an_input_that_cannot_be_right_says_which_field_and_why(
    sagas: Sagas, given: str, words: list[str]
) -> None:
    Path("latin.json").write_bytes('{"city": "Røros"}'.encode("latin-1"))
    Path("large.json").write_text(f'{{"city": "{"x" * MAX_BYTES}"}}')
    Path("huge.json").write_text(" " * (17 * MAX_BYTES))
    sagas("run", BOOK, "--input", given, "--id", "t1").refused(*words)
    assert everything() == ""


def test_a_run_without_an_input_and_without_an_id_is_refused(sagas: Sagas) -> None:
    sagas("run", BOOK).refused("--input")


@pytest.mark.parametrize("saga_id", ["", " ", "a\nb", "x" * 201, "\udcff", "a\x1b[31m"])
def test_an_id_that_nobody_could_type_is_refused(sagas: Sagas, saga_id: str) -> None:
    sagas("run", BOOK, "--input", OSLO, "--id", saga_id).refused("id is 1 to 200 printable")
    assert everything() == ""


def test_a_second_start_with_another_input_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    before = everything()
    said = sagas("run", BOOK, "--input", '{"city": "Rome"}', "--id", "t1")
    said.refused("'t1' belongs to travel.book", "another input")
    assert entries(everything()) == entries(before)


def test_an_id_of_another_saga_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("run", BOOK, "--input", OSLO, "--id", "t1").refused("'t1' belongs to travel.write")
    sagas("run", BOOK, "--id", "t1").refused("t1 is a travel.write")


def entries(dump: str) -> list[str]:
    """The rows in a dump but for those of workers: a lease that came and went is no matter."""
    return [line for line in dump.split(";") if "INSERT" in line and "worker" not in line]


# --- sagas that are not there -----------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["show", "t9"],
        ["history", "t9"],
        ["history", "t9", "--html", "page.html"],
        ["preview", "t9"],
        ["cancel", "t9", "--reason", "x"],
        ["send", "t9", "paid"],
        ["verify", "t9"],
        ["run", BOOK, "--id", "t9"],
    ],
)
def test_an_unknown_saga_is_refused(sagas: Sagas, trip: Trip, command: list[str]) -> None:
    trip("book")
    before = everything()
    sagas(*command).refused("there is no saga 't9'", "sagas list")
    assert entries(everything()) == entries(before)
    assert not Path("page.html").exists()


def test_an_ended_saga_is_neither_cancelled_nor_sent_to(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    before = everything()
    sagas("cancel", "t1", "--reason", "x").refused("t1 ended (completed)")
    sagas("send", "t1", "paid").refused("t1 ended (completed)")
    assert everything() == before


@pytest.mark.parametrize(
    ("payload", "words"),
    [("NaN", ["NaN"]), ('"\\ud800"', ["surrogate"]), ('"\\u0000"', ["NUL"]), (DEEP, ["deeper"])],
)
def test_an_event_that_cannot_be_stored_is_refused(
    sagas: Sagas, trip: Trip, payload: str, words: list[str]
) -> None:
    trip("hear")
    before = everything()
    sagas("send", "t1", "paid", "--payload", payload).refused("the event's payload", *words)
    assert everything() == before


# --- gates ------------------------------------------------------------------------------------


def test_an_unknown_gate_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    before = everything()
    sagas("approve", "g-nothing").refused("no gate g-nothing", "sagas inbox")
    sagas("reject", "g-nothing", "--reason", "x").refused("no gate g-nothing")
    assert everything() == before


def test_a_decided_gate_is_not_decided_again(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    assert sagas("reject", gate, "--reason", "too soon").code == 0
    before = all_but_votes()
    sagas("approve", gate).refused("already rejected by", "too soon")
    assert all_but_votes() == before


def test_an_expired_gate_is_not_decided(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    with freezegun.freeze_time("2999-01-01", real_asyncio=True):
        sagas("approve", gate).refused("nobody decided before")
    assert '"approved"' not in everything()


def test_a_gate_of_others_is_not_decided(sagas: Sagas, trip: Trip) -> None:
    directory({"ben": "ben"}, desk=["ben"], me="ana")
    trip("tell")
    gate = first_id(sagas, "g-")
    before = all_but_votes()
    sagas("approve", gate, "--directory", "people.toml").refused("not among the approvers", "@desk")
    assert all_but_votes() == before


@pytest.mark.parametrize("digest", ["", "12345", "0123456", "g" * 12, "a" * 65, "0x12345678"])
def test_what_is_no_digest_is_refused(sagas: Sagas, trip: Trip, digest: str) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    before = everything()
    sagas("approve", gate, "--digest", digest).refused("first 8 hexadecimal digits")
    assert everything() == before


def test_t27_a_wrong_digest_is_refused_and_the_gate_stays_open(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    gate = first_id(sagas, "g-")
    before = all_but_votes()
    sagas("approve", gate, "--digest", "0123456789ab").refused("0123456789ab is not that of what")
    assert all_but_votes() == before


def test_nothing_is_withdrawn_that_was_not_said(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("withdraw", first_id(sagas, "g-")).refused("you have no vote here to withdraw")


def test_nothing_is_revoked_that_was_not_approved(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    sagas("revoke", first_id(sagas, "g-"), "--reason", "x").refused(
        "there is no approval to revoke"
    )


def directory(users: dict[str, str], *, desk: list[str], me: str | None) -> None:
    """Write who is who: `users` by name and token; `me` is whoever runs the test."""
    lines = [
        f'[users.{name}]\ntoken_sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"'
        for name, token in users.items()
    ]
    if me is not None:
        lines.append(f'[users.{me}]\nlogin = "{operating_system_user()}"')
    members = ", ".join(f'"{name}"' for name in desk)
    Path("people.toml").write_text("\n".join([*lines, f"[groups]\ndesk = [{members}]"]))
    os.environ["SAGAS_DIRECTORY"] = str(Path("people.toml").resolve())


@pytest.fixture(autouse=True)
def no_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test says of the directory is forgotten after it."""
    monkeypatch.setenv("SAGAS_DIRECTORY", "")


def test_somebody_the_directory_does_not_know_decides_nothing(sagas: Sagas, trip: Trip) -> None:
    directory({"ben": "secret"}, desk=["ben"], me=None)
    trip("tell")
    before = everything()
    for command in (
        ["approve", "g-1"],
        ["reject", "g-1", "--reason", "x"],
        ["cancel", "t1", "--reason", "x"],
        ["send", "t1", "paid"],
        ["resolve", "i-1", "--choice", "retry", "--reason", "x"],
    ):
        sagas(*command).refused(f"{operating_system_user()} is not known", "people.toml")
    assert everything() == before


def test_t22_another_user_needs_a_token(sagas: Sagas, trip: Trip) -> None:
    directory({"ben": "secret"}, desk=["ben"], me="ana")
    trip("tell")
    sagas("approve", first_id(sagas, "g-"), "--as", "ben").refused("SAGAS_TOKEN")


def test_t22_a_token_of_somebody_else_is_refused(
    sagas: Sagas, trip: Trip, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory({"ben": "secret", "cem": "other"}, desk=["ben"], me="ana")
    trip("tell")
    gate = first_id(sagas, "g-")
    before = everything()
    monkeypatch.setenv("SAGAS_TOKEN", "other")
    sagas("approve", gate, "--as", "ben").refused("not that of ben")
    assert everything() == before


def test_t22_the_name_in_the_environment_makes_nobody_another(
    sagas: Sagas, trip: Trip, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory({"ben": "secret"}, desk=["ben"], me="ana")
    trip("tell")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ben")
    sagas("approve", first_id(sagas, "g-")).refused("not among the approvers")


def test_a_directory_that_does_not_read_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("write")
    Path("people.toml").write_text("[users.ana]\nnickname = 'a'")
    sagas("approve", "g-1", "--directory", "people.toml").refused("users.ana.nickname")
    sagas("approve", "g-1", "--directory", "none.toml").refused("none.toml", "cannot be read")


# --- interventions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "more", "words"),
    [
        ("bogus", [], ["not on offer", "happened, not-happened, retry, unwind"]),
        ("happened", [], ["needs the result"]),
        ("happened", ["--result", '{"ref": "H"}'], ["--target"]),
        ("happened", ["--result", '{"ref": "H"}', "--target", f"{TRIPS}:mailing"], ["--target"]),
        ("happened", ["--result", "{}", "--target", f"{TRIPS}:travel"], ["ref", "required"]),
        ("happened", ["--result", "NaN", "--target", f"{TRIPS}:travel"], ["NaN"]),
        ("retry", ["--result", '{"ref": "H"}', "--target", f"{TRIPS}:travel"], ["no result"]),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused(
    sagas: Sagas, trip: Trip, choice: str, more: list[str], words: list[str]
) -> None:
    trip("owe")
    question = first_id(sagas, "i-")
    before = everything()
    sagas("resolve", question, "--choice", choice, "--reason", "x", *more).refused(*words)
    assert everything() == before


def test_an_answered_intervention_is_not_answered_again(sagas: Sagas, trip: Trip) -> None:
    trip("owe")
    question = first_id(sagas, "i-")
    assert sagas("resolve", question, "--choice", "unwind", "--reason", "enough").code == 0
    before = everything()
    again = sagas("resolve", question, "--choice", "retry", "--reason", "x")
    again.refused("already answered by", "unwind: enough")
    assert everything() == before


def test_an_unknown_intervention_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("owe")
    said = sagas("resolve", "i-nothing", "--choice", "retry", "--reason", "x")
    said.refused("no intervention i-nothing")


# --- the words themselves ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["bogus"], ["No such command", "sagas --help"]),
        (["show"], ["Missing argument 'ID'", "sagas show --help"]),
        (["show", "t1", "--bogus"], ["No such option", "--bogus"]),
        (["reject", "g-1"], ["--reason"]),
        (["list", "--status", "happy"], ["happy"]),
        (["list", "--since", "yesterday"], ["--since", "2h"]),
        (["list", "--limit", "0"], ["--limit"]),
        *(
            ([*command, "--limit", "99999999999999999999"], ["--limit", "10000"])
            for command in (["list"], ["inbox"], ["deliveries"], ["rules", "show", "r-1"])
        ),
        (["run", BOOK, "--input", OSLO, "--lease", "0"], ["the lease", "0.1"]),
        (["run", BOOK, "--input", OSLO, "--lease", "soon"], ["--lease"]),
        (["worker", f"{TRIPS}:travel", "--concurrency", "0"], ["--concurrency"]),
        (["worker"], ["TARGET"]),
    ],
)
def test_a_command_that_is_not_one_says_where_help_is(
    sagas: Sagas, command: list[str], words: list[str]
) -> None:
    sagas(*command).refused(*words)
    assert everything() == ""


def test_a_page_that_cannot_be_written_is_refused(sagas: Sagas, trip: Trip) -> None:
    trip("book")
    sagas("history", "t1", "--html", "missing/page.html").refused("no directory missing")
    sagas("history", "t1", "--html", ".").refused("is no file")
    sagas("history", "t1", "--html", "/dev/null").refused("is no file")
    sagas("history", "t1", "--html", "page.html", "--json").refused("exclude each other")
    assert not Path("page.html").exists()


def test_a_page_in_a_directory_that_is_read_only_is_refused(
    trip: Trip, desk: Path, spawn: Spawn
) -> None:
    trip("book")
    (desk / "theirs").mkdir(mode=0o500)
    before = GIVEN_UP if os.getuid() == 0 else []
    process = spawn("history", "t1", "--html", "theirs/page.html", before=before)
    out, err = process.communicate(timeout=30)
    Said(process.returncode, out, err).refused("theirs/page.html cannot be written (Permission")
    assert list((desk / "theirs").iterdir()) == []


def test_what_is_not_expected_is_told_in_one_line_with_a_hint(
    sagas: Sagas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_: str) -> list[str]:
        raise ZeroDivisionError("of all things\nand more")

    monkeypatch.setattr("sagas.cli.commands.keeping.bring_up_to_date", explode)
    said = sagas("migrate")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "ZeroDivisionError: of all things" in said.err
    assert "SAGAS_DEBUG=1" in said.err


def test_the_traceback_is_there_for_whoever_asks(
    sagas: Sagas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_: str) -> list[str]:
        raise ZeroDivisionError

    monkeypatch.setattr("sagas.cli.commands.keeping.bring_up_to_date", explode)
    monkeypatch.setenv("SAGAS_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        sagas("migrate")
