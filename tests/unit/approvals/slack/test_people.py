"""Who clicked, as Slack and the directory say, and who is refused with which sentence."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from approvals.channels.slack.people import SlackPeople, SlackPerson, Unwelcome
from approvals.toml_directory import TomlDirectory
from tests.unit.approvals.slack.local import Clock, LocalSlack, Said

ANA: dict[str, object] = {
    "id": "U0456",
    "team_id": "T0123",
    "deleted": False,
    "is_bot": False,
    "is_restricted": False,
    "is_ultra_restricted": False,
    "is_email_confirmed": True,
    "profile": {"display_name": "ana", "real_name": "Ana Lima", "email": "ana@example.org"},
}


def people(
    slack: LocalSlack,
    *,
    clock: Clock | None = None,
    teams: frozenset[str] = frozenset({"T0123"}),
    guests: bool = False,
    by_email: bool = False,
) -> SlackPeople:
    return SlackPeople(
        slack.client(), teams=teams, now=clock or Clock(), guests=guests, by_email=by_email
    )


def a_user(**different: object) -> dict[str, object]:
    return {"user": {**ANA, **different}}


class SlowSlack:
    """Gives its first answer when it is let, and the others at once."""

    def __init__(self, *answers: dict[str, object]) -> None:
        self._left = list(answers)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def users_info(self, *, user: str) -> Any:
        said = SimpleNamespace(data=self._left.pop(0))
        if not self.asked.is_set():
            self.asked.set()
            await self.go_on.wait()
        return said


async def test_a_person_of_the_workspace_is_known_by_workspace_and_id(slack: LocalSlack) -> None:
    slack.says("users.info", a_user())
    assert await people(slack).who_is("U0456") == SlackPerson(
        home="T0123", user="U0456", team="T0123", display="ana", email="ana@example.org"
    )


async def test_a_person_of_an_organization_is_known_by_it(slack: LocalSlack) -> None:
    above = {"enterprise_id": "E0123", "teams": ["T0999", "T0123"]}
    slack.says("users.info", a_user(team_id="T0999", enterprise_user=above))
    found = await people(slack).who_is("U0456")
    assert isinstance(found, SlackPerson)
    assert found.key == "E0123/U0456"


@pytest.mark.parametrize("teams", [{"T0123"}, {"E0123"}, {"T0999", "E0123"}])
async def test_a_workspace_or_the_organization_above_it_lets_people_in(
    slack: LocalSlack, teams: set[str]
) -> None:
    slack.says("users.info", a_user(enterprise_user={"enterprise_id": "E0123", "teams": []}))
    assert isinstance(await people(slack, teams=frozenset(teams)).who_is("U0456"), SlackPerson)


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"deleted": True}, "deactivated"),
        ({"is_bot": True}, "a bot"),
        ({"is_workflow_bot": True}, "a bot"),
        ({"is_connector_bot": True}, "a bot"),
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"is_stranger": True}, "another organization"),
        ({"team_id": "T0666"}, "another organization"),
        ({"team_id": None}, "another organization"),
        ({"team_id": "T0666", "enterprise_user": {"teams": ["T0777"]}}, "another organization"),
        ({"id": "U0666"}, "does not tell who you are"),
        ({"deleted": None}, "does not tell who you are"),
        ({"is_bot": "no"}, "does not tell who you are"),
        ({"is_restricted": 0}, "does not tell who you are"),
        ({"is_stranger": "maybe"}, "does not tell who you are"),
    ],
)
async def test_whoever_may_not_take_part_is_told_why(
    slack: LocalSlack, different: dict[str, object], words: str
) -> None:
    slack.says("users.info", a_user(**different))
    found = await people(slack).who_is("U0456")
    assert isinstance(found, Unwelcome)
    assert words in found.why


async def test_a_guest_takes_part_where_guests_may(slack: LocalSlack) -> None:
    slack.says("users.info", a_user(is_restricted=True))
    assert isinstance(await people(slack, guests=True).who_is("U0456"), SlackPerson)


async def test_a_guest_who_is_a_stranger_takes_no_part_where_guests_may(slack: LocalSlack) -> None:
    slack.says("users.info", a_user(is_restricted=True, is_stranger=True))
    assert isinstance(await people(slack, guests=True).who_is("U0456"), Unwelcome)


async def test_nobody_takes_part_where_no_workspace_is_named(slack: LocalSlack) -> None:
    slack.says("users.info", a_user())
    assert isinstance(await people(slack, teams=frozenset()).who_is("U0456"), Unwelcome)


@pytest.mark.parametrize("user", ["", "ana", "U", "B0123", "U0456&x=1", "U0456\n", "U" * 99])
async def test_what_is_no_id_of_a_user_is_refused_without_asking(
    slack: LocalSlack, user: str
) -> None:
    assert isinstance(await people(slack).who_is(user), Unwelcome)
    assert slack.asked == []


@pytest.mark.parametrize("body", [{}, {"user": None}, {"user": []}, {"user": "U0456"}])
async def test_an_answer_without_a_user_identifies_nobody(slack: LocalSlack, body: object) -> None:
    slack.says("users.info", body)
    assert isinstance(await people(slack).who_is("U0456"), Unwelcome)


@pytest.mark.parametrize(
    "said",
    [
        Said({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "7"}),
        Said({"ok": False, "error": "internal_error"}, 500),
        Said("<html>", 502, {"Content-Type": "text/html"}),
        Said("fine", 200),
        Said("{", 200, {"Content-Type": "application/json"}),
        Said([], 200),
        Said(None, 0),
    ],
)
async def test_where_slack_cannot_tell_nobody_is_identified_and_it_may_pass(
    slack: LocalSlack, said: Said
) -> None:
    slack.answers["users.info"] = [said]
    found = await people(slack).who_is("U0456")
    assert isinstance(found, Unwelcome)
    assert found.may_pass


async def test_a_user_whom_slack_does_not_know_is_refused(slack: LocalSlack) -> None:
    slack.refuses("users.info", "user_not_found")
    found = await people(slack).who_is("U0456")
    assert isinstance(found, Unwelcome)
    assert "does not know you" in found.why
    assert not found.may_pass


# --- what is remembered --------------------------------------------------------------------------


async def test_slack_is_asked_once_a_minute(slack: LocalSlack) -> None:
    slack.says("users.info", a_user(), a_user(deleted=True))
    clock = Clock()
    asked = people(slack, clock=clock)
    await asked.who_is("U0456")
    clock.go_on(seconds=59)
    assert isinstance(await asked.who_is("U0456"), SlackPerson)
    clock.go_on(seconds=1)
    assert isinstance(await asked.who_is("U0456"), Unwelcome)


async def test_whoever_was_deactivated_is_refused_at_once_where_a_fresh_answer_is_asked_for(
    slack: LocalSlack,
) -> None:
    slack.says("users.info", a_user(), a_user(deleted=True))
    asked = people(slack)
    await asked.who_is("U0456")
    assert isinstance(await asked.who_is("U0456", fresh=True), Unwelcome)


async def test_what_is_forgotten_is_asked_again(slack: LocalSlack) -> None:
    slack.says("users.info", a_user(), a_user(deleted=True))
    asked = people(slack)
    await asked.who_is("U0456")
    asked.forget("U0456")
    assert isinstance(await asked.who_is("U0456"), Unwelcome)


async def test_that_slack_could_not_tell_is_not_remembered(slack: LocalSlack) -> None:
    slack.says("users.info", Said({"ok": False, "error": "fatal_error"}), a_user())
    asked = people(slack)
    await asked.who_is("U0456")
    assert isinstance(await asked.who_is("U0456"), SlackPerson)


async def test_what_is_remembered_of_a_time_that_has_not_come_is_not_believed(
    slack: LocalSlack,
) -> None:
    slack.says("users.info", a_user(), a_user(deleted=True))
    clock = Clock()
    asked = people(slack, clock=clock)
    await asked.who_is("U0456")
    clock.go_on(seconds=-3600)
    assert isinstance(await asked.who_is("U0456"), Unwelcome)


async def test_a_slow_answer_does_not_hide_a_later_one() -> None:
    clock = Clock()
    late = SlowSlack(a_user(), a_user(deleted=True))
    asked = SlackPeople(late, teams=frozenset({"T0123"}), now=clock)
    first = asyncio.ensure_future(asked.who_is("U0456"))
    await late.asked.wait()
    clock.go_on(seconds=1)
    await asked.who_is("U0456", fresh=True)
    late.go_on.set()
    await first
    assert isinstance(await asked.who_is("U0456"), Unwelcome)


async def test_what_is_forgotten_while_slack_is_asked_is_not_remembered() -> None:
    late = SlowSlack(a_user(), a_user(deleted=True))
    asked = SlackPeople(late, teams=frozenset({"T0123"}), now=Clock())
    first = asyncio.ensure_future(asked.who_is("U0456"))
    await late.asked.wait()
    asked.forget("U0456")
    late.go_on.set()
    await first
    assert isinstance(await asked.who_is("U0456"), Unwelcome)


# --- whom the directory knows them as ------------------------------------------------------------

OFFICE = """
[users.ana]
slack = "T0123/U0456"

