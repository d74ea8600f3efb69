"""Ten thousand gates that wait cost nothing where one of them is opened, decided, used or told of.

The plans are looked at of every statement about what people decide, over a journal in which so much
waits, so many voted, and so many rules and delegations were given.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from sagas.errors import Refused
from sagas.journal import (
    statements,
    statements_delegations,
    statements_deliveries,
    statements_edits,
    statements_rules,
)
from sagas.journal.dialect import SQLITE
from sagas.ports import OpenGate, SpendRule, Store
from tests.conformance.deliveries_suite import sent
from tests.conformance.support import (
    AT,
    ballot,
    begun,
    gate_of,
    given,
    handed_over,
    person,
    proposal,
    question,
    registered,
)
from tests.journal.conftest import Opening
from tests.journal.support import Raw, raw, rendered

MANY = 10_000
MODULES = (
    statements,
    statements_edits,
    statements_rules,
    statements_delegations,
    statements_deliveries,
)

TABLES = (
    *("gate", "revision", "refused_edit", "vote", "intervention", "delivery"),
    *("standing_rule", "rule_use", "delegation"),
)

VALUES: dict[str, tuple[Any, ...]] = {
    # gates
    "OPEN_GATE": (),
    "MOVE_GATE": ("g-1", "approved", "consumed", AT),
    "GATE_STATE": ("g-1",),
    "SAGA_OF_GATE": ("g-1",),
    "LOCK_GATE": ("g-1",),
    "LOCK_GATE_OF": ("g-1",),
    "DECIDE_GATE": ("g-1", "approved", AT, "bo", None, AT),
    "GATE": ("g-1",),
    "WAITING_GATES": ('%"bo"%', AT, "g-1", 26, AT),
    "VOTED_BY": ("bo", 20),
    "GATES_OF": ("trip-1",),
    "GATES_OF_ACTION": ("travel.email_itinerary", 20),
    "COUNT_VOTE": ("g-1", 1),
    "ADD_REVISION": (),
    "REVISE_GATE": ("g-1", 2, "{}", "digest", "{}", "bo"),
    "REVISIONS": ("g-1",),
    "REFUSED_EDIT": ("g-1", "bo", AT),
    "RECORD_REFUSED_EDIT": (),
    "REFUSED_EDITS": ("g-1",),
    # votes
    "VOTES": ("g-1",),
    "COUNTED_VOTES": ("g-1",),
    "REFUSED_VOTE": ("g-1", "bo", AT),
    "RECORD_VOTE": (),
    "NOTE_AFTERMATH": ('["g-1"]', "done", AT),
    # interventions
    "OPEN_QUESTION": (),
    "CLOSE_QUESTION": ("i-1", AT),
    "SAGA_OF_QUESTION": ("i-1",),
    "LOCK_QUESTION": ("i-1",),
    "LOCK_QUESTION_OF": ("i-1",),
    "ANSWER": ("i-1", "retry", "bo", "why", AT, "an id", "cli"),
    "QUESTION": ("i-1",),
    "WAITING_QUESTIONS": (AT, "i-1", 26),
    "QUESTIONS_OF": ("trip-1",),
    # standing rules
    "CREATE_RULE": (),
    "RULE": ("r-1",),
    "RULES": ("travel.email_itinerary", AT, 100),
    "MATCHING_RULES": ("travel.email_itinerary", 1, AT),
    "REVOKE_RULE": ("r-1", AT, "bo", "why"),
    "LOCK_RULES": ('["r-1"]',),
    "USE_RULE": ("r-1", "g-1", "trip-1", None, AT),
    "USED_RULE": ("g-1",),
    "RULE_USES": ("r-1", AT + 1, "g-2", 101),
    "RULE_USE_AT": ("g-1",),
    # delegations
    "CREATE_DELEGATION": (),
    "DELEGATION": ("d-1",),
    "OVERLAPPING": (AT, AT + 1),
    "DELEGATIONS": ("ana", AT, 100),
    "DELEGATED_TO": ("bo", AT),
    "DELEGATED_BY": ('["ana"]', AT),
    "REVOKE_DELEGATION": ("d-1", AT, "ana"),
    # deliveries
    "UNANNOUNCED_GATES": (AT, 10),
    "UNANNOUNCED_QUESTIONS": (AT, 10),
    "DELIVERIES_ABOUT": ('["g-1"]',),
    "ANNOUNCE_GATE": ("g-1", None, AT),
    "ANNOUNCE_QUESTION": ("i-1", None, AT),
    "QUEUE": (),
    "MARK_STALE": ("[1]", AT, "pending"),
    "MARK_MOOT": ("[1]", AT),
    "LET_FALL": (AT, "mail"),
    "IN_HAND": (1, "mail"),
    "TAKE": (1, AT, 10, "mail"),
    "SETTLE": (1, 1, 1, "sent"),
    "DELIVERY_TO": ("g-1", "mail", "ana", "asked", 0),
    "MARK_BESIDE": ("7", 140, AT),
    "WAITING_AT": ("mail", "ana@example.org7", 2**40, 10),
    "GATHERED": ("7",),
    "GATHERED_AT": ("mail", "ana@example.org7", 20),
    "NEXT_DELIVERY": (),
    "DELIVERIES": (None, 100),
    "DELIVERIES_OF": ("trip-1", None, 100),
}
"""Every statement about what people decide, with values of what is there for the first of its
places."""

FIGURES = {"ASKED_SINCE", "CAST_SINCE"}
"""These read a span of time, as long as somebody asks; `test_figures_plan` looks at them."""

_TOUCHES = re.compile(rf"\b(?:from|join|into|update) (?:{'|'.join(TABLES)})\b")

LISTS = (
    "WAITING_GATES",
    "WAITING_QUESTIONS",
    "GATES_OF_ACTION",
    "RULE_USES",
    "RULES",
    "DELEGATIONS",
    "DELIVERIES",
)
"""Those that read an index in its order, and no further than to the end of a page."""

PARTIAL = ("gate_notify", "intervention_notify", "delivery_due", "delivery_held")
"""Indexes of what has to be told, and not of all that waits."""


def text_of(name: str) -> str:
    """A statement, whichever module it is in."""
    return next(str(vars(module)[name]) for module in MODULES if name in vars(module))


def names_in(module: ModuleType) -> Iterator[str]:
    """The statements about what people decide."""
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and _TOUCHES.search(value):
            yield name


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_statement_about_what_people_decide_is_looked_at(module: ModuleType) -> None:
    assert set(names_in(module)) - set(VALUES) - FIGURES == set()


# --- SQLite -------------------------------------------------------------------------------------


async def test_on_sqlite_nothing_reads_all_that_waits(sqlite_url: str, opened: Opening) -> None:
    await opened(sqlite_url)
    wrong: dict[str, list[str]] = {}
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        for name in VALUES:
            text = re.sub(r"\$\d+", "?", SQLITE.render(text_of(name)))
            nulls = [None] * text.count("?")
            plan = [row[3] for row in connection.execute(f"explain query plan {text}", nulls)]
            if bad := [line for line in plan if _scans(line, name)]:
                wrong[name] = bad
    assert wrong == {}


def _scans(line: str, name: str) -> bool:
    if line == "USE TEMP B-TREE FOR ORDER BY":
        return name in LISTS
    if not re.match(rf"SCAN ({'|'.join(TABLES)})\b", line):
        return False
    index = re.search(r"USING (?:COVERING )?INDEX (\w+)", line)
    return name not in LISTS and (index is None or index[1] not in PARTIAL)


# --- PostgreSQL ---------------------------------------------------------------------------------

_OWN = "{table}.{column} || '-' || n"
_LATER = "{table}.{column} + n"
_CHANGED: dict[str, dict[str, str]] = {
    "saga": {"id": _OWN, "owner": "null"},
    "gate": {
        "id": _OWN,
        "saga_id": _OWN,
        "state": "'pending'",
        "opened_at": _LATER,
        "notify_at": "gate.deadline + n",
    },
    "intervention": {
        "id": _OWN,
        "saga_id": _OWN,
        "state": "'open'",
        "opened_at": _LATER,
        "notify_at": "intervention.opened_at + 1000000000000 + n",
    },
    "revision": {"gate_id": _OWN},
    "refused_edit": {"gate_id": _OWN},
    "vote": {
        "gate_id": _OWN,
        "principal": "vote.principal || '-' || n % 1000",
        "cast_at": _LATER,
    },
    "standing_rule": {
        "id": _OWN,
        "action": "standing_rule.action || '-' || n % 100",
        "made_at": _LATER,
    },
    "rule_use": {"gate_id": _OWN, "rule_id": _OWN, "saga_id": _OWN},
    "delegation": {
        "id": _OWN,
        "delegator": _OWN,
        "delegate": _OWN,
        "made_at": _LATER,
        "begins": "delegation.begins - 10000000000000 + n",
        "until": "delegation.until - 10000000000000 + n",
    },
    "delivery": {
        "subject": _OWN,
        "saga_id": _OWN,
        "next_at": "null",
        "holder": "null",
        "target": "delivery.target || n % 100",
        "round_up": "cast(n / 20 as text)",
    },
}
"""What is different of the many from the one there is, in the order of references."""


_HOW_MANY = {"delivery": 3 * MANY, "standing_rule": 3 * MANY}
"""Several messages for each gate; and more rules than anybody gives."""


async def one_of_each(store: Store) -> None:
    """A row of every table."""
    lease = await registered(store)
    await sent(store, lease)
    await store.edit("g-1", proposal("cy"))
    with pytest.raises(Refused):
        await store.edit("g-1", proposal("bo"))
    await store.vote("g-1", replace(ballot("bo"), revision=2), person("bo"))
    await store.create_rule(given())
    await store.create_delegation(handed_over())
    tale = await begun(store, lease, "bill-1")
    gate = gate_of(store, tale.saga_id, "g-2")
    await store.commit(
        lease, [tale.unit(1, question(), OpenGate(gate), SpendRule("r-1", "g-2", None, AT))]
    )


async def multiply(connection: Raw, table: str) -> None:
    """Make many rows of the first one there is."""
    found = await connection.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0"
        " and not attisdropped and attidentity = '' order by attnum",
        f"sagas.{table}",
    )
    changed = _CHANGED[table]
    columns = [row[0] for row in found]
    values = [
        changed.get(column, f"{table}.{column}").format(table=table, column=column)
        for column in columns
    ]
    await connection.execute(
        f"insert into {table} ({', '.join(columns)}) select {', '.join(values)}"
        f" from (select * from {table} limit 1) as {table}, generate_series(1, {_HOW_MANY.get(table, MANY)}) as n"
    )


async def test_on_postgres_nothing_reads_all_that_waits(migrated_url: str, opened: Opening) -> None:
    await one_of_each(await opened(migrated_url))
    wrong: dict[str, Any] = {}
    async with raw(migrated_url) as connection:
        await connection.execute("set session_replication_role = replica")
        for table in _CHANGED:
            await multiply(connection, table)
        await connection.execute("analyze")
        for name in VALUES:
            for mode, plan in (await plans(connection, name)).items():
                if bad := [node for node in _nodes(plan) if _reads_all(node, name)]:
                    wrong[f"{name}, {mode}"] = bad
    assert wrong == {}


async def plans(connection: Raw, name: str) -> dict[str, dict[str, Any]]:
    """How a statement is carried out, planned for its values and for any."""
    text = rendered(text_of(name))
    places = len(set(re.findall(r"\$\d+", text)))
    values = [*VALUES[name], *[None] * (places - len(VALUES[name]))]
    given = f"({', '.join(map(_literal, values))})" if values else ""
    await connection.execute(f"prepare looked_at as {text}")
    found: dict[str, dict[str, Any]] = {}
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"set plan_cache_mode = {mode}")
        plan = await connection.fetchval(f"explain (format json) execute looked_at {given}")
        found[mode] = json.loads(plan)[0]["Plan"]
    await connection.execute("deallocate looked_at")
    return found


def _literal(value: object) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else "'{}'".format(str(value).replace("'", "''"))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _reads_all(node: dict[str, Any], name: str) -> bool:
    if node["Node Type"] == "Seq Scan":
        return node["Relation Name"] in TABLES
    if node["Node Type"] == "Sort":
        return any(_has_no_bounds(part) for part in _nodes(node))
    return name not in LISTS and _has_no_bounds(node)


def _has_no_bounds(node: dict[str, Any]) -> bool:
    """Whether an index is read from end to end."""
    index = node.get("Index Name", "")
    is_ours = index.startswith(tuple(f"{table}_" for table in TABLES))
    return is_ours and index not in PARTIAL and "Index Cond" not in node
