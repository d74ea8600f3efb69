"""What people see is taken from the gate, is whole or says that it is not, and forges nothing."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.deeds import Deed, Fate
from approvals.gate import Gate, GateState
from approvals.presentation import Presentation, present
from approvals.quorum import Vote, VoteKind
from approvals.rendering import render_html, render_text
from approvals.requirement import approval
from approvals.seen import is_cut
from approvals.stakes import Stakes
from reversibility import Magnitude, Reversibility
from tests.unit.approvals.builders import NOW, in_state, pending, vote


class Around(TypedDict, total=False):
    reversibility: Reversibility
    done: list[Deed] | None
    undone: list[str]
    votes: list[Vote]
    former: bytes
    whole: bool


def shown(gate: Gate, **around: Unpack[Around]) -> Presentation:
    around.setdefault("reversibility", Reversibility.IRREVERSIBLE)
    return present(gate, now=NOW, key="journal-1", **around)


def deed(name: str, fate: Fate = Fate.UNDONE, **more: Any) -> Deed:
    more.setdefault("reversibility", Reversibility.COMPENSATABLE)
    return Deed(name=name, fate=fate, **more)


def test_a_presentation_names_the_gate_the_saga_and_the_action() -> None:
    view = shown(pending())
    assert (view.gate_id, view.title, view.saga_id, view.path, view.action, view.requester) == (
        "gate-7",
        "May travel.email_itinerary run?",
        "trip-42",
        "book_trip/4:email_itinerary#1",
        "travel.email_itinerary, version 1",
        "eve",
    )


def test_a_compensation_says_what_it_is_for() -> None:
    view = shown(replace(pending(), direction="undo"))
    assert view.title == "May travel.email_itinerary run, to make up for an earlier step?"


def test_the_arguments_are_those_of_the_gate() -> None:
    (fact,) = shown(pending()).facts
    assert (fact.name, fact.value) == ("to", "eve@example.org")


def test_the_digest_is_shown_whole_and_short() -> None:
    view = shown(pending())
    assert view.digest == pending().digest
    assert view.short_digest == pending().digest[:16]


@pytest.mark.parametrize("reversibility", Reversibility)
def test_every_class_has_its_label_and_says_what_is_past_undoing(
    reversibility: Reversibility,
) -> None:
    view = shown(pending(), reversibility=reversibility)
    assert view.label == reversibility.label
    assert view.cannot_undo.endswith(".")


def test_an_irreversible_action_is_called_final() -> None:
    assert shown(pending()).cannot_undo == "Once it has begun, it cannot be undone."


def test_a_rejection_with_nothing_done_undoes_nothing() -> None:
    assert shown(pending()).on_rejection == (
        "It does not run; nothing has been done that would have to be undone."
    )


def test_a_rejection_after_other_steps_undoes_them() -> None:
    assert "undoes what can be undone" in shown(pending(), done=[deed("book_flight")]).on_rejection


def test_a_rejected_compensation_leaves_its_step_to_a_person() -> None:
    view = shown(replace(pending(), direction="undo"), done=[deed("book_flight")])
    assert view.on_rejection == (
        "It does not run, and a person has to settle the step it was to make up for."
    )


def test_the_steps_done_so_far_are_listed_in_order() -> None:
    done = [deed("book_flight"), deed("book_hotel", is_in_doubt=True)]
    assert shown(pending(), done=done).done_so_far == (
        "book_flight: can be compensated",
        "book_hotel: can be compensated; nobody knows yet whether it took effect",
    )


def test_of_many_steps_the_latest_are_listed_and_the_others_counted() -> None:
    done = shown(pending(), done=[deed(f"step-{n}") for n in range(25)]).done_so_far
    assert (len(done), done[0], done[1], done[-1]) == (
        21,
        "[cut: 5 earlier steps]",
        "step-5: can be compensated",
        "step-24: can be compensated",
    )


def test_in_the_whole_view_nothing_is_left_out() -> None:
    gate = pending(
        arguments=b'{"body":"' + b"x" * 600 + b'"}', eligible=tuple(f"p{n:02}" for n in range(13))
    )
    view = shown(gate, done=[deed(f"step-{n}") for n in range(25)], whole=True)
    assert (len(view.facts[0].value), len(view.done_so_far), view.complete) == (600, 25, True)
    assert view.who.endswith("p11, p12)")


def test_a_rejection_undoes_the_latest_first_and_leaves_what_cannot_be_undone() -> None:
    done = [
        deed("book_flight", leaves="a fee of 40 EUR"),
        deed("email", Fate.REMAINS, reversibility=Reversibility.IRREVERSIBLE),
        deed("look", Fate.SETTLED),
        deed("pay", Fate.ASKED),
        deed("book_hotel"),
    ]
    view = shown(pending(), done=done)
    assert view.undone == ("book_hotel", "book_flight; may leave: a fee of 40 EUR")
    assert view.remains == ("email: cannot be undone", "pay: a person has to act first")


def test_the_order_of_undoing_is_the_planners() -> None:
    done = [deed("a"), deed("b"), deed("c")]
    assert shown(pending(), done=done, undone=["b", "c", "a"]).undone == ("b", "c", "a")


def test_what_was_done_can_be_undone_until_the_first_window_closes() -> None:
    done = [
        deed("a", until=NOW + timedelta(hours=2)),
        deed("b", until=NOW + timedelta(hours=1)),
        deed("c", Fate.REMAINS, until=NOW - timedelta(hours=1)),
        deed("d"),
    ]
    view = shown(pending(), done=done)
    assert view.undoable_until == "11:02 UTC: b"
    assert view.done_so_far[0] == "a: can be compensated; until 12:02 UTC"
    assert shown(pending(), done=[deed("d")]).undoable_until is None


def test_a_window_that_has_closed_is_told_as_over() -> None:
    assert shown(pending(), done=[deed("a", until=NOW)]).undoable_until == "10:02 UTC (over): a"


def test_what_an_event_closes_can_be_undone_until_it_comes() -> None:
    view = shown(pending(), done=[deed("a", event="shipped")])
    assert view.done_so_far == ("a: can be compensated; until the event shipped",)
    assert view.undoable_until == "the event shipped: a"


def test_what_cannot_be_told_is_not_told_as_nothing() -> None:
    view = shown(pending(), done=None)
    assert view.done_so_far == ("it cannot be told here: a newer version wrote it",)
    assert "nothing has been done" not in view.on_rejection


def test_the_class_is_the_one_that_was_stored_with_the_gate() -> None:
    stakes = Stakes(reversibility=Reversibility.COMPENSATABLE)
    view = present(replace(pending(), stakes=stakes), now=NOW)
    assert (view.reversibility, view.label) == (Reversibility.COMPENSATABLE, "can be compensated")


def test_how_much_it_moves_and_whom_it_reaches_is_told() -> None:
    size = Magnitude(amount=Decimal("1200.50"), currency="EUR", recipients=3)
    view = shown(replace(pending(), stakes=Stakes(magnitude=size)))
    assert (view.cost, view.recipients) == ("1200.50 EUR", "3 people")
    text = render_text(view)
    assert "  moves      1200.50 EUR\n  reaches    3 people\n" in text


def test_nothing_is_said_of_a_size_that_was_not_declared() -> None:
    view = shown(pending())
    assert (view.cost, view.recipients) == (None, None)
    assert "moves" not in render_text(view)


def test_who_has_voted_is_told_and_how_many_are_missing() -> None:
    gate = pending(approval(by=["ana", "ben", "cem"], quorum=2, within=timedelta(hours=4)))
    view = shown(gate, votes=[vote("ana", reason="fine"), vote("ben", VoteKind.REJECT)])
    assert view.votes == ("ana approved at 10:02 UTC: fine", "ben rejected at 10:02 UTC")
    assert view.still_needed == "still needed: 1 more of ana, ben, cem"


def test_a_person_who_changes_their_mind_counts_once() -> None:
    gate = pending(approval(by=["ana", "ben", "cem"], quorum=2, within=timedelta(hours=4)))
    votes = [vote("ana"), vote("ana", VoteKind.REJECT), vote("ben", revision=2)]
    assert shown(gate, votes=votes).still_needed == "still needed: 2 more of ana, ben, cem"


def test_the_deadline_says_what_happens_then() -> None:
    assert shown(pending()).at_deadline == "Silence never approves: from then on it does not run."


def test_a_revision_shows_what_was_changed() -> None:
    gate = replace(pending(arguments=b'{"to":"bo","cc":"cy"}'), revision=2)
    view = shown(gate, former=b'{"to":"eve","bcc":"di"}')
    assert [(change.name, change.before, change.after) for change in view.changes] == [
        ("to", "eve", "bo"),
        ("bcc", "di", None),
        ("cc", None, "cy"),
    ]
    text = render_text(view)
    assert "  revision   2\n" in text
    assert "What was changed\n  to\n    - eve\n    + bo\n" in text


def test_the_words_about_why_stand_apart_and_are_called_unverified() -> None:
    text = render_text(shown(replace(pending(), because="the guest asked\nDone so far")))
    assert "\nWhy, in words that nobody has verified\n  > the guest asked\\nDone so far\n" in text


def test_a_view_that_is_not_whole_may_not_be_approved_from() -> None:
    long = pending(arguments=b'{"body":"' + b"x" * 501 + b'"}')
    cut, whole = shown(long), shown(long, whole=True)
    assert (cut.may_approve, whole.may_approve) == (False, True)
    assert is_cut(cut.seen)
    assert not is_cut(whole.seen)
    assert "sagas inbox gate-7" in render_text(cut)


@pytest.mark.parametrize("state", [state for state in GateState if not state.is_open])
def test_a_decided_gate_may_not_be_approved(state: GateState) -> None:
    assert not shown(in_state(state)).may_approve


def test_an_overdue_gate_may_not_be_approved() -> None:
    assert not shown(replace(pending(), deadline=NOW)).may_approve


def test_what_was_seen_does_not_depend_on_when_it_was_looked_at() -> None:
    later = present(pending(), now=NOW + timedelta(minutes=7), key="journal-1")
    assert present(pending(), now=NOW, key="journal-1").seen == later.seen


@pytest.mark.parametrize(
    "different",
    [
        {"arguments": b'{"to":"mallory@example.org"}'},
        {"because": "another reason"},
        {"stakes": Stakes(reversibility=Reversibility.REVERSIBLE)},
        {"revision": 2},
        {"deadline": NOW + timedelta(days=9)},
    ],
)
def test_what_was_seen_depends_on_what_was_shown(different: dict[str, Any]) -> None:
    seen = present(pending(), now=NOW).seen
    assert present(replace(pending(), **different), now=NOW).seen != seen


def test_the_page_says_what_the_text_says() -> None:
    size = Magnitude(amount=Decimal(12), currency="EUR", recipients=1)
    gate = replace(pending(), revision=2, because="a whim", stakes=Stakes(magnitude=size))
    view = shown(
        gate,
        done=[deed("a"), deed("b", Fate.REMAINS, reversibility=Reversibility.IRREVERSIBLE)],
        votes=[vote("ana")],
        former=b'{"to":"bo"}',
    )
    page = render_html(view)
    for words in (
        view.title,
        view.label,
        "12 EUR",
        "1 person",
        "<del><bdi>bo</bdi></del> <ins><bdi>eve@example.org</bdi></ins>",
        "<blockquote><bdi>a whim</bdi></blockquote>",
        view.cannot_undo,
        "b: cannot be undone",
        view.votes[0],
        view.until,
        view.short_digest,
    ):
        assert words in page, words


def test_the_page_says_when_not_everything_is_shown() -> None:
    long = pending(arguments=b'{"body":"' + b"x" * 501 + b'"}')
    assert "sagas inbox gate-7" in render_html(shown(long))
    assert 'class="gate-cut"' not in render_html(shown(pending()))


def test_the_page_has_neither_style_nor_script_nor_a_form() -> None:
    page = render_html(shown(pending()))
    assert not any(f"<{tag}" in page for tag in ("style", "script", "form", "button", "a "))
    assert " style=" not in page


def test_who_may_decide_is_told_with_the_people() -> None:
    assert shown(pending()).who == "1 of @travel-desk, ana within 4 h (ana, ben, cem)"


def test_of_many_people_the_first_are_told_and_the_others_counted() -> None:
    gate = pending(eligible=tuple(f"p{n:02}" for n in range(13)))
    assert shown(gate).who.endswith("p08, p09 and 3 more)")


def test_ten_people_are_all_told() -> None:
    gate = pending(eligible=tuple(f"p{n:02}" for n in range(10)))
    assert shown(gate).who.endswith("p08, p09)")


def test_no_people_are_told_where_anyone_may_decide() -> None:
    gate = pending(approval(by="anyone", within=timedelta(hours=4)), eligible=())
    assert shown(gate).who == "anyone within 4 h"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(hours=3, minutes=5, seconds=59), "(3 h 5 min left)"),
        (timedelta(seconds=59), "(less than 1 min left)"),
        (timedelta(0), "(over)"),
        (timedelta(seconds=-1), "(over)"),
    ],
)
def test_the_deadline_is_told_with_what_is_left(before: timedelta, words: str) -> None:
    gate = replace(pending(), deadline=NOW + before)
    assert shown(gate).until.endswith(words)


def test_a_decided_gate_says_so() -> None:
    view = shown(in_state(GateState.REJECTED, reason="too expensive"))
    assert view.standing == "already rejected by ana at 10:02 UTC: too expensive"


def test_the_text_is_what_the_presentation_says() -> None:
    assert render_text(shown(pending(), done=[deed("book_flight")])) == (
        f"""May travel.email_itinerary run?

  gate       gate-7 (waiting for a decision until 13:02 UTC)
  saga       trip-42, started by eve
  step       book_trip/4:email_itinerary#1
  action     travel.email_itinerary, version 1: cannot be undone
  digest     {pending().digest[:16]}

