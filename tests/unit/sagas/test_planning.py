from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import Gate
from approvals.channels import Routes
from approvals.clause import Clause, Rung
from approvals.delegation import Delegation, delegation
from approvals.gate import GateState
from approvals.principal import Principal
from approvals.requirement import Approval
from sagas.dispatching.planning import entitled, plan
from sagas.model import micros
from sagas.ports import Announcement, Delivery, DeliveryState, QuestionRow, Unannounced
from tests.unit.approvals.builders import OPENED, in_state, pending

HOUR = timedelta(hours=1)
ROUTES = Routes({"ana": ["board:ana"], "bo": ["board:bo"], "@desk": ["board:desk"]})


def laddered(*, separate: bool = False) -> Gate:
    """After an hour ana is reminded and bo is added."""
    clause = Clause(by=("ana", "eve"), ladder=(Rung(after=HOUR, to=("bo",)),))
    policy = Approval(clauses=(clause,), within=4 * HOUR, remind=(HOUR,), separate=separate)
    return pending(policy)


def told(target: str, state: DeliveryState, level: int = 0, says: str = "pending.1") -> Delivery:
    return Delivery(
        id=level + 1,
        saga_id="trip-42",
        subject="gate-7",
        channel="board",
        target=target,
        saying="asked",
        level=level,
        state=state,
        attempts=0,
        next_at=None,
        says=says,
        receipt=None,
        error=None,
        made_at=0,
        changed_at=0,
    )


def planned(gate: Gate, *messages: Delivery, after: timedelta = timedelta(0)) -> Announcement:
    found = Unannounced(id=gate.id, subject=gate, notify_at=0, told=messages)
    return plan(found, ROUTES, lambda _: (), micros(OPENED + after))


def lent(by: str, to: str, *, actions: str | tuple[str, ...] = ()) -> Delegation:
    """Somebody is away, all the time."""
    person = Principal(name=by, display=by, groups=frozenset(), evidence="a test")
    return delegation(
        id=f"{by}-{to}",
        by=person,
        to=to,
        now=OPENED - HOUR,
        until=OPENED + 24 * HOUR,
        reason="on leave",
        actions=actions,
    )


PEOPLE = Routes({name: [f"board:{name}"] for name in ("ana", "bo", "cy", "eve", "zoe")})


def heard(
    gate: Gate,
    *delegations: Delegation,
    told: tuple[Delivery, ...] = (),
    after: timedelta = timedelta(0),
) -> list[str]:
    """Who is told what, and for whom; bo is on the desk."""
    found = Unannounced(id=gate.id, subject=gate, notify_at=0, told=told)
    members = {"desk": ["bo"]}
    announcement = plan(
        found, PEOPLE, lambda name: members[name], micros(OPENED + after), delegations
    )
    return [" ".join([new.target, new.saying, *new.for_whom]) for new in announcement.new]


def words(announcement: Announcement) -> list[str]:
    return [f"{new.target} {new.saying} {new.level}" for new in announcement.new]


def test_whoever_is_named_is_asked() -> None:
    assert words(planned(laddered())) == ["ana asked 0"]


def test_whoever_has_a_part_in_the_saga_is_not_asked() -> None:
    routes = Routes({"eve": ["board:eve"], "ana": ["board:ana"]})
    gate = laddered(separate=True)
    found = Unannounced(id=gate.id, subject=gate, notify_at=0)
    announcement = plan(found, routes, lambda _: (), micros(OPENED))
    assert words(announcement) == ["ana asked 0"]


def test_whoever_was_added_at_a_level_is_not_reminded_at_the_same() -> None:
    first = told("ana", DeliveryState.SENT)
    assert words(planned(laddered(), first, after=HOUR)) == ["bo escalated 1", "ana reminded 1"]
    added = told("bo", DeliveryState.SENT, level=1)
    assert words(planned(laddered(), first, added, after=HOUR)) == ["ana reminded 1"]


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.DEAD, DeliveryState.LOST])
def test_whoever_was_not_reached_is_not_reminded(state: DeliveryState) -> None:
    assert words(planned(laddered(), told("ana", state), after=HOUR)) == ["bo escalated 1"]


