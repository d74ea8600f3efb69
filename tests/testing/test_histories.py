"""Recorded histories: a file that holds a saga exactly, and says so."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagas import connect
from sagas.chain import verify
from sagas.cli import main
from sagas.errors import Corrupt, UnknownSaga
from sagas.testing import NotAHistory, export_history, read_exported, read_history
from sagas.testing.recorded import file_name
from tests.behaviour.shop import Order, keyed, publish, shop
from tests.behaviour.world import World, lose_answer, renew
from tests.testing.trails import journal_in, of, recorded

Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world() -> World:
    return renew()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return journal_in(tmp_path)


async def approved(order: Order) -> str:
    """A step, a gate, and one of which the answer is lost."""
    await keyed("first")
    await publish("visa")
    return "done"


async def asking(order: Order) -> str:
    """A step about which a person is asked."""
    return undefined  # type: ignore[name-defined,no-any-return] # noqa: F821


async def exported(url: str, saga_id: str = "s") -> bytes:
    async with connect(url) as coordinator:
        return await export_history(coordinator.store, saga_id)


# --- the file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "holds"), [(approved, "gates"), (asking, "questions")], ids=["a gate", "a question"]
)
async def test_what_is_read_from_a_file_is_what_the_journal_holds(
    url: str, world: World, body: Any, holds: str
) -> None:
    history = await recorded(url, body)
    assert read_exported(await exported(url)) == history
    assert len(getattr(history, holds)) == 1


async def test_the_same_journal_gives_the_same_bytes(url: str, world: World) -> None:
    world.plan("first", lose_answer)
    await recorded(url, approved)
    assert await exported(url) == await exported(url)


async def test_the_chain_of_a_file_verifies_without_the_database(url: str, world: World) -> None:
    await recorded(url, approved)
    document = json.loads(await exported(url))
    history = read_exported(json.dumps(document).encode())
    assert verify(document["journal"], "s", history.rows) is None
    assert [item["hash"] for item in document["entries"]] == [row.hash for row in history.rows]


async def test_a_file_is_ascii_whatever_is_in_the_payloads(url: str, world: World) -> None:
    async def exotic(order: Order) -> str:
        return await keyed("Łódź \u2028 \u202e ☃")

    history = await recorded(url, exotic)
    content = await exported(url)
    assert content.isascii()
    assert read_exported(content) == history


@pytest.mark.parametrize(
    ("name", "value"),
    [("payload", '{"what":"another"}'), ("body", "{}"), ("at", 7), ("kind", "Failed")],
)
async def test_a_file_in_which_an_entry_was_changed_is_refused(
    url: str, world: World, name: str, value: object
) -> None:
    await recorded(url, approved)
    document = json.loads(await exported(url))
    document["entries"][1][name] = value
    with pytest.raises(Corrupt, match=r"entry 2 .*was changed"):
        read_exported(json.dumps(document).encode())


async def test_a_file_whose_end_was_cut_off_is_refused(url: str, world: World) -> None:
    await recorded(url, approved)
    document = json.loads(await exported(url))
    document["entries"].pop()
    with pytest.raises(Corrupt, match="the journal ends at entry"):
        read_exported(json.dumps(document).encode())


@pytest.mark.parametrize("member", ["journal", "saga", "entries", "gates", "questions"])
@pytest.mark.parametrize("value", [None, 7, [7], {"id": 7}], ids=str)
async def test_a_file_with_a_damaged_member_is_refused_in_words(
    url: str, world: World, member: str, value: object
) -> None:
    await recorded(url, approved)
    document = json.loads(await exported(url))
    document[member] = value
    with pytest.raises(Corrupt, match=r"the recorded history (is damaged|was changed): .*again"):
        read_exported(json.dumps(document).encode())


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"format": "other"}', b"[" * 99])
def test_what_is_no_history_is_told_from_a_damaged_one(content: bytes) -> None:
    with pytest.raises(NotAHistory, match="no recorded history"):
        read_exported(content)


def test_the_file_of_a_newer_release_says_to_upgrade() -> None:
    with pytest.raises(NotAHistory, match="upgrade"):
        read_exported(b'{"format": "agent-sagas history", "version": 2}')


async def test_a_journal_that_was_changed_is_not_exported(url: str, world: World) -> None:
    await recorded(url, approved)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        database.execute("drop trigger if exists entry_is_kept")
        triggers = database.execute("select name from sqlite_master where type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f"drop trigger {name}")
        database.execute('update entry set payload = \'{"what":"x"}\' where seq = 2')
    with pytest.raises(Corrupt, match="entry 2"):
        await exported(url)


async def test_a_saga_that_is_not_there_is_not_exported(url: str) -> None:
    with pytest.raises(UnknownSaga, match="no saga 's'"):
        await exported(url)


# --- names of files ---------------------------------------------------------------------------


@pytest.mark.parametrize("saga_id", ["trip-1", "t.1", "0", "_x"])
def test_a_plain_id_is_its_own_name(saga_id: str) -> None:
    assert file_name(saga_id) == f"{saga_id}.json"


@pytest.mark.parametrize(
    "saga_id",
    ["../etc", ".hidden", "a/b", "Lisbon", "ü", "x" * 500, "a b", "~", "con\n", "-" * 300, "☃"],
)
def test_any_other_id_has_a_safe_name_of_its_own(saga_id: str) -> None:
    name = file_name(saga_id)
    assert name.isascii()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._~-")
    assert len(name) < 120
    assert "~" in name


def test_ids_that_differ_in_case_have_names_that_differ_in_more() -> None:
    names = {file_name(saga_id).lower() for saga_id in ("lisbon", "Lisbon", "LISBON")}
    assert len(names) == 3


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], url: str) -> Tell:
    """Run a command, and give its exit code and what it said."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*arguments, "--db", url])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
