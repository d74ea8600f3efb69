"""What is to be told of a gate or an intervention by now, and to whom.

Pure.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from approvals import Gate
from approvals.announcing import is_reminder, level, next_instant, tells
from approvals.channels import Place, Routes, Saying
from approvals.channels.routes import Route
from approvals.clause import groups_of, people_of
from approvals.delegation import Delegation
from sagas.model import instant, micros, span
from sagas.ports import Announcement, Delivery, DeliveryState, NewDelivery, QuestionRow, Unannounced

UNREADABLE_AGAIN = 60_000_000
"""When what cannot be read now is looked at again (microseconds)."""

FIRST_REMINDER = timedelta(hours=1)
"""How long an intervention waits until those who were told of it are told again."""

REMINDED_EVERY = timedelta(days=1)
"""How often they are told after that: nothing else would ever end its waiting."""

Members = Callable[[str], Collection[str]]

_ARRIVED = frozenset({DeliveryState.SENT, DeliveryState.UPDATED})
_TOLD = _ARRIVED | {DeliveryState.STALE, DeliveryState.SENDING, DeliveryState.UNKNOWN}
_GIVEN_UP = frozenset({DeliveryState.DEAD, DeliveryState.LOST, DeliveryState.MOOT})


def plan(
    found: Unannounced,
    routes: Routes,
    members: Members,
    now: int,
    delegations: Sequence[Delegation] = (),
) -> Announcement:
    """What is to be told, compared with what has been.

    Args:
        members: Who is in a group.
        now: In microseconds since 1970.
        delegations: Those of the people who are `entitled` at a gate.
    """
    match found.subject:
        case Gate() as gate:
            return _of_gate(gate, found.told, _Hearers(gate, routes, members, delegations, now))
        case QuestionRow() as question:
            return _of_question(question, found.told, routes, now)
        case None:
            return Announcement(next_at=now + UNREADABLE_AGAIN, says="", at=now)


def entitled(gate: Gate, members: Members, now: int) -> tuple[str, ...]:
    """The people who can approve or veto by now, as far as they are named or in a group; sorted.

    Nobody at a gate that cannot be decided any more.
    """
    at = instant(now)
    if not _is_open(gate, at):
        return ()
    names = (*gate.policy.names(at - gate.opened_at), *gate.policy.veto)
    return tuple(sorted(_people(names, members) - _kept_out(gate)))


def looking_again(announcement: Announcement, now: int) -> Announcement:
    """The same, to be planned again soon: somebody who is to be told was not known."""
    soon = now + UNREADABLE_AGAIN
    ahead = announcement.next_at
    return replace(announcement, next_at=soon if ahead is None else min(ahead, soon))


# --- gates ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hearer:
    """A place where a gate is told, and why there."""

    route: Route
    is_asked: bool
    """Whether somebody there can decide; otherwise somebody can veto."""
    for_whom: tuple[str, ...] = ()

    def __and__(self, other: "_Hearer") -> "_Hearer":
        """One place for both: it goes on where either does."""
        return _Hearer(
            tuple(dict.fromkeys((*self.route, *other.route))),
            self.is_asked or other.is_asked,
            tuple(dict.fromkeys((*self.for_whom, *other.for_whom))),
        )


@dataclass(frozen=True, slots=True)
class _Hearers:
    """Finds out who is told of an open gate by now, without those who are kept out."""

    gate: Gate
    routes: Routes
    members: Members
    delegations: Sequence[Delegation]
    now: int

    @property
    def at(self) -> datetime:
        return instant(self.now)

    def by_place(self) -> Mapping[Place, _Hearer]:
        """Each first place once."""
        policy = self.gate.policy
        found: dict[Place, _Hearer] = {}
        for names, is_asked in (
            (policy.names(self.at - self.gate.opened_at), True),
            (policy.veto, False),
        ):
            for hearer in (*self._own(names, is_asked), *self._acting(names, is_asked)):
                place = hearer.route[0]
                found[place] = found[place] & hearer if place in found else hearer
        return found

    def _own(self, names: Iterable[str], is_asked: bool) -> list[_Hearer]:
        """Those who have the right themselves."""
        kept_out = _kept_out(self.gate)
        wanted = [name for name in names if name not in kept_out]
        return [_Hearer(route, is_asked) for route in self.routes.to_decide(wanted, self.members)]

    def _acting(self, names: Iterable[str], is_asked: bool) -> list[_Hearer]:
        """Those whom somebody with the right has asked to decide."""
        kept_out = _kept_out(self.gate)
        entitled = _people(names, self.members) - kept_out
        return [
            _Hearer(route, is_asked, (f"{each.delegate} for {each.delegator}",))
            for each in self.delegations
            if each.delegator in entitled
            and each.delegate not in kept_out
            and each.gives(self.at, self.gate.action)
            for route in self.routes.to_decide((each.delegate,), self.members)
        ]


def _of_gate(gate: Gate, told: Sequence[Delivery], hearers: _Hearers) -> Announcement:
    at = hearers.at
    is_open = _is_open(gate, at)
    new: list[NewDelivery] = []
    if is_open:
        number, wanted = level(gate, at), hearers.by_place()
        new = _first_words(wanted, told, number)
        if is_reminder(gate, number):
            new += _reminders([each for each in told if _is_awaited(each, wanted)], number)
    ahead = next_instant(gate, at)
    next_at = None if ahead is None else micros(ahead)
    return _announcement(told, new, tells(gate, at), next_at, hearers.now, is_open=is_open)


def _is_open(gate: Gate, at: datetime) -> bool:
    return gate.state.is_open and at < gate.deadline


def _people(names: Iterable[str], members: Members) -> frozenset[str]:
    """The people of these names, and those in these groups."""
    named = tuple(names)
    return frozenset(people_of(named)).union(*(members(group) for group in groups_of(named)))


def _kept_out(gate: Gate) -> frozenset[str]:
    return gate.parties.names if gate.policy.separate else frozenset()


def _is_awaited(message: Delivery, wanted: Mapping[Place, _Hearer]) -> bool:
    """Whether the decision of whoever has the message is waited for.

    A veto is not; and whoever was told for somebody else may be so no more.
    """
    if message.saying == Saying.MAY_VETO:
        return False
    return not message.for_whom or Place(message.channel, message.target) in wanted


# --- interventions ----------------------------------------------------------------------------


def _of_question(
    question: QuestionRow, told: Sequence[Delivery], routes: Routes, now: int
) -> Announcement:
    if question.state != "open":
        return _announcement(told, [], question.state, None, now, is_open=False)
    number, next_at = _reminded(question, now)
    wanted = {route[0]: _Hearer(route, is_asked=True) for route in routes.to_answer()}
    nobody_knows = all(each.state in _GIVEN_UP for each in told)
    new = _first_words(wanted, () if number and nobody_knows else told, number)
    new += _reminders(told, number)
    return _announcement(told, new, question.state, next_at, now, is_open=True)


def _reminded(question: QuestionRow, now: int) -> tuple[int, int]:
    """How many reminders are due by now, and when the next one is."""
    first, every = question.opened_at + span(FIRST_REMINDER), span(REMINDED_EVERY)
    number = 0 if now < first else 1 + (now - first) // every
    return number, first + number * every


# --- messages ---------------------------------------------------------------------------------


def _first_words(
    wanted: Mapping[Place, _Hearer], told: Sequence[Delivery], number: int
) -> list[NewDelivery]:
    """Tell where nobody was told yet; a place that failed has sent its message on.

    Whoever was told of a veto is told once more if they can decide by now.
    """
    told_at = {Place(each.channel, each.target) for each in told}
    asked = [each for each in told if each.saying != Saying.MAY_VETO]
    asked_at = {Place(each.channel, each.target) for each in asked}
    asking = Saying.ESCALATED if number and asked else Saying.ASKED
    return [
        NewDelivery(
            channel=place.channel,
            target=place.target,
            saying=(asking if hearer.is_asked else Saying.MAY_VETO).value,
            level=number,
            rest=tuple((other.channel, other.target) for other in hearer.route[1:]),
            for_whom=hearer.for_whom,
        )
        for place, hearer in wanted.items()
        if place not in (asked_at if hearer.is_asked else told_at)
    ]


def _reminders(told: Sequence[Delivery], number: int) -> list[NewDelivery]:
    """Tell those again who were told at an earlier level; once each."""
    reached = [each for each in told if each.state in _TOLD and each.level < number]
    latest = {Place(each.channel, each.target): each for each in reached}
    return [
        NewDelivery(
            channel=place.channel,
            target=place.target,
            saying=Saying.REMINDED.value,
            level=number,
            for_whom=message.for_whom,
        )
        for place, message in latest.items()
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
