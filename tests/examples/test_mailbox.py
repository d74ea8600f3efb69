"""The mail server of the travel example, over real SMTP."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from uuid import uuid4

import pytest

from examples.serving import LOOPBACK
from examples.travel.world import World


@pytest.fixture
def smtp(world: World) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(LOOPBACK, world.services["mail"].port) as client:
        yield client


def letter(to: str = "ana@example.org") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "trips@example.org"
    message["To"] = to
    message["Subject"] = "Your trip to São Paulo"
    message["Message-ID"] = f"<{uuid4().hex}@example.org>"
    message.set_content("Flight 1\nHotel 2\n")
    return message


def test_a_message_is_stored_before_it_is_accepted(world: World, smtp: smtplib.SMTP) -> None:
    message = letter()
    smtp.send_message(message)
    stored = world.mail()[-1]
    assert stored.message_id == message["Message-ID"]


def test_a_message_is_stored_as_it_was_written(world: World, smtp: smtplib.SMTP) -> None:
    smtp.send_message(letter())
    stored = world.mail()[-1]
    assert (stored.subject, stored.text.splitlines(), stored.recipients) == (
        "Your trip to São Paulo",
        ["Flight 1", "Hotel 2"],
        ("ana@example.org",),
    )


def test_the_same_message_is_taken_twice(world: World, smtp: smtplib.SMTP) -> None:
    message = letter()
    smtp.send_message(message)
    smtp.send_message(message)
    same = [mail for mail in world.mail() if mail.message_id == message["Message-ID"]]
    assert len(same) == 2


def test_an_address_that_cannot_exist_is_refused(smtp: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.send_message(letter(to="nobody@example.invalid"))


def test_a_refused_message_is_not_stored(world: World, smtp: smtplib.SMTP) -> None:
    before = len(world.mail())
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.send_message(letter(to="nobody@example.invalid"))
    assert len(world.mail()) == before
