"""How the saga sends a mail: once, with no way to ask afterwards."""

import os
from email.message import EmailMessage
from urllib.parse import urlsplit

import aiosmtplib

from sagas import NotExecuted

SENDER = "trips@travel.example"

# The server said no before it took charge of the message. A connection that is lost later proves
# nothing: the message may be on its way.
REFUSALS = (
    aiosmtplib.SMTPConnectError,
    aiosmtplib.SMTPHeloError,
    aiosmtplib.SMTPSenderRefused,
    aiosmtplib.SMTPRecipientsRefused,
    aiosmtplib.SMTPDataError,
)


def message_id(key: str) -> str:
    """Name the message after the call that sends it, so that both can be matched later."""
    return f"<{key}@travel.example>"


async def send_mail(to: str, subject: str, text: str, *, key: str) -> str:
    """Send a message and return its Message-ID.

    Raises:
        NotExecuted: the server refused the message.
    """
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = sent_as = message_id(key)
    message.set_content(text)
    server = urlsplit(os.environ["SMTP_URL"])
    try:
        await aiosmtplib.send(message, hostname=server.hostname, port=server.port, timeout=20)
    except REFUSALS as refusal:
        raise NotExecuted(f"the mail was refused: {refusal}") from refusal
    return sent_as
