"""Notices as messages of Slack: posted once, changed to what is so by now, told on in their threads.

Slack has no key by which a message is posted once only. A post whose outcome is not known is looked
for by the reference in its metadata; nothing is tried again here. Touches: Slack.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from approvals.channels.errors import MessageLost, OutcomeUnknown, Retry, Stop
from approvals.channels.notice import Notice, Receipt
from approvals.channels.port import ROUND_UP_ABOVE
from approvals.channels.slack.calling import SLACK_API, Unanswered, answer, record, web_client
from approvals.channels.slack.pacing import Pace
from approvals.channels.slack.round_ups import MOST_GATHERED
from approvals.errors import ChannelDefinitionError

if TYPE_CHECKING:
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

__all__ = ["Posted", "Renders", "SlackChannel"]

log = logging.getLogger(__name__)

_TARGET = re.compile(r"[CDGUW][A-Z0-9]{1,30}\Z")
_CHANNEL: Final = "channel"
_TS: Final = "ts"
_NO_THREAD = frozenset({"cannot_reply_to_message", "message_not_found", "thread_not_found"})
_NO_SCOPE: Final = "missing_scope"
_PAGES = 10
_ON_A_PAGE = 100
_LOOKED_BACK = timedelta(days=1)

Call = Awaitable["AsyncSlackResponse"]


class Posted(Protocol):
    """What a message says."""

    @property
    def text(self) -> str:
        """What a notification says, where blocks are not shown."""
        ...

    @property
    def blocks(self) -> Sequence[Mapping[str, Any]]:
        """What is shown."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its `event_payload` has the `reference` and the `version` of the notice."""
        ...


Renders = Callable[[Notice], Posted]


