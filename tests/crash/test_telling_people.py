"""Processes that are killed while they tell people something: nothing is lost, hardly anything twice.

What arrived is counted where it arrived: in the mailbox of a real server, and in a channel of a local
Slack, where nothing comes twice because it is looked for.
"""

import asyncio
import json
import multiprocessing
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace

import pytest

from approvals.testing import Message, SlackServer
from sagas import connect
from sagas.journal import migrate
from tests.crash.stages import SOAK
from tests.crash.telling import POINTS, SENT_AND_NOT_RECORDED, ByMail, InSlack, Life, main
from tests.journal.templates import Ground, ground_on
from tests.postbox import Postbox, postbox

pytestmark = pytest.mark.crash

SEEN_TO_THE_END = 0

GATHERED = [(point, spared) for point in POINTS for spared in range(6)]
GATHERED_POINTS = GATHERED if SOAK else [("after-post", 1), ("after-post", 3)]
"""The second of four requests begins a round-up; the others join it, and then it is written."""

SLACK_POINTS = POINTS if SOAK else SENT_AND_NOT_RECORDED[:1]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["tests.crash.telling", "asyncpg", "aiosmtplib", "slack_sdk.web.async_client"]
)


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    async with postbox() as box:
        yield box


@pytest.fixture(scope="module")
def ground(postgres_server: str) -> Iterator[Ground]:
    """A PostgreSQL database for the journals of all tests."""
    with ground_on(postgres_server) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest) -> Ground | str:
    """Where the journal is made."""
    name = "ground" if request.param == "postgres" else "sqlite_url"
    found: Ground | str = request.getfixturevalue(name)
    return found


@pytest.fixture
async def url(site: Ground | str) -> str:
    """A new journal."""
    if isinstance(site, Ground):
        return await site.renew()
    await asyncio.to_thread(migrate, site)
    return site


async def live(life: Life) -> int | None:
    """Have a process live, and tell how it ended."""
    process = _processes.Process(target=main, args=(life,))
    process.start()
    try:
        await asyncio.to_thread(process.join, 60)
        return process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()


def ids(box: Postbox) -> Counter[str]:
    """How often each message arrived."""
    return Counter(str(message["Message-ID"]) for message in box.messages)


@pytest.mark.parametrize("point", POINTS)
async def test_what_is_asked_arrives_whenever_the_process_is_killed(
    box: Postbox, url: str, point: str
) -> None:
    assert await live(Life(url, ByMail(box.port), kill_at=point, asks=True)) == -signal.SIGKILL
    assert await live(Life(url, ByMail(box.port), asks=True)) == SEEN_TO_THE_END
    [times] = ids(box).values()
    assert times == (2 if point in SENT_AND_NOT_RECORDED else 1)


@pytest.mark.parametrize("point", ["before-post", "after-post"])
async def test_what_has_become_of_it_arrives_whenever_the_process_is_killed(
    box: Postbox, url: str, point: str
) -> None:
    assert await live(Life(url, ByMail(box.port), asks=True, rejects=True)) == SEEN_TO_THE_END
    assert await live(Life(url, ByMail(box.port), kill_at=point)) == -signal.SIGKILL
    assert await live(Life(url, ByMail(box.port))) == SEEN_TO_THE_END
    asked, told = ids(box).values()
    assert asked == 1
    assert told == (2 if point in SENT_AND_NOT_RECORDED else 1)


async def test_a_message_outlives_every_process_that_dies_of_it(box: Postbox, url: str) -> None:
    for point in POINTS[:-1]:
        assert await live(Life(url, ByMail(box.port), kill_at=point, asks=True)) == -signal.SIGKILL
    assert await live(Life(url, ByMail(box.port), asks=True)) == SEEN_TO_THE_END
    [times] = ids(box).values()
    assert times == 1 + len(SENT_AND_NOT_RECORDED)


# --- in Slack, whose messages can be found again ----------------------------------------------


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.channel("C1", name="approvals")
        yield server


def in_slack(slack: SlackServer) -> InSlack:
    return InSlack(slack.base_url, slack.bot_token)


async def receipts(url: str) -> list[Mapping[str, str] | None]:
    """Where each message stands, as it is recorded."""
    async with connect(url) as coordinator:
        found = await coordinator.store.deliveries(saga_id=None, state=None, limit=10)
    return [each.receipt for each in found]


def story(slack: SlackServer) -> tuple[Message, list[Message]]:
    """The one message in the channel, and what stands below it."""
    [message] = [each for each in slack.messages("C1") if each.thread_ts is None]
    return message, [each for each in slack.messages("C1") if each.thread_ts == message.ts]


@pytest.mark.parametrize("point", SLACK_POINTS)
async def test_in_slack_one_message_arrives_whenever_the_process_is_killed(
    slack: SlackServer, url: str, point: str
) -> None:
    channel = in_slack(slack)
    assert await live(Life(url, channel, kill_at=point, asks=True)) == -signal.SIGKILL
    assert await live(Life(url, channel, asks=True)) == SEEN_TO_THE_END
    message, below = story(slack)
    assert below == []
    [receipt] = await receipts(url)
    assert receipt is not None
    assert receipt["ts"] == message.ts  # by which a click on it is known


@pytest.mark.parametrize("point", SLACK_POINTS)
async def test_in_slack_what_has_become_of_it_is_told_once_whenever_the_process_is_killed(
    slack: SlackServer, url: str, point: str
) -> None:
    channel = in_slack(slack)
    assert await live(Life(url, channel, asks=True, rejects=True)) == SEEN_TO_THE_END
    assert await live(Life(url, channel, kill_at=point)) == -signal.SIGKILL
    assert await live(Life(url, channel)) == SEEN_TO_THE_END
    message, below = story(slack)
    assert message.text.startswith("Rejected")
    assert [each.text.partition(":")[0] for each in below] == ["Rejected"]


async def test_in_slack_a_message_outlives_every_process_that_dies_of_it(
    slack: SlackServer, url: str
) -> None:
    channel = in_slack(slack)
    for point in POINTS[:-1]:
        assert await live(Life(url, channel, kill_at=point, asks=True)) == -signal.SIGKILL
    assert await live(Life(url, channel, asks=True)) == SEEN_TO_THE_END
    story(slack)


@pytest.mark.parametrize(("point", "spared"), GATHERED_POINTS)
async def test_in_slack_what_is_told_together_is_told_once_whenever_the_process_is_killed(
    slack: SlackServer, url: str, point: str, spared: int
) -> None:
    channel = replace(in_slack(slack), above=1)
    life = Life(url, channel, asks=True, requests=4)
    killed = replace(life, kill_at=point, spared=spared)
    assert await live(killed) in (-signal.SIGKILL, SEEN_TO_THE_END)
    assert await live(life) == SEEN_TO_THE_END
    async with connect(url) as coordinator:
        found = await coordinator.store.deliveries(saga_id=None, state=None, limit=10)
    at = {each.subject: (each.receipt or {})["ts"] for each in found}
    shown = {
        gate: message.ts
        for message in slack.messages("C1")
        for gate in at
        if gate in json.dumps(message.blocks)
    }
    assert shown == at
    told = [json.dumps(message.blocks) for message in slack.messages("C1")]
    assert all(sum(gate in each for each in told) == 1 for gate in at)
