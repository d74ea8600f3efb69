"""Telling and showing a person something in Slack, once.

What cannot be told or shown is logged, and nothing is raised: whatever was decided stays decided.
Touches: Slack.
"""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from typing import Any

from approvals.channels.slack.actions import Origin
from approvals.channels.slack.calling import Unanswered, answer
from approvals.channels.slack.modals import told_view
from approvals.channels.slack.texts import Element, in_pieces, our_words, section

__all__ = ["Place", "Voice"]

log = logging.getLogger("sagas.slack")

_MOST_PIECES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody is who is to be told something."""

    user: str
    origin: Origin | None = None
    """The message they clicked in, or from which they came."""
    thread: str | None = None
    """The thread that the message is in."""
    modal: str | None = None
    """The view on the screen, if they clicked in one."""
    modal_hash: str | None = None
    trigger: str | None = field(default=None, repr=False)
    """A secret: good for opening one view, within three seconds."""


class Voice:
    """Speaks as the app, to one person at a time.

    Args:
        client: Slack's client (AsyncWebClient).
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    async def tell(self, place: Place, title: str, text: str) -> None:
        """Tell somebody something, where they look, for nobody else to see."""
        view = told_view(title, text)
        if place.modal is not None and await self._turned(place.modal, view, None):
            return
        if place.origin is not None and await self._whispered(place, place.origin, text):
            return
        if place.trigger is not None:
            await self._opened(place, view)

    async def show(self, place: Place, view: Element) -> None:
        """Open a view, above the one that is open if there is one."""
        if place.trigger is not None and await self._opened(place, view):
            return
        told = "It could not be opened in time: click again."
        await self.tell(replace(place, modal=None, trigger=None), "Not opened", told)

    async def turn(self, place: Place, view: Element) -> None:
        """Show another view in the place of the one that is open, if that has not changed."""
        if place.modal is not None:
            await self._turned(place.modal, view, place.modal_hash)

    async def publish(self, user: str, view: Element) -> None:
        """Have somebody's home page say something."""
        await self._done("a home page", self._client.views_publish(user_id=user, view=view))

    async def _opened(self, place: Place, view: Element) -> bool:
        call = self._client.views_open if place.modal is None else self._client.views_push
        return await self._done("a view", call(trigger_id=place.trigger, view=view))

    async def _turned(self, modal: str, view: Element, known: str | None) -> bool:
        # None is sent as nothing: the view is replaced whatever it says by now
        call = self._client.views_update(view_id=modal, view=view, hash=known)
        return await self._done("a view", call)

    async def _whispered(self, place: Place, origin: Origin, text: str) -> bool:
        pieces = [section(piece) for piece in in_pieces(text)]
        call = self._client.chat_postEphemeral(
            channel=origin.channel,
            user=place.user,
            text=our_words(text) or "An answer to your click.",
            blocks=pieces[:_MOST_PIECES],
            thread_ts=place.thread,
        )
        return await self._done("an answer", call)

    async def _done(self, what: str, call: Awaitable[Any]) -> bool:
        try:
            await answer(call)
        except Unanswered as error:
            log.warning("%s could not be shown to a person: %s", what, error)
            return False
        return True
