import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.channels import InterventionView
from approvals.channels.slack.actions import (
    Callback,
    Carried,
    GateRef,
    Origin,
    QuestionRef,
    Submission,
    parse_interaction,
)
from approvals.channels.slack.forms import draft_of, form_of
from approvals.channels.slack.home import home_view
from approvals.channels.slack.modals import (
    answer_view,
    confirm_view,
    details_pages,
    details_view,
    edit_view,
    outcome_view,
    reason_view,
    told_view,
)
from approvals.channels.slack.parts import ref_of
from approvals.gate import GateState
from approvals.parties import Parties
from approvals.presentation import Presentation, present
from approvals.quorum import VoteKind
from approvals.redaction import Redaction
from approvals.seen import is_cut
from tests.conformance.channels_suite import LINK, asking
from tests.unit.approvals.builders import NOW, in_state, pending
from tests.unit.approvals.slack.limits import buttons, check_view, shown
from tests.unit.approvals.slack.payloads import submitted
from tests.unit.approvals.slack.test_slack_message import HOSTILE

ORIGIN = Origin(channel="C1", message_ts="1700000000.000100")
SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "pin": {"type": "string"}, "of": {"enum": ["a", "b"]}},
}
ARGUMENTS = b'{"to":"eve","pin":"hush-hush","of":"a"}'
REDACTION = Redaction("journal-1", ("/pin",))


def gate_view(arguments: bytes = ARGUMENTS, **different: Any) -> Presentation:
    return present(replace(pending(arguments=arguments), **different), now=NOW, whole=True)


def question(**different: Any) -> InterventionView:
    view = asking().subject
    assert isinstance(view, InterventionView)
    return replace(view, **different)


def inputs(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}


def checked(view: dict[str, Any]) -> dict[str, Any]:
    check_view(view)
    return view


def sent(view: dict[str, Any], **values: Any) -> Submission:
    found = parse_interaction(submitted(view, values))
    assert isinstance(found, Submission)
    return found


@pytest.mark.parametrize("vote", list(VoteKind))
@pytest.mark.parametrize("required", [True, False])
def test_a_reason_is_asked_for_and_comes_back_with_the_vote(vote: VoteKind, required: bool) -> None:
    ref = ref_of(gate_view())
    view = checked(reason_view(ref, gate_view(), vote=vote, required=required, origin=ORIGIN))
    assert inputs(view)["reason"]["optional"] is not required
    found = sent(view, reason="too dear")
    assert found.carried == Carried(ref=ref, origin=ORIGIN, vote=vote.value)
    assert found.values == {"reason": "too dear"}


def test_a_view_has_no_argument_with_it_unseen() -> None:
    form = form_of(SCHEMA, ARGUMENTS, REDACTION)
    assert form is not None
    view = checked(edit_view(form, gate_view(), origin=ORIGIN))
    assert "eve" not in view["private_metadata"]
    assert "hush" not in json.dumps(view)


def edited(**values: str | None) -> tuple[dict[str, Any], bytes]:
    """The second step after these were filled in."""
    form = form_of(SCHEMA, ARGUMENTS, REDACTION)
    assert form is not None
    first = checked(edit_view(form, gate_view(), origin=ORIGIN))
    labels = {field.label: field.block_id for field in form.fields}
    given = {field.block_id: field.initial for field in form.fields}
    given |= {labels.get(name, name): value for name, value in values.items()}
    back = sent(first, **{b: {"option": v} if b == labels["of"] else v for b, v in given.items()})
    assert back.callback is Callback.EDIT
    assert isinstance(back.carried.ref, GateRef)
    after = form.filled(back.values).encode()
    view = confirm_view(
        form, back.values, after, REDACTION, ref=back.carried.ref, origin=back.carried.origin
    )
    return checked(view), after


def test_an_edit_is_sent_once_it_was_seen_what_it_changes() -> None:
    view, after = edited(to="bo", reason="typo")
    assert "to\n  - eve\n  + bo" in shown(view["blocks"])
    found = sent(view)
    assert found.callback is Callback.CONFIRM
    assert found.carried.draft == draft_of(after.decode())
    assert found.carried.origin == ORIGIN


