"""The page for whoever audits a saga: it needs nothing else, and nothing in it is obeyed."""

import base64
import re
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.conftest import TRIPS, Sagas, first_id

Trip = Callable[..., str]


@pytest.fixture
def page(sagas: Sagas) -> Callable[[], str]:
    """Write the page of the saga t1 and read it."""

    def write() -> str:
        assert sagas("history", "t1", "--html", "page.html").code == 0
        return Path("page.html").read_text(encoding="utf-8")

    return write


class Outline(HTMLParser):
    """The tags of a page, their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.text += f"{data} "


def words(text: str) -> str:
    """The text of a page on one line."""
    return " ".join(Outline(text).text.split())


def test_the_page_loads_nothing_and_runs_nothing(trip: Trip, page: Callable[[], str]) -> None:
    trip("late")
    outline = Outline(page())
    assert not {"script", "link", "img", "iframe", "form", "object", "a"} & set(outline.tags)
    names = {name for name, _ in outline.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href", "style")}


def test_the_page_allows_itself_its_own_style_and_nothing_else(
    trip: Trip, page: Callable[[], str]
) -> None:
    trip("book")
    text = page()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy in [value for _, value in Outline(text).attributes]


def test_what_nobody_vouches_for_is_shown_as_text(trip: Trip, page: Callable[[], str]) -> None:
    trip("book", trouble="full")
    text = page()
    assert "\x1b" not in text
    assert "b" not in Outline(text).tags
    assert "no room in [bold]town[/bold] <b>\\u001b[31m" in words(text)


def test_the_page_tells_of_every_entry(trip: Trip, page: Callable[[], str]) -> None:
    trip("late")
    numbers: set[int] = set()
    for first, last in re.findall(r"#(\d+)(?:\u2013(\d+))?", words(page())):
        numbers |= {int(first), int(last or first)}
    assert numbers == set(range(1, max(numbers) + 1))


def test_the_page_tells_what_remains(trip: Trip, page: Callable[[], str]) -> None:
    trip("late")
    assert "What remains book_hotel a fee of 25 EUR" in words(page())


def test_the_page_says_that_nothing_remains(trip: Trip, page: Callable[[], str]) -> None:
    trip("book", trouble="full")
    assert "Nothing remains" in words(page())


def test_the_page_tells_doubt_and_how_it_was_settled(
    sagas: Sagas, trip: Trip, page: Callable[[], str]
) -> None:
    trip("owe")
    answer = ["--choice", "happened", "--reason", "on the bill", "--result", '{"ref": "P-7"}']
    sagas("resolve", first_id(sagas, "i-"), *answer, "--target", f"{TRIPS}:travel")
    sagas("run", f"{TRIPS}:travel.owe", "--id", "t1")
    text = words(page())
    assert "in doubt pay RuntimeError: the line is dead" in text
    assert "settled by a person" in text
    assert "on the bill" in text
    assert re.search(r"happened, by \S+, through cli, identified by operating-system user", text)
    assert '"P-7"' in text


def test_the_page_tells_who_decided_when_and_why(
    sagas: Sagas, trip: Trip, page: Callable[[], str]
) -> None:
    trip("write")
    sagas("approve", first_id(sagas, "g-"), "--reason", "well said")
    sagas("run", f"{TRIPS}:travel.write", "--id", "t1")
    text = words(page())
    assert re.search(
        r"vote \S+: approve, “well said”, at \S+ \S+ UTC, through cli, "
        r"identified by operating-system user",
        text,
    )
    assert '{"to": "F-Oslo"}' in text


def test_the_page_says_that_the_chain_verifies_and_names_its_head(
    sagas: Sagas, trip: Trip, page: Callable[[], str]
) -> None:
    trip("book")
    history = sagas("history", "t1", "--json").out
    head = re.findall(r'"hash": "([0-9a-f]{64})"', history)[-1]
    assert f"Verified: 6 entries, each bound to the one before it; head {head}" in words(page())


def test_the_page_of_a_saga_that_waits_says_for_what(trip: Trip, page: Callable[[], str]) -> None:
    trip("write")
    assert "What it waits for mail approval by anyone" in words(page())


def test_nobody_but_its_owner_reads_the_page(
    trip: Trip, desk: Path, page: Callable[[], str]
) -> None:
    trip("book")
    (desk / "page.html").write_text("an older page, open to all")
    (desk / "page.html").chmod(0o666)
    page()
    assert (desk / "page.html").stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_pages_place_is_replaced_and_not_followed(
    trip: Trip, desk: Path, page: Callable[[], str]
) -> None:
    trip("book")
    (desk / "theirs").write_text("precious")
    (desk / "page.html").symlink_to("theirs")
    page()
    assert (desk / "theirs").read_text() == "precious"
    assert not (desk / "page.html").is_symlink()


def test_a_page_leaves_nothing_beside_it(trip: Trip, desk: Path, page: Callable[[], str]) -> None:
    trip("book")
    before = set(desk.iterdir())
    page()
    assert set(desk.iterdir()) - before == {desk / "page.html"}
