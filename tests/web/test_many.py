"""However much waits, an inbox reads and shows a page of it."""

import html
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from sagas.web.pages.together import PAGE
from tests.web import shop
from tests.web.conftest import Inbox
from tests.web.test_api import program

MANY = 10_000


def multiply(path: Path, table: str = "gate", many: int = MANY) -> None:
    """Make many of the one there is, each older than the one before."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        columns: list[str] = [row[1] for row in connection.execute(f"pragma table_info ({table})")]
        changed = {"id": f"{table}.id || '-' || n", "opened_at": "opened_at - n"}
        values = ", ".join(changed.get(column, column) for column in columns)
        connection.execute(
            f"insert into {table} ({', '.join(columns)})"
            " with recursive number (n) as"
            f" (select 1 union all select n + 1 from number where n < {many})"
            f" select {values} from {table}, number"
        )


async def test_the_inbox_shows_a_page_of_ten_thousand(inbox: Inbox, sqlite_url: str) -> None:
    gate = await inbox.gate(shop.publish, "book")
    multiply(Path(sqlite_url.removeprefix("sqlite:///")))
    ana = await inbox.browser("ana")
    for path in ("/", "/?show=all"):
        page = await ana.get(path)
        assert page.text.count('<li class="card') == PAGE
        assert f"{gate.id}-{MANY}" in page.text


async def test_the_inbox_shows_questions_page_by_page(inbox: Inbox, sqlite_url: str) -> None:
    question = await inbox.question()
    multiply(Path(sqlite_url.removeprefix("sqlite:///")), "intervention", 2 * PAGE)
    ana = await inbox.browser("ana")
    page, pages = (await ana.get("/")).text, list[str]()
    while following := re.search('href="(/interventions[?]after=[^"]*)"', page):
        page = (await ana.get(html.unescape(following[1]))).text
        pages.append(page)
    assert [page.count('<li class="card') for page in pages] == [PAGE, 1]
    assert f'href="/interventions/{question.id}"' in pages[-1]
    assert (await ana.get("/interventions")).text.count('<li class="card') == PAGE


async def test_the_api_lists_questions_page_by_page(inbox: Inbox, sqlite_url: str) -> None:
    question = await inbox.question()
    multiply(Path(sqlite_url.removeprefix("sqlite:///")), "intervention", 150)
    client = await program(inbox)
    first = (await client.get("/api/v1/inbox")).json()
    found = [each["id"] for each in first["interventions"]]
    assert len(found) == 50
    after = first["next_interventions"]
    while after is not None:
        params = {"after": after, "limit": 60}
        page = (await client.get("/api/v1/interventions", params=params)).json()
        found += [each["id"] for each in page["interventions"]]
        after = page["next"]
    assert len(found) == len(set(found)) == 151
    assert found[-1] == question.id
