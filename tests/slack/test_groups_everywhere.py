"""User groups of Slack decide in every process whose channels name Slack."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from approvals import Gate, GateState, Principal
from approvals.channels import Channels, Routes
from approvals.channels.configuration import live_groups
from approvals.errors import DirectoryUnavailable
from approvals.testing import Fault, Person, SlackServer
from sagas import connect
from sagas.coordinator import Coordinator
from sagas.errors import Refused
from tests.slack.installing import Files, installed_in, post, write

pytestmark = pytest.mark.usefixtures("ann")


@pytest.fixture
def files(tmp_path: Path, slack: SlackServer) -> Files:
    slack.person("U2", name="Bo")
    slack.usergroup("S1", handle="desk", members=["U1"])
    return installed_in(tmp_path, slack)


@pytest.fixture
async def coordinator(journal_url: str, files: Files) -> AsyncIterator[Coordinator]:
    async with connect(
        journal_url, post, directory=files.people, channels=files.channels, user="agent"
    ) as opened:
        assert opened._groups is not None
        await opened._groups.refresh(["slack:S1"])  # so that no gate waits for the first answer
        yield opened


async def gate_of(coordinator: Coordinator) -> Gate:
    await coordinator.start(write, "all", id="spring")
    async with asyncio.timeout(60):
        while not (found := await coordinator.store.gates_of("spring")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing tells of it
    return found[0]


def identified(name: str, *groups: str) -> Principal:
    return Principal(name=name, display=name, groups=frozenset(groups), evidence="a log-in")


async def test_a_gate_opens_for_the_members_of_the_group_and_they_decide(
    coordinator: Coordinator,
) -> None:
    gate = await gate_of(coordinator)
    assert gate.eligible == ("ann",)
    decided = await coordinator.approve(gate.id, by=identified("ann"))
    assert decided.state is GateState.APPROVED


async def test_whoever_left_the_group_a_moment_ago_does_not_decide(
    coordinator: Coordinator, slack: SlackServer
) -> None:
    gate = await gate_of(coordinator)
    slack.space.groups["S1"].members[:] = ["U2"]
    with pytest.raises(Refused, match="not among the approvers"):
        await coordinator.approve(gate.id, by=identified("ann", "slack:S1"))
    decided = await coordinator.reject(gate.id, by=identified("bo"), reason="too early")
    assert decided.state is GateState.REJECTED


async def test_nobody_decides_by_a_group_that_cannot_be_told_and_nothing_is_recorded(
    coordinator: Coordinator, slack: SlackServer
) -> None:
    gate = await gate_of(coordinator)
    slack.fail("usergroups.users.list", Fault.broken(), times=None)
    with pytest.raises(DirectoryUnavailable, match="S1"):
        await coordinator.approve(gate.id, by=identified("ann", "slack:S1"))
    assert await coordinator.store.votes(gate.id) == []
    slack.faults.mend()
    decided = await coordinator.approve(gate.id, by=identified("ann"))
    assert decided.state is GateState.APPROVED


async def test_a_process_that_only_decides_asks_for_the_groups_alone(
    coordinator: Coordinator, sqlite_url: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = await gate_of(coordinator)
    files.channels.write_text(
        files.channels.read_text()
        + '[channels.mail]\nkind = "mail"\nhost = "h"\nsender = "a@b.c"\npassword_from = "UNSET"\n'
    )
    monkeypatch.delenv("UNSET", raising=False)
    groups = live_groups(files.channels)
    assert groups is not None
    alone = Channels([], Routes(), groups=groups)
    async with connect(sqlite_url, directory=files.people, channels=alone) as deciding:
        decided = await deciding.approve(gate.id, by=identified("ann"))
    assert decided.state is GateState.APPROVED


async def test_what_somebody_may_do_is_shown_by_what_slack_says(coordinator: Coordinator) -> None:
    gate = await gate_of(coordinator)
    ann = await coordinator.in_live_groups(identified("ann"), [gate])
    bo = await coordinator.in_live_groups(identified("bo", "slack:S1"), [gate])
    assert ann.groups == {"slack:S1"}
    assert bo.groups == set()


async def test_the_message_reaches_the_channel_of_the_file(
    coordinator: Coordinator, slack: SlackServer, ann: Person
) -> None:
    telling = asyncio.ensure_future(coordinator.dispatch())
    gate = await gate_of(coordinator)
    await slack.until(lambda: slack.messages("C1"))
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    [message] = slack.messages("C1")
    assert message.metadata is not None
    assert gate.id in str(message.blocks)
    assert "Approve" in str(message.blocks)
    assert gate.deadline > datetime.now(UTC)
