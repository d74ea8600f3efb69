"""What a click in Slack does: who it is, what they decide by it, and what they are told.

A decision is committed before it is acknowledged; whatever Slack is asked to show comes after.
Touches: the journal by the coordinator, Slack.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagas.coordinator import Coordinator
from sagas.slack.installed import Installed

__all__ = ["Desk", "Reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How something that Slack brought is acknowledged."""

    body: Mapping[str, Any] | None = None
    """What the acknowledgement carries; nothing, if left out."""
    after: Callable[[], Awaitable[None]] | None = None
    """Done once it is acknowledged; raises nothing."""


class Desk:
    """Takes what people do in Slack, from either transport.

    Args:
        coordinator: Through which everything is decided.
        team: The app, as it is installed.
        link: The address of the web inbox, without a path, if there is one.
    """

    def __init__(
        self, coordinator: Coordinator, team: Installed, *, link: str | None = None
    ) -> None:
        self._coordinator = coordinator
        self._team = team
        self._link = link

    async def interaction(self, payload: Mapping[str, Any]) -> Reply:
        """Take a click or a form: the member ``payload`` of the request, or of the envelope.

        Raises:
            JournalError: Nothing could be committed: there is to be no acknowledgement.
        """
        raise NotImplementedError

    async def event(self, event: Mapping[str, Any]) -> Reply:
        """Take an event, as the whole ``event_callback``.

        Raises:
            JournalError: The journal cannot be read: there is to be no acknowledgement.
        """
        raise NotImplementedError
