"""Who may decide now, and whether a gate can open at all."""

import getpass
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from approvals.directory import (
    Directory,
    OperatingSystemDirectory,
    check_reachable,
    electorate,
)
from approvals.errors import DirectoryError
from approvals.parties import Parties
from approvals.principal import Principal
from approvals.requirement import Approval, approval

FOUR_HOURS = timedelta(hours=4)


@dataclass(frozen=True)
class Office:
    """A directory of three people, two of them at the desk."""

    people: frozenset[str] = frozenset({"ana", "ben", "eve"})
    groups: dict[str, frozenset[str]] = field(
        default_factory=lambda: {"desk": frozenset({"ben", "eve"}), "board": frozenset[str]()}
    )
    source: str = "office.toml"

    def principal(self, operating_system_user: str) -> Principal | None:
        raise NotImplementedError(operating_system_user)

    def authenticate(self, name: str, token: str) -> Principal | None:
        raise NotImplementedError(name, token)

    def members(self, group: str) -> frozenset[str]:
        return self.groups.get(group, frozenset())

    def identified(self, claim: str, value: str) -> Principal | None:
        return None

    def groups_of(self, name: str) -> frozenset[str] | None:
        return frozenset() if name in self.people else None


OFFICE: Directory = Office()
MACHINE: Directory = OperatingSystemDirectory()


def asked(*by: str, quorum: int = 1, separate: bool = False) -> Approval:
    return approval(by=by, within=FOUR_HOURS, quorum=quorum, separate=separate)


def test_the_electorate_is_the_people_and_the_members_sorted() -> None:
    assert electorate(asked("@desk", "ana"), OFFICE) == ("ana", "ben", "eve")


def test_a_person_named_twice_over_is_there_once() -> None:
    assert electorate(asked("@desk", "ben"), OFFICE) == ("ben", "eve")


def test_a_person_who_is_not_known_is_not_in_the_electorate() -> None:
    assert electorate(asked("ana", "zoe"), OFFICE) == ("ana",)


def test_nobody_in_particular_is_listed_where_anyone_may_decide() -> None:
    assert electorate(asked("anyone"), OFFICE) == ()


def test_the_requester_is_left_out_where_duties_are_separate() -> None:
    assert electorate(asked("@desk", separate=True), OFFICE, parties=Parties(starter="eve")) == (
        "ben",
    )


def test_the_requester_stays_in_where_duties_are_not_separate() -> None:
    assert electorate(asked("@desk"), OFFICE, parties=Parties(starter="eve")) == ("ben", "eve")


def test_an_electorate_without_a_requester_is_whole() -> None:
    assert electorate(asked("@desk", separate=True), OFFICE) == ("ben", "eve")


@pytest.mark.parametrize(
    ("requirement", "requester"),
    [
        (asked("@desk"), "eve"),
        (asked("@desk", "ana", quorum=3), "eve"),
        (asked("@desk", separate=True), "eve"),
        (asked("@desk", quorum=2, separate=True), "ana"),
        (asked("ana"), "ana"),
        (asked("anyone", quorum=9), "eve"),
    ],
)
def test_a_gate_opens_where_enough_people_could_decide(
    requirement: Approval, requester: str
) -> None:
    check_reachable(requirement, OFFICE, Parties(starter=requester))


def test_an_empty_group_keeps_a_gate_from_opening() -> None:
    with pytest.raises(DirectoryError, match=r"@board has no members in office\.toml; add"):
        check_reachable(asked("@board"), OFFICE, Parties(starter="eve"))


def test_an_empty_group_keeps_a_gate_from_opening_beside_others_who_could_decide() -> None:
    with pytest.raises(DirectoryError, match="@board"):
        check_reachable(asked("@board", "ana"), OFFICE, Parties(starter="eve"))


def test_where_there_is_no_directory_a_group_says_how_to_name_one() -> None:
    with pytest.raises(DirectoryError, match=r"has the group: --directory FILE or SAGAS_DIRECTORY"):
        check_reachable(asked("@board"), OperatingSystemDirectory(), Parties(starter="eve"))


def test_a_group_that_is_not_known_keeps_a_gate_from_opening() -> None:
    with pytest.raises(DirectoryError, match="@crew has no members"):
        check_reachable(asked("@crew"), OFFICE, Parties(starter="eve"))


def test_a_person_who_is_not_known_keeps_a_gate_from_opening() -> None:
    with pytest.raises(DirectoryError, match=r"zoe is not known in office\.toml; add"):
        check_reachable(asked("ana", "zoe"), OFFICE, Parties(starter="eve"))


def test_too_few_members_keep_a_gate_from_opening() -> None:
    with pytest.raises(DirectoryError, match=r"3 approvals are needed, and @desk stand for 2 in"):
        check_reachable(asked("@desk", quorum=3), OFFICE, Parties(starter="eve"))


def test_too_few_people_but_the_requester_keep_a_gate_from_opening() -> None:
    with pytest.raises(DirectoryError, match=r"without those for whom it acts \(eve\)"):
        check_reachable(asked("@desk", quorum=2, separate=True), OFFICE, Parties(starter="eve"))


def test_every_user_of_the_machine_is_a_person_of_that_name() -> None:
    user = getpass.getuser()
    assert MACHINE.principal(user) == Principal(
        name=user, display=user, groups=frozenset(), evidence=f"operating-system user {user}"
    )


@pytest.mark.parametrize("user", ["", "@desk", "anyone"])
def test_a_user_whose_name_means_something_else_is_nobody(user: str) -> None:
    assert MACHINE.principal(user) is None


def test_the_machine_knows_no_tokens() -> None:
    assert MACHINE.authenticate("ana", "secret") is None


def test_a_person_can_be_asked_on_the_machine_without_a_file() -> None:
    check_reachable(asked("ana"), MACHINE, Parties(starter="eve"))


def test_a_group_cannot_be_asked_on_the_machine() -> None:
    with pytest.raises(DirectoryError, match="who have no groups here"):
        check_reachable(asked("@desk"), MACHINE, Parties(starter="eve"))


def test_the_message_names_the_source_of_the_directory() -> None:
    other = replace(Office(), source="elsewhere.toml")
    with pytest.raises(DirectoryError, match=r"elsewhere\.toml"):
        check_reachable(asked("@board"), other, Parties(starter="eve"))
