"""Several at once, over both transports: each request is decided once, and whoever clicks is told."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from approvals import Gate
from approvals.testing import Outcome, Person, SlackServer
from sagas import Catalog, Reversibility, approval
from sagas.cli import main
from sagas.cli.inbox import history
from sagas.cli.settings import operating_system_user
from sagas.errors import Refused
from sagas.web import links
from sagas.web.app import make_app
from tests.slack.transports import TRANSPORTS, Office, joined, office_in, people_in
from tests.web.conftest import FORM, ORIGIN, SITE, sealed

T = TypeVar("T")

NAMES = ("ana", "ben", "cy")
CROWD = 100
STEP = 0.004
"""Seconds by which one side is further in each round."""
SLOW = timedelta(minutes=2)
"""How long an acknowledgement may take on a machine that has other things to do."""

post = Catalog("post")
sent: list[str] = []
"""What was mailed, by any process of a test."""


@post.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", within=timedelta(hours=4)),
)
async def mail(letter: str) -> str:
    sent.append(letter)
    return f"mailed {letter}"


@post.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", quorum=2, within=timedelta(hours=4)),
)
async def print_book(letter: str) -> str:
    sent.append(letter)
    return f"printed {letter}"


@post.saga
async def write(letter: str) -> str:
    return await mail(letter)


@post.saga
async def publish(letter: str) -> str:
    return await print_book(letter)


@pytest.fixture(autouse=True)
def _nothing_sent() -> None:
    sent.clear()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The way in which Slack brings what people do."""
    found: str = request.param
    return found


@pytest.fixture
def people(slack: SlackServer) -> dict[str, Person]:
    return joined(slack, NAMES)


@asynccontextmanager
async def process(
    slack: SlackServer, url: str, folder: Path, transport: str | None, **more: Any
) -> AsyncGenerator[Office]:
    """One process over the journal."""
    people = {name: slack.somebody(f"U{n}") for n, name in enumerate(NAMES, start=1)}
    async with office_in(
        slack,
        url,
        post,
        directory=people_in(folder, NAMES),
        people=people,
        transport=transport,
        **more,
    ) as office:
        yield office


@pytest.fixture
async def office(
    slack: SlackServer, people: dict[str, Person], sqlite_url: str, tmp_path: Path, transport: str
) -> AsyncGenerator[Office]:
    async with process(slack, sqlite_url, tmp_path, transport) as office:
        yield office


async def ended(office: Office, id: str = "spring") -> None:  # noqa: A002
    """Wait until a saga is through."""
    while not (await office.coordinator.get(id)).status.is_end:  # noqa: ASYNC110
        await asyncio.sleep(0.005)  # nothing tells of it


async def told(*outcomes: Outcome) -> list[str]:
    """What each was told first."""
    lost = [each.delivery for each in outcomes if not each.acknowledged or each.warning]
    assert lost == []
    return [await outcome.told() for outcome in outcomes]


async def opened(slack: SlackServer, person: Person, where: Any, what: str) -> None:
    """Have a click open a modal."""
    await person.click(where, what)
    await slack.until(lambda: person.modal is not None)


async def after(seconds: float, work: Awaitable[T]) -> T:
    """Do something a little later."""
    await asyncio.sleep(seconds)
    return await work


async def edits(office: Office, gate: Gate, text: str) -> bool:
    """Whether a gate could be made to ask for something else."""
    try:
        await office.coordinator.edit(gate.id, text, reason="better", by="ben", channel="web")
    except Refused:
        return False
    return True


# --- people at the same moment ----------------------------------------------------------------


async def test_of_two_people_in_one_second_one_decides_and_both_are_told(office: Office) -> None:
    message = await office.asks(write, "spring")
    said = await told(
        *await asyncio.gather(
            office.people["ana"].click(message, "Approve"),
            office.people["ben"].click(message, "Approve"),
        )
    )
    await ended(office)
    assert (len(await office.counted()), sent) == (1, ["spring"])
    assert sum(each.startswith("Your approval counts") for each in said) == 1
    assert sum(each.startswith("Already approved by") for each in said) == 1


async def test_where_two_are_needed_two_in_one_second_count_once_each(office: Office) -> None:
    message = await office.asks(publish, "spring")
    ana, ben = office.people["ana"], office.people["ben"]
    clicks = (ana, ben, ana, ben)
    said = await told(*await asyncio.gather(*(each.click(message, "Approve") for each in clicks)))
    await ended(office)
    assert sorted(await office.counted()) == [("ana", "approve"), ("ben", "approve")]
    assert (len(said), sent) == (4, ["spring"])


