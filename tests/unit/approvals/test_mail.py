from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.channels import (
    ChannelError,
    Happening,
    OutcomeUnknown,
    Rejected,
    Reroute,
    Retry,
    Saying,
    Stop,
)
from approvals.channels.mail import Mail
from approvals.errors import ChannelDefinitionError
from approvals.presentation import present
from tests.conformance.channels_suite import decided, notice
from tests.postbox import Postbox, postbox
from tests.unit.approvals.builders import NOW, pending


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    async with postbox() as box:
        yield box


@pytest.fixture
def mail(box: Postbox) -> Mail:
    return Mail(
        host="127.0.0.1",
        port=box.port,
        sender="sagas@example.org",
        security="none",
        timeout=timedelta(seconds=30),
    )


async def test_a_message_has_a_text_and_a_page(mail: Mail, box: Postbox) -> None:
    await mail.post(notice())
    [message] = box.messages
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


async def test_the_page_has_no_script_no_form_and_nothing_to_fetch(
    mail: Mail, box: Postbox
) -> None:
    await mail.post(notice(pending(arguments=b'{"to":"<img src=x onerror=alert(1)>"}')))
    body = box.messages[0].get_body(("html",))
    assert body is not None
    page = str(body.get_content())
    assert "&lt;img" in page
    for word in ("<script", "<form", "<img", "src=", "@import", "url("):
        assert word not in page.replace("&lt;img src=x", "")


async def test_a_message_sent_again_has_the_same_id(mail: Mail, box: Postbox) -> None:
    for _ in range(2):
        await mail.post(notice())
    first, second = box.messages
    assert first["Message-ID"] == second["Message-ID"] == "<a1b2c3@example.org>"


async def test_an_update_is_a_reply_in_the_same_thread(mail: Mail, box: Postbox) -> None:
    receipt = await mail.post(notice())
    await mail.update(receipt, decided())
    first, second = box.messages
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert second["Message-ID"] == "<a1b2c3.rejected.1@example.org>"
    assert str(second["Subject"]).startswith("Rejected: ")


async def test_a_reminder_is_a_reply_and_gets_none_of_its_own(mail: Mail, box: Postbox) -> None:
    receipt = await mail.post(notice())
    reminder = notice(reference="b2", saying=Saying.REMINDED, follows=receipt)
    own = await mail.post(reminder)
    await mail.update(own, replace(decided(), reference="b2", follows=receipt))
    assert len(box.messages) == 2
    assert box.messages[1]["In-Reply-To"] == box.messages[0]["Message-ID"]


async def test_an_update_without_news_sends_nothing(mail: Mail, box: Postbox) -> None:
    receipt = await mail.post(notice())
    assert await mail.update(receipt, replace(notice(), version="pending.1.1", is_news=False))
    assert len(box.messages) == 1


async def test_a_message_says_in_whose_place_it_comes(mail: Mail, box: Postbox) -> None:
    await mail.post(replace(notice(), for_whom=("zoe for <ana>",)))
    for kind, words in (("plain", "zoe for <ana>"), ("html", "zoe for &lt;ana&gt;")):
        body = box.messages[0].get_body((kind,))
        assert body is not None
        assert f"In the place of whoever is away: {words}" in str(body.get_content())


async def test_no_machine_answers_a_message(mail: Mail, box: Postbox) -> None:
    await mail.post(notice())
    assert box.messages[0]["Auto-Submitted"] == "auto-generated"
    assert box.messages[0]["Date"].datetime == NOW


async def test_a_long_headline_is_cut(mail: Mail, box: Postbox) -> None:
    shown = replace(present(pending(), now=NOW), title="x" * 10_000)
    await mail.post(notice(subject=shown))
    assert len(box.subjects[0]) < 300


async def test_nothing_in_a_headline_makes_another_header(mail: Mail, box: Postbox) -> None:
    found = replace(pending(), action="travel.pay\r\nBcc: eve@example.org")
    await mail.post(notice(found))
    assert box.messages[0]["Bcc"] is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [("451 later", Retry), ("550 no such user", Reroute), ("503 what", Reroute)],
)
async def test_a_recipient_that_is_not_taken(
    mail: Mail, box: Postbox, answer: str, error: type[ChannelError]
) -> None:
    box.on_recipient = lambda: answer
    with pytest.raises(error):
        await mail.post(notice())
    assert box.messages == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [("452 full", Retry), ("554 spam", Reroute), ("500 too long", Rejected)],
)
async def test_a_message_that_is_not_taken(
    mail: Mail, box: Postbox, answer: str, error: type[ChannelError]
) -> None:
    box.on_content = lambda: answer
    with pytest.raises(error):
        await mail.post(notice())
    assert box.messages == []


async def test_a_silence_after_the_message_says_nothing(mail: Mail, box: Postbox) -> None:
    box.breaks_off = 1
    with pytest.raises(OutcomeUnknown):
        await mail.post(notice())
    assert len(box.messages) == 1
    assert await mail.find(notice()) is None


async def test_a_server_that_is_not_there_is_tried_later() -> None:
    async with postbox() as box:
        port = box.port
    away = Mail(host="127.0.0.1", port=port, sender="sagas@example.org", security="none")
    with pytest.raises(Retry):
        await away.post(notice())


async def test_a_server_without_encryption_is_not_spoken_to(box: Postbox) -> None:
    mail = Mail(host="127.0.0.1", port=box.port, sender="sagas@example.org")
    with pytest.raises(Stop, match=r'no encryption .* security = "tls"'):
        await mail.post(notice())
    assert box.messages == []


async def test_a_server_that_does_not_know_us_is_a_matter_for_people(box: Postbox) -> None:
    mail = Mail(
        host="127.0.0.1",
        port=box.port,
        sender="sagas@example.org",
        security="none",
        user="sagas",
        password="wrong",
    )
    with pytest.raises(Stop):
        await mail.post(notice())


@pytest.mark.parametrize("address", ["ana", "ana@", "@x", "a b@x", "ana@x\r\nBcc: eve@x", "änä@x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    mail = Mail(host="smtp.example.org", sender="sagas@example.org")
    with pytest.raises(ChannelDefinitionError, match="no mail address"):
        mail.check(address)


async def test_what_has_changed_is_said_first(mail: Mail, box: Postbox) -> None:
    receipt = await mail.post(notice())
    for happening in Happening:
        await mail.update(receipt, replace(notice(), happening=happening, version=happening.name))
    assert all(": May travel" in subject for subject in box.subjects)
