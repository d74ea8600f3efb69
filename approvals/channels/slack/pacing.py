"""How fast one conversation is written to: about a message a second, and a few at once.

The algorithm is the virtual-scheduling form of the generic cell rate algorithm (ITU-T I.371): each
conversation has the time at which its next message is due. Pure.
"""

from collections import OrderedDict
from datetime import timedelta
from typing import Final

__all__ = ["Pace"]

_MOST_KEPT: Final = 10_000


class Pace:
    """Says how long to wait before a conversation is written to.

    Args:
        every: How far apart messages are in the long run.
        burst: How many may come at once before that.
        longest: Past this wait a message is not let in at all.
    """

    def __init__(
        self,
        every: timedelta = timedelta(seconds=1),
        *,
        burst: int = 3,
        longest: timedelta = timedelta(seconds=5),
    ) -> None:
        self._every = every.total_seconds()
        self._ahead = self._every * (burst - 1)
        self._longest = longest.total_seconds()
        self._due: OrderedDict[str, float] = OrderedDict()

    def take(self, conversation: str, now: float) -> float | None:
        """Take a place in the queue, and say how many seconds it waits; None if it is too long.

        Args:
            conversation: Where the message goes.
            now: Seconds of a clock that only goes forward.
        """
        due = max(self._due.get(conversation, now), now)
        wait = max(due - self._ahead - now, 0.0)
        if wait > self._longest:
            return None
        self._due[conversation] = due + self._every
        self._due.move_to_end(conversation)
        if len(self._due) > _MOST_KEPT:
            self._due.popitem(last=False)
        return wait
