"""What is to be told of a gate or an intervention by now, and to whom.

Pure.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from approvals import Gate
from approvals.announcing import is_reminder, level, next_instant, tells
from approvals.channels import Place, Routes, Saying
from approvals.channels.routes import Route
from sagas.model import instant, micros
from sagas.ports import Announcement, Delivery, DeliveryState, NewDelivery, QuestionRow, Unannounced

UNREADABLE_AGAIN = 60_000_000
"""When what cannot be read now is looked at again (microseconds)."""

Members = Callable[[str], Collection[str]]

_ARRIVED = frozenset({DeliveryState.SENT, DeliveryState.UPDATED})
_TOLD = _ARRIVED | {DeliveryState.STALE, DeliveryState.SENDING, DeliveryState.UNKNOWN}


def plan(found: Unannounced, routes: Routes, members: Members, now: int) -> Announcement:
    """What is to be told, compared with what has been.

    Args:
        members: Who is in a group.
        now: In microseconds since 1970.
    """
    match found.subject:
        case Gate() as gate:
            return _of_gate(gate, found.told, routes, members, now)
        case QuestionRow() as question:
            return _of_question(question, found.told, routes, now)
        case None:
            return Announcement(next_at=now + UNREADABLE_AGAIN, says="", at=now)


def looking_again(announcement: Announcement, now: int) -> Announcement:
    """The same, to be planned again soon: somebody who is to be told was not known."""
    soon = now + UNREADABLE_AGAIN
    ahead = announcement.next_at
    return replace(announcement, next_at=soon if ahead is None else min(ahead, soon))


def _of_gate(
    gate: Gate, told: Sequence[Delivery], routes: Routes, members: Members, now: int
) -> Announcement:
    at = instant(now)
    ahead = next_instant(gate, at)
    is_open = gate.state.is_open and at < gate.deadline
    new: list[NewDelivery] = []
    if is_open:
        number = level(gate, at)
        wanted = routes.to_decide(_asked(gate, at - gate.opened_at), members)
        new = _first_words(wanted, told, number)
        if is_reminder(gate, number):
            new += _reminders(told, number)
    return _announcement(told, new, tells(gate, at), _micros(ahead), now, is_open=is_open)


def _of_question(
    question: QuestionRow, told: Sequence[Delivery], routes: Routes, now: int
) -> Announcement:
    is_open = question.state == "open"
    new = _first_words(routes.to_answer(), told, 0) if is_open else []
    return _announcement(told, new, question.state, None, now, is_open=is_open)


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def _asked(gate: Gate, waited: timedelta) -> tuple[str, ...]:
    """Who can decide by now, without those who are kept out."""
    kept_out = gate.parties.names if gate.policy.separate else frozenset[str]()
    return tuple(name for name in gate.policy.names(waited) if name not in kept_out)


def _first_words(
    wanted: Iterable[Route], told: Sequence[Delivery], number: int
) -> list[NewDelivery]:
    """Ask where nobody was asked yet; a place that failed has sent its message on."""
    known = {Place(each.channel, each.target) for each in told}
    saying = Saying.ESCALATED if number and told else Saying.ASKED
    return [
        NewDelivery(
            channel=route[0].channel,
            target=route[0].target,
            saying=saying.value,
            level=number,
            rest=tuple((place.channel, place.target) for place in route[1:]),
        )
        for route in wanted
        if route[0] not in known
    ]


def _reminders(told: Sequence[Delivery], number: int) -> list[NewDelivery]:
    """Tell those again who were told at an earlier level; once each."""
    reached = [each for each in told if each.state in _TOLD and each.level < number]
    places = dict.fromkeys(Place(each.channel, each.target) for each in reached)
    return [
        NewDelivery(
            channel=place.channel,
            target=place.target,
            saying=Saying.REMINDED.value,
            level=number,
        )
        for place in places
    ]


def _announcement(
    told: Sequence[Delivery],
    new: Sequence[NewDelivery],
    says: str,
    ahead: int | None,
    now: int,
    *,
    is_open: bool,
) -> Announcement:
    stale = tuple(each.id for each in told if each.state in _ARRIVED and each.says != says)
    waiting = [each.id for each in told if each.state is DeliveryState.QUEUED]
    return Announcement(
        next_at=ahead,
        says=says,
        at=now,
        new=tuple(new),
        stale=stale,
        moot=() if is_open else tuple(waiting),
    )
