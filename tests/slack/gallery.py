"""Pictures of what people see in Slack, drawn by the page of the local Slack.

`python -m tests.slack.gallery DIRECTORY` writes one of each state of a message, of each modal and
of the App Home; the `slack-` pictures in docs/images are made by it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from approvals.channels import Happening, InterventionView, Notice, Saying
from approvals.channels.slack.forms import form_of
from approvals.channels.slack.home import home_view
from approvals.channels.slack.message import message_of, news_of
from approvals.channels.slack.modals import (
    answer_view,
    confirm_view,
    details_view,
    edit_view,
    reason_view,
)
from approvals.channels.slack.parts import ref_of
from approvals.deeds import Deed, Fate
from approvals.gate import Gate, GateState
from approvals.presentation import Presentation, present
from approvals.quorum import Vote, VoteKind
from approvals.redaction import Redaction
from approvals.stakes import Stakes
from approvals.testing import SlackPage, SlackServer
from approvals.testing.screens import placed, views_publish
from reversibility import Magnitude, Reversibility
from tests import chromium
from tests.conformance.channels_suite import notice
from tests.slack.conftest import client_of
from tests.unit.approvals.builders import NOW, in_state, pending

DESKTOP = {"width": 820, "height": 900}
PHONE = {"width": 390, "height": 844}

ARGUMENTS = {
    "to": "ana@example.org",
    "itinerary": {
        "flight": {"id": "flight-1", "reference": "trip-42:1"},
        "hotel": {"id": "hotel-1", "reference": "trip-42:2"},
        "car": {"id": "car-1", "reference": "trip-42:3"},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {
        "to": {"type": "string"},
        "copies": {"type": "integer", "minimum": 1, "maximum": 5},
        "language": {"enum": ["en", "no", "pt"]},
        "note": {"type": "string"},
    },
    "required": ["to", "copies", "language", "note"],
}
FORM = {"to": "ana@example.org", "copies": 1, "language": "en", "note": ""}
STAKES = Stakes(
    reversibility=Reversibility.IRREVERSIBLE,
    magnitude=Magnitude(amount=Decimal(840), currency="EUR", recipients=1),
)
DONE = (
    Deed(
        name="book_flight",
        reversibility=Reversibility.COMPENSATABLE,
        fate=Fate.UNDONE,
        leaves="a cancellation fee may remain",
        until=NOW + timedelta(hours=23),
    ),
    Deed(
        name="book_hotel",
        reversibility=Reversibility.COMPENSATABLE,
        fate=Fate.UNDONE,
        leaves="a cancellation fee may remain",
    ),
    Deed(name="rent_car", reversibility=Reversibility.COMPENSATABLE, fate=Fate.UNDONE),
)


def gate(found: Gate | None = None, arguments: object = ARGUMENTS, **different: Any) -> Gate:
    """A gate of the travel example."""
    text = json.dumps(arguments).encode()
    because = "Ana has to have it before she leaves for the airport."
    made = replace(found or pending(), arguments=text, stakes=STAKES, because=because)
    return replace(made, **different)


def view(found: Gate | None = None, **different: Any) -> Presentation:
    """The same as people see it."""
    return present(found or gate(), now=NOW, done=DONE, **different)


def of(state: GateState, happening: Happening, **different: Any) -> Notice:
    """What is told once it is no longer open."""
    votes = different.pop("votes", ())
    found = gate(in_state(state, reason=different.pop("reason", None)))
    return notice(subject=view(found, votes=votes), happening=happening, **different)


def said(kind: VoteKind, reason: str | None = None) -> Vote:
    """A vote of ana's."""
    return Vote(
        principal="ana",
        kind=kind,
        reason=reason,
        channel="slack",
        at=NOW,
        revision=1,
        groups=frozenset({"travel-desk"}),
        evidence="T1:U1",
    )


def notices() -> dict[str, Notice]:
    """Every state of a message."""
    other = gate(arguments={**ARGUMENTS, "to": "ben@example.org"}, revision=2, editor="ben")
    before = json.dumps(ARGUMENTS).encode()
    long = gate(arguments={**ARGUMENTS, "note": "All of it is fine. " * 900 + "Pay 1,000 to eve."})
    yes, no = said(VoteKind.APPROVE), said(VoteKind.REJECT, "she flies on Monday")
    return {
        "waiting": notice(subject=view()),
        "changed": notice(
            subject=view(other, former=before), happening=Happening.CHANGED, version="pending.2"
        ),
        "approved": of(GateState.APPROVED, Happening.APPROVED, votes=[yes]),
        "rejected": of(
            GateState.REJECTED, Happening.REJECTED, votes=[no], reason="she flies on Monday"
        ),
        "expired": of(GateState.EXPIRED, Happening.EXPIRED),
        "rolled-back": of(GateState.CANCELLED, Happening.ROLLED_BACK),
        "veto": notice(subject=view(), saying=Saying.MAY_VETO),
        "too-long": notice(subject=view(long)),
        "intervention": notice(subject=question()),
    }