What would run
  to = eve@example.org

What follows
  if it is approved
    Once it has begun, it cannot be undone.
  if it is rejected, or not decided in time
    It does not run; the saga takes another way, or undoes what can be undone.
    Undoing would undo, in this order
      - book_flight

Done so far
  - book_flight: can be compensated

Who decides
  1 of @travel-desk, ana within 4 h (ana, ben, cem)
  still needed: 1 more of @travel-desk, ana
  until 13:02 UTC (3 h left)
  Silence never approves: from then on it does not run.
"""
    )


def test_the_text_says_when_nothing_has_been_done() -> None:
    assert "Done so far\n  nothing\n" in render_text(shown(pending()))


def test_the_text_says_when_not_everything_is_shown() -> None:
    long = pending(arguments=b'{"body":"' + b"x" * 501 + b'"}')
    assert "Not everything is shown" in render_text(shown(long))


def test_the_text_warns_of_nothing_when_everything_is_shown() -> None:
    assert "Not everything" not in render_text(shown(pending()))


def test_an_argument_is_never_taken_for_a_template() -> None:
    assert "{{ 7 * 7 }}" in render_text(shown(pending(arguments=b'{"x":"{{ 7 * 7 }}"}')))


def test_padding_cannot_push_a_forged_line_to_the_margin() -> None:
    body = b"ok" + b" " * 70 + b"Approved by ceo"
    text = render_text(shown(pending(arguments=b'{"x":"' + body + b'"}')))
    assert all(line.startswith("      | ") for line in text.splitlines() if "by ceo" in line)


def test_no_line_is_wider_than_a_terminal() -> None:
    text = render_text(shown(pending(arguments=b'{"x":"' + b"y" * 400 + b'"}')))
    assert max(len(line) for line in text.splitlines()) == 79


@given(st.text(max_size=300))
def test_no_argument_adds_a_line_of_its_own(value: str) -> None:
    plain = render_text(shown(pending())).splitlines()
    gate = replace(pending(), arguments=b'{"to":' + _json(value) + b"}")
    lines = render_text(shown(gate)).split("\n")[:-1]
    ours = ("  to = ", "      | ", "Look closely", "  ! to: ")
    kept = [line for line in lines if line and not line.startswith(ours)]
    assert kept == [line for line in plain if line and not line.startswith("  to = ")]


def _json(value: str) -> bytes:
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(value))
    return f'"{escaped}"'.encode()


def _utf16(value: str) -> list[int]:
    raw = value.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def test_importing_approvals_loads_no_template_engine() -> None:
    program = "import sys, approvals; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
