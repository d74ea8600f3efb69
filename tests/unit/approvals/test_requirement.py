"""What an author may ask for, what is refused when written, and how it is kept."""

import json
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.errors import ApprovalDefinitionError, ApprovalError, PolicyUnreadable
from approvals.requirement import (
    LONGEST,
    Approval,
    approval,
    groups_asked,
    people_asked,
    waived,
)

FOUR_HOURS = timedelta(hours=4)
NO_TIME = timedelta(0)
people = st.sampled_from(["ana", "ben", "cem", "@desk", "@board"])
durations = st.timedeltas(min_value=timedelta(microseconds=1), max_value=LONGEST)


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


def test_what_would_end_after_every_calendar_is_refused() -> None:
    long = LONGEST + timedelta(microseconds=1)
    with pytest.raises(ApprovalDefinitionError, match="within is 3660 days, which is too long"):
        approval(by="ana", within=long)
    with pytest.raises(ApprovalDefinitionError, match="valid_for is 999999999 days"):
        approval(by="ana", within=FOUR_HOURS, valid_for=timedelta.max)


def test_an_approval_asks_for_no_separation_and_no_reason_unless_said_otherwise() -> None:
    asked = approval(by="ana", within=FOUR_HOURS)
    assert (asked.separate, asked.reason_required) == (False, False)


def test_a_requirement_cannot_be_changed() -> None:
    field = "within"
    with pytest.raises(FrozenInstanceError):
        setattr(approval(by="@desk", within=FOUR_HOURS, quorum=2), field, NO_TIME)


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
            "1 of ana within 4 h, nobody for whom the saga acts, with a reason",
        ),
    ],
)
def test_a_requirement_describes_itself(asked: Approval, words: str) -> None:
    assert asked.describe() == words


def test_a_person_is_admitted_by_name() -> None:
    assert approval(by="ana", within=FOUR_HOURS).may_approve("ana", (), NO_TIME)


def test_a_person_is_admitted_by_group() -> None:
    assert approval(by="@desk", within=FOUR_HOURS).may_approve("ana", {"desk", "board"}, NO_TIME)


def test_a_person_neither_named_nor_in_a_group_is_not_admitted() -> None:
    assert not approval(by=["ana", "@desk"], within=FOUR_HOURS).may_approve(
        "ben", {"board"}, NO_TIME
    )


def test_a_person_called_like_a_group_is_not_admitted() -> None:
    assert not approval(by="@desk", within=FOUR_HOURS).may_approve("@desk", (), NO_TIME)


def test_a_group_called_like_a_person_is_not_admitted() -> None:
    assert not approval(by="ana", within=FOUR_HOURS).may_approve("ben", {"ana"}, NO_TIME)


def test_everybody_is_admitted_where_anyone_may_decide() -> None:
    assert approval(by="anyone", within=FOUR_HOURS).may_approve("zoe", (), NO_TIME)


@given(approvals())
def test_a_requirement_comes_back_as_it_was_stored(asked: Approval) -> None:
    assert Approval.from_json(asked.to_json()) == asked


@given(approvals(), approvals())
def test_versions_are_equal_where_requirements_are(one: Approval, other: Approval) -> None:
    assert (one.version == other.version) == (one == other)


def test_the_stored_form_stays_as_it_is() -> None:
    asked = approval(
        by=["@desk", "ana"],
        within=FOUR_HOURS,
        quorum=2,
        veto="@legal",
        escalate={timedelta(hours=1): "@leads"},
        remind=timedelta(minutes=30),
        pinned="to",
    )
    assert asked.to_json() == (
        '{"clauses":[{"by":["@desk","ana"],"ladder":[{"after_us":3600000000,"to":["@leads"]}],'
        '"quorum":2}],"form":2,"intent":[],"pinned":["to"],"policies":[],'
        '"reason_required":false,'
        '"rejections":1,"remind_us":[1800000000],"separate":false,"valid_for_us":86400000000,'
        '"veto":["@legal"],"within_us":14400000000}'
    )


STORED: dict[str, object] = json.loads(approval(by="ana", within=FOUR_HOURS).to_json())


def _clause(**changed: object) -> dict[str, object]:
    return STORED | {"clauses": [{"by": ["ana"], "ladder": [], "quorum": 1} | changed]}


UNREADABLE: list[object] = [
    STORED | {"form": 1},
    _clause(quorum="1"),
    _clause(quorum=0),
    _clause(by=[]),
    STORED | {"clauses": []},
    STORED | {"rejections": 0},
    STORED | {"within_us": 10**30},
    STORED | {"who": True},
    {key: value for key, value in STORED.items() if key != "separate"},
    [],
]


@pytest.mark.parametrize("stored", UNREADABLE)
def test_a_stored_requirement_that_is_not_understood_is_refused(stored: object) -> None:
    with pytest.raises(PolicyUnreadable, match="upgrade"):
        Approval.from_json(json.dumps(stored))


# --- composition --------------------------------------------------------------------------------

DESK = approval(by="@desk", within=FOUR_HOURS, quorum=2)
BOARD = approval(by="@board", within=timedelta(hours=2), veto="@legal", separate=True)


def test_both_of_two_joined_requirements_have_to_be_met() -> None:
    assert (DESK & BOARD).clauses == (*BOARD.clauses, *DESK.clauses)


