"""A notice as a headline, as plain text and as a page of HTML, from packaged templates.

Touches: the templates.
"""

from approvals.channels.notice import Happening, Notice, Saying
from approvals.presentation import Presentation
from approvals.rendering import environment, render_text
from approvals.wording import cut

__all__ = ["headline", "render_notice_html", "render_notice_text"]

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


def headline(notice: Notice) -> str:
    """Say on one line what it is about."""
    return cut(f"{_news(notice)}: {_topic(notice)}", _HEADLINE)


def render_notice_text(notice: Notice) -> str:
    """Write a notice as plain text, with the link to where one decides."""
    view = notice.subject
    body = (
        render_text(view)
        if isinstance(view, Presentation)
        else environment().get_template("intervention.txt.j2").render(view=view)
    )
    return (
        environment()
        .get_template("notice.txt.j2")
        .render(news=_news(notice), body=body, notice=notice)
    )


def render_notice_html(notice: Notice) -> str:
    """Write a notice as a page of HTML, without a script, a form or anything to be fetched."""
    is_gate = isinstance(notice.subject, Presentation)
    return (
        environment()
        .get_template("notice.html.j2")
        .render(
            news=_news(notice),
            notice=notice,
            presentation=notice.subject if is_gate else None,
            view=None if is_gate else notice.subject,
        )
    )


def _news(notice: Notice) -> str:
    if notice.happening is Happening.WAITING:
        return _FIRST_WORDS[notice.saying]
    return _NEWS[notice.happening]


def _topic(notice: Notice) -> str:
    view = notice.subject
    if isinstance(view, Presentation):
        return f"{view.title} ({view.saga_id})"
    return f"{view.question} ({view.saga_id})"