async def test_a_double_click_that_slack_brings_twice_is_one_vote(
    office: Office, slack: SlackServer
) -> None:
    message = await office.asks(publish, "spring")
    ana = office.people["ana"]
    slack.courier.repeat = 1
    outcomes = await asyncio.gather(ana.click(message, "Approve"), ana.click(message, "Approve"))
    clicks = [each for each in slack.deliveries if each.kind == "interactive"]
    assert (len(clicks), all(each.acknowledged for each in clicks)) == (3, True)
    await told(*outcomes)
    gate = await office.gate()
    assert (await office.counted(), gate.state.value) == ([("ana", "approve")], "pending")


async def test_what_comes_in_another_order_and_again_is_decided_once(
    office: Office, slack: SlackServer
) -> None:
    message = await office.asks(write, "spring")
    ana, ben = office.people["ana"], office.people["ben"]
    await opened(slack, ben, message, "Reject")
    ben.fill("reason", "not this spring")
    slack.courier.hold()
    first = asyncio.ensure_future(ana.click(message, "Approve"))
    await slack.until(lambda: slack.courier.held == 1)
    second = asyncio.ensure_future(ben.submit())
    await slack.until(lambda: slack.courier.held == 2)
    await slack.courier.release(reverse=True)
    outcomes = await asyncio.gather(first, second)
    for delivery in [each.delivery for each in outcomes]:
        assert delivery is not None
        assert (await slack.courier.again(delivery)).acknowledged
    await ended(office)
    assert (await office.counted(), sent) == ([("ben", "reject")], [])
    assert (await outcomes[0].told()).startswith("Already rejected by ben")


# --- Slack, and elsewhere ---------------------------------------------------------------------


async def test_an_approval_here_and_a_rejection_on_the_web_at_once_are_one_decision(
    office: Office,
) -> None:
    app = make_app(office.coordinator, SITE, history=history)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        made = await links.make(
            office.coordinator.store,
            office.coordinator.principal("ben"),
            now=office.coordinator.now(),
            origin=ORIGIN,
        )
        assert (await browser.post(made.removeprefix(ORIGIN), headers=FORM)).status_code == 303
        for number in range(4):
            id = f"spring-{number}"  # noqa: A001
            message = await office.asks(write, id, id=id)
            gate = await office.gate(id)
            path = f"/gates/{gate.id}"
            fields = sealed(await browser.get(path), path)
            body = {**fields, "decision": "reject", "reason": "no"}

            outcome, page = await asyncio.gather(
                after(number * STEP, office.people["ana"].click(message, "Approve")),
                browser.post(path, data=body, headers=FORM),
            )
            [said] = await told(outcome)
            await ended(office, id)
            [(who, what)] = await office.counted(id)
            assert (who, what) in [("ana", "approve"), ("ben", "reject")]
            if who == "ana":
                assert said.startswith("Your approval counts")
                assert (page.status_code, id in sent) == (409, True)
                assert "already approved by ana" in page.text
            else:
                assert said.startswith("Already rejected by ben")
                assert (page.status_code, id in sent) == (303, False)


async def test_a_decision_on_the_command_line_is_told_where_it_was_asked(
    slack: SlackServer, people: dict[str, Person], sqlite_url: str, tmp_path: Path
) -> None:
    async with process(slack, sqlite_url, tmp_path, None) as office:
        message = await office.asks(write, "spring")
        gate = await office.gate()
        file = tmp_path / "people.toml"
        login = f'[users.ben]\nlogin = "{operating_system_user()}"\n'
        file.write_text(file.read_text().replace("[users.ben]\n", login))
        words = ["reject", gate.id, "--db", sqlite_url, "--directory", str(file), "--reason", "no"]
        assert await asyncio.to_thread(main, words) == 0
        await slack.until(lambda: message.text.startswith("Rejected"))
        assert "Approve" not in json.dumps(
            [block for block in message.blocks if block["type"] == "actions"]
        )


async def test_an_edit_that_lands_while_another_approves_never_runs_what_was_not_approved(
    office: Office, slack: SlackServer
) -> None:
    for number in range(6):
        id = f"spring-{number}"  # noqa: A001
        message = await office.asks(write, id, id=id)
        gate = await office.gate(id)
        text = json.dumps({"letter": f"other-{number}"})
        outcome, edited = await asyncio.gather(
            office.people["ana"].click(message, "Approve"),
            after(number * STEP, edits(office, gate, text)),
        )
        [said] = await told(outcome)
        counted = await office.counted(id)
        now = await office.gate(id)
        if counted:
            assert said.startswith("Your approval counts")
            assert (edited, now.digest) == (False, gate.digest)
        else:
            assert edited
            assert "ben made revision 2 of it" in said
            assert now.digest != gate.digest
            assert f"other-{number}" not in sent
            assert id not in sent


