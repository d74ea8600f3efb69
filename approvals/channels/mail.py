"""Notices by mail: one message for each, and a reply to it when what it says has changed.

Mail cannot be taken back, so that an update is another message in the same thread. No message can
be looked for either; one whose arrival is unknown is sent again under the same Message-ID.
Touches: an SMTP server.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as AS_SENT
from email.utils import format_datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from approvals.channels.errors import OutcomeUnknown, Rejected, Reroute, Retry, Stop
from approvals.channels.headlines import headline
from approvals.channels.notice import Notice, Receipt
from approvals.channels.telling import render_notice_html, render_notice_text
from approvals.errors import ChannelDefinitionError

if TYPE_CHECKING:
    from aiosmtplib import SMTP

__all__ = ["Mail"]

Security = Literal["starttls", "tls", "none"]

_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_TEMPORARY = range(400, 500)
_NO_SUCH_TARGET = frozenset({550, 551, 552, 553, 554})
_ID = "message_id"


class Mail:
    """Sends notices to addresses.

    Args:
        host: The SMTP server that takes the messages.
        sender: From whom they are.
        port: By default that of `security`.
        user: Whom to log in as; nobody, if left out.
        password: From the environment, never from a file that is shared.
        security: `starttls` and `tls` refuse to go on without encryption.
        timeout: How long each answer of the server is waited for.

    Raises:
        ChannelDefinitionError: The sender is no address, or the library is not installed.
    """

    def __init__(
        self,
        *,
        host: str,
        sender: str,
        name: str = "mail",
        port: int | None = None,
        user: str | None = None,
        password: str | None = None,
        security: Security = "starttls",
        timeout: timedelta = timedelta(seconds=20),
    ) -> None:
        _check_installed()
        self._name = name
        self._sender = _address(sender)
        self._host = host
        self._port = port or _PORTS[security]
        self._user = user
        self._password = password
        self._security: Security = security
        self._timeout = timeout.total_seconds()

    @property
    def name(self) -> str:
        """How routes name it."""
        return self._name

    def check(self, target: str) -> None:
        """Refuse what is no address.

        Raises:
            ChannelDefinitionError: It is none.
        """
        _address(target)

    async def post(self, notice: Notice) -> Receipt:
        """Send a message; a reminder is a reply to what it reminds of.

        Raises:
            ChannelError: The class says what to do.
        """
        own = self._id(notice)
        await self._send(notice, own, follows=(notice.follows or {}).get(_ID))
        return {_ID: own}

    async def find(self, notice: Notice) -> Receipt | None:
        """Find nothing: a message that was handed over cannot be looked for."""
        return None

    async def update(self, receipt: Receipt, notice: Notice) -> Receipt:
        """Reply to a message with what has become of its question.

        A reminder gets no reply of its own: what it reminds of gets one, in the same thread. Nor is
        a reply sent without news.

        Raises:
            ChannelError: The class says what to do.
        """
        if notice.follows is None and notice.is_news:
            own = self._id(notice, version=notice.version)
            await self._send(notice, own, follows=receipt[_ID])
        return receipt

    async def close(self) -> None:
        """Do nothing: each message has a connection of its own."""

    def _id(self, notice: Notice, *, version: str | None = None) -> str:
        update = f".{version}" if version else ""
        return f"<{notice.reference}{update}@{self._sender.domain}>"

    def _message(self, notice: Notice, own: str, follows: str | None) -> EmailMessage:
        message = EmailMessage(policy=AS_SENT)
        message["From"] = self._sender
        message["To"] = _address(notice.target)
        message["Subject"] = headline(notice)
        message["Date"] = format_datetime(notice.at)
        message["Message-ID"] = own
        if follows is not None:
            message["In-Reply-To"] = follows
            message["References"] = follows
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(render_notice_text(notice))
        message.add_alternative(render_notice_html(notice), subtype="html")
        return message

    async def _send(self, notice: Notice, own: str, *, follows: str | None) -> None:
        message = self._message(notice, own, follows)
        async with self._connected() as server:
            await _envelope(server, self._sender.addr_spec, _address(notice.target).addr_spec)
            await _content(server, message.as_bytes())

    @asynccontextmanager
    async def _connected(self) -> "AsyncGenerator[SMTP]":
        """A server that is ready for a message; nothing was sent if there is none."""
        from aiosmtplib import SMTP, SMTPException

        server = SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
        )
        try:
            await server.connect()
            if self._user is not None:
                await server.login(self._user, self._password or "")
        except (SMTPException, OSError) as error:
            server.close()
            if _may_pass(error):
                raise Retry(f"{self._host} cannot be reached: {error}") from error
            raise Stop(f"{self._host} does not let us in: {self._why(error)}") from error
        except BaseException:
            server.close()
            raise
        try:
            yield server
        finally:
            server.close()

    def _why(self, error: Exception) -> str:
        from aiosmtplib import SMTPException

        # The library has no class of its own for this one; its subclasses mean something else.
        if self._security == "starttls" and type(error) is SMTPException:
            return (
                "it offers no encryption (STARTTLS) there; name the port that does, or say "
                'security = "tls" or, on a line that nobody else reads, "none"'
            )
        return str(error).rstrip(".")


def _may_pass(error: Exception) -> bool:
    """Whether it may go by itself that a server does not let us in."""
    from aiosmtplib import (
        SMTPConnectError,
        SMTPResponseException,
        SMTPServerDisconnected,
        SMTPTimeoutError,
    )

    if isinstance(error, SMTPResponseException):
        return error.code in _TEMPORARY
    passing = (SMTPConnectError, SMTPServerDisconnected, SMTPTimeoutError, OSError)
    return isinstance(error, passing)


async def _envelope(server: "SMTP", sender: str, recipient: str) -> None:
    """Say from whom and to whom; nothing is sent before that is accepted."""
    from aiosmtplib import SMTPException, SMTPResponseException, SMTPSenderRefused

    try:
        await server.mail(sender)
        await server.rcpt(recipient)
    except SMTPResponseException as error:
        if error.code in _TEMPORARY:
            raise Retry(f"not now: {error.code} {error.message}") from error
        if isinstance(error, SMTPSenderRefused):
            raise Stop(f"we may not send as {sender}: {error.code} {error.message}") from error
        raise Reroute(f"{recipient} is refused: {error.code} {error.message}") from error
    except (SMTPException, OSError) as error:
        raise Retry(f"the connection broke before anything was sent: {error}") from error


async def _content(server: "SMTP", content: bytes) -> None:
    """Hand the message over: from here on a silence says nothing."""
    from aiosmtplib import SMTPException, SMTPResponseException

    try:
        await server.data(content)
    except SMTPResponseException as error:
        if error.code in _TEMPORARY:
            raise Retry(f"not now: {error.code} {error.message}") from error
        if error.code in _NO_SUCH_TARGET:
            raise Reroute(f"the message is refused: {error.code} {error.message}") from error
        raise Rejected(f"the message is refused: {error.code} {error.message}") from error
    except (SMTPException, OSError) as error:
        raise OutcomeUnknown(f"handed over, and not confirmed: {error}") from error


def _address(text: str) -> Address:
    try:
        found = Address(addr_spec=text)
    except (MessageError, ValueError, IndexError) as error:
        raise ChannelDefinitionError(
            f"{text!r} is no mail address: write one such as ana@example.org"
        ) from error
    if not (found.username and found.domain and text.isascii() and text.isprintable()):
        raise ChannelDefinitionError(
            f"{text!r} is no mail address: write one such as ana@example.org"
        )
    return found


def _check_installed() -> None:
    if find_spec("aiosmtplib") is None:
        raise ChannelDefinitionError(
            "mail needs a library that is not installed: pip install 'agent-sagas[mail]'"
        )
