"""The outbox: what is to be told, who has it in hand, and what became of it.

What is told is compared with what is so under the lock on the gate or the intervention, twice: when
it is announced and when it is settled. Whoever moves the gate between the two leaves a mark that
has it announced again.

Pure.
"""

from collections.abc import Sequence
from dataclasses import replace

from approvals import Gate
from approvals.announcing import tells
from approvals.errors import ApprovalError
from sagas.errors import LeaseLost
from sagas.journal import records, statements, statements_deliveries
from sagas.journal.operation import Hint, Operation, Query, Record
from sagas.model import instant
from sagas.ports import (
    Announcement,
    Delivery,
    DeliveryState,
    Lease,
    NewDelivery,
    QuestionRow,
    Settlement,
    Unannounced,
)

_ARRIVED = frozenset({DeliveryState.SENT, DeliveryState.UPDATED})
_SUCCEEDED = _ARRIVED | {DeliveryState.STALE}


def next_delivery() -> Operation[int | None]:
    """When there is something to do next."""
    rows = yield Query(statements_deliveries.NEXT_DELIVERY)
    due: int | None = rows[0][0]
    return due


def unannounced(now: int, limit: int) -> Operation[list[Unannounced]]:
    """Some of what there may be something to tell of, with what was told of it."""
    gates = yield Query(statements_deliveries.UNANNOUNCED_GATES, (now, limit))
    questions = yield Query(statements_deliveries.UNANNOUNCED_QUESTIONS, (now, limit))
    named = records.listed([row[0] for row in (*gates, *questions)])
    told: dict[str, list[Delivery]] = {}
    for row in (yield Query(statements_deliveries.DELIVERIES_ABOUT, (named,))):
        found = records.delivery(row)
        told.setdefault(found.subject, []).append(found)
    return [
        Unannounced(id=row[0], subject=subject, notify_at=row[-1], told=tuple(told.get(row[0], ())))
        for row, subject in (
            *((row, _gate(row)) for row in gates),
            *((row, _question(row)) for row in questions),
        )
    ]


def announce(found: Unannounced, plan: Announcement) -> Operation[bool]:
    """Queue what is to be sent and mark what is out of date, unless it has moved."""
    held: list[Record] = []
    for query in _comparing(found, plan.next_at):
        held = held or (yield query)
    if not held:
        return False
    [[saga_id]] = held
    for new in plan.new:
        yield _queueing(saga_id, found.id, new, plan.says, plan.at)
    if plan.stale:
        values = (records.listed(plan.stale), plan.at, plan.says)
        yield Query(statements_deliveries.MARK_STALE, values)
    if plan.moot:
        yield Query(statements_deliveries.MARK_MOOT, (records.listed(plan.moot), plan.at))
    if plan.new or plan.stale:
        yield Hint()
    return True


def take(
    lease: Lease, *, channel: str, now: int, limit: int, having: Sequence[int]
) -> Operation[list[Delivery]]:
    """Messages of a channel that are due, and those in this hand of which it does not know."""
    if not (yield Query(statements.FENCE, (lease.worker,))):
        raise LeaseLost(f"worker {lease.worker} was declared dead: others send what it had in hand")
    yield Query(statements_deliveries.LET_FALL, (now, channel))
    held = yield Query(statements_deliveries.IN_HAND, (lease.worker, channel))
    forgotten = [row for row in held if row[0] not in having]
    room = limit - len(forgotten)
    taken: list[Record] = []
    if room > 0:
        values = (lease.worker, now, room, channel)
        taken = yield Query(statements_deliveries.TAKE, values)
    return [
        *(_in_doubt(records.delivery(row)) for row in forgotten),
        *(records.delivery(row) for row in taken),
    ]


def settle(lease: Lease, delivery: Delivery, found: Settlement) -> Operation[Delivery | None]:
    """What became of a message, unless it is in another hand by now."""
    says, is_open = yield from _truth(delivery.subject, found.at)
    state, next_at = _standing(found, says, is_open=is_open)
    rows = yield Query(
        statements_deliveries.SETTLE,
        (
            delivery.id,
            lease.worker,
            delivery.attempts,
            state.value,
            next_at,
            found.says,
            None if found.receipt is None else records.mapped(found.receipt),
            None if found.error is None else records.storable(found.error),
            found.at,
            state in _SUCCEEDED or found.round_up is not None,
            found.round_up,
        ),
    )
    if not rows:
        return None
    if _has_lost_its_round_up(delivery, found):
        values = (delivery.round_up, delivery.id, found.at)
        yield Query(statements_deliveries.MARK_BESIDE, values)
        yield Hint()
    if found.reroute and is_open:
        yield from _reroute(delivery, says, found.at)
    return records.delivery(rows[0])


def deliveries(saga_id: str | None, state: str | None, limit: int) -> Operation[list[Delivery]]:
    """Messages, the newest first; None leaves a filter out."""
    if saga_id is None:
        query = Query(statements_deliveries.DELIVERIES, (state, limit))
    else:
        query = Query(statements_deliveries.DELIVERIES_OF, (saga_id, state, limit))
    rows = yield query
    return [records.delivery(row) for row in rows]


