"""What else is declared about an effect: until when, who sees it, how much, touching what.

Pure.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import cast

from reversibility.classes import Reversibility
from reversibility.errors import InvalidDeclaration
from reversibility.instants import as_utc, check_duration
from reversibility.ranks import Ranked

__all__ = ["Audience", "Magnitude", "Modifiers", "OnAlarm", "Window"]

_CURRENCY = re.compile(r"[A-Z]{3}")


class OnAlarm(StrEnum):
    """What is done when a window is about to close, and the saga still waits."""

    ESCALATE = "escalate"
    """A person is asked: undo now, or go on waiting."""
    UNWIND = "unwind"
    """What can be undone is undone now; past an irreversible effect a person is asked."""
    ACCEPT = "accept"
    """Nothing but a note: the effect becomes irreversible in its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long an undo stays possible; afterwards the effect is irreversible.

    Exactly one of the three fields is given. All three count from the intent of the call and not
    from its answer: the effect may be as old as the intent, and a call whose answer was lost is
    known of much later than it took effect.

    Raises:
        InvalidDeclaration: none or several are given, the duration is not positive or longer
            than a century, a name is blank, or an alarm cannot be raised so long before the end.
    """

    duration: timedelta | None = None
    """So long after the first intent that may have led to the effect."""
    until: str | None = None
    """The field of the result that holds the closing instant; dots lead into what it holds."""
    event: str | None = None
    """The name of the event that closes it, if it comes after the intent."""
    alarm: timedelta | None = None
    """So long before it closes something is done about it, if the saga still waits then."""
    on_alarm: OnAlarm = OnAlarm.ESCALATE
    """What is done then."""

    def __post_init__(self) -> None:
        given = [self.duration, self.until, self.event]
        if sum(end is not None for end in given) != 1:
            raise InvalidDeclaration(
                "a window ends in one way: give exactly one of duration=, until= and event="
            )
        if self.duration is not None:
            check_duration(
                "duration", self.duration, instead="leave the window out if it never closes"
            )
        for name, value in (("until", self.until), ("event", self.event)):
            if value is not None and not value.strip():
                raise InvalidDeclaration(f"{name}= is blank: name the field or the event")
        self._check_alarm()

    def _check_alarm(self) -> None:
        response = cast(object, self.on_alarm)
        if not isinstance(response, OnAlarm):
            responses = ", ".join(f"OnAlarm.{known.name}" for known in OnAlarm)
            raise InvalidDeclaration(f"on_alarm is one of {responses}, not {response!r}")
        if self.alarm is None:
            if self.on_alarm is not OnAlarm.ESCALATE:
                raise InvalidDeclaration(
                    "on_alarm= needs alarm=: how long before its end it is to be done"
                )
            return
        check_duration("alarm", self.alarm, instead="leave the alarm out")
        if self.event is not None:
            raise InvalidDeclaration(
                "nobody knows in advance when an event comes: leave alarm= out, or give duration= "
                "or until="
            )
        if self.duration is not None and self.alarm >= self.duration:
            raise InvalidDeclaration(
                f"alarm is {self.alarm!r}, and the window is open for {self.duration!r}: give less"
            )

    def closes_at(
        self,
        intended_at: datetime,
        until: datetime | None = None,
        *,
        event_at: datetime | None = None,
    ) -> datetime | None:
        """Return the instant, in UTC, from which an undo is no longer possible.

        `until` is the instant read from the result and `event_at` the instant the event came;
        the kind of window decides which of them counts. A result that leaves the instant out
        closes the window at once, since nothing shows that it is open. ``None``: the window waits
        for an event that has not come.

        Raises:
            NaiveInstant: the instant that counts has no time zone.
        """
        if self.duration is not None:
            return as_utc("intended_at", intended_at) + self.duration
        if self.until is not None:
            end = intended_at if until is None else until
            return as_utc(f"the result's {self.until}", end)
        return None if event_at is None else as_utc(f"the event {self.event}", event_at)

    def is_open(
        self,
        now: datetime,
        intended_at: datetime,
        *,
        until: datetime | None = None,
        event_at: datetime | None = None,
    ) -> bool:
        """Whether an undo is still possible at `now`; at the closing instant it no longer is.

        Raises:
            NaiveInstant: `now` or the instant that counts has no time zone.
        """
        closes_at = self.closes_at(intended_at, until, event_at=event_at)
        return closes_at is None or as_utc("now", now) < closes_at


class Audience(Ranked):
    """Who gets to see an effect, from nobody to everybody."""

    NOBODY = "nobody"
    INTERNAL = "internal"
    EXTERNAL = "external"
    PUBLIC = "public"

    def reaches(self, other: "Audience") -> bool:
        """Whether this audience is at least as wide as `other`."""
        return self.rank >= other.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Magnitude:
    """How much is at stake, for policies to compare with their limits.

    Raises:
        InvalidDeclaration: an amount without a currency or the reverse, an amount that is
            negative or not finite, a currency not written as in ISO 4217, negative recipients.
    """

    amount: Decimal | None = None
    currency: str | None = None
    """Three capital letters, as in ISO 4217."""
    recipients: int | None = None
    """How many people it reaches."""

    def __post_init__(self) -> None:
        if (self.amount is None) != (self.currency is None):
            raise InvalidDeclaration("an amount needs its currency: give both or neither")
        if self.amount is not None and not (self.amount.is_finite() and self.amount >= 0):
            raise InvalidDeclaration(f"amount is {self.amount}: give zero or a positive number")
        if self.currency is not None and not _CURRENCY.fullmatch(self.currency):
            # A limit in EUR must not be slipped past by an amount in "eur".
            raise InvalidDeclaration(
                f"currency is {self.currency!r}: give its ISO 4217 code, such as 'EUR'"
            )
        if self.recipients is not None and self.recipients < 0:
            raise InvalidDeclaration(f"recipients is {self.recipients}: give zero or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifiers:
    """What is declared about an effect beside its class and its observability.

    Raises:
        InvalidDeclaration: a blank or repeated name in `conflicts` or `after`.
    """

    window: Window | None = None
    """Until when an undo is possible; ``None``: as long as one likes."""
    staged: bool = False
    """Held invisibly, then released or discarded when the saga ends."""
    repeatable: bool = False
    """Doing it again does no harm."""
    audience: Audience | None = None
    """Who gets to see it; ``None``: not declared, so a policy assumes the public."""
    magnitude: Magnitude | None = None
    """How much is at stake; ``None``: not declared, so a policy assumes no limit."""
    conflicts: tuple[str, ...] = ()
    """Keys of the resources it touches; effects that share one are undone in order."""
    cost: bool = False
    """Running it costs something, even where nobody observes an effect (a model call)."""
    after: tuple[str, ...] = ()
    """Names of the actions it depends on."""

    def __post_init__(self) -> None:
        _check_names("conflicts", self.conflicts)
        _check_names("after", self.after)

    def contradictions(self, reversibility: Reversibility) -> tuple[str, ...]:
        """Return what cannot be true of an effect of this class, one sentence each."""
        found: list[str] = []
        if self.window is not None and not reversibility.is_undoable:
            found.append(
                f"a window limits an undo, and {reversibility.value} has none: "
                "remove the window, or declare reversible or compensatable"
            )
        if self.staged and not reversibility.has_effect:
            found.append("read-only has nothing to stage: remove staged, or declare another class")
        if not reversibility.has_effect and self.audience not in (None, Audience.NOBODY):
            found.append(
                f"read-only is seen by nobody, yet the audience is {self.audience}: "
                "remove the audience, or declare another class"
            )
        return tuple(found)


def _check_names(field: str, names: tuple[str, ...]) -> None:
    if any(not name.strip() for name in names):
        raise InvalidDeclaration(f"{field} holds a blank name: remove it")
    if len(set(names)) != len(names):
        raise InvalidDeclaration(f"{field} names something twice: {', '.join(names)}")
