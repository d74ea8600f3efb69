"""The demonstrations as somebody plays them who decides in a browser.

SAGAS_TEST_SCREENSHOTS names a directory to keep what was seen.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from examples.processes import ROOT
from tests import chromium

SHOTS = os.environ.get("SAGAS_TEST_SCREENSHOTS")
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=chromium.find(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )


def approve(link: str, name: str, browser: Browser) -> None:
    """Log in by the link, open what waits, and approve it."""
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    page.set_default_timeout(PATIENCE_MS)
    page.goto(link)
    page.get_by_role("button", name="Log in").click()
    page.locator(".cards a.cover").click()
    keep(page, name)
    page.get_by_label("Reason").fill("read it in the browser")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)


def keep(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("demonstration", "told"),
    [("travel", "the trip completed"), ("publish", "the page is public")],
)
def test_a_demonstration_is_approved_in_the_browser(
    demonstration: str, told: str, browser: Browser, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", f"examples.{demonstration}.demo", "--web", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line.strip())
                if "/enter/" in line:
                    approve(line.strip(), demonstration, browser)
            assert process.wait(timeout=60) == 0, "\n".join(lines)
        finally:
            process.kill()
    assert f"ok  {told}" in lines
    assert lines[-1] == "The journal and the ledgers agree."


def test_a_demonstration_that_nobody_decides_is_stopped_in_peace(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.publish.demo", "--web", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert any("/enter/" in line for line in process.stdout)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE_MS / 1000)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "\nstopped\n")