def test_the_second_step_has_what_was_filled_in() -> None:
    view, _ = edited(to="bo", of="1", reason="typo")
    begun = [block["element"].get("initial_value") for block in inputs(view).values()]
    assert begun == ["bo", None, None, "typo"]
    chosen = [block["element"].get("initial_option") for block in inputs(view).values()]
    assert chosen[2]["value"] == "1"


def test_a_changed_secret_is_shown_as_changed_and_not_as_it_is() -> None:
    view, _ = edited(pin="very-secret", reason="rotated")
    assert "very-secret" not in json.dumps(view)
    assert "[redacted: text, 11 characters" in shown(view["blocks"])


def test_an_edit_that_changes_nothing_is_told_so() -> None:
    view, _ = edited(reason="none")
    assert "Nothing is changed" in shown(view["blocks"])


def test_what_is_added_and_what_is_gone_is_shown() -> None:
    form = form_of(SCHEMA, b'{"to":"eve"}', REDACTION)
    assert form is not None
    view = confirm_view(form, {}, b'{"of":"a"}', REDACTION, ref=ref_of(gate_view()))
    assert "to\n  - eve\n  + (nothing)\nof\n  - (nothing)\n  + a" in shown(checked(view)["blocks"])


def test_a_form_says_what_it_leaves_out() -> None:
    arguments = json.dumps({"to": "x" * 4_000, "pin": "p", "of": "a"}).encode()
    form = form_of(SCHEMA, arguments, REDACTION)
    assert form is not None
    assert "Too long for a form, and kept: to" in shown(edit_view(form, gate_view())["blocks"])


def test_a_second_step_that_is_too_large_leaves_what_was_filled_in_to_slack() -> None:
    names = [f"f{at}" for at in range(50)]
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    arguments = json.dumps(dict.fromkeys(names, "x")).encode()
    form = form_of(schema, arguments, REDACTION)
    assert form is not None
    values: dict[str, str | None] = {field.block_id: "é" * 3_000 for field in form.fields}
    after = form.filled(values).encode()
    view = checked(confirm_view(form, values, after, REDACTION, ref=ref_of(gate_view())))
    assert "[cut: " in shown(view["blocks"])
    assert len(inputs(view)) == 51


def test_details_on_one_page_can_be_approved() -> None:
    arguments = json.dumps({"note": "x" * 20_000 + "; and pay eve"}).encode()
    gate = gate_view(arguments)
    view = checked(details_view(gate, decides=True, edits=True, origin=ORIGIN))
    assert list(buttons(view["blocks"])) == ["sagas.approve", "sagas.reject", "sagas.edit"]
    assert gate.facts[0].value in shown(view["blocks"]).replace("\n", "")
    assert json.loads(buttons(view["blocks"])["sagas.approve"]["value"])["s"] == gate.seen


def test_details_on_several_pages_cannot_and_show_everything() -> None:
    arguments = json.dumps({"note": "y" * 150_000 + "; and pay eve"}).encode()
    gate = gate_view(arguments)
    pages = details_pages(gate)
    assert len(pages) == 3
    told = ""
    for page in range(1, 4):
        view = checked(details_view(gate, page=page, decides=True))
        assert list(buttons(view["blocks"])) == ["sagas.page", "sagas.reject"]
        carried = json.loads(buttons(view["blocks"])["sagas.page"]["value"])
        assert carried.get("p", 1) == page % 3 + 1
        assert is_cut(carried["s"])
        told += "".join(shown(view["blocks"][:-1]).split("\n"))
    assert gate.facts[0].value in told


def test_details_that_are_cut_cannot_be_approved() -> None:
    cut = present(pending(arguments=b'{"a":"' + b"x" * 900 + b'"}'), now=NOW)
    view = checked(details_view(cut, decides=True))
    assert list(buttons(view["blocks"])) == ["sagas.reject"]
    assert "Not everything is shown" in shown(view["blocks"])


def test_details_of_what_is_decided_have_no_buttons() -> None:
    view = checked(
        details_view(present(in_state(GateState.REJECTED), now=NOW), decides=True, edits=True)
    )
    assert buttons(view["blocks"]) == {}


def test_details_of_an_intervention_show_what_is_known() -> None:
    view = checked(details_view(question()))
    assert "the call timed out" in shown(view["blocks"])


