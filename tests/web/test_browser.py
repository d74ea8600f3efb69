"""The inbox in a real browser, served by a real process: log in, read, decide, race.

SAGAS_TEST_SCREENSHOTS names a directory to keep what was seen.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from approvals import Gate
from sagas import connect
from sagas.coordinator import Coordinator
from sagas.web import links
from tests import chromium
from tests.web import shop
from tests.web.conftest import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
PHONE = {"width": 375, "height": 740}
SHOTS = os.environ.get("SAGAS_TEST_SCREENSHOTS")


@dataclass
class House:
    """A served inbox, a browser, and whoever drives the sagas."""

    url: str
    coordinator: Coordinator
    browser: Browser

    async def page(self, **options: Any) -> Page:
        """A page of a browser profile of its own, on which any error of a script is an error."""
        options.setdefault("viewport", {"width": 1100, "height": 800})
        page = await (await self.browser.new_context(**options)).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", self._fail)
        return page

    def _fail(self, error: object) -> None:
        raise AssertionError(f"a script failed: {error}")

    async def enter(self, name: str, **options: Any) -> Page:
        """A page on which somebody has logged in by a link."""
        page = await self.page(**options)
        coordinator = self.coordinator
        url = await links.make(
            coordinator.store,
            coordinator.principal(name),
            now=coordinator.now(),
            origin=self.url,
        )
        await page.goto(url)
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="What waits for a person")).to_be_visible()
        return page

    async def gate(self, saga: Any, id: str) -> Gate:  # noqa: A002
        """A gate that waits."""
        await self.coordinator.start(saga, shop.LETTER, id=id)
        return await until(lambda: self.gate_of(id))

    async def gate_of(self, saga_id: str) -> Gate | None:
        """The first gate of a saga, if it has opened."""
        gates = await self.coordinator.store.gates_of(saga_id)
        return gates[0] if gates else None

    async def state(self, gate: Gate) -> str:
        """Where a gate stands."""
        found = await self.coordinator.store.gate(gate.id)
        assert found is not None
        return found.state.value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the journal and the directory are."""
    made = tmp_path_factory.mktemp("inbox")
    shop.directory(made)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    """The URL of `sagas serve`, in a process of its own."""
    command = [sys.executable, "-m", "sagas.cli", "serve", "tests/web/shop.py:shop", "--port", "0"]
    command += ["--db", url_of(folder), "--directory", str(folder / "people.toml")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        yield line.removeprefix("the inbox is at ")
        process.terminate()
        assert process.wait(timeout=60) == 0


def url_of(folder: Path) -> str:
    """The journal."""
    return f"sqlite:///{folder / 'sagas.db'}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(served: str, folder: Path) -> AsyncIterator[House]:
    program = chromium.find()
    if program is None:
        pytest.fail("no Chromium here: run `make setup`, or install Debian's package chromium")
    async with (
        connect(
            url_of(folder), shop.shop, directory=folder / "people.toml", user="ana"
        ) as coordinator,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield House(served, coordinator, browser)
        await browser.close()


async def keep(page: Page, name: str) -> None:
    """Keep what is seen, where somebody asked for it."""
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


async def test_a_person_logs_in_reads_and_approves(house: House) -> None:
    gate = await house.gate(shop.announce, "spring-1")
    page = await house.enter("ana")
    await keep(page, "inbox")
    await page.locator(f"a[href='/gates/{gate.id}']").click()
    await expect(page.get_by_text("readers@example.org")).to_be_visible()
    await expect(page.get_by_text("Once it has begun, it cannot be undone.")).to_be_visible()
    await keep(page, "gate")
    await page.get_by_role("button", name="Approve").click()
    await expect(
        page.get_by_role("heading", name="Approved").or_(
            page.get_by_role("heading", name="Consumed")
        )
    ).to_be_visible()
    await keep(page, "approved")
    outcome = await (await house.coordinator.resume("spring-1")).outcome(timeout=60)
    assert outcome.result == "mailed to readers@example.org"
    [vote] = await house.coordinator.store.votes(gate.id)
    assert (vote.channel, vote.seen is not None) == ("web", True)
    await page.goto(f"{house.url}/sagas/spring-1")
    await keep(page, "saga")
    await page.get_by_role("link", name="The whole history").click()
    await expect(page.get_by_role("heading", name="Timeline")).to_be_visible()


async def test_on_a_phone_nothing_is_wider_than_the_screen(house: House) -> None:
    gate, question = await house.gate(shop.publish, "book-2"), "lamp-2"
    await house.coordinator.start(shop.buy, "a lamp", id=question)
    asked = await until(lambda: first_question(house, question))
    page = await house.enter("ana", viewport=PHONE, device_scale_factor=2, has_touch=True)
    paths = ["/", f"/gates/{gate.id}", f"/interventions/{asked}", "/sagas", "/sagas/book-2"]
    paths += ["/login", "/rules", "/rules/new", "/delegations"]
    for number, path in enumerate(paths):
        await page.goto(f"{house.url}{path}")
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], path
        for button in await page.get_by_role("button").all():
            box = await button.bounding_box()
            assert box is not None
            assert box["height"] >= 40, path
        await keep(page, f"phone-{number}")


async def first_question(house: House, saga_id: str) -> str | None:
    found = await house.coordinator.store.questions_of(saga_id)
    return found[0].id if found else None


async def test_everything_works_without_javascript(house: House) -> None:
    gate = await house.gate(shop.announce, "spring-3")
    page = await house.enter("ben", java_script_enabled=False)
    await page.goto(f"{house.url}/gates/{gate.id}")
    await page.get_by_label("Reason").fill("too early")
    await page.get_by_role("button", name="Reject").click()
    await expect(page.get_by_role("heading", name="Rejected")).to_be_visible()
    assert await house.state(gate) == "rejected"
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()


async def test_on_a_phone_without_javascript_a_gate_is_edited_and_somebody_else_approves(
    house: House,
) -> None:
    await house.coordinator.start(shop.sell, shop.ORDER, id="order-8")
    gate = await until(lambda: house.gate_of("order-8"))
    page = await house.enter("ana", viewport=PHONE, java_script_enabled=False)
    await page.goto(f"{house.url}/gates/{gate.id}")
    await page.get_by_role("link", name="Edit what would run").click()
    await page.get_by_label("order.copies").fill("a hundred")
    await page.get_by_label("order.item").fill("tall lamp")
    await page.get_by_label("Reason").fill("as the customer wrote")
    await page.get_by_role("button", name="Propose this").click()
    await expect(page.get_by_text("this is no number")).to_be_visible()
    await keep(page, "edit-refused")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    await page.get_by_label("order.copies").fill("3")
    await page.get_by_role("button", name="Propose this").click()
    await expect(page.get_by_role("heading", name="What was changed")).to_be_visible()
    await expect(page.get_by_text("You made revision 2")).to_be_visible()
    await keep(page, "edited")
    ben = await house.enter("ben")
    await ben.goto(f"{house.url}/gates/{gate.id}")
    await keep(ben, "edited-to-decide")
    await ben.get_by_role("button", name="Approve").click()
    await expect(ben.get_by_role("button", name="Approve")).to_have_count(0)
    outcome = await (await house.coordinator.resume("order-8")).outcome(timeout=60)
    assert outcome.result == "3 tall lamp at 12.50"


async def test_on_a_phone_several_gates_are_read_and_decided_with_one_reason(house: House) -> None:
    gates = [await house.gate(shop.clear, f"papers-{number}") for number in (1, 2)]
    page = await house.enter("ben", viewport=PHONE, java_script_enabled=False)
    await page.get_by_role("link", name="Decide 2 of shop.shred on one page").click()
    await page.get_by_role("checkbox", name="I have read this: papers-1").check()
    await page.get_by_role("checkbox", name="I have read this: papers-2").check()
    await page.get_by_label("Reason").fill("all copied")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    await keep(page, "together")
    await page.get_by_role("button", name="Reject").click()
    await expect(page.get_by_text("your vote counts")).to_have_count(2)
    await keep(page, "decided-together")
    assert [await house.state(gate) for gate in gates] == ["rejected", "rejected"]


async def test_of_two_people_who_race_one_decides_and_the_other_is_told(house: House) -> None:
    gate = await house.gate(shop.announce, "spring-4")
    ana, ben = await house.enter("ana"), await house.enter("ben")
    for page in (ana, ben):
        await page.goto(f"{house.url}/gates/{gate.id}")
        await page.get_by_label("Reason").fill("now or never")
    await asyncio.gather(
        ana.get_by_role("button", name="Approve").click(),
        ben.get_by_role("button", name="Reject").click(),
    )
    for page in (ana, ben):
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    told = [await page.locator("main").inner_text() for page in (ana, ben)]
    counted = [vote for vote in await house.coordinator.store.votes(gate.id) if not vote.refusal]
    assert len(counted) == 1
    winner = counted[0].principal
    assert all(f"by {winner} at" in text for text in told)
    assert sum("Your vote has no effect" in text for text in told) == 1


async def test_somebody_who_reads_is_told_that_somebody_else_has_decided(house: House) -> None:
    gate = await house.gate(shop.announce, "spring-5")
    page = await house.enter("ana")
    await page.goto(f"{house.url}/gates/{gate.id}")
    await expect(page.locator("[data-moved]")).to_be_hidden()
    await house.coordinator.reject(gate.id, by="ben", reason="too early")
    # It looks every few seconds, and whenever somebody comes back to the page.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.get_by_text("Somebody has decided, or it has changed")).to_be_visible(
        timeout=60_000
    )


