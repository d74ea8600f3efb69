"""Many requests that wait at one place of Slack: told together, and each of them as truly as alone."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from approvals.channels.slack.round_ups import MOST_GATHERED
from approvals.testing import Fault, Message, SlackServer
from sagas.dispatching.gathering import WITHIN
from sagas.journal import migrate
from tests.slack.offices import HOUR, MINUTE, Office, decide, office_in, posts

SECOND = timedelta(seconds=1)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.channel("C1", name="approvals")
        server.channel("C2", name="managers")
        yield server


@pytest.fixture
async def office(slack: SlackServer, sqlite_url: str) -> AsyncIterator[Office]:
    async with office_in(slack, sqlite_url, above=1) as office:
        yield office


def lines(message: Message) -> list[str]:
    """What a message says of each request; the latest word of Slack on its own."""
    return [block["text"]["text"] for block in message.blocks if block["type"] == "section"]


def ways_in(message: Message) -> list[str]:
    """The gates whose details can be opened from a message."""
    buttons = [each["accessory"] for each in message.blocks if "accessory" in each]
    return [json.loads(button["value"])["g"] for button in buttons]


def below(office: Office, message: Message) -> list[Message]:
    return [each for each in office.slack.messages("C1") if each.thread_ts == message.ts]


async def asked(office: Office, *numbers: int) -> list[str]:
    gates = [await office.untold(number) for number in numbers]
    await office.tell()
    return gates


async def kept(office: Office) -> list[tuple[str, str, bool]]:
    """Where each request was told, how that stands, and whether among others; the oldest first."""
    found = await office.coordinator.store.deliveries(saga_id=None, state=None, limit=100)
    return [(each.target, each.state.value, bool(each.round_up)) for each in reversed(found)]


async def test_what_waits_beyond_the_number_is_shown_in_one_message(office: Office) -> None:
    gates = await asked(office, *range(6))
    alone, together = posts(office.slack)
    assert gates[0] in json.dumps(alone.blocks)
    assert ways_in(together) == gates[1:]
    assert together.text == "5 requests wait for a decision"
    assert await kept(office) == [("C1", "sent", False)] + 5 * [("C1", "sent", True)]
    rows = await office.coordinator.store.deliveries(saga_id=None, state=None, limit=5)
    assert {(row.receipt or {})["ts"] for row in rows} == {together.ts}


async def test_what_joins_at_once_is_written_a_few_times_only(office: Office) -> None:
    await asked(office, *range(12))
    assert len(posts(office.slack)) == 2
    assert len(office.slack.called("chat.update")) < 6
    assert len(ways_in(posts(office.slack)[1])) == 11


async def test_what_comes_later_joins_without_another_message(office: Office) -> None:
    gates = await asked(office, 1, 2)
    office.slack.clock.advance(WITHIN - SECOND)
    gates += await asked(office, 3)
    assert ways_in(posts(office.slack)[1]) == gates[1:]
    assert len(office.slack.messages("C1")) == 2


async def test_what_comes_much_later_rings_again(office: Office) -> None:
    await asked(office, 1, 2)
    office.slack.clock.advance(WITHIN + SECOND)
    [late] = await asked(office, 3)
    assert [ways_in(message) for message in posts(office.slack)[2:]] == [[late]]


async def test_a_full_message_is_followed_by_another_one(office: Office) -> None:
    gates = await asked(office, *range(MOST_GATHERED + 3))
    _, full, rest = posts(office.slack)
    assert ways_in(full) + ways_in(rest) == gates[1:]
    assert len(ways_in(full)) == MOST_GATHERED


async def test_with_the_number_0_each_has_a_message_of_its_own(
    slack: SlackServer, sqlite_url: str
) -> None:
    async with office_in(slack, sqlite_url, above=0) as office:
        await asked(office, 1, 2, 3)
        assert len(posts(slack)) == 3


async def test_what_was_decided_makes_room_for_a_message_of_its_own(office: Office) -> None:
    [first] = await asked(office, 1)
    await office.coordinator.reject(first, by="ana", reason="no")
    await office.tell()
    await asked(office, 2)
    assert [row[2] for row in await kept(office)] == [False, False]


async def test_each_decision_changes_its_line_and_is_told_below_by_name(office: Office) -> None:
    gates = await asked(office, 1, 2, 3, 4)
    await office.coordinator.reject(gates[2], by="ana", reason="too dear")
    await office.tell()
    together = posts(office.slack)[1]
    assert ways_in(together) == [gates[1], gates[3]]
    assert together.text == "2 of these 3 requests still wait for a decision"
    assert [line.partition(":")[0] for line in lines(together)][-1] == "Rejected"
    told = below(office, together)
    assert told
    assert all(each.text.startswith("Rejected") for each in told)
    assert all("travel.mail" in str(each.blocks) for each in told)


async def test_votes_and_reminders_stand_below_it_by_name(office: Office) -> None:
    gates = await asked(office, 1, 2, 3)
    await decide(office, gates[1], "ana")
    await office.later(HOUR)
    together = posts(office.slack)[1]
    vote, *reminders = below(office, together)
    assert vote.text.startswith("Somebody has voted")
    assert len(reminders) == 2
    assert all("travel.mail" in str(each.blocks) for each in (vote, *reminders))
    assert len(posts(office.slack)) == 2


# --- when something goes wrong ----------------------------------------------------------------


async def test_whoever_was_to_join_a_deleted_message_is_told_in_another_one(
    office: Office,
) -> None:
    await asked(office, 1, 2)
    posts(office.slack)[1].deleted = True
    third, fourth = await asked(office, 3, 4)
    told = [ways_in(message) for message in posts(office.slack)]
    assert third in str(told)
    assert fourth in str(told)


async def test_a_deleted_message_has_each_of_them_told_at_its_next_place(office: Office) -> None:
    gates = await asked(office, 1, 2, 3)
    posts(office.slack)[1].deleted = True
    await decide(office, gates[1], "ana")
    assert (await kept(office))[1:3] == 2 * [("C1", "lost", True)]
    assert [row[:2] for row in await kept(office)][3:] == [("C2", "sent"), ("C2", "sent")]


@pytest.mark.parametrize(
    "fault",
    [
        Fault.rate_limited(30),
        Fault.broken(503),
        Fault.dropped(takes_effect=True),
        Fault.dropped(takes_effect=False),
    ],
    ids=["429", "503", "dropped, done", "dropped"],
)
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_nothing_is_left_untold_or_told_twice_when_slack_fails(
    office: Office, method: str, fault: Fault
) -> None:
    gates = await asked(office, 1)
    office.slack.fail(method, fault)
    gates += await asked(office, 2)
    gates += await asked(office, 3)
    for _ in range(3):
        await office.later(MINUTE)
    told = [gate for message in posts(office.slack)[1:] for gate in ways_in(message)]
    assert sorted(told) == sorted(gates[1:])
    assert {row[:2] for row in await kept(office)} == {("C1", "sent")}


async def test_a_place_that_takes_nothing_has_the_next_one_told_of_each(office: Office) -> None:
    await asked(office, 1)
    office.slack.fail("chat.postMessage", Fault.refused("is_archived"), times=2)
    await asked(office, 2, 3)
    assert [row[:2] for row in await kept(office)].count(("C2", "sent")) == 2


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty journal."""
    found: str = request.getfixturevalue(request.param)
    migrate(found)
    return found


