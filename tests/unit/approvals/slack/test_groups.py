"""User groups of Slack as groups of a directory, and what counts while Slack does not tell."""

import asyncio
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from approvals.channels.slack.groups import DirectoryWithSlack, SlackGroups, slack_groups_of
from approvals.directory import check_reachable, electorate
from approvals.errors import DirectoryError, DirectoryUnavailable
from approvals.parties import Parties
from approvals.requirement import approval
from approvals.toml_directory import TomlDirectory
from tests.unit.approvals.slack.local import Clock, LocalSlack, Said, until

DESK = "slack:S0123"
OFFICE = """
[users.ana]
slack = "T0123/U01"

[users.ben]
slack = "T0123/U02"
sub = "ben-1"

[users.cem]

[groups]
board = ["ana"]
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def groups(slack: LocalSlack, clock: Clock) -> SlackGroups:
    slack.says("usergroups.users.list", {"users": ["U01", "U02", "U99"]})
    return SlackGroups(slack.client(), "T0123", clock)


@pytest.fixture
def office(tmp_path: Path, groups: SlackGroups) -> DirectoryWithSlack:
    file = tmp_path / "people.toml"
    file.write_text(OFFICE, encoding="utf-8")
    return DirectoryWithSlack(TomlDirectory.load(file), groups)


async def test_slack_is_asked_for_one_workspace_and_for_no_disabled_group(
    slack: LocalSlack, groups: SlackGroups
) -> None:
    await groups.refresh(["@slack:S0123"])
    assert slack.calls("usergroups.users.list") == [
        {"usergroup": "S0123", "include_disabled": "0", "team_id": "T0123"}
    ]


async def test_the_members_of_a_group_are_those_whom_the_directory_knows(
    office: DirectoryWithSlack,
) -> None:
    await office.groups.refresh([DESK])
    assert office.members(DESK) == {"ana", "ben"}
    assert office.groups_of("ana") == frozenset({"board", DESK})
    assert office.groups_of("cem") == frozenset()
    assert office.groups_of("zoe") is None


async def test_whoever_is_identified_is_in_their_groups_of_slack(
    office: DirectoryWithSlack,
) -> None:
    await office.groups.refresh([DESK])
    by_login = office.principal("ben")
    by_claim = office.identified("sub", "ben-1")
    by_slack = office.identified("slack", "T0123/U02")
    assert by_login is not None
    assert by_claim is not None
    assert by_slack is not None
    assert by_login.groups == by_claim.groups == by_slack.groups == {DESK}
    assert office.authenticate("ben", "token") is None


async def test_a_requirement_names_a_group_of_slack(office: DirectoryWithSlack) -> None:
    await office.groups.refresh([DESK])
    asked = approval(by="@slack:S0123", quorum=2, within=timedelta(hours=1))
    check_reachable(asked, office, Parties(starter="eve"))
    assert electorate(asked, office) == ("ana", "ben")


async def test_people_of_an_organization_are_named_by_it(
    slack: LocalSlack, clock: Clock, groups: SlackGroups
) -> None:
    above = SlackGroups(groups.client, "T0123", clock, home="E0123")
    await above.refresh([DESK])
    assert above.members(DESK) == {"E0123/U01", "E0123/U02", "E0123/U99"}


# --- what is not told ----------------------------------------------------------------------------


def test_a_group_that_nobody_asked_about_cannot_be_told(office: DirectoryWithSlack) -> None:
    with pytest.raises(DirectoryUnavailable, match="S0123 cannot be told now"):
        office.members(DESK)


async def test_an_answer_counts_for_a_minute_and_no_longer(
    office: DirectoryWithSlack, clock: Clock
) -> None:
    await office.groups.refresh([DESK])
    clock.go_on(seconds=60)
    assert office.members(DESK) == {"ana", "ben"}
    clock.go_on(seconds=1)
    with pytest.raises(DirectoryUnavailable):
        office.members(DESK)
    assert office.groups_of("ana") == frozenset({"board"})


async def test_an_answer_from_the_future_counts_for_nothing(
    office: DirectoryWithSlack, clock: Clock
) -> None:
    await office.groups.refresh([DESK])
    clock.go_on(seconds=-1)
    assert office.groups_of("ana") == frozenset({"board"})


async def test_an_answer_is_as_old_as_its_question(
    slack: LocalSlack, office: DirectoryWithSlack, clock: Clock
) -> None:
    asking = asyncio.create_task(office.groups.refresh([DESK]))
    await until(lambda: bool(slack.asked))
    clock.go_on(seconds=61)
    await asking
    with pytest.raises(DirectoryUnavailable):
        office.members(DESK)


async def test_whoever_was_taken_out_is_out_with_the_next_answer(
    slack: LocalSlack, office: DirectoryWithSlack
) -> None:
    await office.groups.refresh([DESK])
    slack.says("usergroups.users.list", {"users": ["U02"]})
    await office.groups.refresh([DESK])
    assert office.members(DESK) == {"ben"}


async def test_a_failed_question_is_an_error_and_leaves_what_was_told(
    slack: LocalSlack, office: DirectoryWithSlack, clock: Clock
) -> None:
    await office.groups.refresh([DESK])
    slack.refuses("usergroups.users.list", "missing_scope", needed="usergroups:read")
    with pytest.raises(DirectoryUnavailable, match="it needs usergroups:read"):
        await office.groups.refresh([DESK])
    assert office.members(DESK) == {"ana", "ben"}
    clock.go_on(seconds=61)
    with pytest.raises(DirectoryUnavailable):
        office.members(DESK)


@pytest.mark.parametrize("said", [Said({"ok": True}), Said({"ok": True, "users": "U01"})])
async def test_an_answer_without_members_tells_nothing(
    slack: LocalSlack, groups: SlackGroups, said: Said
) -> None:
    slack.answers["usergroups.users.list"] = [said]
    with pytest.raises(DirectoryUnavailable):
        await groups.refresh([DESK])


async def test_a_group_that_is_gone_has_no_members(
    slack: LocalSlack, office: DirectoryWithSlack
) -> None:
    slack.refuses("usergroups.users.list", "no_such_subteam")
    await office.groups.refresh([DESK])
    assert office.members(DESK) == frozenset()


async def test_one_group_that_is_not_told_does_not_hide_another(
    slack: LocalSlack, office: DirectoryWithSlack
) -> None:
    slack.says(
        "usergroups.users.list", {"users": ["U01"]}, Said({"ok": False, "error": "fatal_error"})
    )
    with pytest.raises(DirectoryError):
        await office.groups.refresh(["slack:S0123", "slack:S0456"])
    told = [group for group in ("slack:S0123", "slack:S0456") if _is_told(office, group)]
    assert len(told) == 1


def _is_told(office: DirectoryWithSlack, group: str) -> bool:
    try:
        return bool(office.members(group))
    except DirectoryUnavailable:
        return False


def test_other_groups_are_the_directorys_own(office: DirectoryWithSlack) -> None:
    assert office.members("board") == {"ana"}
    assert office.members("slack:ana") == frozenset()


def test_only_ids_of_user_groups_are_asked_about() -> None:
    names = [
        "ana",
        "@desk",
        "@slack:S0123",
        "slack:S0456",
        "@slack:",
        "@slack:S01&x=1",
        "@slack:U01",
    ]
    assert slack_groups_of(names) == {"slack:S0123", "slack:S0456"}


# --- in the background ---------------------------------------------------------------------------


async def test_a_group_is_asked_about_as_soon_as_somebody_wants_to_know(
    slack: LocalSlack, office: DirectoryWithSlack
) -> None:
    keeping = asyncio.create_task(office.groups.keep(every=timedelta(hours=1)))
    await asyncio.sleep(0)
    with pytest.raises(DirectoryUnavailable):
        office.members(DESK)
    await until(lambda: _is_told(office, DESK))
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_a_failure_does_not_end_the_asking(
    slack: LocalSlack, office: DirectoryWithSlack
) -> None:
    slack.says(
        "usergroups.users.list", Said({"ok": False, "error": "fatal_error"}), {"users": ["U01"]}
    )
    office.groups.watch(["@slack:S0123"])
    keeping = asyncio.create_task(office.groups.keep(every=timedelta(milliseconds=10)))
    await until(lambda: _is_told(office, DESK))
    keeping.cancel()
    await asyncio.wait([keeping])


class SlowSlack:
    """Answers when it is let, with the members that there are when it is asked."""

    def __init__(self) -> None:
        self.members = ["U01"]
        self.asked = 0
        self.go_on = asyncio.Event()

    async def auth_test(self) -> Any:
        raise AssertionError("the workspace is known")

    async def usergroups_users_list(self, **_: object) -> Any:
        self.asked += 1
        said = SimpleNamespace(data={"users": list(self.members)})
        await self.go_on.wait()
        return said


async def test_many_who_ask_at_once_are_told_what_was_asked_after_they_came(clock: Clock) -> None:
    late = SlowSlack()
    asked = SlackGroups(late, "T0123", clock)
    first = asyncio.ensure_future(asked.refresh([DESK]))
    while not late.asked:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0)
    late.members = []
    others = [asyncio.ensure_future(asked.refresh([DESK])) for _ in range(100)]
    await asyncio.sleep(0)
    late.go_on.set()
    await asyncio.gather(first, *others)
    assert (late.asked, asked.members(DESK)) == (2, frozenset())


async def test_whoever_does_not_wait_any_more_ends_no_question_of_others(clock: Clock) -> None:
    late = SlowSlack()
    asked = SlackGroups(late, "T0123", clock)
    first, other = (asyncio.ensure_future(asked.refresh([DESK])) for _ in range(2))
    while not late.asked:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0)
    first.cancel()
    late.go_on.set()
    await other
    assert asked.members(DESK) == {"T0123/U01"}
