"""A notice as plain text and as a page of HTML, from packaged templates.

Touches: the templates.
"""

from approvals.channels.headlines import news
from approvals.channels.notice import Notice
from approvals.presentation import Presentation
from approvals.rendering import environment, render_text

__all__ = ["render_notice_html", "render_notice_text"]


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
        .render(news=news(notice), body=body, notice=notice)
    )


def render_notice_html(notice: Notice) -> str:
    """Write a notice as a page of HTML, without a script, a form or anything to be fetched."""
    is_gate = isinstance(notice.subject, Presentation)
    return (
        environment()
        .get_template("notice.html.j2")
        .render(
            news=news(notice),
            notice=notice,
            presentation=notice.subject if is_gate else None,
            view=None if is_gate else notice.subject,
        )
    )