class SlackChannel:
    """Sends notices to conversations and people of Slack.

    Args:
        token: The bot token.
        render: What a notice says in its message.
        story: What is told in the thread of a message when there is more to say of it; nothing, if
            left out.
        name: How routes name it.
        api_url: Where Slack's Web API is.
        timeout: How long each answer of Slack is waited for; whole seconds.
        pace: How fast one conversation is written to.
        round_up_above: How many requests wait at one place with messages of their own; those above
            are shown together. 0 if each has its own.

    Raises:
        ChannelDefinitionError: The library is not installed, or the number is negative.
    """

    def __init__(
        self,
        token: str,
        render: Renders,
        *,
        story: Renders | None = None,
        name: str = "slack",
        api_url: str = SLACK_API,
        timeout: timedelta = timedelta(seconds=15),
        pace: Pace | None = None,
        round_up_above: int = ROUND_UP_ABOVE,
    ) -> None:
        if round_up_above < 0:
            raise ChannelDefinitionError(
                f"round_up_above = {round_up_above} counts nothing: give how many requests wait at "
                "one place with messages of their own, or 0 if all have one"
            )
        # Any: the library's types name classes without their parameters.
        self._client: Any = web_client(token, base_url=api_url, timeout=timeout)
        self._render = render
        self._story = story
        self._name = name
        self._pace = pace or Pace()
        self._round_up_above = round_up_above
        self._directs: dict[str, str] = {}
        self._own: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """How routes name it."""
        return self._name

    @property
    def round_up_above(self) -> int:
        """How many requests wait at one place with messages of their own; 0 if all do."""
        return self._round_up_above

    @property
    def most_gathered(self) -> int:
        """How many requests a message can show."""
        return MOST_GATHERED

    def check(self, target: str) -> None:
        """Refuse what is no id of a conversation or a person.

        Raises:
            ChannelDefinitionError: It is none.
        """
        if not _TARGET.match(target):
            raise ChannelDefinitionError(
                f"{target!r} is no place in Slack: write the id of a conversation (C...) or of a "
                "person (U...); Slack shows it under About of a conversation, and as Copy member "
                "ID of a person"
            )

    async def post(self, notice: Notice) -> Receipt:
        """Post a message; a reminder goes into the thread of what it reminds of.

        Raises:
            ChannelError: The class says what to do.
        """
        conversation = await self._conversation(notice.target)
        thread = _thread_of(notice, conversation)
        said = self._render(notice)
        try:
            return await self._post(conversation, said, thread)
        except Unanswered as error:
            if thread is None or error.code not in _NO_THREAD:
                raise error.told(is_repeatable=False) from None
        try:
            return await self._post(conversation, said, None)
        except Unanswered as error:
            raise error.told(is_repeatable=False) from None

    async def find(self, notice: Notice) -> Receipt | None:
        """Look for a message by its reference, among the app's own of the last day.

        Raises:
            ChannelError: It cannot be looked for now.
        """
        conversation = await self._conversation(notice.target)
        thread = _thread_of(notice, conversation)
        since = f"{(notice.at - _LOOKED_BACK).timestamp():.6f}"
        try:
            return await self._found(conversation, thread, since, reference=notice.reference)
        except Unanswered as error:
            if error.code == _NO_SCOPE:
                log.warning("%s: posts cannot be looked for: %s", self._name, error)
                return None
            raise error.told(is_repeatable=True) from None

    async def update(self, receipt: Receipt, notice: Notice) -> Receipt:
        """Change a message to what is so by now, and tell that in its thread, once.

        Raises:
            ChannelError: The class says what to do.
        """
        conversation, ts = receipt.get(_CHANNEL), receipt.get(_TS)
        if not conversation or not ts:
            raise MessageLost("the receipt names no message of Slack")
        said = self._render(notice)
        await self._answer(
            self._client.chat_update(
                channel=conversation,
                ts=ts,
                text=said.text,
                blocks=[dict(block) for block in said.blocks],
                metadata=dict(said.metadata),
            )
        )
        is_told = notice.round_up is None or not notice.round_up.joins
        if self._story is not None and notice.follows is None and is_told:
            await self._tell(conversation, ts, notice, self._story(notice))
        return receipt

    async def close(self) -> None:
        """Do nothing: each call has a connection of its own."""

    async def _tell(self, conversation: str, thread: str, notice: Notice, said: Posted) -> None:
        """Say something in a thread, unless it was said there before."""
        try:
            found = await self._found(
                conversation,
                thread,
                "0",
                reference=notice.reference,
                version=notice.version,
            )
            if found is None:
                await self._post(conversation, said, thread)
        except Unanswered as error:
            told = error.told(is_repeatable=True)  # the next time, it is looked for first
            if isinstance(told, Retry | Stop) and error.code != _NO_SCOPE:
                raise told from None
            log.warning("%s: nothing is told in a thread: %s", self._name, error)

    async def _post(self, conversation: str, said: Posted, thread: str | None) -> Receipt:
        loop = asyncio.get_running_loop()
        wait = self._pace.take(conversation, loop.time())
        if wait is None:
            raise Retry(f"too many messages wait for {conversation}")
        await asyncio.sleep(wait)
        answered = await answer(
            self._client.chat_postMessage(
                channel=conversation,
                text=said.text,
                blocks=[dict(block) for block in said.blocks],
                metadata=dict(said.metadata),
                thread_ts=thread,
                unfurl_links=False,
                unfurl_media=False,
            )
        )
        receipt = _receipt(answered, thread)
        if receipt is None:
            raise OutcomeUnknown("Slack took the message, and does not say where it is")
        return receipt

    async def _found(
        self,
        conversation: str,
        thread: str | None,
        since: str,
        *,
        reference: str,
        version: str | None = None,
    ) -> Receipt | None:
        """The app's own message with this reference, and with this version if one is named."""
        own = await self._myself()
        async with aclosing(self._messages(conversation, thread, since)) as messages:
            async for message in messages:
                ts = message.get(_TS)
                payload = record(record(message.get("metadata")).get("event_payload"))
                if (
                    isinstance(ts, str)
                    and ts != thread
                    and {message.get("user"), message.get("bot_id")} & own
                    and payload.get("reference") == reference
                    and version in (None, payload.get("version"))
                ):
                    return _kept(conversation, ts, thread, message)
        return None

    async def _messages(
        self, conversation: str, thread: str | None, since: str
    ) -> AsyncGenerator[Mapping[str, object]]:
        """The messages of a conversation or a thread, page by page, to some bound."""
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await answer(self._page(conversation, thread, since, cursor))
            listed = page.get("messages")
            for message in cast("list[object]", listed) if isinstance(listed, list) else []:
                yield record(message)
            following = record(page.get("response_metadata")).get("next_cursor")
            if not isinstance(following, str) or not following:
                return
            cursor = following

    def _page(self, conversation: str, thread: str | None, since: str, cursor: str | None) -> Call:
        asked = {"channel": conversation, "cursor": cursor, "limit": _ON_A_PAGE}
        call: Call = (
            self._client.conversations_history(**asked, oldest=since, include_all_metadata=True)
            if thread is None
            else self._client.conversations_replies(**asked, ts=thread, include_all_metadata=True)
        )
        return call

    async def _myself(self) -> frozenset[object]:
        """The ids of the app's bot: another app could copy a reference."""
        if self._own is None:
            said = await answer(self._client.auth_test())
            ids = (said.get("user_id"), said.get("bot_id"))
            self._own = frozenset(found for found in ids if isinstance(found, str) and found)
        return self._own

    async def _conversation(self, target: str) -> str:
        """Where a message goes; the conversation with a person is opened first."""
        if not target.startswith(("U", "W")):
            return target
        if target not in self._directs:
            said = await self._answer(self._client.conversations_open(users=target))
            opened = record(said.get("channel")).get("id")
            if not isinstance(opened, str) or not opened:
                raise Retry(f"Slack does not say where the conversation with {target} is")
            self._directs[target] = opened
        return self._directs[target]

    async def _answer(self, call: Call) -> Mapping[str, object]:
        """The answer to a call that does no more when it is made twice."""
        try:
            return await answer(call)
        except Unanswered as error:
            raise error.told(is_repeatable=True) from None


def _thread_of(notice: Notice, conversation: str) -> str | None:
    """The thread that a notice belongs to, where it is one of the same conversation."""
    follows = notice.follows or {}
    return follows.get(_TS) if follows.get(_CHANNEL) == conversation else None


def _receipt(said: Mapping[str, object], thread: str | None) -> Receipt | None:
    conversation, ts = said.get(_CHANNEL), said.get(_TS)
    if not (isinstance(conversation, str) and conversation and isinstance(ts, str) and ts):
        return None
    return _kept(conversation, ts, thread, record(said.get("message")))


def _kept(conversation: str, ts: str, thread: str | None, message: Mapping[str, object]) -> Receipt:
    """What is kept of a message: where it is, and whose it is, by which a click is checked."""
    parts = {
        _CHANNEL: conversation,
        _TS: ts,
        "thread": thread,
        "team": message.get("team"),
        "app": message.get("app_id"),
    }
    return {key: part for key, part in parts.items() if isinstance(part, str) and part}