# --- while a form is open ---------------------------------------------------------------------


async def test_a_form_that_is_sent_once_the_saga_is_undone_says_so(
    office: Office, slack: SlackServer
) -> None:
    message = await office.asks(write, "spring")
    ana = office.people["ana"]
    await opened(slack, ana, message, "Reject")
    await office.coordinator.cancel("spring", reason="not this spring", by="cy")
    await ended(office)
    ana.fill("reason", "no")
    outcome = await ana.submit()
    [said] = outcome.errors.values()
    assert said.startswith("No longer needed")
    assert (await office.counted(), sent) == ([], [])


async def test_a_form_that_is_sent_too_late_says_so_and_so_does_a_button(
    slack: SlackServer, people: dict[str, Person], sqlite_url: str, tmp_path: Path, transport: str
) -> None:
    async with process(
        slack, sqlite_url, tmp_path, transport, clock=slack.clock, works=False
    ) as office:
        message = await office.asks(write, "spring")
        ana, ben = office.people["ana"], office.people["ben"]
        await opened(slack, ana, message, "Reject")
        slack.clock.advance(timedelta(hours=5))
        ana.fill("reason", "no")
        outcome = await ana.submit()
        [said] = outcome.errors.values()
        assert said.startswith("Nobody decided before")
        late = await told(await ben.click(message, "Approve"))
        assert late[0].startswith("Nobody decided before")
        assert (await office.counted(), sent) == ([], [])


# --- processes ----------------------------------------------------------------------------------


async def test_what_one_process_asked_another_takes_the_click_for(
    slack: SlackServer, people: dict[str, Person], sqlite_url: str, tmp_path: Path, transport: str
) -> None:
    async with process(slack, sqlite_url, tmp_path, transport) as office:
        message = await office.asks(write, "spring")
    lost = await people["ana"].click(message, "Approve")
    assert (lost.acknowledged, lost.warning is None) == (False, False)
    async with process(slack, sqlite_url, tmp_path, transport) as office:
        said = await told(await people["ana"].click(message, "Approve"))
        await ended(office)
        assert said == ["Your approval counts: it is approved, and runs."]
        assert (await office.counted(), sent) == ([("ana", "approve")], ["spring"])
        await slack.until(lambda: message.text.startswith("Approved"))


async def test_of_two_processes_either_takes_a_click_and_both_know_of_it(
    slack: SlackServer, people: dict[str, Person], sqlite_url: str, tmp_path: Path
) -> None:
    async with (
        process(slack, sqlite_url, tmp_path, "socket") as office,
        process(slack, sqlite_url, tmp_path, "socket", works=False),
    ):
        message = await office.asks(publish, "spring")
        slack.courier.repeat = 1  # the same click, once to each
        ana, ben = people["ana"], people["ben"]
        await told(await ana.click(message, "Approve"))
        assert {each.socket for each in slack.deliveries} == {1, 2}
        assert await office.counted() == [("ana", "approve")]
        slack.courier.repeat = 1
        await told(await ben.click(message, "Approve"))
        await ended(office)
        assert await office.counted() == [("ana", "approve"), ("ben", "approve")]
        assert sent == ["spring"]


# --- a crowd --------------------------------------------------------------------------------------


async def test_a_hundred_clicks_in_the_same_second_are_a_decision_each_and_none_is_lost(
    sqlite_url: str, tmp_path: Path, transport: str
) -> None:
    names = [f"p{number}" for number in range(CROWD)]
    async with SlackServer(ack_within=SLOW) as slack:
        people = joined(slack, names)
        directory = people_in(tmp_path, names)
        async with office_in(
            slack, sqlite_url, post, directory=directory, people=people, transport=transport
        ) as office:
            messages = await asyncio.gather(*(office.asks(write, name, id=name) for name in names))
            crowded = await office.asks(write, "all", id="all")
            at_their_own = await asyncio.gather(
                *(
                    people[name].click(message, "Approve")
                    for name, message in zip(names, messages, strict=True)
                )
            )
            at_one = await asyncio.gather(
                *(person.click(crowded, "Approve") for person in people.values())
            )
            await told(*at_their_own, *at_one)
            for name in [*names, "all"]:
                await ended(office, name)
            assert sorted(sent) == sorted([*names, "all"])
            for name in names:
                assert await office.counted(name) == [(name, "approve")]
            assert len(await office.counted("all")) == 1
