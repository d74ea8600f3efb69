from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.channels.slack.actions import (
    Asked,
    Callback,
    Carried,
    Click,
    GateRef,
    Ignored,
    MalformedInteraction,
    Origin,
    QuestionRef,
    Submission,
    answer_action,
    parse_interaction,
    value_of,
)
from tests.unit.approvals.slack.payloads import clicked, submitted

REF = GateRef(gate_id="gate-7", revision=2, digest="ab" * 32, seen=f"whole:{'cd' * 32}")
ORIGIN = Origin(channel="C1", message_ts="1700000000.000100")


def click(payload: dict[str, Any]) -> Click:
    found = parse_interaction(payload)
    assert isinstance(found, Click)
    return found


def submission(payload: dict[str, Any]) -> Submission:
    found = parse_interaction(payload)
    assert isinstance(found, Submission)
    return found


def form(carried: Carried | str, callback: str = "sagas.form.reason") -> dict[str, Any]:
    text = carried if isinstance(carried, str) else carried.to_json()
    return {"callback_id": callback, "private_metadata": text}


@pytest.mark.parametrize(
    "asked", [Asked.APPROVE, Asked.REJECT, Asked.EDIT, Asked.DETAILS, Asked.PAGE]
)
def test_a_click_on_a_gate_brings_back_what_was_shown(asked: Asked) -> None:
    found = click(clicked(asked.value, value_of(REF)))
    assert (found.asked, found.ref, found.origin) == (asked, REF, ORIGIN)


def test_a_click_says_who_and_from_where() -> None:
    sender = click(clicked(Asked.APPROVE.value, value_of(REF))).sender
    assert (sender.app, sender.user, sender.user_team) == ("A1", "U1", "T1")
    assert (sender.team, sender.enterprise, sender.installed_team) == ("T1", "E1", None)


def test_an_organization_without_a_workspace_is_told() -> None:
    found = click(clicked(Asked.APPROVE.value, value_of(REF), team=None, enterprise={"id": "E2"}))
    assert (found.sender.team, found.sender.enterprise) == (None, "E2")


def test_neither_the_trigger_nor_the_way_to_respond_is_in_its_repr() -> None:
    found = click(clicked(Asked.APPROVE.value, value_of(REF)))
    assert found.response_url == "https://hooks.example.org/actions/1"
    assert "hooks.example.org" not in repr(found)
    assert "1.2.abc" not in repr(found)


def test_what_was_filled_in_is_not_in_the_repr() -> None:
    found = submission(submitted(form(Carried(ref=REF)), {"reason": "hush"}))
    assert "hush" not in repr(found)


def test_a_click_on_an_answer_says_which() -> None:
    ref = QuestionRef(question_id="i-1", choice="not-happened")
    found = click(clicked(answer_action("not-happened"), value_of(ref)))
    assert (found.asked, found.ref) == (Asked.ANSWER, ref)


def test_a_click_on_a_link_needs_nothing() -> None:
    found = click(clicked(Asked.OPEN.value, None))
    assert (found.asked, found.ref) == (Asked.OPEN, None)


def test_a_click_in_a_view_comes_from_the_message_that_the_view_was_opened_in() -> None:
    view = {"id": "V1", "hash": "1.a", **form(Carried(ref=REF, origin=ORIGIN), "sagas.shown")}
    sent = clicked(Asked.APPROVE.value, value_of(REF), view=view, container={"view_id": "V1"})
    del sent["message"], sent["channel"]
    found = click(sent)
    assert (found.origin, found.view_id, found.view_hash) == (ORIGIN, "V1", "1.a")


def test_a_click_on_the_home_page_comes_from_no_message() -> None:
    view = {"id": "V1", "type": "home", "private_metadata": ""}
    sent = clicked(Asked.DETAILS.value, value_of(REF), view=view, container={"type": "view"})
    assert click(sent).origin is None


def test_a_form_brings_back_what_it_carries_and_what_was_filled_in() -> None:
    carried = Carried(ref=REF, origin=ORIGIN, vote="reject", draft="ef" * 32)
    found = submission(
        submitted(form(carried), {"reason": "too dear", "choice": {"option": "1"}, "empty": None})
    )
    assert (found.callback, found.carried) == (Callback.REASON, carried)
    assert found.values == {"reason": "too dear", "choice": "1", "empty": None}
    assert (found.view_id, found.view_hash, found.sender.installed_team) == ("V1", "1.abc", "T1")


def test_inputs_that_are_not_ours_are_left_out() -> None:
    sent = submitted(form(Carried(ref=REF)), {})
    sent["view"]["state"]["values"]["reason"] = {"other": {"value": "x"}}
    assert submission(sent).values == {}


