"""One call of Slack's Web API: made once, and what its failure says made plain.

The library tries a call again when its connection breaks, which posts a message twice; here nothing
is tried again. Its log of requests holds what people see, so that it is kept quiet.
Touches: Slack.
"""

import logging
import re
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from approvals.channels.errors import (
    ChannelError,
    MessageLost,
    OutcomeUnknown,
    Rejected,
    Reroute,
    Retry,
    Stop,
)
from approvals.errors import ChannelDefinitionError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

__all__ = ["SLACK_API", "Unanswered", "answer", "check_installed", "record", "web_client"]

SLACK_API: Final = "https://slack.com/api/"

_NEVER_SENT: Final = "connection_failed"
_NO_ANSWER: Final = "no_answer"
_RATE_LIMITED: Final = "ratelimited"
_LONGEST_REST = timedelta(hours=1)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_CODE = re.compile(r"[a-z0-9_]{1,80}\Z")
_SCOPES = re.compile(r"[a-z0-9:._, ]{1,200}\Z")

_NOT_DONE = frozenset({_NEVER_SENT, _RATE_LIMITED, "service_unavailable", "team_added_to_org"})
_AMBIGUOUS = frozenset({_NO_ANSWER, "fatal_error", "internal_error", "request_timeout"})
_NOT_THERE = frozenset({
    "cannot_dm_bot",
    "channel_not_found",
    "is_archived",
    "is_inactive",
    "messages_tab_disabled",
    "not_in_channel",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
    "user_disabled",
    "user_not_found",
    "user_not_in_channel",
})  # fmt: skip
_OUT_OF_ORDER = frozenset({
    "access_denied",
    "account_inactive",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "org_login_required",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
})  # fmt: skip
_LOST = frozenset({
    "cant_update_message",
    "edit_window_closed",
    "message_not_found",
    "thread_not_found",
})  # fmt: skip
_MENDS = {
    "missing_scope": "add it to the app and install the app anew",
    "not_in_channel": "invite the app to the conversation",
    "channel_not_found": "name a conversation that the app can see, and invite the app to it",
    "invalid_auth": (
        "copy the Bot User OAuth Token (xoxb-...) from OAuth & Permissions of the app"
    ),
    "token_revoked": "install the app anew, and copy its new bot token",
    "account_inactive": "install the app anew, and copy its new bot token",
    "token_expired": "copy a bot token of an app without token rotation",
}