async def test_a_link_of_another_site_opens_the_page_of_whoever_is_logged_in(
    house: House,
) -> None:
    gate = await house.gate(shop.announce, "spring-6")
    page = await house.enter("ana")
    await page.route(
        "http://elsewhere.test/",
        lambda route: route.fulfill(
            body=f'<a href="{house.url}/gates/{gate.id}">decide</a>', content_type="text/html"
        ),
    )
    await page.goto("http://elsewhere.test/")
    await page.get_by_role("link", name="decide").click()
    await expect(page.get_by_role("heading", name="May shop.mail run?")).to_be_visible()


async def test_a_question_is_answered_in_the_dark(house: House) -> None:
    await house.coordinator.start(shop.buy, "a lamp", id="lamp-7")
    asked = await until(lambda: first_question(house, "lamp-7"))
    await house.gate(shop.publish, "book-7")
    page = await house.enter("ana", color_scheme="dark")
    await keep(page, "inbox-dark")
    await page.goto(f"{house.url}/interventions/{asked}")
    await page.get_by_role("radio", name="happened").first.check()
    await page.get_by_label("Result of the call").fill('"charged"')
    await page.get_by_label("Reason").fill("seen at the bank")
    await keep(page, "question-dark")
    await page.get_by_role("button", name="Answer").click()
    await expect(page.get_by_text("seen at the bank")).to_be_visible()
