"""What an author may ask for, what is refused when written, and how it is kept."""

import json
from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.errors import ApprovalDefinitionError, ApprovalError, PolicyUnreadable
from approvals.requirement import Approval, approval, waived

FOUR_HOURS = timedelta(hours=4)
people = st.sampled_from(["ana", "ben", "cem", "@desk", "@board"])
durations = st.timedeltas(min_value=timedelta(microseconds=1))


@st.composite
def approvals(draw: st.DrawFn) -> Approval:
    by = draw(st.lists(people, min_size=1, unique=True) | st.just(["anyone"]))
    only_people = all(name in {"ana", "ben", "cem"} for name in by)
    return approval(
        by=by,
        within=draw(durations),
        quorum=draw(st.integers(1, len(by) if only_people else 9)),
        valid_for=draw(durations),
        separate=draw(st.booleans()),
        reason_required=draw(st.booleans()),
    )


def test_one_name_may_be_written_without_a_list() -> None:
    assert approval(by="ana", within=FOUR_HOURS) == approval(by=["ana"], within=FOUR_HOURS)


def test_the_order_of_the_names_does_not_matter() -> None:
    one = approval(by=["ben", "ana"], within=FOUR_HOURS)
    assert one == approval(by=["ana", "ben"], within=FOUR_HOURS)


def test_an_approval_needs_one_person_and_holds_for_a_day_unless_said_otherwise() -> None:
    asked = approval(by="ana", within=FOUR_HOURS)
    assert (asked.quorum, asked.valid_for) == (1, timedelta(hours=24))


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ([], "names nobody"),
        ([""], "is empty"),
        (["  "], "is empty"),
        (["@"], "is empty"),
        ([" ana"], "begins or ends with a space"),
        (["@ desk"], "begins or ends with a space"),
        (["an\u200ba"], "cannot be seen"),
        (["@@desk"], "begins with @"),
        (["@anyone"], "stands for every identified person"),
        (["ana", "ana"], "ana more than once"),
        (["anyone", "anyone"], "anyone more than once"),
        (["anyone", "ana"], "beside others"),
    ],
)
def test_names_that_cannot_be_right_are_refused(by: list[str], words: str) -> None:
    with pytest.raises(ApprovalDefinitionError, match=words):
        approval(by=by, within=FOUR_HOURS)


@pytest.mark.parametrize("quorum", [0, -1])
def test_a_quorum_that_needs_nobody_is_refused(quorum: int) -> None:
    with pytest.raises(ApprovalDefinitionError, match="without a person"):
        approval(by="@desk", within=FOUR_HOURS, quorum=quorum)


def test_a_quorum_above_the_people_named_is_refused() -> None:
    with pytest.raises(ApprovalDefinitionError, match="cannot be met by ana, ben"):
        approval(by=["ana", "ben"], within=FOUR_HOURS, quorum=3)


@pytest.mark.parametrize("by", ["@desk", "anyone"])
def test_a_quorum_above_the_names_is_fine_where_a_name_stands_for_many(by: str) -> None:
    assert approval(by=by, within=FOUR_HOURS, quorum=3).quorum == 3


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1)])
def test_a_wait_that_is_over_at_once_is_refused(length: timedelta) -> None:
    with pytest.raises(ApprovalDefinitionError, match="within is"):
        approval(by="ana", within=length)


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1)])
def test_an_approval_that_could_never_be_used_is_refused(length: timedelta) -> None:
    with pytest.raises(ApprovalDefinitionError, match="valid_for is"):
        approval(by="ana", within=FOUR_HOURS, valid_for=length)


def test_an_approval_asks_for_no_separation_and_no_reason_unless_said_otherwise() -> None:
    asked = Approval(by=("ana",), within=FOUR_HOURS)
    assert (asked.separate, asked.reason_required) == (False, False)


def test_a_requirement_cannot_be_changed() -> None:
    field = "quorum"
    with pytest.raises(FrozenInstanceError):
        setattr(approval(by="@desk", within=FOUR_HOURS, quorum=2), field, 1)


def test_every_definition_error_is_an_approval_error() -> None:
    with pytest.raises(ApprovalError):
        approval(by=[], within=FOUR_HOURS)


def test_a_waiver_says_why() -> None:
    assert waived(reason="test mail only").reason == "test mail only"


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_waiver_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(ApprovalDefinitionError, match="without a reason"):
        waived(reason=reason)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (approval(by="@travel-desk", within=FOUR_HOURS), "1 of @travel-desk within 4 h"),
        (
            approval(by=["ben", "@board", "ana"], within=timedelta(minutes=30), quorum=2),
            "2 of @board, ana, ben within 30 min",
        ),
        (approval(by="anyone", within=FOUR_HOURS), "anyone within 4 h"),
        (approval(by="anyone", within=FOUR_HOURS, quorum=2), "any 2 people within 4 h"),
        (
            approval(by="ana", within=FOUR_HOURS, separate=True, reason_required=True),
            "1 of ana within 4 h, not who started the saga, with a reason",
        ),
    ],
)
def test_a_requirement_describes_itself(asked: Approval, words: str) -> None:
    assert asked.describe() == words


def test_a_person_is_admitted_by_name() -> None:
    assert approval(by="ana", within=FOUR_HOURS).admits("ana", ())


def test_a_person_is_admitted_by_group() -> None:
    assert approval(by="@desk", within=FOUR_HOURS).admits("ana", {"desk", "board"})


def test_a_person_neither_named_nor_in_a_group_is_not_admitted() -> None:
    assert not approval(by=["ana", "@desk"], within=FOUR_HOURS).admits("ben", {"board"})


def test_a_person_called_like_a_group_is_not_admitted() -> None:
    assert not approval(by="@desk", within=FOUR_HOURS).admits("@desk", ())


def test_a_group_called_like_a_person_is_not_admitted() -> None:
    assert not approval(by="ana", within=FOUR_HOURS).admits("ben", {"ana"})


def test_everybody_is_admitted_where_anyone_may_decide() -> None:
    assert approval(by="anyone", within=FOUR_HOURS).admits("zoe", ())


@given(approvals())
def test_a_requirement_comes_back_as_it_was_stored(asked: Approval) -> None:
    assert Approval.from_json(asked.to_json()) == asked


@given(approvals(), approvals())
def test_versions_are_equal_where_requirements_are(one: Approval, other: Approval) -> None:
    assert (one.version == other.version) == (one == other)


def test_the_stored_form_stays_as_it_is() -> None:
    asked = approval(by=["@desk", "ana"], within=FOUR_HOURS, quorum=2)
    assert asked.to_json() == (
        '{"by":["@desk","ana"],"form":1,"quorum":2,"reason_required":false,"separate":false,'
        '"valid_for_us":86400000000,"within_us":14400000000}'
    )


STORED: dict[str, object] = json.loads(approval(by="ana", within=FOUR_HOURS).to_json())


UNREADABLE: list[object] = [
    STORED | {"form": 2},
    STORED | {"quorum": "1"},
    STORED | {"quorum": 0},
    STORED | {"by": []},
    STORED | {"within_us": 10**30},
    STORED | {"veto": True},
    {key: value for key, value in STORED.items() if key != "separate"},
    [],
]


@pytest.mark.parametrize("stored", UNREADABLE)
def test_a_stored_requirement_that_is_not_understood_is_refused(stored: object) -> None:
    with pytest.raises(PolicyUnreadable, match="upgrade"):
        Approval.from_json(json.dumps(stored))