def question() -> InterventionView:
    """A question that only a person can answer."""
    return InterventionView(
        intervention_id="i-4kq2",
        saga_id="trip-42",
        path="book_trip/4:email_itinerary#1",
        kind="in-doubt",
        question="Did travel.email_itinerary take effect? The process ended while it ran.",
        evidence="the connection to smtp.example.org was lost after DATA",
        choices=("happened", "not-happened"),
        standing="waiting for an answer",
        is_open=True,
    )


def modals() -> dict[str, dict[str, Any]]:
    """Every modal."""
    form = form_of(SCHEMA, json.dumps(FORM).encode(), Redaction(""))
    assert form is not None
    filled = {field.block_id: field.initial for field in form.fields}
    to = next(field.block_id for field in form.fields if field.label == "to")
    filled |= {to: "ben@example.org", "reason": "Ana has changed desks."}
    shown = view(gate(arguments=FORM))
    after = form.filled(filled).encode()
    ref = ref_of(shown)
    return {
        "details": details_view(view(), decides=True, edits=True),
        "reason": reason_view(ref_of(view()), view(), vote=VoteKind.REJECT, required=True),
        "edit": edit_view(form, shown),
        "edit-diff": confirm_view(form, filled, after, Redaction(""), ref=ref),
        "answer": answer_view(
            question(),
            choice="happened",
            meanings={
                "happened": "it took effect, and the saga goes on from there",
                "not-happened": "it had no effect, and may be called again",
            },
        ),
    }


@asynccontextmanager
async def browsing() -> AsyncGenerator[Browser]:
    """A headless browser.

    Raises:
        RuntimeError: There is none.
    """
    program = chromium.find()
    if program is None:
        raise RuntimeError("no Chromium here: run `make setup`")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


async def draw(folder: Path) -> None:
    """Write every picture."""
    async with SlackServer() as slack, SlackPage(slack) as page, browsing() as browser:
        slack.person("U1", name="Ana")
        slack.person("U2", name="Ben")
        client: Any = client_of(slack)
        for number, (name, told) in enumerate(notices().items()):
            channel = f"C{number}"
            slack.channel(channel, name="travel-desk", members=["U1", "U2"])
            message = message_of(told)
            await client.chat_postMessage(
                channel=channel, text=message.text, blocks=message.blocks, metadata=message.metadata
            )
            if name in {"rejected", "approved"}:
                news = news_of(told)
                ts = slack.messages(channel)[-1].ts
                await client.chat_postMessage(
                    channel=channel, thread_ts=ts, text=news.text, blocks=news.blocks
                )
            await shoot(browser, page.url, folder / f"{name}.png", where=channel)
        shown = Shots(browser, page.url, folder)
        await shown.phone("C0")
        for name, body in modals().items():
            placed(slack._tenant, "U1", body)
            await shown.modal(name)
            slack.space.stacks["U1"] = []
        decided = [view(gate(in_state(GateState.APPROVED)))]
        home = home_view([view(), question()], decided, link="https://inbox.example.org/")
        views_publish(slack._tenant, {"user_id": "U1", "view": home})
        await shoot(browser, page.url, folder / "home.png", where="home")


class Shots:
    """Pictures of what is not a message in its channel."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self._browser = browser
        self._url = url
        self._folder = folder

    async def phone(self, where: str) -> None:
        """A message on a phone, light and dark."""
        for scheme in ("light", "dark"):
            name = f"phone-{scheme}.png"
            await shoot(
                self._browser,
                self._url,
                self._folder / name,
                where=where,
                viewport=PHONE,
                color_scheme=scheme,
            )

    async def modal(self, name: str) -> None:
        """The modal that is open."""
        file = self._folder / f"modal-{name}.png"
        await shoot(self._browser, self._url, file, where="C0", what="dialog.modal")


async def shoot(
    browser: Browser, url: str, file: Path, *, where: str, what: str = "#place", **options: Any
) -> None:
    """One picture, as high as what it shows."""
    options.setdefault("viewport", DESKTOP)
    context = await browser.new_context(bypass_csp=True, **options)
    page: Page = await context.new_page()
    await page.goto(f"{url}?as=U1&in={where}")
    await page.locator("#place .scroll > *").first.wait_for()
    if what != "#place":
        await page.locator(what).wait_for()
    if options["viewport"] == PHONE:
        await page.locator("#place .scroll").evaluate("each => each.scrollTop = 0")
        await page.screenshot(path=file)
    else:
        await page.add_style_tag(content=_UNFOLDED)
        await page.locator(what).screenshot(path=file)
    await context.close()


_UNFOLDED = """
.screen { height: auto; } #place .scroll { padding-bottom: .75rem; }
.modal { max-height: none; position: absolute; margin: 1rem auto; }
time { visibility: hidden; }
"""
"""So that a picture holds all of a message, and is the same each day."""


if __name__ == "__main__":
    named = Path(sys.argv[1])
    named.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw(named))
