"""A notice on one line: why it is told now, and what it is about.

Pure.
"""

from approvals.aftermath import Aftermath
from approvals.channels.notice import Happening, Notice, Saying
from approvals.presentation import Presentation
from approvals.wording import cut

__all__ = ["headline", "news", "topic"]

_HEADLINE = 150
_FIRST_WORDS = {
    Saying.ASKED: "Your decision is needed",
    Saying.REMINDED: "Still waiting for a decision",
    Saying.ESCALATED: "Your decision is needed, because nobody has decided",
    Saying.MAY_VETO: "Somebody is to decide, and you may veto it",
}
_NEWS = {
    Happening.CHANGED: "Changed, and to be decided anew",
    Happening.APPROVED: "Approved",
    Happening.REJECTED: "Rejected",
    Happening.EXPIRED: "Expired without a decision",
    Happening.CANCELLED: "No longer needed",
    Happening.ROLLED_BACK: "No longer needed: the saga is being undone",
    Happening.SUPERSEDED: "Replaced by a newer request",
    Happening.LAPSED: "Approved, but not used in time",
    Happening.REVOKED: "Approval taken back",
    Happening.INVALIDATED: "Approval no longer valid",
    Happening.ANSWERED: "Answered",
    Happening.CLOSED: "No longer needed",
}
_SINCE = {
    Aftermath.DONE: "it is done",
    Aftermath.FAILED: "it failed",
    Aftermath.IN_DOUBT: "nobody knows whether it took effect",
    Aftermath.ROLLED_BACK: "its part of the saga was undone",
    Aftermath.UNDOING: "the saga is being undone",
    Aftermath.UNDONE: "the saga was undone",
    Aftermath.RESIDUAL: "the saga is over, and something remains",
}
_OVER = frozenset({Aftermath.UNDONE, Aftermath.RESIDUAL})
_SAYS_SO = frozenset({Happening.CHANGED, Happening.ROLLED_BACK})


def headline(notice: Notice) -> str:
    """Say on one line what it is about."""
    return cut(f"{news(notice)}: {topic(notice)}", _HEADLINE)


def news(notice: Notice) -> str:
    """Say what is so by now, and why it is told."""
    if notice.happening is Happening.WAITING:
        return _FIRST_WORDS[notice.saying]
    happening = notice.happening
    if happening is Happening.ROLLED_BACK and notice.aftermath in _OVER:
        happening = Happening.CANCELLED
    if notice.aftermath is None or happening in _SAYS_SO:
        return _NEWS[happening]
    return f"{_NEWS[happening]}: {_SINCE[notice.aftermath]}"


def topic(notice: Notice) -> str:
    """Say what it is about."""
    view = notice.subject
    if isinstance(view, Presentation):
        return f"{view.title} ({view.saga_id})"
    return f"{view.question} ({view.saga_id})"
