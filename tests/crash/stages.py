"""How tests are handed a stage, and whether there is time for the long ones."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from tests.crash.sweep import Stage

Open: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[Stage]]
"""Opens the stage for a scenario on a database, with the partners in the mood for it."""

SOAK = "SAGAS_SOAK" in os.environ
"""Whether the long tests run as well: `make soak`."""

SOAK_SECONDS = 3 * 3600
"""The longest that one of them may take."""
