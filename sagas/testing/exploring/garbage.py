"""The garbage collector during an exploration: it runs between schedules, and not within one.

Otherwise it would look at all that the schedules before have left again and again, and end what hangs
in the middle of a life, where chance would have it.

Touches: the garbage collector of this process.
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager

SCHEDULES = 10
"""How many there are between two collections."""


@contextmanager
def set_aside() -> Generator[None]:
    """Keep what is there already from being looked at, and collect only where `collect` says so.

    Whoever has switched the collector off finds it off; what somebody has set aside already stays
    aside, and then nothing more is.
    """
    if not gc.isenabled():
        yield
        return
    is_ours = not gc.get_freeze_count()
    gc.disable()
    gc.collect()
    if is_ours:
        gc.freeze()
    try:
        yield
    finally:
        if is_ours:
            gc.unfreeze()
        gc.enable()


def collect(schedule: int) -> None:
    """Put away what the last schedules left, now and then."""
    if schedule % SCHEDULES == 0:
        gc.collect(1)
