"""Drills: each action of a catalog is done and undone against a sandbox, on purpose.

Compensations rot unseen, because nobody runs them until the day they are needed. A drill runs
them, and its record says when that was last seen working, and with which code.
"""

from sagas.testing.drills.drilling import Drilled, Result, check_sandbox, drill
from sagas.testing.drills.sandbox import Sandbox

__all__ = ["Drilled", "Result", "Sandbox", "check_sandbox", "drill"]
