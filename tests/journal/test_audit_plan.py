"""What was undone in a period is found by an index that holds nothing else.

The plans are looked at over a journal of many sagas of which nothing was undone.
"""

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from sagas.audit import MARKS
from sagas.journal import statements
from sagas.journal.dialect import SQLITE
from tests.conformance.support import AT, begun, registered
from tests.journal.conftest import Opening
from tests.journal.support import raw, rendered

SAGAS = 100_000 if "SAGAS_SOAK" in os.environ else 20_000
INDEX = "entry_undoing"
PAGE = (AT - 1, "", 0, AT + 1, 1000)

_MULTIPLY = f"""
insert into entry (saga_id, seq, kind, version, written_at, body, payload, hash)
with recursive number (n) as (select 1 union all select n + 1 from number where n < {SAGAS})
select saga_id || '-' || n, seq, 'Started', version, written_at, body, payload, hash
from entry, number where saga_id = 'trip-1'
"""


def test_the_index_holds_the_kinds_that_an_audit_looks_for() -> None:
    kinds = re.search(r"kind in \(([^)]*)\)", statements.ROLLBACK_MARKS)
    assert kinds is not None
    assert tuple(re.findall(r"\w+", kinds[1])) == MARKS


async def test_on_sqlite_an_audit_searches_only_the_index(sqlite_url: str, opened: Opening) -> None:
    store = await opened(sqlite_url)
    await begun(store, await registered(store))
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        assert connection.execute(_MULTIPLY).rowcount == SAGAS
        text = re.sub(r"\$\d+", "?", SQLITE.render(statements.ROLLBACK_MARKS))
        plan = [row[3] for row in connection.execute(f"explain query plan {text}", PAGE)]
        [(size,)] = connection.execute(
            "select count(*) from entry indexed by entry_undoing where " + _CONDITION
        )
    assert [re.sub(r" \(.*", "", line) for line in plan] == [f"SEARCH entry USING INDEX {INDEX}"]
    assert size == 0


async def test_on_postgres_an_audit_searches_only_the_index(
    migrated_url: str, opened: Opening
) -> None:
    store = await opened(migrated_url)
    await begun(store, await registered(store))
    async with raw(migrated_url) as connection:
        await connection.execute(_MULTIPLY)
        await connection.execute("analyze entry")
        text = f"explain (analyze, format json) {rendered(statements.ROLLBACK_MARKS)}"
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"set plan_cache_mode = {mode}")
            [row] = await connection.fetch(text, *PAGE)
            scans = [node for node in _nodes(json.loads(row[0])[0]["Plan"]) if _scans(node)]
            assert [node["Index Name"] for node in scans] == [INDEX]
            assert all("Index Cond" in node for node in scans)
            assert sum(node.get("Rows Removed by Filter", 0) for node in scans) == 0


_CONDITION = statements.ROLLBACK_MARKS.partition("where ")[2].partition("and (")[0]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _scans(node: dict[str, Any]) -> bool:
    return "Scan" in str(node["Node Type"])
