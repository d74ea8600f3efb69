import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.channels import Happening, InterventionView, Notice, Saying
from approvals.channels.slack.message import Message, message_of, news_of
from approvals.gate import GateState
from approvals.parties import Parties
from approvals.presentation import Presentation, present
from approvals.seen import is_cut
from approvals.stakes import Stakes
from reversibility import Magnitude, Reversibility
from tests.conformance.channels_suite import LINK, asking, decided, notice
from tests.unit.approvals.builders import NOW, in_state, pending, vote
from tests.unit.approvals.slack.limits import buttons, check_message, shown

APPROVE, REJECT, EDIT = "sagas.approve", "sagas.reject", "sagas.edit"
DETAILS, OPEN = "sagas.details", "sagas.open"
HOSTILE = (
    "<!channel> <!here> <@U1> *x* _y_ ~z~ `a` ```\n> b & <https://evil|good>\u202e\u200b @everyone"
)


def sent(found: Notice, **options: Any) -> Message:
    message = message_of(found, **options)
    check_message(message.text, message.blocks)
    return message


def of_arguments(arguments: object, **different: Any) -> Notice:
    text = json.dumps(arguments, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return notice(replace(pending(arguments=text), **different))


def value(message: Message, action: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(buttons(message.blocks)[action]["value"])
    return found


def test_an_open_gate_has_the_buttons_that_decide_and_the_way_to_the_inbox() -> None:
    message = sent(notice())
    assert list(buttons(message.blocks)) == [APPROVE, REJECT, EDIT, DETAILS, OPEN]
    assert buttons(message.blocks)[OPEN]["url"] == LINK


def test_without_an_inbox_there_is_no_link() -> None:
    assert OPEN not in buttons(sent(notice(link=None)).blocks)


def test_it_says_what_to_whom_what_it_costs_and_what_follows() -> None:
    stakes = Stakes(
        reversibility=Reversibility.IRREVERSIBLE,
        magnitude=Magnitude(amount=Decimal(250), currency="EUR", recipients=3),
    )
    asked = of_arguments({"to": "eve@example.org"}, stakes=stakes)
    found = shown(sent(asked).blocks)
    assert isinstance(asked.subject, Presentation)
    assert asked.subject.short_digest in found
    for words in (
        "May travel.email_itinerary run?",
        "to = eve@example.org",
        "Moves\n250 EUR",
        "Reaches\n3 people",
        "cannot be undone",
        "Done so far: nothing",
        "If it is rejected, or not decided in time",
        "Decide by\n2026-03-04 13:02 UTC",
    ):
        assert words in found


def test_a_button_carries_the_whole_digest_and_what_was_seen_and_no_argument() -> None:
    found = notice()
    assert isinstance(found.subject, Presentation)
    assert value(sent(found), APPROVE) == {
        "g": "gate-7",
        "d": found.subject.digest,
        "s": found.subject.seen,
    }


def test_what_nobody_can_take_back_is_asked_about_twice() -> None:
    final = Stakes(reversibility=Reversibility.IRREVERSIBLE)
    mendable = Stakes(reversibility=Reversibility.REVERSIBLE)
    for stakes, asked in ((final, True), (mendable, False)):
        message = sent(of_arguments({}, stakes=stakes))
        assert ("confirm" in buttons(message.blocks)[APPROVE]) is asked


def test_whoever_may_only_veto_is_offered_no_approval() -> None:
    message = sent(notice(saying=Saying.MAY_VETO))
    assert list(buttons(message.blocks)) == [REJECT, DETAILS, OPEN]
    assert "not approved" in shown(message.blocks)


def test_a_class_that_slack_may_only_reject_is_offered_no_approval() -> None:
    message = sent(notice(), may_approve=False)
    assert not message.may_approve()
    assert REJECT in buttons(message.blocks)


def test_a_harmful_tail_of_20_kb_is_never_approvable_from_what_is_cut() -> None:
    arguments = {"note": "x" * 20_000 + "; and pay 1,000,000 to eve"}
    for whole in (False, True):
        text = json.dumps(arguments).encode()
        view = present(pending(arguments=text), now=NOW, whole=whole)
        message = sent(notice(subject=view))
        assert not message.may_approve()
        assert is_cut(value(message, REJECT)["s"])
        assert "cannot be approved from here" in shown(message.blocks)
        assert view.digest in shown(message.blocks)


def test_what_is_cut_shows_its_end_too() -> None:
    arguments = {"note": "x" * 20_000 + "; and pay 1,000,000 to eve"}
    view = present(pending(arguments=json.dumps(arguments).encode()), now=NOW, whole=True)
    assert "; and pay 1,000,000 to eve" in shown(sent(notice(subject=view)).blocks)


@pytest.mark.parametrize("text", ["x", "\\", "&", "\U0001f600", '"'])
def test_it_can_be_approved_as_long_as_all_of_it_fits(text: str) -> None:
    offered: list[bool] = []
    for length in range(1, 10_000, 400):
        arguments = json.dumps({"note": text * length}).encode()
        view = present(pending(arguments=arguments), now=NOW, whole=True)
        message = sent(notice(subject=view))
        offered.append(message.may_approve())
        assert (view.facts[0].value in shown(message.blocks).replace("\n", "")) is offered[-1]
    assert offered == sorted(offered, reverse=True)
    assert len(set(offered)) == 2


def test_a_long_amount_is_shown_whole_or_not_approvable() -> None:
    view = replace(present(pending(), now=NOW), cost="1" * 3_500)
    message = sent(notice(subject=view))
    assert message.may_approve()
    assert "1" * 3_500 in shown(message.blocks).replace("\n", "")


@pytest.mark.parametrize("state", [state for state in GateState if not state.is_open])
def test_what_is_decided_has_no_button_that_could_still_act(state: GateState) -> None:
    from approvals.channels.notice import happening

    found = in_state(state, reason="too dear")
    message = sent(
        notice(found, happening=happening(state, revision=1, is_undone=False), version="x")
    )
    assert list(buttons(message.blocks)) == [OPEN]
    assert found.digest[:16] in shown(message.blocks)


def test_a_decision_says_who_when_and_why() -> None:
    found = shown(sent(decided()).blocks)
    assert "Rejected" in found
    assert "Rejected by bo at 10:02 UTC: too dear" in found


def test_a_rollback_is_told_apart_from_another_cancel() -> None:
    gate = in_state(GateState.CANCELLED)
    undone = sent(notice(gate, happening=Happening.ROLLED_BACK))
    cancelled = sent(notice(gate, happening=Happening.CANCELLED))
    assert "being undone" in shown(undone.blocks)
    assert "being undone" not in shown(cancelled.blocks)


def test_a_rollback_says_what_is_undone_and_what_remains() -> None:
    told = ("undone, in this order: book_hotel", "remains: send_mail: cannot be undone")
    view = present(in_state(GateState.CANCELLED), now=NOW, afterwards=told)
    found = shown(sent(notice(subject=view, happening=Happening.ROLLED_BACK)).blocks)
    assert "Undone, in this order: book_hotel" in found
    assert "Remains: send_mail: cannot be undone" in found


def test_every_happening_has_a_headline_of_its_own() -> None:
    heads = {
        happened: sent(notice(happening=happened)).blocks[0]["text"]["text"]
        for happened in Happening
        if happened not in (Happening.CLOSED, Happening.CANCELLED)
    }
    assert len(set(heads.values())) == len(heads)


def test_a_decided_gate_shows_its_latest_votes() -> None:
    view = present(in_state(GateState.APPROVED), now=NOW, votes=[vote("ana"), vote("ben")])
    found = shown(sent(notice(subject=view, happening=Happening.APPROVED)).blocks)
    assert "ana approved" in found
    assert "ben approved" in found


def test_an_intervention_has_a_button_for_each_answer() -> None:
    message = sent(asking())
    assert list(buttons(message.blocks)) == [
        "sagas.answer.happened",
        "sagas.answer.not-happened",
        OPEN,
    ]
    assert value(message, "sagas.answer.happened") == {"q": "i-1", "a": "happened"}
    assert "the call timed out" in shown(message.blocks)


def test_an_answered_intervention_has_none() -> None:
    view = replace(asking().subject, is_open=False, standing="already answered by bo")
    message = sent(notice(subject=view, happening=Happening.ANSWERED))
    assert list(buttons(message.blocks)) == [OPEN]
    assert "Answered by bo" in shown(message.blocks)


FOLLOWED = {"ts": "1.2"}


def test_a_reminder_is_one_line_with_a_way_to_everything() -> None:
    message = sent(notice(saying=Saying.REMINDED, follows=FOLLOWED))
    assert "Still waiting for a decision. Decide by 2026-03-04 13:02 UTC" in shown(message.blocks)
    assert list(buttons(message.blocks)) == [REJECT, DETAILS, OPEN]
    assert is_cut(value(message, REJECT)["s"])


def test_a_reminder_of_an_intervention_can_be_answered() -> None:
    view = asking().subject
    message = sent(notice(subject=view, saying=Saying.REMINDED, follows=FOLLOWED))
    assert "sagas.answer.happened" in buttons(message.blocks)


def test_a_reminder_of_what_is_decided_by_now_has_no_buttons() -> None:
    message = sent(replace(decided(), saying=Saying.REMINDED, follows=FOLLOWED))
    assert buttons(message.blocks) == {}


@pytest.mark.parametrize(
    ("told", "words"),
    [(decided(), "Rejected by bo"), (asking(), "did the booking take place?")],
)
def test_the_story_is_told_without_buttons(told: Notice, words: str) -> None:
    message = news_of(told)
    check_message(message.text, message.blocks)
    assert buttons(message.blocks) == {}
    assert words in shown(message.blocks)


def test_whoever_stands_in_for_somebody_is_told_so() -> None:
    assert "zoe for ana" in shown(sent(notice(for_whom=("zoe for ana",))).blocks)


def test_a_message_is_found_again_by_its_metadata() -> None:
    assert sent(notice()).metadata == {
        "event_type": "sagas_notice",
        "event_payload": {"reference": "a1b2c3", "version": "pending.1"},
    }


def test_the_agents_words_are_marked_as_unverified() -> None:
    found = shown(sent(of_arguments({}, because="the customer is angry")).blocks)
    assert "nobody has verified\nthe customer is angry" in found


def test_it_says_until_when_all_of_it_can_be_undone() -> None:
    view = replace(present(pending(), now=NOW), undoable_until="12:00 UTC")
    assert "can be undone until 12:00 UTC" in shown(sent(notice(subject=view)).blocks)


def test_what_was_changed_is_shown() -> None:
    view = present(
        replace(pending(arguments=b'{"to":"bo"}'), revision=2, editor="zoe"),
        now=NOW,
        former=b'{"to":"eve","cc":"ana"}',
        edited_because="eve is away",
    )
    found = shown(sent(notice(subject=view, happening=Happening.CHANGED)).blocks)
    assert "Why it was changed\neve is away" in found
    assert "to\n  - eve\n  + bo\ncc\n  - ana\n  + (nothing)" in found
    assert "made by zoe, who does not vote on it" in found


def test_the_thread_tells_who_changed_it_and_why() -> None:
    view = present(
        replace(pending(), revision=2, editor="zoe"), now=NOW, edited_because="eve is away"
    )
    news = news_of(notice(subject=view, happening=Happening.CHANGED))
    assert "Changed by zoe: eve is away" in shown(news.blocks)


@pytest.mark.parametrize("state", list(GateState))
def test_hostile_text_in_every_field_stays_text(state: GateState) -> None:
    text = json.dumps({HOSTILE: HOSTILE}).encode()
    gate = replace(
        in_state(state, reason=HOSTILE),
        saga_id=HOSTILE,
        path=HOSTILE,
        action=HOSTILE,
        parties=Parties(starter=HOSTILE),
        editor=HOSTILE,
        because=HOSTILE,
        decided_by=HOSTILE,
        arguments=text,
    )
    sent(notice(gate, for_whom=(HOSTILE,)))
    news = news_of(notice(gate))
    check_message(news.text, news.blocks)


def test_hostile_text_in_an_intervention_stays_text() -> None:
    view = asking().subject
    assert isinstance(view, InterventionView)
    view = replace(view, question=HOSTILE, evidence=HOSTILE * 300, saga_id=HOSTILE, path=None)
    sent(notice(subject=view))


TEXT = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    ["\\" * 3_000, "&" * 900, "\U0001f600" * 700, "\u202e" * 800, "a\n" * 300, '"' * 2_500]
)
VALUES = st.recursive(
    TEXT | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXT, inner, max_size=8),
    max_leaves=30,
)


@given(
    arguments=st.dictionaries(TEXT, VALUES, max_size=8),
    because=st.none() | TEXT,
    name=TEXT,
    state=st.sampled_from(GateState),
    whole=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_arguments_are_a_message_keeps_every_limit(
    arguments: dict[str, Any], because: str | None, name: str, state: GateState, whole: bool
) -> None:
    gate = replace(
        in_state(state, reason=name),
        arguments=json.dumps(arguments).encode(),
        because=because,
        saga_id=name,
        path=name,
        parties=Parties(starter=name),
    )
    view = present(gate, now=NOW, whole=whole)
    message = sent(notice(subject=view, for_whom=(name[:200],)))
    if message.may_approve():
        told = "".join(shown(message.blocks).split("\n"))
        assert all(fact.value in told for fact in view.facts)
        assert not is_cut(value(message, APPROVE)["s"])
