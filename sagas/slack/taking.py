"""What takes what people do in Slack, whichever way it came.

Pure.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from sagas.slack.reply import Reply

__all__ = ["Takes"]


class Takes(Protocol):
    """What takes what people do in Slack: a `Desk`."""

    async def interaction(self, payload: Mapping[str, Any]) -> Reply:
        """Take a click or a form."""
        ...

    async def event(self, event: Mapping[str, Any]) -> Reply:
        """Take an event."""
        ...
