"""Why a message did not arrive, and what is to be done about it.

::

    ChannelError
    ├─ Retry            not now: again, after a while
    ├─ Reroute          not there: this target takes no messages
    ├─ Stop             not at all: the channel itself is out of order
    ├─ Rejected         not like this: the message is refused, which is an error of ours
    ├─ OutcomeUnknown   it may have arrived: look for it before it is sent again
    └─ MessageLost      it is not there any more, and cannot be repaired

Pure.
"""

from datetime import timedelta

from approvals.errors import ApprovalError

__all__ = [
    "ChannelError",
    "MessageLost",
    "OutcomeUnknown",
    "Rejected",
    "Reroute",
    "Retry",
    "Stop",
]


class ChannelError(ApprovalError):
    """A message did not arrive; the root of what an adapter raises."""


class Retry(ChannelError):
    """Nothing was sent, and it may be otherwise soon.

    Args:
        after: How long the other side asks to be left alone, if it does; the whole channel waits.
    """

    def __init__(self, message: str, *, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class Reroute(ChannelError):
    """Nothing was sent: the target does not exist, is closed, or does not take our messages."""


class Stop(ChannelError):
    """Nothing was sent, nor will be to any target, before somebody mends the channel."""


class Rejected(ChannelError):
    """Nothing was sent: what was to be sent is not acceptable, now or later."""


class OutcomeUnknown(ChannelError):
    """The message was handed over, and whether it arrived was not heard."""


class MessageLost(ChannelError):
    """The message was deleted, or cannot be changed any more."""
