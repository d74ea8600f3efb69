"""How often somebody may do something: a token bucket for each of them, in this process.

A bucket holds `burst` tokens, and gets one back every `every`. Those that have not been asked for
longest are forgotten, so that strangers cannot fill the memory.

Pure.
"""

import math
from collections import OrderedDict

from sagas.web.site import Pace

MOST = 20_000


class Buckets:
    """One bucket for each key."""

    def __init__(self, pace: Pace) -> None:
        self._burst = pace.burst
        self._every = pace.every.total_seconds()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> int | None:
        """Take a token; None, or for how many seconds there is none.

        Args:
            now: Seconds of a clock that only goes forward.
        """
        level, at = self._levels.pop(key, (float(self._burst), now))
        level = min(self._burst, level + (now - at) / self._every)
        wait = None if level >= 1 else math.ceil((1 - level) * self._every)
        self._levels[key] = (level if level < 1 else level - 1, now)
        if len(self._levels) > MOST:
            self._levels.popitem(last=False)
        return wait
