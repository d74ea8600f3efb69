"""What idle and recovering workers ask costs what is due, and not what has ever been.

The plans are looked at over a journal of many ended sagas, of which none may be read.
"""

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from sagas.journal import statements
from sagas.journal.dialect import SQLITE
from tests.conformance.support import AT, begun, registered
from tests.journal.conftest import Opening
from tests.journal.support import raw, rendered

ENDED = 100_000 if "SAGAS_SOAK" in os.environ else 20_000

VALUES: dict[str, tuple[Any, ...]] = {
    "CLAIM": (1, AT, 10, '["travel.book_trip 1"]', 2, 1),
    "CLAIM_AMONG": (1, AT, 10, '["travel.book_trip 1"]', 2, 1, '["trip-1"]'),
    "ORPHANS": (),
    "RELEASE_ORPHANS": (),
    "HELD": (1,),
    "DUE": (AT, 10),
    "NEXT_DUE": (AT, AT + 1_000_000),
    "RAISED": (1,),
}
"""What a worker asks again and again, with values for the first of its places."""

PARTIAL = ("saga_owned", "saga_requested", "saga_suspected", "saga_timed")
"""Indexes without ended sagas."""

_MULTIPLY = """
insert into saga ({columns})
with recursive number (n) as (select 1 union all select n + 1 from number where n < {count})
select {values} from saga, number where saga.id = 'trip-1'
"""


def multiplied(columns: list[str]) -> str:
    """The statement that adds many ended sagas like the one there is."""
    changed = {"id": "saga.id || '-' || n", "status": "'completed'", "owner": "null"}
    values = ", ".join(changed.get(column, f"saga.{column}") for column in columns)
    return _MULTIPLY.format(columns=", ".join(columns), values=values, count=ENDED)


def values_of(name: str) -> tuple[Any, ...]:
    """As many values as the statement has places."""
    places = {int(number) for number in re.findall(r"\$(\d+)", getattr(statements, name))}
    given = VALUES[name]
    return (*given, *[None] * (len(places) - len(given)))


@pytest.mark.parametrize("name", VALUES)
async def test_on_sqlite_nothing_that_a_worker_asks_again_and_again_reads_ended_sagas(
    name: str, sqlite_url: str, opened: Opening
) -> None:
    store = await opened(sqlite_url)
    await begun(store, await registered(store))
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        columns = [row[1] for row in connection.execute("pragma table_info (saga)")]
        assert connection.execute(multiplied(columns)).rowcount == ENDED
        text = re.sub(r"\$\d+", "?", SQLITE.render(getattr(statements, name)))
        nulls = [None] * text.count("?")
        plan = [row[3] for row in connection.execute(f"explain query plan {text}", nulls)]
    assert any("saga" in line for line in plan)
    live = rf"SCAN saga(?! USING (COVERING )?INDEX ({'|'.join(PARTIAL)}))"
    scans = [line for line in plan if re.match(live, line)]
    assert scans == []


@pytest.mark.parametrize("name", VALUES)
async def test_on_postgres_nothing_that_a_worker_asks_again_and_again_reads_ended_sagas(
    name: str, migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    await begun(store, await registered(store))
    async with raw(migrated_url) as connection:
        found = await connection.fetch(
            "select attname from pg_attribute where attrelid = 'sagas.saga'::regclass"
            " and attnum > 0 and not attisdropped order by attnum"
        )
        await connection.execute(multiplied([row[0] for row in found]))
        await connection.execute("analyze saga; analyze worker")
        text = f"explain (format json) {rendered(getattr(statements, name))}"
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"set plan_cache_mode = {mode}")
            [row] = await connection.fetch(text, *values_of(name))
            nodes = list(_nodes(json.loads(row[0])[0]["Plan"]))
            assert any(node.get("Relation Name") == "saga" for node in nodes)
            assert [node for node in nodes if _reads_all(node)] == []


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _reads_all(node: dict[str, Any]) -> bool:
    if node["Node Type"] == "Seq Scan":
        return bool(node["Relation Name"] == "saga")
    index = node.get("Index Name", "")
    return index.startswith("saga_") and index not in PARTIAL and "Index Cond" not in node
