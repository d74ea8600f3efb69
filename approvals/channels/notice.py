"""What is told to people: a gate or an intervention as it stands, and why it is told now.

A notice is complete in itself: whoever delivers it asks no database, and learns nothing that the
presentation does not show. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from approvals.aftermath import Aftermath
from approvals.gate import GateState
from approvals.presentation import Presentation

__all__ = ["Happening", "InterventionView", "Notice", "Receipt", "RoundUp", "Saying", "happening"]

_VERSION_LENGTH = 16

Receipt = Mapping[str, str]
"""What an adapter needs to find its message again; kept with the delivery."""


class Saying(StrEnum):
    """Why a message is sent."""

    ASKED = "asked"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    MAY_VETO = "may-veto"
    """To those who may reject alone, and not approve."""


class Happening(StrEnum):
    """What is so by now, and may be other than when the message was sent."""

    WAITING = "waiting"
    """A person can decide."""
    CHANGED = "changed"
    """A person can decide, about other arguments than before."""
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled back"
    """Cancelled because the saga is being undone."""
    SUPERSEDED = "superseded"
    LAPSED = "lapsed"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"
    ANSWERED = "answered"
    """An intervention has its answer."""
    CLOSED = "closed"
    """An intervention needs none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionView:
    """An intervention as people see it; every text is safe to show on one line."""

    intervention_id: str
    saga_id: str
    path: str | None
    kind: str
    question: str
    evidence: str
    choices: tuple[str, ...]
    standing: str
    """Where it stands, in words."""
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundUp:
    """Several requests that one message shows, because many wait at its place."""

    reference: str
    """Of the message: that of the first notice it was posted for, which every change keeps."""
    notices: tuple["Notice", ...]
    """Everything that it shows, in order; the one that it is told with is among them."""
    link: str | None
    """The address of the web inbox."""
    joins: bool = False
    """Whether the notice that it is told with is new in it: then its line tells all there is."""

    @property
    def version(self) -> str:
        """Names what the message says by now."""
        said = (f"{each.reference} {each.version}" for each in self.notices)
        return sha256("\n".join((self.reference, *said)).encode()).hexdigest()[:_VERSION_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to one target. Instants are aware and in UTC."""

    reference: str
    """Unlike that of any other message, and the same whenever this one is handed over: letters and
    digits."""
    saying: Saying
    happening: Happening
    version: str
    """Names what the message says by now; an update has another one: letters, digits and dots."""
    target: str
    """Where the channel sends it: an address, the id of a conversation."""
    subject: Presentation | InterventionView
    link: str | None
    """Where a person can look at it and decide, after they have said who they are. Whoever fetches
    it decides nothing."""
    follows: Receipt | None
    """The receipt of the message to the same target that this one reminds of."""
    at: datetime
    for_whom: tuple[str, ...] = ()
    """Who is told in the place of somebody who is away, in words: ``zoe for ana``."""
    aftermath: Aftermath | None = None
    """What became of the action or its saga since the decision, in a word."""
    is_news: bool = True
    """Whether what has changed is worth a message of its own. Votes that decided nothing are not, nor
    that what was approved has run: a channel whose messages cannot be changed leaves an update
    without news out, and one with threads tells it there."""
    round_up: RoundUp | None = None
    """What the message shows instead of this alone; only for a channel that `Gathers`."""
    among_others: bool = False
    """Whether it is told in a thread that is about other requests too, and has to say which it is."""

    @property
    def is_open(self) -> bool:
        """Whether a person can still decide."""
        return self.subject.is_open

    @property
    def may_approve(self) -> bool:
        """Whether a control that approves may be offered."""
        return isinstance(self.subject, Presentation) and self.subject.may_approve


_HAPPENINGS = {
    GateState.PENDING: Happening.WAITING,
    GateState.APPROVED: Happening.APPROVED,
    GateState.CONSUMED: Happening.APPROVED,
    GateState.REJECTED: Happening.REJECTED,
    GateState.EXPIRED: Happening.EXPIRED,
    GateState.CANCELLED: Happening.CANCELLED,
    GateState.SUPERSEDED: Happening.SUPERSEDED,
    GateState.LAPSED: Happening.LAPSED,
    GateState.REVOKED: Happening.REVOKED,
    GateState.INVALIDATED: Happening.INVALIDATED,
}


def happening(state: GateState, *, revision: int, is_undone: bool) -> Happening:
    """What has become of a gate, as it is told.

    Args:
        state: Where the gate stands.
        revision: Which wording of the arguments it asks about.
        is_undone: Whether its saga is being undone.
    """
    found = _HAPPENINGS[state]
    if found is Happening.WAITING and revision > 1:
        return Happening.CHANGED
    if found is Happening.CANCELLED and is_undone:
        return Happening.ROLLED_BACK
    return found
