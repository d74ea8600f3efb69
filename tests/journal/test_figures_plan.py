"""How people decided is read by instants, and not by looking at every gate and vote there was."""

import json
import re
import sqlite3
from contextlib import closing

import pytest

from sagas.journal import statements
from sagas.journal.dialect import SQLITE
from tests.conformance.support import AT
from tests.journal.conftest import Opening
from tests.journal.support import raw, rendered

INDEXES = {"ASKED_SINCE": "gate_opened", "CAST_SINCE": "vote_cast"}


@pytest.mark.parametrize("name", INDEXES)
async def test_on_sqlite_figures_are_read_by_an_index(
    name: str, sqlite_url: str, opened: Opening
) -> None:
    await opened(sqlite_url)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        text = re.sub(r"\$\d+", "?", SQLITE.render(getattr(statements, name)))
        plan = [row[3] for row in connection.execute(f"explain query plan {text}", [AT])]
    assert any(f"INDEX {INDEXES[name]} " in line for line in plan)
    assert not any(line.startswith("SCAN") for line in plan)


@pytest.mark.parametrize("name", INDEXES)
async def test_on_postgres_figures_can_be_read_by_an_index(
    name: str, migrated_url: str, opened: Opening
) -> None:
    await opened(migrated_url)
    async with raw(migrated_url) as connection:
        await connection.execute("set enable_seqscan = off")
        text = f"explain (format json) {rendered(getattr(statements, name))}"
        [row] = await connection.fetch(text, AT)
    assert INDEXES[name] in json.dumps(json.loads(row[0]))
