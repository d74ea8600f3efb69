"""The page about the command line names every command, option, exit code and JSON member."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from typer.main import get_command

from sagas import Catalog, NotExecuted, Residue, Reversibility, approval, connect
from sagas.cli import main
from sagas.cli.app import app
from sagas.cli.commands.running import EXITS
from sagas.cli.failing import ERROR, INTERRUPTED, USAGE
from sagas.cli.stopping import ENDING, exit_code

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
COMMANDS: dict[str, Any] = cast(Any, get_command(app)).commands
PAYLOADS = ("arguments", "result", "input", "payload")

travel = Catalog("travel")


@travel.action(reversibility=Reversibility.COMPENSATABLE)
async def book_room(city: str) -> str:
    return city


@book_room.compensation()
async def cancel_room(result: str) -> Residue:
    return Residue("fee", amount=1, currency="EUR")


@travel.action(reversibility=Reversibility.COMPENSATABLE)
async def rent_car(city: str) -> None:
    raise NotExecuted("none is left") if city == "Lisbon" else ConnectionResetError


@rent_car.compensation()
async def return_car(city: str) -> None: ...


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="anyone", quorum=2, within=timedelta(hours=1)),
)
async def mail(city: str) -> None: ...


@travel.saga
async def book_trip(city: str) -> None:
    await book_room(city)
    if city == "Oslo":
        await mail(city)
    await rent_car(city)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A journal with a saga that was undone, one that waits at a gate, and one that is stuck."""
    url = f"sqlite:///{tmp_path_factory.mktemp('docs') / 'sagas.db'}"

    async def fill() -> None:
        async with connect(url, travel) as coordinator:
            for city in ("Lisbon", "Oslo", "Rome"):
                await (await coordinator.start(book_trip, city, id=city)).settled()
            (gate,) = await coordinator.store.waiting_gates()
            await coordinator.approve(gate.id)

    asyncio.run(fill())
    return url


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_a_heading_for_every_command(command: str) -> None:
    assert re.search(rf"^### .*`sagas {command}[ `]", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    "option",
    sorted(
        {option for command in COMMANDS.values() for item in command.params for option in item.opts}
    ),
)
def test_the_page_names_every_option(option: str) -> None:
    assert not option.startswith("--") or option == "--help" or option in PAGE


@pytest.mark.parametrize(
    "code", sorted({*EXITS.values(), ERROR, USAGE, INTERRUPTED, *map(exit_code, ENDING)})
)
def test_the_page_names_every_exit_code(code: int) -> None:
    assert f"\n| {code} |" in PAGE


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("show", "Lisbon"),
        ("show", "Oslo"),
        ("show", "Rome"),
        ("preview", "Oslo"),
        ("inbox",),
        ("verify",),
    ],
    ids=" ".join,
)
def test_the_page_names_every_member_of_the_json(
    words: tuple[str, ...], database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*words, "--json", "--db", database])
    names = set(members(json.loads(capsys.readouterr().out)))
    assert {name for name in names if not re.search(rf"\b{name}\b", PAGE)} == set()


def members(value: object) -> Iterator[str]:
    """The names of all members, but not of what users have stored."""
    if isinstance(value, list):
        for item in cast(list[object], value):
            yield from members(item)
    if isinstance(value, dict):
        for name, item in cast(dict[str, object], value).items():
            yield name
            if name not in PAYLOADS:
                yield from members(item)