def test_a_joined_requirement_describes_all_of_it() -> None:
    assert (DESK & BOARD).describe() == (
        "1 of @board and 2 of @desk within 2 h, @legal can veto, nobody for whom the saga acts"
    )


def test_the_same_people_asked_twice_are_asked_for_the_larger_number() -> None:
    assert (DESK & approval(by="@desk", within=FOUR_HOURS, quorum=3)).quorum == 3


@given(approvals(), approvals())
def test_a_requirement_joined_again_with_what_it_holds_stays_as_it_is(
    one: Approval, other: Approval
) -> None:
    joined = one & other
    assert (joined & one, joined & other) == (joined, joined)


@given(approvals(), approvals())
def test_the_order_in_which_requirements_are_joined_does_not_matter(
    one: Approval, other: Approval
) -> None:
    assert one & other == other & one


@given(approvals(), approvals(), people)
def test_joining_never_lets_in_who_neither_lets_in(
    one: Approval, other: Approval, name: str
) -> None:
    either = one.may_approve(name, (), NO_TIME) or other.may_approve(name, (), NO_TIME)
    assert (one & other).may_approve(name, (), NO_TIME) == either


def test_fewer_arguments_recognize_a_request_again_where_both_name_some() -> None:
    one = replace(DESK, intent=("amount", "to"))
    assert (one & replace(BOARD, intent=("to",))).intent == ("to",)


def test_the_arguments_of_either_recognize_a_request_where_only_one_names_some() -> None:
    assert (DESK & replace(BOARD, intent=("to",))).intent == ("to",)


def test_arguments_that_have_nothing_in_common_are_those_that_come_first() -> None:
    one = replace(DESK, intent=("amount",))
    assert (one & replace(BOARD, intent=("to",))).intent == ("amount",)


# --- ladders, vetoes, reminders -----------------------------------------------------------------

LADDER = approval(
    by="ana",
    within=FOUR_HOURS,
    escalate={timedelta(hours=2): "@board", timedelta(hours=1): ["ben", "@desk"]},
)


@pytest.mark.parametrize(
    ("waited", "asked"),
    [
        (NO_TIME, ("ana",)),
        (timedelta(minutes=59), ("ana",)),
        (timedelta(hours=1), ("@desk", "ana", "ben")),
        (timedelta(hours=2), ("@board", "@desk", "ana", "ben")),
    ],
)
def test_approvers_are_added_when_their_rung_is_reached(
    waited: timedelta, asked: tuple[str, ...]
) -> None:
    assert LADDER.names(waited) == asked


def test_the_rungs_are_told_in_order() -> None:
    assert LADDER.rungs == (timedelta(hours=1), timedelta(hours=2))


def test_a_ladder_describes_itself() -> None:
    assert LADDER.describe() == (
        "1 of ana, after 1 h also @desk, ben, after 2 h also @board within 4 h"
    )


def test_people_and_groups_are_told_apart() -> None:
    waited = timedelta(hours=1)
    assert (people_asked(LADDER, waited), groups_asked(LADDER, waited)) == (
        ("ana", "ben"),
        ("desk",),
    )


@pytest.mark.parametrize("after", [NO_TIME, timedelta(seconds=-1), FOUR_HOURS])
def test_an_escalation_outside_the_time_of_the_gate_is_refused(after: timedelta) -> None:
    with pytest.raises(ApprovalDefinitionError, match="escalation"):
        approval(by="ana", within=FOUR_HOURS, escalate={after: "ben"})


@pytest.mark.parametrize("after", [NO_TIME, timedelta(seconds=-1), FOUR_HOURS])
def test_a_reminder_outside_the_time_of_the_gate_is_refused(after: timedelta) -> None:
    with pytest.raises(ApprovalDefinitionError, match="reminder"):
        approval(by="ana", within=FOUR_HOURS, remind=after)


def test_reminders_are_kept_once_and_in_order() -> None:
    waits = [timedelta(hours=2), timedelta(hours=1), timedelta(hours=2)]
    asked = approval(by="ana", within=FOUR_HOURS, remind=waits)
    assert asked.remind == (timedelta(hours=1), timedelta(hours=2))


@pytest.mark.parametrize(("name", "groups"), [("cem", set[str]()), ("dan", {"legal"})])
def test_a_veto_is_given_by_name_and_by_group(name: str, groups: set[str]) -> None:
    assert approval(by="ana", within=FOUR_HOURS, veto=["cem", "@legal"]).may_veto(name, groups)


def test_nobody_has_a_veto_unless_said() -> None:
    assert not DESK.may_veto("ana", {"desk"})


def test_a_name_that_cannot_be_right_has_no_veto() -> None:
    with pytest.raises(ApprovalDefinitionError, match="is empty"):
        approval(by="ana", within=FOUR_HOURS, veto="@")


def test_a_rejection_without_a_person_is_refused() -> None:
    with pytest.raises(ApprovalDefinitionError, match="without a person"):
        approval(by="ana", within=FOUR_HOURS, rejections=0)


def test_a_requirement_says_how_many_reject() -> None:
    asked = approval(by="@desk", within=FOUR_HOURS, rejections=2)
    assert asked.describe() == "1 of @desk within 4 h, rejected by 2 of them"
