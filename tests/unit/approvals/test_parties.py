"""Who has a part in a saga, and is kept from deciding about it."""

import pytest

from approvals.errors import ApprovalDefinitionError, PolicyUnreadable
from approvals.parties import Parties

ALL = Parties(starter="cron", requester="ana", agent="booking-bot", owner="ben")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("cron", "started this saga"),
        ("ana", "asked for it"),
        ("booking-bot", "are the agent that acts"),
        ("ben", "own the agent that acts"),
        ("eve", None),
    ],
)
def test_everyone_with_a_part_is_told_which(name: str, part: str | None) -> None:
    assert ALL.part_of(name) == part


def test_the_names_are_those_of_everyone_with_a_part() -> None:
    assert ALL.names == {"cron", "ana", "booking-bot", "ben"}


def test_a_starter_alone_is_a_party() -> None:
    assert Parties(starter="ana").names == {"ana"}


@pytest.mark.parametrize(
    ("parties", "words"),
    [
        (Parties(starter="ana"), "ana"),
        (ALL, "cron, asked by ana, agent booking-bot of ben"),
        (Parties(starter="ana", owner="ben"), "ana, owner ben"),
    ],
)
def test_parties_describe_themselves(parties: Parties, words: str) -> None:
    assert parties.describe() == words


@pytest.mark.parametrize("parties", [ALL, Parties(starter="ana")])
def test_parties_come_back_as_they_were_stored(parties: Parties) -> None:
    assert Parties.from_json(parties.to_json()) == parties


@pytest.mark.parametrize(
    "text", ["", "{}", '{"starter":"a","who":"b"}', '{"starter":"a","agent":""}']
)
def test_stored_parties_that_are_not_understood_are_refused(text: str) -> None:
    with pytest.raises(PolicyUnreadable, match="upgrade"):
        Parties.from_json(text)


@pytest.mark.parametrize("name", ["", " ", "@desk", "anyone"])
def test_a_name_that_is_no_persons_has_no_part(name: str) -> None:
    with pytest.raises(ApprovalDefinitionError, match="owner="):
        Parties(starter="ana", owner=name)