@pytest.mark.parametrize("wants_result", [True, False])
def test_an_answer_is_asked_for_with_its_meaning_and_its_reason(wants_result: bool) -> None:
    view = checked(
        answer_view(
            question(),
            choice="happened",
            meanings={"happened": "the call took effect"},
            wants_result=wants_result,
            origin=ORIGIN,
        )
    )
    assert list(inputs(view)) == ["choice", *(["result"] * wants_result), "reason"]
    assert inputs(view)["choice"]["element"]["initial_option"]["value"] == "happened"
    assert "Happened: the call took effect" in shown(view["blocks"])
    found = sent(view, choice={"option": "not-happened"}, reason="looked")
    assert found.carried == Carried(ref=QuestionRef(question_id="i-1"), origin=ORIGIN)
    assert found.values == {"choice": "not-happened", "reason": "looked"}


def test_nothing_is_picked_where_nobody_picked() -> None:
    view = checked(answer_view(question()))
    assert "initial_option" not in inputs(view)["choice"]["element"]


def test_a_click_without_effect_is_told_what_was_decided() -> None:
    decided = present(in_state(GateState.REJECTED, reason="too dear"), now=NOW)
    view = checked(outcome_view(decided))
    assert "Already rejected by ana at 10:02 UTC: too dear" in shown(view["blocks"])
    assert view["title"]["text"] == "Already decided"
    assert buttons(view["blocks"]) == {}


def test_a_click_without_effect_is_told_why() -> None:
    view = checked(outcome_view(question(), "you may not answer it"))
    assert "you may not answer it" in shown(view["blocks"])
    assert view["title"]["text"] == "No effect"


def test_an_error_is_told() -> None:
    view = checked(told_view("A title that is much too long for Slack", HOSTILE))
    assert shown(view["blocks"]) == HOSTILE


def test_the_home_page_shows_what_waits_and_what_was_decided() -> None:
    decided = present(in_state(GateState.REJECTED), now=NOW)
    view = checked(home_view([gate_view(), question()], [decided], link=LINK))
    told = shown(view["blocks"])
    assert "May travel.email_itinerary run?" in told
    assert "did the booking take place?" in told
    assert "Rejected by ana" in told
    assert list(buttons(view["blocks"])) == ["sagas.details", "sagas.answer.", "sagas.open"]


def test_the_home_page_of_nothing_says_so() -> None:
    told = shown(checked(home_view([]))["blocks"])
    assert "Nothing waits for you." in told
    assert "Nothing so far." in told


def test_the_home_page_of_a_thousand_says_how_many_more_there_are() -> None:
    view = checked(home_view([gate_view()] * 1_000, [gate_view()] * 21))
    assert "and 975 more: see the inbox" in shown(view["blocks"])
    assert "and 1 more: see the inbox" in shown(view["blocks"])


TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    [HOSTILE, "\\" * 900, "\U0001f600" * 700, "\u202e" * 800, "a\n" * 300]
)


@given(
    arguments=st.dictionaries(TEXT, TEXT | st.integers() | st.lists(TEXT, max_size=3), max_size=6),
    name=TEXT,
    state=st.sampled_from(GateState),
)
@settings(max_examples=30, deadline=None)
def test_whatever_the_arguments_are_every_view_keeps_every_limit(
    arguments: dict[str, Any], name: str, state: GateState
) -> None:
    text = json.dumps(arguments).encode()
    gate = replace(
        in_state(state, reason=name),
        arguments=text,
        saga_id=name,
        path=name,
        parties=Parties(starter=name),
        because=name,
    )
    view = present(gate, now=NOW, whole=True)
    for page in range(1, len(details_pages(view)) + 1):
        check_view(details_view(view, page=page, decides=True, edits=True))
    check_view(reason_view(ref_of(view), view, vote=VoteKind.REJECT, required=True))
    check_view(outcome_view(view))
    check_view(home_view([view] * 30, [view] * 30))
    asked = question(question=name, evidence=name, saga_id=name, path=name)
    check_view(answer_view(asked))
    check_view(home_view([asked] * 30))
    form = form_of({"type": "object", "properties": {}}, text, REDACTION)
    if form is not None:
        check_view(edit_view(form, view))
        check_view(confirm_view(form, {}, b'{"to":1}', REDACTION, ref=ref_of(view)))