def test_what_was_not_sent_is_not_needed_when_the_gate_is_decided() -> None:
    waiting = told("ana", DeliveryState.QUEUED)
    assert planned(in_state(GateState.REJECTED), waiting).moot == (waiting.id,)
    assert planned(laddered(), waiting).moot == ()


@pytest.mark.parametrize("state", [DeliveryState.SENT, DeliveryState.UPDATED])
def test_what_says_something_else_is_repaired(state: DeliveryState) -> None:
    message = told("ana", state)
    assert planned(laddered(), message).stale == ()
    assert planned(in_state(GateState.REJECTED), message).stale == (message.id,)


def test_nobody_is_asked_about_what_is_over() -> None:
    assert words(planned(in_state(GateState.REJECTED))) == []
    assert words(planned(laddered(), after=4 * HOUR)) == []


def test_a_gate_is_looked_at_again_at_its_next_level() -> None:
    assert planned(laddered()).next_at == micros(OPENED + HOUR)
    assert planned(laddered(), after=HOUR).next_at == micros(OPENED + 4 * HOUR)
    assert planned(laddered(), after=4 * HOUR).next_at is None


def test_another_revision_has_every_message_repaired() -> None:
    message = told("ana", DeliveryState.SENT)
    assert planned(replace(laddered(), revision=2), message).stale == (message.id,)


def test_what_cannot_be_read_here_is_looked_at_later() -> None:
    found = Unannounced(id="gate-7", subject=None, notify_at=0)
    announcement = plan(found, ROUTES, lambda _: (), 0)
    assert announcement.new == ()
    assert (announcement.next_at or 0) > 0


# --- those who decide for others, and those who can veto ----------------------------------------


def asked_of(*by: str, veto: tuple[str, ...] = (), separate: bool = False) -> Gate:
    """Reminded after an hour; eve is the requester."""
    clause = Clause(by=by)
    policy = Approval(
        clauses=(clause,), within=4 * HOUR, remind=(HOUR,), veto=veto, separate=separate
    )
    return pending(policy)


def test_whoever_decides_for_somebody_is_told_for_whom() -> None:
    assert heard(asked_of("ana"), lent("ana", "zoe")) == ["ana asked", "zoe asked zoe for ana"]
    assert heard(asked_of("@desk"), lent("bo", "zoe")) == ["bo asked", "zoe asked zoe for bo"]


def test_a_delegation_of_somebody_else_or_about_something_else_tells_nobody() -> None:
    others = lent("cy", "zoe"), lent("ana", "zoe", actions=("travel.pay",))
    assert heard(asked_of("ana"), *others) == ["ana asked"]


def test_whoever_decides_for_two_is_told_once_for_both() -> None:
    gate = asked_of("ana", "bo")
    found = heard(gate, lent("ana", "zoe"), lent("bo", "zoe"))
    assert found == ["ana asked", "bo asked", "zoe asked zoe for ana zoe for bo"]


def test_whoever_is_kept_out_is_told_neither_in_the_place_of_others_nor_by_their_delegate() -> None:
    gate = asked_of("ana", "eve", separate=True)
    assert heard(gate, lent("ana", "eve"), lent("eve", "zoe")) == ["ana asked"]


def test_those_are_entitled_who_can_approve_or_veto_while_the_gate_is_open() -> None:
    gate = asked_of("ana", "eve", veto=("@desk",), separate=True)
    for after, people in ((0, ("ana", "bo")), (4, ())):
        assert entitled(gate, lambda _: ["bo"], micros(OPENED + after * HOUR)) == people
    assert entitled(in_state(GateState.REJECTED), lambda _: [], micros(OPENED)) == ()


def test_whoever_may_veto_is_told_so_and_whoever_may_decide_too_is_asked() -> None:
    gate = asked_of("ana", veto=("ana", "@desk"))
    assert heard(gate, lent("bo", "zoe")) == [
        "ana asked",
        "bo may-veto",
        "zoe may-veto zoe for bo",
    ]


