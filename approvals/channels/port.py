"""What every channel does, whatever carries its messages.

An adapter says where its messages go and how they are changed; it keeps nothing, decides nothing,
and knows no database. Whatever it raises that is no `ChannelError` counts as an unknown outcome.

Pure.
"""

from typing import Protocol, runtime_checkable

from approvals.channels.notice import Notice, Receipt

__all__ = ["ROUND_UP_ABOVE", "Channel", "Gathers"]

ROUND_UP_ABOVE = 10
"""So many requests wait at one place with messages of their own, unless somebody says otherwise."""


class Channel(Protocol):
    """Brings notices to people."""

    @property
    def name(self) -> str:
        """How routes name it; unlike that of any other channel."""
        ...

    def check(self, target: str) -> None:
        """Refuse a target that this channel could never reach, when routes are read.

        Raises:
            ChannelDefinitionError: The message says what to write instead.
        """
        ...

    async def post(self, notice: Notice) -> Receipt:
        """Send a message.

        Raises:
            ChannelError: It did not arrive, or nobody knows; the class says what to do.
        """
        ...

    async def find(self, notice: Notice) -> Receipt | None:
        """Look for a message that may have been sent; None if it is not there or cannot be found.

        Raises:
            ChannelError: It cannot be looked for now.
        """
        ...

    async def update(self, receipt: Receipt, notice: Notice) -> Receipt:
        """Make a message that was sent say what is so by now; a second time changes nothing more.

        A channel whose messages cannot be changed sends another one, and nothing if it is no news.

        Raises:
            ChannelError: It was not changed, or nobody knows; the class says what to do.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Gathers(Protocol):
    """What a channel offers besides, if one message of it can show several requests.

    Its messages can be changed, and it shows the `round_up` of a notice that has one.
    """

    @property
    def round_up_above(self) -> int:
        """How many requests wait at one place with messages of their own; 0 if all do."""
        ...

    @property
    def most_gathered(self) -> int:
        """How many requests a message can show, each with a way to its details."""
        ...