[users.ben]
email = "ben@example.org"

[groups]
desk = ["ana"]
"""


@pytest.fixture
def office(tmp_path: Path) -> TomlDirectory:
    file = tmp_path / "people.toml"
    file.write_text(OFFICE, encoding="utf-8")
    return TomlDirectory.load(file)


def person(user: str = "U0456", email: str | None = None) -> SlackPerson:
    return SlackPerson(home="T0123", user=user, team="T0123", display="somebody", email=email)


def test_a_person_is_found_by_their_id_and_votes_by_it(
    slack: LocalSlack, office: TomlDirectory
) -> None:
    found = people(slack).principal(person(), office)
    assert not isinstance(found, Unwelcome)
    assert (found.name, found.evidence) == ("ana", "Slack user T0123/U0456")
    assert found.groups == {"desk"}


def test_an_id_counts_before_an_address(slack: LocalSlack, office: TomlDirectory) -> None:
    found = people(slack, by_email=True).principal(person(email="ben@example.org"), office)
    assert not isinstance(found, Unwelcome)
    assert found.name == "ana"


def test_an_address_counts_where_that_is_switched_on(
    slack: LocalSlack, office: TomlDirectory
) -> None:
    given = person("U0789", "Ben@example.org")
    found = people(slack, by_email=True).principal(given, office)
    assert not isinstance(found, Unwelcome)
    assert found.name == "ben"
    assert "T0123/U0789" in found.evidence
    assert isinstance(people(slack).principal(given, office), Unwelcome)


async def test_an_address_that_is_not_confirmed_does_not_count(
    slack: LocalSlack, office: TomlDirectory
) -> None:
    slack.says("users.info", a_user(id="U0789", is_email_confirmed=False))
    found = await people(slack, by_email=True).who_is("U0789")
    assert isinstance(found, SlackPerson)
    assert found.email is None


def test_whoever_is_not_in_the_directory_is_told_what_to_ask_for(
    slack: LocalSlack, office: TomlDirectory
) -> None:
    found = people(slack, by_email=True).principal(person("U0999", "zoe@example.org"), office)
    assert isinstance(found, Unwelcome)
    assert 'slack = "T0123/U0999"' in found.why


def test_whoever_has_a_slack_id_in_the_directory_is_nobody_of_another_id(
    slack: LocalSlack, tmp_path: Path
) -> None:
    file = tmp_path / "people.toml"
    file.write_text('[users.ana]\nslack = "T0123/U0456"\nemail = "ana@example.org"\n')
    office = TomlDirectory.load(file)
    other = person("U0999", "ana@example.org")
    assert isinstance(people(slack, by_email=True).principal(other, office), Unwelcome)