def test_whoever_may_veto_is_told_once_and_not_reminded() -> None:
    gate = asked_of("ana", veto=("bo",))
    messages = (
        told("ana", DeliveryState.SENT),
        replace(told("bo", DeliveryState.SENT), saying="may-veto"),
    )
    assert heard(gate, told=messages, after=HOUR) == ["ana reminded"]


def test_whoever_may_veto_is_asked_once_a_ladder_adds_them() -> None:
    clause = Clause(by=("ana",), ladder=(Rung(after=HOUR, to=("bo",)),))
    gate = pending(Approval(clauses=(clause,), within=4 * HOUR, veto=("bo",)))
    messages = (
        told("ana", DeliveryState.SENT),
        replace(told("bo", DeliveryState.SENT), saying="may-veto"),
    )
    assert heard(gate, told=messages) == []
    assert heard(gate, told=messages, after=HOUR) == ["bo escalated"]


def test_a_reminder_says_for_whom_and_does_not_come_when_the_delegation_is_over() -> None:
    messages = (
        told("ana", DeliveryState.SENT),
        replace(told("zoe", DeliveryState.SENT), for_whom=("zoe for ana",)),
    )
    gate = asked_of("ana")
    found = heard(gate, lent("ana", "zoe"), told=messages, after=HOUR)
    assert found == ["ana reminded", "zoe reminded zoe for ana"]
    assert heard(gate, told=messages, after=HOUR) == ["ana reminded"]


def test_a_vote_that_decides_nothing_has_every_message_repaired() -> None:
    message = told("ana", DeliveryState.SENT)
    assert planned(replace(laddered(), voted=1), message).stale == (message.id,)


# --- interventions ------------------------------------------------------------------------------

OPS = Routes(interventions=["board:ops", "board:boss"])
DAY = timedelta(days=1)


def question_after(after: timedelta, *messages: Delivery, state: str = "open") -> Announcement:
    row = QuestionRow(
        id="i-1",
        saga_id="trip-42",
        path=None,
        kind="in-doubt",
        question="did it happen?",
        evidence="",
        choices=(),
        wants_result=False,
        state=state,
        opened_at=micros(OPENED),
    )
    found = Unannounced(id="i-1", subject=row, notify_at=0, told=messages)
    return plan(found, OPS, lambda _: (), micros(OPENED + after))


@pytest.mark.parametrize(
    ("after", "following"),
    [(0 * HOUR, HOUR), (HOUR, HOUR + DAY), (DAY, HOUR + DAY), (HOUR + 9 * DAY, HOUR + 10 * DAY)],
)
def test_an_open_intervention_is_looked_at_again_after_an_hour_and_then_every_day(
    after: timedelta, following: timedelta
) -> None:
    assert question_after(after).next_at == micros(OPENED + following)


def test_whoever_was_told_of_an_intervention_is_reminded_once_at_each_time() -> None:
    first = told("ops", DeliveryState.SENT, says="open")
    assert words(question_after(HOUR - timedelta(seconds=1), first)) == []
    assert words(question_after(HOUR, first)) == ["ops reminded 1"]
    assert words(question_after(HOUR + 9 * DAY, first)) == ["ops reminded 10"]
    again = replace(told("ops", DeliveryState.SENT, level=1, says="open"), saying="reminded")
    assert words(question_after(2 * HOUR, replace(first, level=1), again)) == []


def test_where_nobody_was_reached_all_places_are_tried_again_at_the_next_reminder() -> None:
    dead = (
        told("ops", DeliveryState.DEAD, says="open"),
        told("boss", DeliveryState.LOST, says="open"),
    )
    assert words(question_after(HOUR - timedelta(seconds=1), *dead)) == []
    [again] = question_after(HOUR, *dead).new
    assert (again.target, again.saying, again.level) == ("ops", "asked", 1)
    assert again.rest == (("board", "boss"),)


@pytest.mark.parametrize("state", ["answered", "closed"])
def test_an_intervention_that_is_over_is_reminded_of_no_more(state: str) -> None:
    message = told("ops", DeliveryState.SENT, says="open")
    announcement = question_after(9 * DAY, message, state=state)
    assert (announcement.new, announcement.next_at) == ((), None)
    assert announcement.stale == (message.id,)
