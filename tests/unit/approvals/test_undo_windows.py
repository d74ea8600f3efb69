"""Every face of a gate says until when what was done can be undone."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from approvals.channels.slack.message import message_of
from approvals.channels.telling import render_notice_html, render_notice_text
from approvals.deeds import Deed, Fate
from approvals.presentation import Presentation, present
from approvals.rendering import render_html, render_text
from reversibility import Reversibility
from tests.conformance.channels_suite import notice
from tests.unit.approvals.builders import NOW, pending
from tests.unit.approvals.slack.limits import shown


def slack(view: Presentation) -> str:
    return shown(message_of(notice(subject=view)).blocks)


def mail(view: Presentation) -> str:
    return render_notice_text(notice(subject=view))


def mail_page(view: Presentation) -> str:
    return render_notice_html(notice(subject=view))


FACES = pytest.mark.parametrize("face", [render_text, render_html, mail, mail_page, slack])
Face = Callable[[Presentation], str]


def view(**more: object) -> Presentation:
    deed = Deed(
        name="payments.authorise",
        reversibility=Reversibility.COMPENSATABLE,
        fate=Fate.UNDONE,
        **more,  # type: ignore[arg-type]
    )
    return present(pending(), now=NOW, done=[deed])


@FACES
def test_a_face_says_until_when_what_was_done_can_be_undone(face: Face) -> None:
    said = face(view(until=NOW + timedelta(days=1)))
    assert "can be undone until 2026-03-05 10:02 UTC: payments.authorise" in said


@FACES
def test_a_face_says_which_event_ends_it(face: Face) -> None:
    assert "can be undone until the event shipped: payments.authorise" in face(
        view(event="shipped")
    )


@FACES
def test_a_face_says_nothing_of_what_can_be_undone_without_an_end(face: Face) -> None:
    assert "can be undone until" not in face(view())