async def trips(url: str, world: World) -> list[str]:
    """The ids of three sagas, two of them completed."""
    made = of(approved)
    done = made.saga(name="done")(_done)
    async with connect(url, made, shop) as coordinator:
        await coordinator.run(done, Order(), id="t1")
        await coordinator.run(done, Order(), id="export")
        waiting = made.find_saga("bodies.saga", 1)
        assert waiting is not None
        await (await coordinator.start(waiting, Order(), id="A/b")).settled()
    return ["t1", "export", "A/b"]


async def _done(order: Order) -> str:
    return await keyed("it")


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_export_writes_one_file_for_each_saga(tell: Tell, trips: list[str], tmp_path: Path) -> None:
    to = tmp_path / "deep" / "histories"
    code, out, _ = tell("history", "export", "--to", str(to))
    assert code == 0
    assert "3 histories written" in out
    assert names_in(to) == sorted(map(file_name, trips))


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["t1"], 1),
        (["t1", "export", "t1"], 2),
        (["--status", "completed"], 2),
        (["--saga", "bodies.done"], 2),
        (["--since", "1h"], 3),
        (["--saga", "bodies.saga", "--status", "waiting"], 1),
    ],
)
def test_export_writes_what_is_named_or_chosen(
    tell: Tell, trips: list[str], tmp_path: Path, words: list[str], count: int
) -> None:
    tell("history", "export", *words, "--to", str(tmp_path / "to"))
    assert len(names_in(tmp_path / "to")) == count


def test_a_file_that_holds_the_same_is_left_alone(
    tell: Tell, trips: list[str], tmp_path: Path
) -> None:
    tell("history", "export", "t1", "--to", str(tmp_path))
    before = (tmp_path / "t1.json").stat().st_mtime_ns
    code, out, _ = tell("history", "export", "t1", "--to", str(tmp_path))
    assert (code, "1 unchanged" in " ".join(out.split())) == (0, True)
    assert (tmp_path / "t1.json").stat().st_mtime_ns == before


def test_a_file_that_holds_something_else_is_not_replaced_and_nothing_is_written(
    tell: Tell, trips: list[str], tmp_path: Path
) -> None:
    to = tmp_path / "to"
    to.mkdir()
    (to / "t1.json").write_text("mine")
    code, _, error = tell("history", "export", "--to", str(to))
    assert code == 2
    assert "t1.json holds something else: --force replaces it" in error
    assert names_in(to) == ["t1.json"]
    assert (to / "t1.json").read_text() == "mine"


def test_force_replaces_a_file(tell: Tell, trips: list[str], tmp_path: Path) -> None:
    (tmp_path / "t1.json").write_text("mine")
    assert tell("history", "export", "t1", "--force", "--to", str(tmp_path))[0] == 0
    assert read_exported((tmp_path / "t1.json").read_bytes()).saga_id == "t1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no saga 'nobody'"),
        (["t1", "--status", "completed"], "not both"),
        (["--since", "soon"], "soon"),
    ],
)
def test_export_refuses_what_cannot_be_meant(
    tell: Tell, trips: list[str], tmp_path: Path, words: list[str], said: str
) -> None:
    code, _, error = tell("history", "export", *words, "--to", str(tmp_path / "to"))
    assert (code, error.count("\n")) == (2, 1)
    assert said in error
    assert not (tmp_path / "to").exists() or not names_in(tmp_path / "to")


def test_export_says_when_its_directory_cannot_be_made(
    tell: Tell, trips: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    code, _, error = tell("history", "export", "--to", str(tmp_path / "file" / "to"))
    assert code == 2
    assert "cannot be made" in error


def test_history_still_tells_the_story_of_one_saga(tell: Tell, trips: list[str]) -> None:
    assert tell("history", "t1")[1].startswith("t1  completed")


def test_two_dashes_tell_the_story_of_a_saga_whose_id_is_export(
    capsys: pytest.CaptureFixture[str], url: str, trips: list[str]
) -> None:
    assert main(["history", "--db", url, "export"]) == 0
    assert main(["history", "--", "export"]) == 2  # of the default journal, which is not there
    assert capsys.readouterr().out.startswith("export  completed")


async def test_reading_a_history_of_nobody_gives_an_empty_one(url: str) -> None:
    async with connect(url) as coordinator:
        history = await read_history(coordinator.store, "nobody")
    assert (history.saga, list(history.entries)) == (None, [])
