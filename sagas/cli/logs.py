"""What a worker tells while it runs: the log of agent-sagas, on standard error, with instants.

Touches: the logger `sagas`, and standard error.
"""

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager

_log = logging.getLogger("sagas")


@contextmanager
def logged() -> Generator[None]:
    """Show the log from its notices on, unless the code that is driven has set up logging."""
    if _log.hasHandlers():
        yield
        return
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    level = _log.level
    _log.addHandler(handler)
    _log.setLevel(level or logging.INFO)
    try:
        yield
    finally:
        _log.removeHandler(handler)
        _log.setLevel(level)