@pytest.mark.parametrize("kind", ["view_closed", "shortcut", "message_action", "x" * 500])
def test_other_kinds_are_tolerated(kind: str) -> None:
    assert parse_interaction({"type": kind}) == Ignored(kind[:64])


GOOD = value_of(REF)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": 1},
        {"type": "block_actions"},
        {"type": "view_submission"},
        clicked("sagas.delete", GOOD),
        clicked(Asked.APPROVE.value, None),
        clicked(Asked.APPROVE.value, "x" * 2_001),
        clicked(Asked.APPROVE.value, "not json"),
        clicked(Asked.APPROVE.value, "[]"),
        clicked(Asked.APPROVE.value, "{}"),
        clicked(Asked.APPROVE.value, '{"g":"gate-7"}'),
        clicked(Asked.APPROVE.value, GOOD.replace("ab" * 32, "ab" * 8)),
        clicked(Asked.APPROVE.value, GOOD.replace("whole:", "all:")),
        clicked(Asked.APPROVE.value, GOOD.replace('"r":2', '"r":"2"')),
        clicked(Asked.APPROVE.value, GOOD.replace('"r":2', '"r":-2')),
        clicked(Asked.APPROVE.value, '{"q":"i-1"}'),
        clicked(answer_action("waive"), '{"q":"i-1","a":"done"}'),
        clicked(answer_action("waive"), GOOD),
        clicked(Asked.APPROVE.value, GOOD, user={"name": "ana"}),
        clicked(Asked.APPROVE.value, GOOD, user={"id": "<@U1>"}),
        clicked(Asked.APPROVE.value, GOOD, actions=[]),
        clicked(Asked.APPROVE.value, GOOD, actions=[{"action_id": "a"}, {"action_id": "b"}]),
        clicked(Asked.APPROVE.value, GOOD, channel={"id": "C2"}),
        clicked(Asked.APPROVE.value, GOOD, message={"ts": "1.1"}),
        clicked(Asked.APPROVE.value, GOOD, message=None, container={}),
        clicked(Asked.APPROVE.value, GOOD, view={"id": "V1", "private_metadata": "x"}),
        submitted(form(Carried(ref=REF), "sagas.other"), {}),
        submitted(form(""), {}),
        submitted(form("x" * 3_001), {}),
        submitted(form(Carried(ref=REF)), {"reason": "x" * 3_001}),
        submitted(form(Carried(ref=REF)), {}, user=None),
    ],
)
def test_what_cannot_be_right_is_refused_with_a_sentence(payload: dict[str, Any]) -> None:
    with pytest.raises(MalformedInteraction, match=r"^this was not sent by .*\): open the request"):
        parse_interaction(payload)


def test_a_refusal_repeats_nothing_of_what_was_sent() -> None:
    with pytest.raises(MalformedInteraction) as caught:
        parse_interaction(clicked(Asked.APPROVE.value, "xoxb-secret", user={"id": "xoxb-secret"}))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_nested_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"values": deep}
    with pytest.raises(MalformedInteraction):
        parse_interaction(submitted(form(Carried(ref=REF)), {}) | {"view": {"state": deep}})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "value", "values", "state", "action_id", "ts", "x"]), inner
        )
    ),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(["block_actions", "view_submission"]),
    more=st.dictionaries(
        st.sampled_from(["user", "team", "view", "actions", "channel", "container", "message"]),
        JUNK,
    ),
)
@settings(max_examples=100, deadline=None)
def test_nothing_that_comes_in_raises_anything_else(kind: str, more: dict[str, Any]) -> None:
    sent = (
        clicked(Asked.APPROVE.value, GOOD, **more)
        if kind == "block_actions"
        else submitted(form(Carried(ref=REF)), {}) | more
    )
    with suppress(MalformedInteraction):
        parse_interaction(sent)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_an_id_of_any_letters_comes_back_within_the_limits(gate_id: str) -> None:
    ref = GateRef(gate_id=gate_id, revision=10, digest="0" * 64, seen=f"cut:{'1' * 64}", page=3)
    value = value_of(ref)
    assert len(value.encode("utf-16-le")) // 2 <= 2_000
    assert click(clicked(Asked.DETAILS.value, value)).ref == ref
    carried = Carried(ref=ref, origin=ORIGIN, vote="approve", draft="2" * 64)
    assert len(carried.to_json().encode("utf-16-le")) // 2 <= 3_000
    assert submission(submitted(form(carried), {})).carried == carried
