"""What people see is taken from the gate, is whole or says that it is not, and forges nothing."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.gate import Gate, GateState
from approvals.presentation import Presentation, present, render_text
from approvals.requirement import approval
from reversibility import Reversibility
from tests.unit.approvals.builders import NOW, in_state, pending


class Around(TypedDict, total=False):
    reversibility: Reversibility
    done: list[str]


def shown(gate: Gate, **around: Unpack[Around]) -> Presentation:
    return present(
        gate,
        reversibility=around.get("reversibility", Reversibility.IRREVERSIBLE),
        done=around.get("done", []),
        now=NOW,
    )


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
    assert view.short_digest == pending().digest[:12]


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
    assert "undoes what can be undone" in shown(pending(), done=["book_flight"]).on_rejection


def test_a_rejected_compensation_leaves_its_step_to_a_person() -> None:
    view = shown(replace(pending(), direction="undo"), done=["book_flight"])
    assert view.on_rejection == (
        "It does not run, and a person has to settle the step it was to make up for."
    )


def test_the_steps_done_so_far_are_listed_in_order() -> None:
    assert shown(pending(), done=["book_flight", "book_hotel"]).done_so_far == (
        "book_flight",
        "book_hotel",
    )


def test_of_many_steps_the_latest_are_listed_and_the_others_counted() -> None:
    done = shown(pending(), done=[f"step {n}" for n in range(25)]).done_so_far
    assert (len(done), done[0], done[1], done[-1]) == (
        21,
        "[cut: 5 earlier steps]",
        "step 5",
        "step 24",
    )


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
    assert render_text(shown(pending(), done=["book_flight"])) == (
        f"""May travel.email_itinerary run?

  gate       gate-7 (waiting for a decision until 13:02 UTC)
  saga       trip-42, started by eve
  step       book_trip/4:email_itinerary#1
  action     travel.email_itinerary, version 1: cannot be undone
  digest     {pending().digest[:12]}

What would run
  to = eve@example.org

What follows
  if it is approved
    Once it has begun, it cannot be undone.
  if it is rejected, or not decided in time
    It does not run; the saga takes another way, or undoes what can be undone.

Done so far
  - book_flight

Who decides
  1 of @travel-desk, ana within 4 h (ana, ben, cem)
  until 13:02 UTC (3 h left)
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
    kept = [line for line in lines if not line.startswith(("  to = ", "      | "))]
    assert kept == [line for line in plain if not line.startswith("  to = ")]


def _json(value: str) -> bytes:
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(value))
    return f'"{escaped}"'.encode()


def _utf16(value: str) -> list[int]:
    raw = value.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def test_importing_approvals_loads_no_template_engine() -> None:
    program = "import sys, approvals; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