def deliveries_about(subject: str) -> Operation[list[Delivery]]:
    """The messages about a gate or an intervention, the oldest first."""
    named = records.listed([subject])
    rows = yield Query(statements_deliveries.DELIVERIES_ABOUT, (named,))
    return [records.delivery(row) for row in rows]


def waiting_at(channel: str, target: str, *, before: int, limit: int) -> Operation[list[Delivery]]:
    """The first messages at a place that say that somebody is waited for, the newest first."""
    rows = yield Query(statements_deliveries.WAITING_AT, (channel, target, before, limit))
    return [records.delivery(row) for row in rows]


def gathered(round_up: str) -> Operation[list[Delivery]]:
    """The messages that are shown in one, the oldest first."""
    rows = yield Query(statements_deliveries.GATHERED, (round_up,))
    return [records.delivery(row) for row in rows]


def gathered_at(channel: str, target: str, limit: int) -> Operation[list[Delivery]]:
    """The messages at a place that are shown among others, the newest first."""
    rows = yield Query(statements_deliveries.GATHERED_AT, (channel, target, limit))
    return [records.delivery(row) for row in rows]


def _has_lost_its_round_up(delivery: Delivery, found: Settlement) -> bool:
    """Whether the message that showed it among others is gone: then they have lost it too."""
    if delivery.round_up is None:
        return False
    return found.state is DeliveryState.LOST or found.round_up not in (None, delivery.round_up)


def _in_doubt(found: Delivery) -> Delivery:
    """What is in hand and not known of may have been sent."""
    if found.state is DeliveryState.SENDING:
        return replace(found, state=DeliveryState.UNKNOWN)
    return found


def _gate(row: Record) -> Gate | None:
    try:
        return records.gate(row)
    except (ApprovalError, ValueError):
        return None  # another version wrote it, or somebody changed it


def _question(row: Record) -> QuestionRow | None:
    try:
        return records.question_row(row)
    except ValueError:
        return None  # another version wrote it


def _comparing(found: Unannounced, next_at: int | None) -> list[Query]:
    """What changes nothing where it was announced or moved meanwhile."""
    seen = (found.id, next_at, found.notify_at)
    match found.subject:
        case QuestionRow(state=state):
            return [Query(statements_deliveries.ANNOUNCE_QUESTION, (*seen, state))]
        case Gate(state=state, revision=revision, voted=voted, aftermath=aftermath):
            values = (*seen, state.value, revision, voted, aftermath or "")
            return [Query(statements_deliveries.ANNOUNCE_GATE, values)]
        case None:
            return [
                Query(statements_deliveries.ANNOUNCE_GATE, (*seen, None, None, None, None)),
                Query(statements_deliveries.ANNOUNCE_QUESTION, (*seen, None)),
            ]


def _queueing(saga_id: str, subject: str, new: NewDelivery, says: str, at: int) -> Query:
    values = (
        saga_id,
        subject,
        new.channel,
        new.target,
        new.saying,
        new.level,
        records.places(new.rest),
        at,
        says,
        records.listed(new.for_whom),
    )
    return Query(statements_deliveries.QUEUE, values)


def _truth(subject: str, now: int) -> Operation[tuple[str, bool]]:
    """What messages about it should say, and whether it can be decided.

    What cannot be read here is left to those who can: nothing, and that it can.
    """
    gates = yield Query(statements_deliveries.LOCK_GATE_OF, (subject,))
    if gates:
        gate = _gate(gates[0])
        return ("", True) if gate is None else (tells(gate, instant(now)), _is_open(gate, now))
    [row] = yield Query(statements_deliveries.LOCK_QUESTION_OF, (subject,))
    question = _question(row)
    return ("", True) if question is None else (question.state, question.state == "open")


def _is_open(gate: Gate, now: int) -> bool:
    return gate.state.is_open and instant(now) < gate.deadline


def _standing(found: Settlement, says: str, *, is_open: bool) -> tuple[DeliveryState, int | None]:
    """Where a message stands, once it is compared with what is so by now."""
    if found.state in _ARRIVED and says and found.says != says:
        return DeliveryState.STALE, found.at
    if found.state is DeliveryState.QUEUED and not is_open:
        return DeliveryState.MOOT, None
    return found.state, found.next_at


def _reroute(delivery: Delivery, says: str, at: int) -> Operation[None]:
    """Queue the next place of the route; one that has it already, and is not given up, is enough."""
    for number, (channel, target) in enumerate(delivery.rest, start=1):
        new = NewDelivery(
            channel=channel,
            target=target,
            saying=delivery.saying,
            level=delivery.level,
            rest=delivery.rest[number:],
            for_whom=delivery.for_whom,
        )
        if (yield _queueing(delivery.saga_id, delivery.subject, new, says, at)):
            yield Hint()
            return
        values = (delivery.subject, channel, target, delivery.saying, delivery.level)
        [[state]] = yield Query(statements_deliveries.DELIVERY_TO, values)
        if DeliveryState(state) not in {DeliveryState.DEAD, DeliveryState.LOST}:
            return
