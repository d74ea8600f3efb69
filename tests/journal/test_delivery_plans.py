"""What dispatchers ask again and again costs what is due, and not what has ever been told.

The plans are looked at over a journal of many gates that are decided and many messages that are
done with, of which none may be read.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from sagas.journal import statements_deliveries
from sagas.journal.dialect import SQLITE
from sagas.ports import Store
from tests.conformance.deliveries_suite import sent
from tests.conformance.support import AT, begun, question, registered
from tests.journal.conftest import Opening
from tests.journal.support import raw, rendered

MANY = 20_000

VALUES: dict[str, tuple[Any, ...]] = {
    "NEXT_DELIVERY": (),
    "UNANNOUNCED_GATES": (AT, 10),
    "UNANNOUNCED_QUESTIONS": (AT, 10),
    "DELIVERIES_ABOUT": ('["g-1"]',),
    "LET_FALL": (AT, "mail"),
    "IN_HAND": (1, "mail"),
    "TAKE": (1, AT, 10, "mail"),
    "MARK_BESIDE": ("7", 140, AT),
    "WAITING_AT": ("mail", "ana@example.org7", 2**40, 10),
    "GATHERED": ("7",),
    "GATHERED_AT": ("mail", "ana@example.org7", 20),
}
"""What a dispatcher asks again and again."""

TABLES = ("gate", "intervention", "delivery")
PARTIAL = ("gate_notify", "intervention_notify", "delivery_due", "delivery_held")
"""Indexes without what is done with."""

_MULTIPLY = """
insert into {table} ({columns})
with recursive number (n) as (select 1 union all select n + 1 from number where n < {many})
select {values} from {table}, number where {table}.id = {one}
"""
_CHANGED = {
    "gate": {"state": "'consumed'", "notify_at": "null"},
    "intervention": {"state": "'answered'", "notify_at": "null"},
    "delivery": {
        "subject": "'h-' || n",
        "next_at": "null",
        "holder": "null",
        "target": "delivery.target || n % 100",
        "round_up": "cast(n / 20 as text)",
    },
}
_ONE = {"gate": "'g-1'", "intervention": "'i-1'", "delivery": "1"}


async def told(store: Store) -> None:
    """A gate somebody was told of, and an intervention."""
    await sent(store, await registered(store))
    lease = await registered(store)
    tale = await begun(store, lease, "bill-1")
    await store.commit(lease, [tale.unit(1, question())])


def multiplied(table: str, columns: list[str]) -> str:
    """The statement that adds many rows like the one there is."""
    changed = dict(_CHANGED[table])
    if table == "delivery":
        columns = [column for column in columns if column != "id"]
    else:
        changed["id"] = f"{table}.id || '-' || n"
    values = ", ".join(changed.get(column, f"{table}.{column}") for column in columns)
    return _MULTIPLY.format(
        table=table, columns=", ".join(columns), values=values, many=MANY, one=_ONE[table]
    )


@pytest.mark.parametrize("name", VALUES)
async def test_on_sqlite_a_dispatcher_reads_what_is_due(
    name: str, sqlite_url: str, opened: Opening
) -> None:
    await told(await opened(sqlite_url))
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        text = re.sub(r"\$\d+", "?", SQLITE.render(getattr(statements_deliveries, name)))
        plan = [
            row[3]
            for row in connection.execute(f"explain query plan {text}", [None] * text.count("?"))
        ]
    scan = rf"SCAN ({'|'.join(TABLES)})(?! USING (COVERING )?INDEX ({'|'.join(PARTIAL)}))"
    assert any(table in line for line in plan for table in TABLES)
    assert [line for line in plan if re.match(scan, line)] == []


async def test_on_postgres_a_dispatcher_reads_what_is_due(
    migrated_url: str, opened: Opening
) -> None:
    await told(await opened(migrated_url))
    async with raw(migrated_url) as connection:
        for table in TABLES:
            found = await connection.fetch(
                "select attname from pg_attribute where attrelid = $1::regclass"
                " and attnum > 0 and not attisdropped order by attnum",
                f"sagas.{table}",
            )
            await connection.execute(multiplied(table, [row[0] for row in found]))
        await connection.execute("analyze gate; analyze intervention; analyze delivery")
        for name, values in VALUES.items():
            text = f"explain (format json) {rendered(getattr(statements_deliveries, name))}"
            [row] = await connection.fetch(text, *values)
            nodes = list(_nodes(json.loads(row[0])[0]["Plan"]))
            assert any(node.get("Relation Name") in TABLES for node in nodes), name
            assert [node for node in nodes if _reads_all(node)] == [], name


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _reads_all(node: dict[str, Any]) -> bool:
    if node["Node Type"] == "Seq Scan":
        return node["Relation Name"] in TABLES
    index = node.get("Index Name", "")
    is_ours = index.startswith(tuple(f"{table}_" for table in TABLES))
    return is_ours and index not in PARTIAL and "Index Cond" not in node
