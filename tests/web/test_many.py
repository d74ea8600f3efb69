"""Ten thousand gates that wait cost an inbox no more than a page of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sagas.journal import statements
from sagas.journal.dialect import SQLITE
from sagas.web.pages.together import PAGE
from tests.web import shop
from tests.web.conftest import Inbox

MANY = 10_000


def multiply(path: Path) -> None:
    """Make many gates of the one there is."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        columns: list[str] = [row[1] for row in connection.execute("pragma table_info (gate)")]
        changed = {"id": "gate.id || '-' || n", "opened_at": "opened_at - n"}
        values = ", ".join(changed.get(column, column) for column in columns)
        connection.execute(
            f"insert into gate ({', '.join(columns)})"
            " with recursive number (n) as"
            f" (select 1 union all select n + 1 from number where n < {MANY})"
            f" select {values} from gate, number"
        )


async def test_the_inbox_shows_a_page_of_ten_thousand(inbox: Inbox, sqlite_url: str) -> None:
    gate = await inbox.gate(shop.publish, "book")
    multiply(Path(sqlite_url.removeprefix("sqlite:///")))
    ana = await inbox.browser("ana")
    for path in ("/", "/?show=all"):
        page = await ana.get(path)
        assert page.text.count('<li class="card') == PAGE
        assert f"{gate.id}-{MANY}" in page.text


def test_a_page_of_gates_is_read_from_the_index_of_open_ones(inbox: Inbox, sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    text = SQLITE.render(statements.WAITING_GATES)
    for number, value in (("$1", "null"), ("$2", "0"), ("$3", "''"), ("$4", "26")):
        text = text.replace(number, value)
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        plan = [row[3] for row in connection.execute(f"explain query plan {text}")]
    assert len(plan) == 1
    assert "USING INDEX gate_open" in plan[0]
