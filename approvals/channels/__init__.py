"""How people are told what waits for them: notices, channels that carry them, and routes to people.

A channel never decides anything: its messages lead to a place where people decide. A lost message
decides nothing either.
"""

from approvals.channels.configuration import Channels
from approvals.channels.errors import (
    ChannelError,
    MessageLost,
    OutcomeUnknown,
    Rejected,
    Reroute,
    Retry,
    Stop,
)
from approvals.channels.notice import (
    Happening,
    InterventionView,
    Notice,
    Receipt,
    RoundUp,
    Saying,
)
from approvals.channels.port import Channel, Gathers
from approvals.channels.routes import Place, Routes

__all__ = [
    "Channel",
    "ChannelError",
    "Channels",
    "Gathers",
    "Happening",
    "InterventionView",
    "MessageLost",
    "Notice",
    "OutcomeUnknown",
    "Place",
    "Receipt",
    "Rejected",
    "Reroute",
    "Retry",
    "RoundUp",
    "Routes",
    "Saying",
    "Stop",
]
