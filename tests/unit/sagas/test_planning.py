from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import Gate
from approvals.channels import Routes
from approvals.clause import Clause, Rung
from approvals.gate import GateState
from approvals.requirement import Approval
from sagas.dispatching.planning import plan
from sagas.model import micros
from sagas.ports import Announcement, Delivery, DeliveryState, Unannounced
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
