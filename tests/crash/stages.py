"""How tests are handed a stage, and how much time there is for the long ones.

`make soak` runs the ring again and again in its long form, with a new seed each time, until its
time is up: see `tests.crash.soak`.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from tests.crash.sweep import Stage

Open: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[Stage]]
"""Opens the stage for a scenario on a database, with the partners in the mood for it."""

Count: TypeAlias = Callable[[str, int], None]
"""Told how many trials of what were made, for the summary."""

SOAK = "SAGAS_SOAK" in os.environ
"""Whether the long tests run as well: `make soak`."""

SOAK_SECONDS = 3 * 3600
"""The longest that one of them may take."""

UNTIL = float(os.environ.get("SAGAS_SOAK_UNTIL", "inf"))
"""The instant at which the long form comes to its end, in seconds since 1970."""

SHARE_SECONDS = float(os.environ.get("SAGAS_SOAK_SHARE", "inf"))
"""For how long one test may go on in a round, so that the others get their turn."""

SEED = int(os.environ.get("SAGAS_SEED", "20270301"))
"""What chance begins with: the same seed brings the same plan, though not the same timing."""


def is_over() -> bool:
    """Whether the long form has no time left."""
    return time.time() > UNTIL


def trials(short: int, long: int) -> Iterator[int]:
    """The numbers of the trials to make, the first of them in any case."""
    began = time.monotonic()
    for number in range(long if SOAK else short):
        if number and (is_over() or time.monotonic() - began > SHARE_SECONDS):
            return
        yield number
