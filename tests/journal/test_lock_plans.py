"""What is asked about locks costs what is held and awaited of these keys, and not of all the others.

The plans are looked at over a journal in which many sagas hold a key each.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from typing import Any

from sagas.journal import statements, statements_locks
from sagas.journal.dialect import SQLITE
from tests.journal.conftest import Opening
from tests.journal.support import raw, rendered

MANY = 20_000
PATH = "step#1/" * 100
"""So long that nobody would rather read the whole table."""
ONE, TWO = '["key-1"]', '["trip-1", "trip-2"]'

VALUES: dict[str, tuple[Any, ...]] = {
    "LOCKS_OF": ("trip-1",),
    "LINE": (ONE,),
    "AHEAD": (TWO,),
    "LOOKED_AGAIN": ("trip-1", "step#1"),
    "LEAVE_LINE": ("trip-1", "step#1"),
    "WAKE_OWN": ("trip-1", ONE),
    "HOLD_LINES": (TWO,),
    "LET_GO_LOCKS": ("trip-1", True),
    "KEEP_PLACES": ("trip-1", TWO),
    "UNWOKEN": ("trip-1",),
    "NEXT_IN_LINE": (ONE,),
    "WAKE_PLACES": (TWO,),
    "HOLDER": ("key-1",),
    "RELEASE_LOCK": (1,),
}
"""What steps and ends ask, with values for a few keys."""

_FILL = """
insert into lock (key, saga_id, path, since, held, woken)
with recursive number (n) as (select 1 union all select n + 1 from number where n < {many})
select 'key-' || n, 'trip-' || n, '{path}', 0, true, false from number
"""


def text_of(name: str) -> str:
    """The statement."""
    return str(getattr(statements_locks, name, None) or getattr(statements, name))


async def test_on_sqlite_nobody_reads_the_locks_of_others(sqlite_url: str, opened: Opening) -> None:
    await opened(sqlite_url)
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        for name in VALUES:
            text = re.sub(r"\$\d+", "?", SQLITE.render(text_of(name)))
            nulls = [None] * text.count("?")
            plan = [row[3] for row in connection.execute(f"explain query plan {text}", nulls)]
            assert any(re.search("SEARCH (lock|waiter|other|one|two)", line) for line in plan), name
            scans = [line for line in plan if re.match("SCAN (lock|waiter|other|one|two)", line)]
            assert scans == [], name


async def test_on_postgres_nobody_reads_the_locks_of_others(
    migrated_url: str, opened: Opening
) -> None:
    await opened(migrated_url)
    scans: list[tuple[str, str]] = []
    async with raw(migrated_url) as connection:
        await connection.execute(_FILL.format(many=MANY, path=PATH))
        await connection.execute("analyze lock")
        for name, mode in product(VALUES, ("force_custom_plan", "force_generic_plan")):
            await connection.execute(f"set plan_cache_mode = {mode}")
            text = f"explain (format json) {rendered(text_of(name))}"
            [row] = await connection.fetch(text, *VALUES[name])
            nodes = list(_nodes(json.loads(row[0])[0]["Plan"]))
            assert any(node.get("Relation Name") == "lock" for node in nodes)
            scans += [(name, mode) for node in nodes if _reads_all(node)]
    assert scans == []


def _reads_all(node: dict[str, Any]) -> bool:
    return bool(node["Node Type"] == "Seq Scan" and node["Relation Name"] == "lock")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
