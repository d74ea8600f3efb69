"""A desk that is there once Slack has said whose the app is, and what it works with.

Touches: Slack.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from approvals.channels.errors import ChannelError
from approvals.channels.slack.settings import SlackSettings
from approvals.errors import ChannelDefinitionError
from sagas.coordinator import Coordinator
from sagas.slack.desk import Desk
from sagas.slack.installed import Installed, installed

__all__ = ["Opening"]

log = logging.getLogger("sagas")

_AGAIN: Final = timedelta(seconds=5)


class Opening:
    """Makes the desk of one process.

    Args:
        coordinator: Through which everything is decided.
        settings: What is set for Slack.
        link: The address of the web inbox, without a path, if there is one.
        again: How long is waited before Slack is asked again.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        settings: SlackSettings,
        *,
        link: str | None = None,
        again: timedelta = _AGAIN,
    ) -> None:
        self._coordinator = coordinator
        self._settings = settings
        self._link = link
        self._again = again
        self._team: Installed | None = None
        self._desk: Desk | None = None

    def desk(self) -> Desk | None:
        """The desk; None as long as Slack has not said whose the app is."""
        return self._desk

    async def opened(self) -> Desk:
        """Wait for the desk; as long as Slack cannot be asked, it is asked again.

        Raises:
            ChannelDefinitionError: What is set cannot be right; the message says what to do.
        """
        while self._desk is None:
            try:
                self._team = await installed(self._settings, now=self._coordinator.now)
            except ChannelError as error:
                log.warning("nobody can decide in Slack yet: %s; it is asked again", error)
                await asyncio.sleep(self._again.total_seconds())
            else:
                self._desk = Desk(self._coordinator, self._team, link=self._link)
        return self._desk

    async def try_to_open(self) -> None:
        """As `opened`, beside something that goes on without it: what is wrong is logged."""
        try:
            await self.opened()
        except ChannelDefinitionError as error:
            log.error("nobody can decide in Slack: %s", error)  # noqa: TRY400  it says all

    async def close(self) -> None:
        """Let go of the connections to Slack."""
        if self._team is not None:
            await self._team.close()
