"""The page about auditing names every member, column, kind and value that an audit has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sagas.audit import AuditRecord, AuditSums, Cause, Matter, Period, Proof
from sagas.audit.model import Decision, Doubt, Failure, Remaining, Rollback, Unaudited, Undone
from sagas.cli.audits import shapes, sheet
from sagas.story import Lasting
from tests.docs.test_cli_page import members
from tests.unit.sagas.audited import whole as record

PAGE = (Path(__file__).parents[2] / "docs" / "auditing.md").read_text()


def test_the_page_names_every_member_of_the_json() -> None:
    sums = AuditSums()
    sums.add(record())
    told: list[Any] = [
        shapes.heading(Period(), {"saga": None}),
        shapes.saga(record()),
        shapes.unreadable(Unaudited(id="s", reason="r")),
        shapes.sums(sums, 0),
    ]
    names = set(members(json.loads(json.dumps(told))))
    assert {name for name in names if f"`{name}`" not in PAGE} == set()


@pytest.mark.parametrize("kind", [Rollback, Failure, Undone, Decision, Doubt, Remaining])
def test_the_record_has_one_of_each(kind: type[object]) -> None:
    told: AuditRecord = record()
    items = (told.rollbacks, told.failures, told.undone, told.decisions, told.doubts, told.remains)
    assert any(isinstance(item, kind) for each in items for item in each)


@pytest.mark.parametrize("column", sheet.COLUMNS)
def test_the_page_names_every_column(column: str) -> None:
    assert re.search(rf"`{column}`", PAGE)


@pytest.mark.parametrize("word", [*Cause, *Matter, *Proof, *Lasting])
def test_the_page_names_every_value(word: str) -> None:
    assert f"`{word}`" in PAGE