async def test_two_processes_that_gather_and_decide_at_once_leave_nothing_out_and_nothing_untrue(
    slack: SlackServer, url: str
) -> None:
    async with office_in(slack, url, above=1) as office, office_in(slack, url, above=1) as other:
        await asked(office, 0)
        gates: list[str] = []
        for number in range(1, 9):
            gates.append(await office.untold(number))
            await both_look(office, other)
            if number % 3 == 0:
                await office.coordinator.reject(gates[-2], by="ana", reason="no")
        for _ in range(20):
            await both_look(office, other)
            await office.settle()
            await other.settle()
        rows = await office.coordinator.store.deliveries(saga_id=None, state=None, limit=8)
        decided = {gates[1], gates[4]}
        assert {row.subject for row in rows if row.receipt is None} <= decided
    where: dict[str, list[str]] = {}
    for row in reversed(rows):
        if row.receipt is not None:  # one was decided before anybody was told
            where.setdefault(row.receipt["ts"], []).append(row.subject)
    told = {each.ts: each for each in posts(slack)[1:]}
    assert {ts: len(lines(each)) for ts, each in told.items()} == {
        ts: len(there) for ts, there in where.items()
    }
    assert {ts: ways_in(each) for ts, each in told.items()} == {
        ts: [each for each in there if each not in decided] for ts, there in where.items()
    }


async def both_look(*offices: Office) -> None:
    """Have each take in hand what is due, while the other has."""
    for office in offices:
        await office.look()


async def held_up(office: Office, other: Office) -> list[str]:
    """Three that are told together, while the other's change that shows two is on its way."""
    gates = await asked(office, 0, 1)
    gates.append(await office.untold(2))
    other.posting.is_open.clear()
    await other.look()
    await other.settle()  # it has joined
    await other.look()
    await other.posting.waits.wait()
    gates += await asked(office, 3)
    assert ways_in(posts(office.slack)[1]) == gates[1:]
    return gates[1:]


async def test_a_change_that_comes_late_is_followed_by_what_is_so(
    office: Office, slack: SlackServer, sqlite_url: str
) -> None:
    async with office_in(slack, sqlite_url, above=1) as other:
        gates = await held_up(office, other)
        other.posting.is_open.set()
        await other.settle()
    assert ways_in(posts(slack)[1]) == gates
    assert len(slack.called("chat.update")) > 2


async def test_a_change_that_comes_late_from_a_process_that_ends_there_is_made_good_by_another(
    office: Office, slack: SlackServer, sqlite_url: str
) -> None:
    async with office_in(slack, sqlite_url, above=1) as other:
        gates = await held_up(office, other)
        slack.fail("chat.update", Fault.dropped(takes_effect=True))
        other.posting.is_open.set()
        await other.settle()
    assert ways_in(posts(slack)[1]) == gates[:2]
    await office.later(MINUTE)
    assert ways_in(posts(slack)[1]) == gates