class Unanswered(Exception):
    """Slack did not do what it was asked, or did not say that it did.

    Args:
        code: As Slack names it, or one of ours where it said nothing: letters, digits and
            underscores.
        after: How long it asks to be left alone.
        needed: The scopes that the token lacks.
    """

    def __init__(
        self, code: str, *, after: timedelta | None = None, needed: str | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.after = after
        self.needed = needed

    @property
    def fault(self) -> str:
        """What is wrong."""
        needed = f" (it needs {self.needed})" if self.needed else ""
        return f"Slack answers {self.code}{needed}"

    @property
    def mend(self) -> str | None:
        """What to do about it; None where the code alone does not tell."""
        return _MENDS.get(self.code)

    def __str__(self) -> str:
        return f"{self.fault}: {self.mend}" if self.mend else self.fault

    def told(self, *, is_repeatable: bool) -> ChannelError:
        """As an error of a channel.

        Args:
            is_repeatable: Whether the call does no more when it is made twice; what may have
                happened is to be looked for where it does.
        """
        if self.code in _AMBIGUOUS and not is_repeatable:
            return OutcomeUnknown(f"handed over, and not confirmed: {self}")
        if self.code in _AMBIGUOUS or self.code in _NOT_DONE:
            return Retry(f"not now: {self}", after=self.after)
        for codes, error in (
            (_NOT_THERE, Reroute),
            (_OUT_OF_ORDER, Stop),
            (_LOST, MessageLost),
        ):
            if self.code in codes:
                return error(str(self))
        return Rejected(str(self))


async def answer(call: "Awaitable[AsyncSlackResponse]") -> Mapping[str, object]:
    """Wait for Slack's answer to a call.

    Raises:
        Unanswered: It is no answer, or a refusal.
    """
    from aiohttp import ClientError, ConnectionTimeoutError
    from aiohttp.client_exceptions import ClientConnectorError, InvalidURL
    from slack_sdk.errors import SlackApiError

    # What the library and its transport raise is not chained: it may quote requests and answers.
    try:
        response = await call
    except SlackApiError as error:
        raise _refused(getattr(error, "response", None)) from None
    except (ClientConnectorError, ConnectionTimeoutError, InvalidURL):
        raise Unanswered(_NEVER_SENT) from None
    except (ClientError, TimeoutError, OSError):
        raise Unanswered(_NO_ANSWER) from None
    except (AttributeError, TypeError, ValueError):  # an answer that the library cannot read
        raise Unanswered(_NO_ANSWER) from None
    said = record(getattr(response, "data", None))
    if not said:
        raise Unanswered(_NO_ANSWER)
    return said


def record(value: object) -> Mapping[str, object]:
    """A part of an answer as a record; an empty one if it is none."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _refused(response: object) -> Unanswered:
    """What an answer that is no success says; nothing of it is trusted to have a form."""
    said = record(getattr(response, "data", None))
    status: object = getattr(response, "status_code", None)
    if status == 429:
        return Unanswered(_RATE_LIMITED, after=_rest(getattr(response, "headers", None)))
    code = said.get("error")
    if not isinstance(code, str) or not _CODE.match(code):
        return Unanswered(_NO_ANSWER)
    if code == _RATE_LIMITED:
        return Unanswered(code, after=_rest(getattr(response, "headers", None)))
    if isinstance(status, int) and status >= 500 and code not in _NOT_DONE:
        return Unanswered(code if code in _AMBIGUOUS else _NO_ANSWER)
    needed = said.get("needed")
    is_listed = isinstance(needed, str) and _SCOPES.match(needed)
    return Unanswered(code, needed=str(needed) if is_listed else None)


def _rest(headers: object) -> timedelta:
    """How long Slack asks to be left alone; a second if it does not say, an hour at most."""
    text = str(record(headers).get("Retry-After", ""))
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return min(max(timedelta(seconds=seconds), timedelta(seconds=1)), _LONGEST_REST)


def web_client(
    token: str, *, base_url: str = SLACK_API, timeout: timedelta = timedelta(seconds=20)
) -> "AsyncWebClient":
    """Make a client that makes each call once, and logs nothing of what it carries.

    Args:
        token: The bot token.
        base_url: Where Slack's Web API is; another one is for tests and demonstrations.
        timeout: How long one answer is waited for; whole seconds.

    Raises:
        ChannelDefinitionError: The library is not installed.
    """
    check_installed()
    from slack_sdk.web.async_client import AsyncWebClient

    client = AsyncWebClient(
        token,
        base_url=base_url,
        timeout=max(int(timeout.total_seconds()), 1),
        logger=_quiet(),
        retry_handlers=[],
    )
    if urlsplit(base_url).hostname in _LOOPBACK:
        client.proxy = None  # the environment's proxy cannot reach this machine's loopback
    return client


def check_installed() -> None:
    """Make sure that Slack can be called.

    Raises:
        ChannelDefinitionError: What it needs is not installed.
    """
    if find_spec("aiohttp") is None:
        raise ChannelDefinitionError(
            "Slack needs libraries that are not installed: pip install 'agent-sagas[slack]'"
        )


class _NoRequests(logging.Filter):
    """Keeps out what the library says below a warning, whatever level somebody has set."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let warnings through."""
        return record.levelno >= logging.WARNING


def _quiet() -> logging.Logger:
    """A log of the library's that takes no requests: it writes whole bodies at DEBUG."""
    log = logging.getLogger("approvals.channels.slack.library")
    log.setLevel(logging.WARNING)
    if not any(isinstance(each, _NoRequests) for each in log.filters):
        log.addFilter(_NoRequests())
    return log
